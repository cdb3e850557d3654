//! What the sandbox's journal says of a request.

use serde::{Deserialize, Serialize};

use super::fault::Effect;
use crate::api::explanation::Explanation;
use crate::time::{UnixMillis, UnixSeconds};

/// A request and its answer, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestLine {
    /// Its place in the journal: a request has a higher number than one whose answer ended earlier.
    pub number: u64,
    /// Its id, which its answer has in `X-Request-Id`.
    pub request_id: String,
    /// When it came, on the clock of the sandbox.
    pub at: UnixSeconds,
    /// The same moment in real time.
    pub real_at: UnixMillis,
    /// The client that sent it, or that it claimed to be from; `null` if it named none.
    pub client: Option<String>,
    /// Its method.
    pub method: String,
    /// Its path, as it was sent.
    pub path: String,
    /// Its query, without tokens and secrets.
    pub query: Option<String>,
    /// The status of its answer; `null` if no answer was sent.
    pub status: Option<u16>,
    /// Why it was refused: a kind of problem such as `token-expired`, or an error code of OAuth.
    pub reason: Option<String>,
    /// The time from its head to the end of its answer, in milliseconds.
    pub duration_ms: f64,
    /// The fault that was injected; `null` if the answer is the gate's own.
    pub fault: Option<InjectedFault>,
    /// The number of its connection.
    pub connection: Option<u64>,
    /// The version of HTTP: `2`, `1.1` or `1.0`.
    pub http: String,
    /// The version of TLS, such as `TLSv1.3`.
    pub tls: Option<String>,
    /// Its `User-Agent`.
    pub user_agent: Option<String>,
}

/// A fault that was injected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InjectedFault {
    /// The name of its rule.
    pub name: String,
    /// What it did, as the metrics name it: `problem`, `delay`, `close` and so on.
    pub kind: String,
    /// What its rule says.
    pub effect: Effect,
}

/// All that the journal has of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedRequest {
    /// In short.
    #[serde(flatten)]
    pub line: RequestLine,
    /// The address that it came from, with the port.
    pub source: Option<String>,
    /// What its connection has negotiated.
    pub cipher: Option<String>,
    /// The name of the server that its client asked for in the TLS handshake (SNI).
    pub server_name: Option<String>,
    /// What the client sent.
    pub request: Message,
    /// What the server sent; `null` if it sent nothing.
    pub answer: Option<Message>,
    /// Where its client stood with its limits; `null` if the gate did not find out whose request it is.
    pub limits: Option<LimitsAround>,
    /// Each check that the gate made; `null` for a request that takes no walk through it.
    pub explanation: Option<Explanation>,
}

/// The fields and the body of a request or an answer, without tokens and secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its fields, in alphabetical order; up to 4 KiB of them.
    pub fields: Vec<Field>,
    /// Whether it has more fields.
    pub has_more_fields: bool,
    /// The start of its body, up to 4 KiB.
    pub body: String,
    /// How many bytes of its body were sent.
    pub body_bytes: u64,
    /// Whether more of its body was sent than is shown.
    pub has_more_body: bool,
    /// Whether its body was sent, or read by the server, to its end.
    pub is_complete: bool,
}

/// What `GET /sandbox/requests/{request_id}` answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ShownRequest {
    /// The newest request with this id.
    #[serde(flatten)]
    pub request: RecordedRequest,
    /// How many other requests of the journal have the same id: a caller may choose an id twice.
    pub others: usize,
}

/// A request in short, and why it was let through or refused.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedRequest {
    /// In short.
    #[serde(flatten)]
    pub line: RequestLine,
    /// How many other requests of the journal have the same id: a caller may choose an id twice.
    pub others: usize,
    /// Each check that the gate made, and what would have let it through; without checks if it made none.
    pub explanation: Explanation,
}

/// What the page `/why/{request_id}` of a sandbox shows of a request, for its script.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExplainedAnswer {
    /// When the request came, on the clock of the sandbox.
    pub at: UnixSeconds,
    /// The client that sent it, or that it claimed to be from; `null` if it named none.
    pub client: Option<String>,
    /// What its answer says of itself, if it is a refusal.
    pub detail: Option<String>,
    /// Each check that the gate made, and what would have let it through; without checks if it made none.
    pub explanation: Explanation,
    /// The fault that was injected; `null` if the answer is the gate's own.
    pub fault: Option<InjectedFault>,
    /// Its method.
    pub method: String,
    /// How many other requests have the same id: a caller may choose an id twice.
    pub others: usize,
    /// Its path, as it was sent.
    pub path: String,
    /// Its query, without tokens and secrets.
    pub query: Option<String>,
    /// Why it was refused: a kind of problem such as `token-expired`, or an error code of OAuth.
    pub reason: Option<String>,
    /// Its id.
    pub request_id: String,
    /// The status of its answer; `null` if no answer was sent.
    pub status: Option<u16>,
}

/// Where a client stood with its limits before and after a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsAround {
    /// Requests per second.
    pub second: Option<LimitAround>,
    /// Requests in a UTC day.
    pub day: Option<LimitAround>,
}

/// How many requests were left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitAround {
    /// The most at once, or in a day; `null` is unlimited.
    pub limit: Option<u64>,
    /// Before the request.
    pub before: Option<u64>,
    /// After it.
    pub after: Option<u64>,
}

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name, in lower case.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// A page of the journal, the newest request first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RequestPage<R = RequestLine> {
    /// The requests.
    pub data: Vec<R>,
    /// `cursor` of the request for the next page; `null` on the last.
    pub next_cursor: Option<String>,
    /// The number of the newest request of all, for `since` of a later request.
    pub last: u64,
}

/// What `POST /sandbox/requests/find` answers, the newest request first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FoundRequests {
    /// The requests.
    pub data: Vec<RecordedRequest>,
    /// Whether there are more than were asked for.
    pub has_more: bool,
    /// The number of the newest request of all, for `since` of a later request.
    pub last: u64,
}

/// What `POST /sandbox/requests/count` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCount {
    /// How many requests there are.
    pub count: usize,
    /// The number of the newest request of all, for `since` of a later request.
    pub last: u64,
}

/// An event that says that requests are missed: they had to make room before they were sent, or the sandbox has restarted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissedRequests {
    /// How many had to make room.
    pub missed: u64,
    /// Whether the caller's number is of the journal before a restart of the sandbox: it is unknown how many requests of
    /// that one are missed.
    #[serde(default)]
    pub has_restarted: bool,
}
