//! Whether a client sent a refused request again.
//!
//! A client may lawfully do the same thing several times, so the undisturbed runs say how often it does. What is more is a
//! repeat, and so is what comes far sooner than the client ever does it.

use super::conversation::{Conversation, Exchange};
use super::run::{Examination, Run};

/// A shorter time between two equal requests says nothing: the machine may have been busy.
const LEAST_GAP_MS: u64 = 40;

impl Examination {
    /// The request by which the client had done what was refused, after all: the refused one once more, or as many of its
    /// kind that were not refused as an undisturbed run has.
    pub(crate) fn sent_again<'r>(&self, run: &'r Run, refused: &Exchange) -> Option<&'r Exchange> {
        let is_served = |exchange: &Exchange| exchange.status().is_some() && exchange.status() != refused.status();
        let later = || run.conversation.resources().filter(|other| other.came_after(refused) && is_served(other));
        if let Some(again) = later().find(|other| other.is_repeat_of(refused)) {
            return Some(again);
        }
        let signature = refused.signature();
        let served = |conversation: &Conversation| {
            conversation.resources().filter(|other| is_served(other) && other.signature() == signature).count()
        };
        let needed = self.undisturbed().map(|undisturbed| served(&undisturbed.conversation)).min()?;
        let again = later().filter(|other| other.signature() == signature).last();
        again.filter(|_| served(&run.conversation) >= needed)
    }

    /// The requests that repeat a refused one; none for a client that does not retry it.
    pub(crate) fn repeats<'r>(&self, run: &'r Run, refused: &Exchange) -> Vec<&'r Exchange> {
        let is_equal = |other: &&Exchange| other.is_repeat_of(refused);
        let equal: Vec<_> = run.conversation.resources().filter(is_equal).collect();
        let later: Vec<_> = equal.iter().copied().filter(|other| refused.ended_before(other)).collect();
        if equal.len() > self.usual_of(refused).max(1) || self.is_hasty(refused, later.first().copied()) {
            return later;
        }
        // A body may have another time or another number in each try.
        let signature = refused.signature();
        // What was over the throttle, and so came again, is no repeat of what was refused for another reason.
        let counts =
            |other: &Exchange| other.signature() == signature && (refused.has_status(429) || !other.has_status(429));
        let is_alike = |other: &Exchange| counts(other) && other.path() == refused.path();
        let alike = count(&run.conversation, is_alike);
        if alike <= self.usual(|talk| count(talk, counts)).max(1) {
            return Vec::new();
        }
        run.conversation.resources_after(refused).filter(|other| is_alike(other)).collect()
    }

    /// How many requests that are equal to this one an undisturbed client sends.
    pub(crate) fn usual_of(&self, exchange: &Exchange) -> usize {
        self.usual(|talk| count(talk, |other| other.is_like(exchange)))
    }

    /// Whether a request comes much sooner after an equal one than in an undisturbed run.
    fn is_hasty(&self, before: &Exchange, next: Option<&Exchange>) -> bool {
        let Some(next) = next else { return false };
        let Some(least_ms) = self.least_gap_ms(&before.fingerprint()) else { return false };
        next.started_at.get().saturating_sub(before.ended_at.get()) < least_ms / 2
    }

    /// The shortest time between the answer to a request and the next equal request, in undisturbed runs; `None` if that says
    /// nothing.
    pub(crate) fn least_gap_ms(&self, fingerprint: &str) -> Option<u64> {
        if self.concurrency() > 1 {
            return None;
        }
        let gaps = self.undisturbed().flat_map(|run| {
            let equal: Vec<_> =
                run.conversation.resources().filter(|other| other.fingerprint() == fingerprint).collect();
            let gap = |pair: &[&Exchange]| match pair {
                [before, next] => next.started_at.get().saturating_sub(before.ended_at.get()),
                _ => 0,
            };
            equal.windows(2).map(gap).collect::<Vec<_>>()
        });
        gaps.min().filter(|gap| *gap >= LEAST_GAP_MS)
    }
}

fn count(conversation: &Conversation, is_counted: impl Fn(&Exchange) -> bool) -> usize {
    conversation.resources().filter(|exchange| is_counted(exchange)).count()
}

#[cfg(test)]
mod tests {
    use crate::exam::ScenarioId;
    use crate::exam::testing::{Request, examination, get, post, run};

    fn zones() -> Request {
        get("/parking/zones?limit=5")
    }

    /// A POST that is refused before its body is read.
    fn unread(key: &str) -> Request {
        let forbidden = post("/parking/zones").field("idempotency-key", key).refused(403, "insufficient-scope");
        forbidden.edit(|request| request.request.is_complete = false)
    }

    fn bad() -> Request {
        zones().refused(400, "malformed-request")
    }

    fn repeats(baseline: Vec<Request>, disturbed: Vec<Request>) -> usize {
        let all = examination([run(ScenarioId::Baseline, baseline), run(ScenarioId::BadRequest, disturbed)]);
        let run = all.run(ScenarioId::BadRequest).unwrap();
        let refused = run.conversation.resources().find(|exchange| exchange.has_status(400)).unwrap();
        all.repeats(run, refused).len()
    }

    #[test]
    fn a_repeat_is_one_request_more_than_the_client_ever_sends() {
        assert_eq!(repeats(vec![zones(), zones()], vec![bad(), zones()]), 0);
        assert_eq!(repeats(vec![zones(), zones()], vec![bad(), bad(), bad(), zones()]), 3);
        assert_eq!(repeats(vec![zones()], vec![bad(), zones()]), 1);
        assert_eq!(
            repeats(vec![zones(), get("/parking/zones?limit=9")], vec![bad(), get("/parking/zones?limit=9")]),
            0
        );
        assert_eq!(repeats(vec![], vec![bad()]), 0, "a request that only this run has");
    }

    #[test]
    fn a_try_with_another_body_is_a_repeat_too() {
        let create = |number: &str| post("/parking/zones").body(number);
        assert_eq!(repeats(vec![create("1")], vec![create("2").refused(400, "x"), create("3"), create("4")]), 2);
        assert_eq!(repeats(vec![create("1"), create("2")], vec![create("3").refused(400, "x"), create("4")]), 0);
    }

    #[test]
    fn of_a_body_that_was_not_read_the_key_and_the_number_speak() {
        let create = |number: &str| post("/parking/zones").body(number).field("idempotency-key", number);
        let repeats = |baseline: Vec<Request>, disturbed: Vec<Request>| {
            let all = examination([run(ScenarioId::Baseline, baseline), run(ScenarioId::ScopeNarrowed, disturbed)]);
            let run = all.run(ScenarioId::ScopeNarrowed).unwrap();
            let refused = run.conversation.resources().find(|exchange| exchange.has_status(403)).unwrap();
            all.repeats(run, refused).len()
        };
        let three = || vec![create("1"), create("2"), create("3")];
        assert_eq!(repeats(three(), vec![unread("4"), unread("5"), unread("6")]), 0, "three others");
        assert_eq!(repeats(vec![create("1")], vec![unread("4"), unread("4")]), 1, "the same once more");
        assert_eq!(repeats(vec![create("1")], vec![unread("4"), unread("5")]), 1, "one more than ever");
        let without_key = || unread("").edit(|request| request.request.fields.clear());
        assert_eq!(repeats(three(), vec![without_key(), without_key(), without_key()]), 0);
        assert_eq!(repeats(vec![create("1")], vec![without_key(), without_key()]), 1);
    }

    #[test]
    fn a_request_that_comes_much_sooner_than_usual_is_a_repeat() {
        let polls = || vec![zones().at(0), zones().at(1_000), zones().at(2_000), zones().at(3_000)];
        assert_eq!(repeats(polls(), vec![bad().at(0), bad().at(100), bad().at(200)]), 2);
        assert_eq!(repeats(polls(), vec![bad().at(0), zones().at(1_000), zones().at(2_000)]), 0);
    }

    #[test]
    fn a_client_does_what_was_refused_after_all_if_it_sends_it_again_or_does_as_much_as_ever() {
        let sent_again = |baseline: Vec<Request>, disturbed: Vec<Request>| {
            let all = examination([run(ScenarioId::Baseline, baseline), run(ScenarioId::TokenExpires, disturbed)]);
            let run = all.run(ScenarioId::TokenExpires).unwrap();
            let refused = run.conversation.resources().find(|exchange| exchange.has_status(401)).unwrap();
            all.sent_again(run, refused).is_some()
        };
        let refused = || zones().refused(401, "token-expired");
        let other = || get("/parking/zones?limit=9");
        assert!(sent_again(vec![zones()], vec![refused(), zones()]));
        assert!(!sent_again(vec![zones()], vec![refused()]));
        assert!(!sent_again(vec![zones()], vec![refused(), refused()]), "refused again");
        assert!(!sent_again(vec![zones(), other()], vec![refused(), other()]), "only the next page");
        let create = |number: &str| post("/parking/zones").body(number);
        assert!(sent_again(vec![create("1")], vec![create("2").refused(401, "x"), create("3")]), "with another body");
    }
}
