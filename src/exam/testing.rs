//! Conversations made up for the tests of the checks.
//!
//! ```text
//! let run = run(ScenarioId::TokenExpires, [token("a"), get("/parking/zones").with("a").refused(401, "token-expired")]);
//! let finding = judge(&examination([baseline, run.exit(1)]));
//! ```
//! Without [`Request::at`], a request comes 10 ms after the end of the one before, and takes 2 ms.

use super::conversation::Conversation;
use super::plan::Plan;
use super::run::{Ended, Examination, PlainHttp, Run};
use super::scenario::ScenarioId;
use crate::api::sandbox::fault::Effect;
use crate::api::sandbox::request::{Field, InjectedFault, Message, RecordedRequest, RequestLine};
use crate::time::{UnixMillis, UnixSeconds};

/// When every run starts.
pub(crate) const START: u64 = 1_611_587_600_000;

/// A request and its answer, to be.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    at_ms: Option<u64>,
    recorded: RecordedRequest,
}

/// `GET path`, answered with 200.
pub(crate) fn get(path: &str) -> Request {
    request("GET", path)
}

/// `POST path`, answered with 200.
pub(crate) fn post(path: &str) -> Request {
    request("POST", path)
}

/// A request for a token that gets one which lives for an hour.
pub(crate) fn token(jti: &str) -> Request {
    let asked = "grant_type=client_credentials&client_id=demo-writer&client_secret=[secret:…cdef]&audience=parking";
    post("/oauth2/token").body(asked).grants(jti, Some(3_600))
}

/// A request, answered with 200. A query may stand in `path`.
pub(crate) fn request(method: &str, path: &str) -> Request {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query.to_owned())));
    let line = RequestLine {
        number: 0,
        request_id: String::new(),
        at: UnixSeconds::default(),
        real_at: UnixMillis::default(),
        client: Some("demo-writer".to_owned()),
        method: method.to_owned(),
        path: path.to_owned(),
        query,
        status: Some(200),
        reason: None,
        duration_ms: 2.0,
        fault: None,
        connection: Some(1),
        http: "1.1".to_owned(),
        tls: Some("TLSv1.3".to_owned()),
        user_agent: Some("curbside/1.4".to_owned()),
    };
    let recorded = RecordedRequest {
        line,
        source: None,
        cipher: None,
        server_name: None,
        request: message(String::new()),
        answer: Some(message("{}".to_owned())),
        limits: None,
        explanation: None,
    };
    Request { at_ms: None, recorded }
}

impl Request {
    /// It comes so many milliseconds after the start of the run.
    pub(crate) fn at(mut self, ms: u64) -> Self {
        self.at_ms = Some(ms);
        self
    }

    /// Its answer ends so many milliseconds after it came.
    pub(crate) fn took(mut self, ms: u32) -> Self {
        self.recorded.line.duration_ms = f64::from(ms);
        self
    }

    /// It is sent with the token of this `jti`.
    pub(crate) fn with(self, jti: &str) -> Self {
        self.field("authorization", &format!("Bearer [jti:{jti}]"))
    }

    /// It has this field.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Self {
        self.recorded.request.fields.push(field(name, value));
        self
    }

    /// It has this body.
    pub(crate) fn body(mut self, body: &str) -> Self {
        self.recorded.request = Message { fields: self.recorded.request.fields, ..message(body.to_owned()) };
        self
    }

    /// It has this query.
    pub(crate) fn query(mut self, query: &str) -> Self {
        self.recorded.line.query = Some(query.to_owned());
        self
    }

    /// It is on this connection; without it, on the first one.
    pub(crate) fn on(mut self, connection: u64) -> Self {
        self.recorded.line.connection = Some(connection);
        self
    }

    /// It is answered with this status.
    pub(crate) fn status(mut self, status: u16) -> Self {
        self.recorded.line.status = Some(status);
        self
    }

    /// It is refused with this status, for this reason.
    pub(crate) fn refused(mut self, status: u16, reason: &str) -> Self {
        self.recorded.line.reason = Some(reason.to_owned());
        self.status(status).answer("{}")
    }

    /// Its answer has this body.
    pub(crate) fn answer(mut self, body: &str) -> Self {
        let fields = self.recorded.answer.take().map(|answer| answer.fields).unwrap_or_default();
        self.recorded.answer = Some(Message { fields, ..message(body.to_owned()) });
        self
    }

    /// Its answer has this field.
    pub(crate) fn answer_field(mut self, name: &str, value: &str) -> Self {
        if let Some(answer) = &mut self.recorded.answer {
            answer.fields.push(field(name, value));
        }
        self
    }

    /// It gets a token that lives for so many seconds; the answer may leave that out.
    pub(crate) fn grants(self, jti: &str, expires_in: Option<u64>) -> Self {
        let expires_in = expires_in.map(|seconds| format!(",\"expires_in\":{seconds}")).unwrap_or_default();
        self.answer(&format!("{{\"access_token\":\"[jti:{jti}]\",\"token_type\":\"Bearer\"{expires_in}}}"))
    }

    /// It gets no answer.
    pub(crate) fn unanswered(mut self) -> Self {
        self.recorded.line.status = None;
        self.recorded.answer = None;
        self
    }

    /// Its answer is cut off.
    pub(crate) fn cut_off(mut self) -> Self {
        if let Some(answer) = &mut self.recorded.answer {
            answer.is_complete = false;
        }
        self
    }

    /// A fault of this kind was injected: `problem`, `close` and so on.
    pub(crate) fn injected(mut self, kind: &str) -> Self {
        let name = format!("exam-{kind}");
        self.recorded.line.fault = Some(InjectedFault { name, kind: kind.to_owned(), effect: Effect::default() });
        self
    }

    /// Changes what the journal has of it, for what has no name here.
    pub(crate) fn edit(mut self, edit: impl FnOnce(&mut RecordedRequest)) -> Self {
        edit(&mut self.recorded);
        self
    }
}

/// A conversation of these requests; their ids are `r1`, `r2` and so on.
pub(crate) fn conversation(requests: impl IntoIterator<Item = Request>) -> Conversation {
    let mut next_ms = 10;
    let mut recorded = Vec::new();
    for (place, request) in requests.into_iter().enumerate() {
        let at_ms = request.at_ms.unwrap_or(next_ms);
        let mut request = request.recorded;
        request.line.request_id = format!("r{}", place + 1);
        request.line.real_at = UnixMillis::new(START + at_ms);
        request.line.at = UnixSeconds::new((START + at_ms) / 1_000);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test's durations are small")]
        let ends_ms = at_ms + request.line.duration_ms as u64;
        next_ms = ends_ms + 10;
        recorded.push((ends_ms, request));
    }
    // A request has a higher number than one whose answer ended earlier.
    recorded.sort_by_key(|(ends_ms, _)| *ends_ms);
    let numbered = (1..).zip(recorded).map(|(number, (_, request))| {
        let line = RequestLine { number, ..request.line };
        RecordedRequest { line, ..request }
    });
    Conversation::new(numbered.collect())
}

/// A run that ended with exit code 0, 20 ms after its last answer.
pub(crate) fn run(scenario: ScenarioId, requests: impl IntoIterator<Item = Request>) -> Run {
    let conversation = conversation(requests);
    let last_end = conversation.all().iter().map(|exchange| exchange.ended_at.get()).max().unwrap_or(START);
    Run {
        scenario,
        own: None,
        plan: Plan::default(),
        conversation,
        ended: Ended::Exit(0),
        started_at: UnixMillis::new(START),
        ended_at: UnixMillis::new(last_end + 20),
        trouble_at: None,
        output: String::new(),
        plain_http: PlainHttp::default(),
        missed_requests: 0,
    }
}

impl Run {
    /// It ended with this exit code.
    pub(crate) fn exit(self, code: i32) -> Self {
        self.ended(Ended::Exit(code))
    }

    /// It ended so.
    pub(crate) fn ended(mut self, ended: Ended) -> Self {
        self.ended = ended;
        self
    }

    /// It ended so many milliseconds after its start.
    pub(crate) fn over_at(mut self, ms: u64) -> Self {
        self.ended_at = UnixMillis::new(START + ms);
        self
    }

    /// Its trouble was made so many milliseconds after its start.
    pub(crate) fn trouble_at(mut self, ms: u64) -> Self {
        self.trouble_at = Some(UnixMillis::new(START + ms));
        self
    }

    /// The command printed this.
    pub(crate) fn printed(mut self, output: &str) -> Self {
        output.clone_into(&mut self.output);
        self
    }
}

/// An exam of these runs.
pub(crate) fn examination(runs: impl IntoIterator<Item = Run>) -> Examination {
    Examination { runs: runs.into_iter().collect(), ..Examination::default() }
}

fn message(body: String) -> Message {
    let body_bytes = body.len() as u64;
    Message { fields: Vec::new(), has_more_fields: false, body, body_bytes, has_more_body: false, is_complete: true }
}

fn field(name: &str, value: &str) -> Field {
    Field { name: name.to_owned(), value: value.to_owned() }
}
