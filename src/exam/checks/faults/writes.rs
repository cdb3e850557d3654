//! Whether a POST whose answer was a failure, or was lost, is repeated in a safe way.
//!
//! A later POST is a repeat if it has the same key or the same body, more often than an undisturbed client sends it; or if
//! there are more POSTs in all than an undisturbed client sends, for a client that makes up another body for each try. A
//! client that first looks whether the zone is there may repeat without a key.

use super::{is_disturbed, reports_failure};
use crate::api::exam::Evidence;
use crate::exam::evidence::between;
use crate::exam::{Conversation, Examination, Exchange, Finding, Run, ScenarioId};

/// The scenarios in which a POST fails.
const SCENARIOS: [ScenarioId; 2] = [ScenarioId::WriteUnavailable, ScenarioId::AnswerLost];
/// The field of an answer that was given before, under the same key.
const REPLAYED: &str = "idempotent-replayed";

pub(in crate::exam) fn safe_retries(examination: &Examination) -> Finding {
    let expected = "a POST is sent again only with an `Idempotency-Key`, or not at all; and if it failed for good, the command says so";
    let writes = failed_writes(examination);
    let unsafe_one = writes.iter().find_map(|write| Some((write, write.unsafe_retry()?)));
    if let Some((write, retry)) = unsafe_one {
        let got = format!(
            "the POST was sent again after {} without an `Idempotency-Key`",
            between(write.failed.ended_at, retry.started_at)
        );
        return Finding::fail(expected, got, write.evidence());
    }
    let Some(first) = writes.first() else {
        return Finding::not_exercised(expected, "no POST was disturbed");
    };
    if let Some(lost) = writes.iter().find(|write| write.is_lost(examination)) {
        let got = format!("the POST failed and was not sent again, but {}: the write is lost", lost.run.ended.words());
        return Finding::fail(expected, got, lost.evidence());
    }
    match writes.iter().find(|write| !write.retries.is_empty()) {
        Some(write) if write.retries.iter().all(|retry| retry.idempotency_key().is_some()) => {
            Finding::pass(expected, "the POST was sent again with an `Idempotency-Key`", write.evidence())
        }
        Some(write) => Finding::pass(
            expected,
            "the POST was sent again after the client had looked for the zone",
            write.evidence(),
        ),
        None => {
            let got = format!("the POST was not sent again, and {}", first.run.ended.words());
            Finding::pass(expected, got, first.evidence())
        }
    }
}

pub(in crate::exam) fn same_key(examination: &Examination) -> Finding {
    let expected = "a POST that is sent again has the `Idempotency-Key` of the first try";
    let writes = failed_writes(examination);
    if writes.is_empty() {
        return Finding::not_exercised(expected, "no POST was disturbed");
    }
    // Another body is another request, which needs a key of its own.
    let repeated: Vec<_> =
        writes.iter().filter(|write| write.retries.iter().any(|retry| write.is_same(retry))).collect();
    let with_key = |write: &&&Write<'_>| {
        let retries = write.retries.iter().copied();
        retries.chain([write.failed]).any(|exchange| exchange.idempotency_key().is_some())
    };
    let Some(first) = repeated.iter().find(with_key) else {
        let why = if repeated.is_empty() { "no POST was sent again" } else { "no POST has an `Idempotency-Key`" };
        return Finding::not_exercised(expected, why);
    };
    let other_key = |write: &&&Write<'_>| {
        let key = write.failed.idempotency_key();
        write.retries.iter().any(|retry| write.is_same(retry) && retry.idempotency_key() != key)
    };
    match repeated.iter().filter(|write| with_key(write)).find(other_key) {
        Some(write) => Finding::fail(expected, write.keys_in_words(), write.evidence()),
        None => Finding::pass(expected, "the POST was sent again with the same key", first.evidence()),
    }
}

pub(in crate::exam) fn no_second_zone(examination: &Examination) -> Finding {
    let expected = "a POST whose answer was lost makes one zone, whether or not it is sent again";
    let Some(write) = failed_write(examination, ScenarioId::AnswerLost) else {
        return Finding::not_exercised(expected, "no answer to a POST was lost");
    };
    let created = |exchange: &&Exchange| exchange.has_status(201) && exchange.answer_field(REPLAYED).is_none();
    let was_done = write.failed.recorded.explanation.as_ref().is_none_or(|explanation| explanation.passed);
    if !was_done {
        return Finding::not_exercised(expected, "the POST whose answer was lost had been refused");
    }
    let usual_creates = examination.undisturbed().any(|run| posts(&run.conversation).any(|post| created(&post)));
    if !usual_creates {
        return Finding::not_exercised(expected, "no POST of the command creates a zone");
    }
    if let Some(second) = write.retries.iter().copied().find(|retry| created(retry)) {
        let place = second.answer_field("location").map(|place| format!(", {place}")).unwrap_or_default();
        let got = format!("the POST was sent again and made a second zone{place}");
        return Finding::fail(expected, got, write.evidence());
    }
    let got = match write.retries.first() {
        None => format!("the POST was not sent again, and {}", write.run.ended.words()),
        Some(retry) if retry.answer_field(REPLAYED).is_some() => {
            "the POST was sent again with the same key, and got the answer that had been lost".to_owned()
        }
        Some(retry) => format!("the POST was sent again and made no second zone: {}", retry.answer_words()),
    };
    Finding::pass(expected, got, write.evidence())
}

/// A POST that failed, and what looks like it afterwards.
struct Write<'r> {
    run: &'r Run,
    failed: &'r Exchange,
    retries: Vec<&'r Exchange>,
}

fn failed_writes(examination: &Examination) -> Vec<Write<'_>> {
    SCENARIOS.iter().filter_map(|scenario| failed_write(examination, *scenario)).collect()
}

fn failed_write(examination: &Examination, scenario: ScenarioId) -> Option<Write<'_>> {
    let run = examination.run(scenario)?;
    let failed = posts(&run.conversation).find(|exchange| is_disturbed(exchange))?;
    Some(Write { run, failed, retries: retries(examination, run, failed) })
}

fn posts(talk: &Conversation) -> impl Iterator<Item = &Exchange> {
    talk.admitted().filter(|exchange| exchange.recorded.line.method == "POST")
}

fn retries<'r>(examination: &Examination, run: &'r Run, failed: &Exchange) -> Vec<&'r Exchange> {
    let signature = failed.signature();
    let alike = |talk: &'r Conversation| posts(talk).filter(move |post| post.signature() == failed.signature());
    let later: Vec<_> = alike(&run.conversation).filter(|post| post.came_after(failed)).collect();
    let body = failed.recorded.request.body.as_str();
    let has_same_body = |post: &Exchange| !body.is_empty() && post.recorded.request.body == body;
    let times = alike(&run.conversation).filter(|post| has_same_body(post)).count();
    let has_one_body_more = times > examination.usual(most_with_one_body);
    let key = failed.idempotency_key();
    let is_repeat = |post: &Exchange| {
        (key.is_some() && post.idempotency_key() == key) || (has_one_body_more && has_same_body(post))
    };
    let repeats: Vec<_> = later.iter().copied().filter(|post| is_repeat(post)).collect();
    if !repeats.is_empty() {
        return repeats;
    }
    let number = |talk: &Conversation| posts(talk).filter(|post| post.signature() == signature).count();
    let more = number(&run.conversation).saturating_sub(examination.usual(number));
    later.into_iter().take(more).collect()
}

/// How often the POST is sent that is sent most often with the same body.
fn most_with_one_body(talk: &Conversation) -> usize {
    let bodies: Vec<_> = posts(talk).map(|post| post.recorded.request.body.as_str()).collect();
    bodies.iter().map(|body| bodies.iter().filter(|other| *other == body).count()).max().unwrap_or(0).max(1)
}

impl Write<'_> {
    fn is_same(&self, retry: &Exchange) -> bool {
        self.failed.recorded.request.body == retry.recorded.request.body
    }

    /// A repeat without a key, before which the client did not look whether the zone is there.
    fn unsafe_retry(&self) -> Option<&Exchange> {
        self.retries.iter().copied().find(|retry| retry.idempotency_key().is_none() && !self.looked_before(retry))
    }

    /// Whether the client asked for zones of a number between the failure and the retry. That it reads all zones of an
    /// operator once more is what a job does that starts anew.
    fn looked_before(&self, retry: &Exchange) -> bool {
        let looks = |other: &Exchange| {
            let query = other.recorded.line.query.as_deref().unwrap_or_default();
            let has_number = query.split('&').any(|parameter| parameter.starts_with("number="));
            other.recorded.line.method == "GET" && has_number
        };
        let is_between = |other: &Exchange| other.came_after(self.failed) && retry.came_after(other);
        self.run.conversation.resources().any(|other| other.is_success() && is_between(other) && looks(other))
    }

    /// Whether the write was not done, and the command does not say so.
    fn is_lost(&self, examination: &Examination) -> bool {
        // What got no answer may have been done.
        let was_refused = self.failed.status().is_some();
        let is_done = |talk: &Conversation| posts(talk).filter(|post| post.is_success()).count();
        let usual = examination.undisturbed().map(|run| is_done(&run.conversation)).min().unwrap_or(0);
        was_refused
            && self.retries.is_empty()
            && self.run.ended.is_success()
            && is_done(&self.run.conversation) < usual
            && !reports_failure(examination, self.run)
    }

    fn keys_in_words(&self) -> String {
        let key = |exchange: &Exchange| match exchange.idempotency_key() {
            Some(key) => format!("the key {key}"),
            None => "no key".to_owned(),
        };
        let other = self.retries.iter().copied().find(|retry| retry.idempotency_key() != self.failed.idempotency_key());
        let other = other.map_or_else(|| "no other".to_owned(), key);
        format!("the first try had {}, and the next one {other}", key(self.failed))
    }

    fn evidence(&self) -> Vec<Evidence> {
        let key = |exchange: &Exchange| match exchange.idempotency_key() {
            Some(key) => format!("with the key {key}"),
            None => "without a key".to_owned(),
        };
        let retries =
            self.retries.iter().map(|retry| self.run.shows_that(retry, &format!("sent again {}", key(retry))));
        let failed = self.run.shows_that(self.failed, &key(self.failed));
        let mut evidence: Vec<_> = [failed].into_iter().chain(retries.take(6)).collect();
        evidence.push(if self.retries.is_empty() {
            self.run.shows_silence("retry", self.failed.ended_at)
        } else {
            self.run.shows_end(self.failed.ended_at)
        });
        evidence
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::testing::{Request, examination, get, post, run, token};

    const LIST: &str = "/parking/zones";
    const ONE: &str = r#"{"number":"9100"}"#;
    const TWO: &str = r#"{"number":"9101"}"#;

    fn create(body: &str) -> Request {
        post(LIST).body(body).status(201)
    }

    fn keyed(body: &str, key: &str) -> Request {
        create(body).field("idempotency-key", key)
    }

    fn unavailable(request: Request) -> Request {
        request.refused(503, "unavailable").injected("problem")
    }

    fn lost(request: Request) -> Request {
        request.unanswered().injected("close")
    }

    fn usual() -> [Run; 2] {
        let requests =
            || [token("a"), get(LIST), create(ONE).answer_field("location", "/parking/zones/1"), create(TWO)];
        [run(ScenarioId::Preflight, requests()), run(ScenarioId::Baseline, requests())]
    }

    fn exam(disturbed: Run) -> Examination {
        let [preflight, baseline] = usual();
        examination([preflight, baseline, disturbed])
    }

    fn with_503(requests: Vec<Request>) -> Examination {
        exam(run(ScenarioId::WriteUnavailable, requests))
    }

    fn with_loss(requests: Vec<Request>) -> Examination {
        exam(run(ScenarioId::AnswerLost, requests))
    }

    fn all(examination: &Examination) -> [CheckVerdict; 3] {
        [safe_retries, same_key, no_second_zone].map(|judge| judge(examination).verdict)
    }

    #[test]
    fn a_repeat_with_the_same_key_passes_everything() {
        let repeated = vec![unavailable(keyed(ONE, "k")), keyed(ONE, "k"), keyed(TWO, "l")];
        assert_eq!(all(&with_503(repeated)), [Pass, Pass, NotExercised]);
        let replayed = keyed(ONE, "k").answer_field("idempotent-replayed", "true");
        let finding = no_second_zone(&with_loss(vec![lost(keyed(ONE, "k")), replayed.clone(), keyed(TWO, "l")]));
        assert_eq!(finding.got, "the POST was sent again with the same key, and got the answer that had been lost");
        assert_eq!(all(&with_loss(vec![lost(keyed(ONE, "k")), replayed, keyed(TWO, "l")])), [Pass, Pass, Pass]);
    }

    #[test]
    fn a_repeat_without_a_key_fails_even_if_the_number_saves_it_from_a_second_zone() {
        assert_eq!(safe_retries(&with_503(vec![unavailable(create(ONE)), create(ONE), create(TWO)])).verdict, Fail);
        let conflict = create(ONE).refused(409, "conflict");
        assert_eq!(all(&with_loss(vec![lost(create(ONE)), conflict, create(TWO)])), [Fail, NotExercised, Pass]);
    }

    #[test]
    fn a_repeat_with_another_key_fails_same_key_alone() {
        let finding = same_key(&with_503(vec![unavailable(keyed(ONE, "k")), keyed(ONE, "m"), keyed(TWO, "l")]));
        assert_eq!(
            (finding.verdict, finding.got.as_str()),
            (Fail, "the first try had the key k, and the next one the key m")
        );
        let repeated = vec![unavailable(keyed(ONE, "k")), keyed(ONE, "m"), keyed(TWO, "l")];
        assert_eq!(all(&with_503(repeated)), [Pass, Fail, NotExercised]);
    }

    #[test]
    fn another_body_for_each_try_makes_a_second_zone() {
        let made_up = create(r#"{"number":"9177"}"#).answer_field("location", "/parking/zones/2");
        let examination = with_loss(vec![lost(create(ONE)), made_up, create(TWO)]);
        let finding = no_second_zone(&examination);
        assert_eq!(finding.verdict, Fail);
        assert_eq!(finding.got, "the POST was sent again and made a second zone, /parking/zones/2");
        assert_eq!(safe_retries(&examination).verdict, Fail);
    }

    #[test]
    fn another_body_has_another_key() {
        let made_up = keyed(r#"{"number":"9177"}"#, "m");
        let repeated = with_loss(vec![lost(keyed(ONE, "k")), made_up, keyed(TWO, "l")]);
        assert_eq!(all(&repeated), [Pass, NotExercised, Fail]);
    }

    #[test]
    fn the_next_write_is_no_repeat_of_the_one_that_failed() {
        let went_on = run(ScenarioId::AnswerLost, [lost(create(ONE)), create(TWO)]).exit(1);
        assert_eq!(all(&exam(went_on)), [Pass, NotExercised, Pass]);
        let stopped = run(ScenarioId::WriteUnavailable, [unavailable(create(ONE))]).exit(1);
        assert_eq!(all(&exam(stopped)), [Pass, NotExercised, NotExercised]);
    }

    #[test]
    fn a_write_that_is_lost_and_not_reported_fails() {
        let silent = run(ScenarioId::WriteUnavailable, [unavailable(create(ONE)), create(TWO)]);
        let finding = safe_retries(&exam(silent.clone()));
        assert_eq!(finding.verdict, Fail);
        assert!(finding.got.ends_with("exit code 0: the write is lost"), "{}", finding.got);
        assert_eq!(safe_retries(&exam(silent.printed("zone 9100: HTTP 503, skipped"))).verdict, Pass);
        // The zone was made, though the client cannot know.
        assert_eq!(safe_retries(&with_loss(vec![lost(create(ONE)), create(TWO)])).verdict, Pass);
    }

    #[test]
    fn who_looks_first_may_repeat_without_a_key() {
        let looked = vec![unavailable(create(ONE)), get("/parking/zones?number=9100"), create(ONE), create(TWO)];
        assert_eq!(safe_retries(&with_503(looked)).verdict, Pass);
        let anew = get("/parking/zones?operator_id=a");
        let other = vec![unavailable(create(ONE)), anew, create(ONE), create(TWO)];
        assert_eq!(safe_retries(&with_503(other)).verdict, Fail);
    }

    #[test]
    fn what_an_undisturbed_client_sends_twice_is_no_repeat() {
        let usual = || [create(ONE), create(ONE).refused(409, "conflict")];
        let baseline = run(ScenarioId::Baseline, usual());
        let disturbed = [unavailable(create(ONE)), create(ONE)];
        let examination = examination([baseline, run(ScenarioId::WriteUnavailable, disturbed)]);
        assert_eq!(safe_retries(&examination).verdict, Pass);
    }

    #[test]
    fn nothing_is_said_about_a_client_that_writes_nothing() {
        assert_eq!(all(&with_503(vec![token("a"), get(LIST)])), [NotExercised; 3]);
        assert_eq!(all(&examination([])), [NotExercised; 3]);
    }
}
