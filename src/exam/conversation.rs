//! What a client and the sandbox said to each other in one run, as the sandbox's journal has it.
//!
//! Times are of the server, and whole milliseconds: the client knows an answer a moment after its end. So what is held
//! against a client needs [`Exchange::ended_before`], and what speaks for it only that a request came later.

use std::collections::BTreeMap;

use crate::api::sandbox::request::{InjectedFault, RecordedRequest};
use crate::time::UnixMillis;

use super::granted::{Asked, Granted, shown_jti};
use super::retry_after::RetryAfter;

/// The requests of one run, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub struct Conversation {
    exchanges: Vec<Exchange>,
}

/// A request and its answer.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What it is for.
    pub kind: Kind,
    /// When it came, in real time.
    pub started_at: UnixMillis,
    /// When its answer had ended.
    pub ended_at: UnixMillis,
    /// All that the journal has of it.
    pub recorded: RecordedRequest,
}

/// How many requests come before another one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    /// Those for tokens.
    pub(crate) tokens: u64,
    /// Those for resources.
    pub(crate) resources: u64,
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A token.
    Token,
    /// A resource, with an access token or without one.
    Resource,
    /// Anything else: keys, metadata, revocation, a path that does not exist.
    Other,
}

impl Conversation {
    /// The conversation of one client, from the requests of a journal, in any order.
    #[must_use]
    pub fn new(requests: Vec<RecordedRequest>) -> Self {
        let mut exchanges: Vec<_> = requests.into_iter().map(Exchange::new).collect();
        exchanges.sort_by_key(|exchange| (exchange.started_at, exchange.recorded.line.number));
        Self { exchanges }
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> &[Exchange] {
        &self.exchanges
    }

    /// Those for tokens.
    pub fn tokens(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(|exchange| exchange.kind == Kind::Token)
    }

    /// Those for resources.
    pub fn resources(&self) -> impl Iterator<Item = &Exchange> {
        self.exchanges.iter().filter(|exchange| exchange.kind == Kind::Resource)
    }

    /// Those for resources whose client had the answer of `exchange` before.
    pub(crate) fn resources_after<'c>(&'c self, exchange: &Exchange) -> impl Iterator<Item = &'c Exchange> {
        self.resources().filter(move |other| exchange.ended_before(other))
    }

    /// The most requests that were under way at once; 1 for a client that waits for each answer.
    pub(crate) fn most_in_flight(&self) -> usize {
        let mut under_way: Vec<&Exchange> = Vec::new();
        let mut most = 0;
        for exchange in &self.exchanges {
            under_way.retain(|earlier| exchange.started_at < earlier.ended_at && !earlier.is_in_line_with(exchange));
            under_way.push(exchange);
            most = most.max(under_way.len());
        }
        most
    }

    /// Where most requests for resources are under way at once: how many requests of each kind come before the first of
    /// these.
    pub(crate) fn before_busiest(&self) -> Before {
        let mut under_way: Vec<(&Exchange, Before)> = Vec::new();
        let (mut most, mut busiest) = (0, Before::default());
        let mut before = Before::default();
        for exchange in &self.exchanges {
            match exchange.kind {
                Kind::Token => before.tokens += 1,
                Kind::Resource => {
                    under_way
                        .retain(|(other, _)| exchange.started_at < other.ended_at && !other.is_in_line_with(exchange));
                    under_way.push((exchange, before));
                    if under_way.len() > most {
                        most = under_way.len();
                        busiest = under_way.first().map_or(busiest, |(_, before)| *before);
                    }
                    before.resources += 1;
                }
                Kind::Other => {}
            }
        }
        busiest
    }

    /// The longest time between an answer and the next request, in milliseconds.
    pub(crate) fn longest_gap_ms(&self) -> u64 {
        let mut last_end = None;
        let mut longest = 0;
        for exchange in &self.exchanges {
            let gap = last_end.map_or(0, |end: UnixMillis| exchange.started_at.get().saturating_sub(end.get()));
            longest = longest.max(gap);
            last_end = last_end.max(Some(exchange.ended_at));
        }
        longest
    }

    /// The time between the answer before and a request, in milliseconds; `None` for the first, and while others are under
    /// way.
    pub(crate) fn gap_before_ms(&self, exchange: &Exchange) -> Option<u64> {
        let before = self.exchanges.iter().take_while(|other| exchange.came_after(other));
        let last_end = before.map(|other| other.ended_at).max()?;
        exchange.started_at.get().checked_sub(last_end.get())
    }

    /// Those for resources that were not over the throttle: how many of a client's requests are, and come again, differs
    /// from run to run.
    pub(crate) fn admitted(&self) -> impl Iterator<Item = &Exchange> {
        self.resources().filter(|exchange| !exchange.has_status(429))
    }

    /// How many requests for resources there are of each signature, without those that were over the throttle.
    pub(crate) fn signatures(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        self.admitted().for_each(|exchange| *counts.entry(exchange.signature()).or_default() += 1);
        counts
    }
}

impl Exchange {
    fn new(recorded: RecordedRequest) -> Self {
        let line = &recorded.line;
        let started_at = line.real_at;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration is not negative")]
        let ended_at = UnixMillis::new(started_at.get().saturating_add(line.duration_ms.max(0.0) as u64));
        Self { kind: Kind::of(&line.method, &line.path), started_at, ended_at, recorded }
    }

    /// The status of its answer; `None` if no answer was sent.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.recorded.line.status
    }

    /// Whether its answer has this status.
    pub(crate) fn has_status(&self, status: u16) -> bool {
        self.status() == Some(status)
    }

    /// Whether its answer says that it was done.
    pub(crate) fn is_success(&self) -> bool {
        self.status().is_some_and(|status| (200..300).contains(&status))
    }

    /// Why it was refused: a kind of problem such as `token-expired`, or an error code of OAuth.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.recorded.line.reason.as_deref()
    }

    /// The fault that was injected.
    #[must_use]
    pub fn fault(&self) -> Option<&InjectedFault> {
        self.recorded.line.fault.as_ref()
    }

    /// Its method, and its path with `{id}` in the place of each UUID; without `/v3`.
    #[must_use]
    pub fn signature(&self) -> String {
        format!("{} {}", self.recorded.line.method, without_ids(self.path()))
    }

    /// Its [signature](Self::signature) and its query.
    pub(crate) fn signature_and_query(&self) -> String {
        match &self.recorded.line.query {
            Some(query) => format!("{}?{query}", self.signature()),
            None => self.signature(),
        }
    }

    /// What it asks for, to the last letter of its query and body, but for UUIDs: equal for two tries of one request, and
    /// for the same request in two runs.
    pub(crate) fn fingerprint(&self) -> String {
        let query = self.recorded.line.query.as_deref().unwrap_or_default();
        format!("{}?{} {}", self.signature(), without_ids(query), without_ids(&self.recorded.request.body))
    }

    /// Whether it is the other request once more: the same method, path, query and body. Of a body that was not read, the
    /// `Idempotency-Key` speaks: another key is another request.
    pub(crate) fn is_repeat_of(&self, other: &Self) -> bool {
        let (line, others) = (&self.recorded.line, &other.recorded.line);
        let has_same_body = || match (self.idempotency_key(), other.idempotency_key()) {
            _ if !self.has_unread_body() && !other.has_unread_body() => {
                self.recorded.request.body == other.recorded.request.body
            }
            (Some(key), Some(others)) => key == others,
            _ => true,
        };
        line.method == others.method && self.path() == other.path() && line.query == others.query && has_same_body()
    }

    /// Whether it has the fingerprint of the other one, as far as the journal has both.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        if self.has_unread_body() || other.has_unread_body() {
            let without_body =
                |exchange: &Self| (exchange.signature(), exchange.recorded.line.query.as_deref().map(without_ids));
            return without_body(self) == without_body(other);
        }
        self.fingerprint() == other.fingerprint()
    }

    /// Whether it has a body that the server did not read: it refused the request before.
    fn has_unread_body(&self) -> bool {
        !self.recorded.request.is_complete && self.recorded.request.body.is_empty()
    }

    /// Its path, without `/v3`.
    pub(crate) fn path(&self) -> &str {
        without_version(&self.recorded.line.path)
    }

    /// A field of the request.
    #[must_use]
    pub fn request_field(&self, name: &str) -> Option<&str> {
        let fields = &self.recorded.request.fields;
        fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// A field of the answer.
    #[must_use]
    pub fn answer_field(&self, name: &str) -> Option<&str> {
        let fields = &self.recorded.answer.as_ref()?.fields;
        fields.iter().find(|field| field.name == name).map(|field| field.value.as_str())
    }

    /// The `jti` of the token that it was sent with.
    pub(crate) fn token(&self) -> Option<&str> {
        shown_jti(self.request_field("authorization")?)
    }

    /// Its `Idempotency-Key`.
    pub(crate) fn idempotency_key(&self) -> Option<&str> {
        self.request_field("idempotency-key")
    }

    /// What a request for a token asks for.
    pub(crate) fn asked(&self) -> Asked {
        Asked::of(&self.recorded.request)
    }

    /// The token that its answer grants; `None` if the client got none, or cannot have read it.
    pub(crate) fn granted(&self) -> Option<Granted> {
        let is_granted = self.kind == Kind::Token && self.is_success();
        self.recorded.answer.as_ref().filter(|_| is_granted).and_then(Granted::of)
    }

    /// `Retry-After` of its answer.
    pub(crate) fn retry_after(&self) -> Option<RetryAfter> {
        RetryAfter::parse(self.answer_field("retry-after")?)
    }

    /// The moment before which `Retry-After` of its answer forbids another request.
    pub(crate) fn retry_not_before(&self) -> Option<UnixMillis> {
        Some(self.retry_after()?.not_before(self.ended_at, self.answer_field("date")))
    }

    /// Whether its answer had ended when the other request came.
    pub(crate) fn ended_before(&self, other: &Self) -> bool {
        // Within a millisecond, the numbers say in which order the answers ended.
        self.ended_at <= other.started_at && self.recorded.line.number < other.recorded.line.number
    }

    /// Whether it came after the other one.
    pub(crate) fn came_after(&self, other: &Self) -> bool {
        (self.started_at, self.recorded.line.number) > (other.started_at, other.recorded.line.number)
    }

    /// Whether both are on one connection that has one request at a time, as those of HTTP/1.1 have. What looks otherwise
    /// is the server that is late to note an end.
    fn is_in_line_with(&self, other: &Self) -> bool {
        let (line, others) = (&self.recorded.line, &other.recorded.line);
        line.connection.is_some() && line.connection == others.connection && line.http != "2"
    }
}

impl Kind {
    fn of(method: &str, path: &str) -> Self {
        match without_version(path) {
            "/shared/access-tokens" | "/oauth2/token" if method == "POST" => Self::Token,
            path if path.starts_with("/parking/") || path.starts_with("/shared/zones") => Self::Resource,
            _ => Self::Other,
        }
    }
}

fn without_version(path: &str) -> &str {
    path.strip_prefix("/v3").filter(|rest| rest.starts_with('/')).unwrap_or(path)
}

/// Text with `{id}` in the place of each UUID.
fn without_ids(text: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    let mut replaced = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(is_part) {
        let (before, from) = rest.split_at(at);
        let end = from.find(|letter| !is_part(letter)).unwrap_or(from.len());
        let (word, after) = from.split_at(end);
        replaced.extend([before, if is_uuid(word) { "{id}" } else { word }]);
        rest = after;
    }
    replaced.push_str(rest);
    replaced
}

fn is_uuid(word: &str) -> bool {
    word.len() == 36 && uuid::Uuid::try_parse(word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exam::testing::{conversation, get, post, token};

    const ZONE: &str = "/parking/zones/0198a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";

    #[test]
    fn a_signature_has_no_query_and_no_ids_and_a_fingerprint_has_all_but_the_ids() {
        let talk = conversation([get(&format!("/v3{ZONE}?limit=2")).body("{}"), token("a")]);
        let [zone, token] = talk.all() else { panic!("two requests") };
        assert_eq!(zone.signature(), "GET /parking/zones/{id}");
        assert_eq!(zone.fingerprint(), "GET /parking/zones/{id}?limit=2 {}");
        assert_eq!((zone.kind, token.kind), (Kind::Resource, Kind::Token));
    }

    #[test]
    fn the_tokens_of_a_conversation_show_as_their_jti() {
        let talk = conversation([
            token("a"),
            token("b").cut_off(),
            token("c").refused(401, "invalid_client"),
            get("/parking/zones").with("a"),
            get("/parking/zones").field("authorization", "Bearer [token]"),
        ]);
        let granted: Vec<_> = talk.all().iter().map(Exchange::granted).collect();
        let first = Granted { jti: Some("a".to_owned()), expires_in: Some(3_600) };
        assert_eq!(granted, [Some(first), None, None, None, None]);
        let sent: Vec<_> = talk.resources().map(Exchange::token).collect();
        assert_eq!(sent, [Some("a"), None]);
    }

    #[test]
    fn what_a_token_is_asked_for_is_read_from_a_form_and_from_json_in_any_order() {
        let form = "scope=write%3Azones+read%3Azones&client_secret=[secret]&audience=parking";
        let json = r#"{"audience": "parking", "client_secret": "[secret]", "scope": "read:zones write:zones"}"#;
        let talk = conversation([token("a").body(form), post("/shared/access-tokens").body(json), token("b")]);
        let asked: Vec<_> = talk.tokens().map(Exchange::asked).collect();
        assert_eq!(asked[0], asked[1]);
        assert_eq!(asked[0].scope, ["read:zones", "write:zones"]);
        assert_eq!((asked[2].scope.len(), asked[2].audience.as_deref()), (0, Some("parking")));
    }

    #[test]
    fn requests_are_under_way_at_once_if_one_comes_before_the_answer_to_another() {
        let in_flight = |requests| conversation(requests).most_in_flight();
        let zones = || get("/parking/zones").took(50);
        assert_eq!(in_flight(vec![]), 0);
        assert_eq!(in_flight(vec![zones(), zones(), zones()]), 1, "one after the other");
        assert_eq!(in_flight(vec![zones().at(0), zones().at(50).on(2)]), 1, "at the very end of the one before");
        assert_eq!(in_flight(vec![zones().at(0), zones().at(40).on(2), zones().at(45).on(3), zones().at(92).on(4)]), 3);
        assert_eq!(in_flight(vec![zones().at(0), zones().at(49)]), 1, "one connection has one request at a time");
        let multiplexed = || zones().edit(|request| request.line.http = "2".to_owned());
        assert_eq!(in_flight(vec![multiplexed().at(0), multiplexed().at(49)]), 2, "but on HTTP/2 it has many");
    }

    #[test]
    fn the_busiest_moment_is_where_most_requests_are_under_way() {
        let page = |at, connection| get("/parking/zones").at(at).took(10).on(connection);
        let talk = conversation([token("a").at(0), page(10, 1), page(30, 1), page(50, 1), page(51, 2), page(70, 1)]);
        assert_eq!(talk.before_busiest(), Before { tokens: 1, resources: 2 });
        assert_eq!(conversation([token("a"), page(30, 1)]).before_busiest(), Before { tokens: 1, resources: 0 });
    }

    #[test]
    fn a_gap_is_from_the_last_answer_to_the_next_request() {
        let talk = conversation([
            get("/parking/zones").at(0).took(500),
            get("/parking/zones").at(100).took(5),
            get("/parking/zones").at(800).took(5),
            get("/parking/zones").at(900),
        ]);
        assert_eq!(talk.longest_gap_ms(), 300);
        let gaps: Vec<_> = talk.all().iter().map(|exchange| talk.gap_before_ms(exchange)).collect();
        assert_eq!(gaps, [None, None, Some(300), Some(95)]);
    }

    #[test]
    fn an_answer_ended_before_a_request_if_the_client_can_have_read_it() {
        let talk =
            conversation([get("/a").at(0).took(0), get("/b").at(0).took(0), get("/c").at(0).took(9), get("/d").at(5)]);
        let [a, b, c, d] = talk.all() else { panic!("four requests") };
        assert!(a.ended_before(b) && a.ended_before(c) && b.ended_before(d));
        assert!(!b.ended_before(a) && !c.ended_before(d) && d.came_after(c));
    }
}
