//! Whether a client gets a new token before the one that it has expires.

use crate::api::exam::Evidence;
use crate::exam::evidence::span;
use crate::exam::held_token::HeldToken;
use crate::exam::{Examination, Exchange, Finding, Run, ScenarioId};
use crate::time::UnixMillis;

const EXPECTED: &str = "a new token before the old one expires, so that no request is refused as expired";

/// The time of expiry is that of the client: the end of the token answer and `expires_in`. The server counts whole seconds
/// from the issue, so it may refuse a token up to a second earlier. That is no fault of the client, but for the last moments:
/// a client that renews ahead has done it by then.
pub(in crate::exam) fn token_renewed_ahead(examination: &Examination) -> Finding {
    let Some(run) = examination.run(ScenarioId::ShortTokens) else {
        return Finding::not_exercised(EXPECTED, "no run has tokens that live for seconds");
    };
    let held = run.conversation.held_tokens();
    let tolerance_ms = examination.thresholds.renewed_ahead_ms;
    let late: Vec<_> = held.iter().filter_map(|token| Late::of(token, tolerance_ms)).collect();
    if let Some(first) = late.first() {
        let got = format!("{}; {}", first.words(), run.ended.words());
        let evidence = late.iter().flat_map(|late| [run.shows(late.token.request), late.shows(run)]);
        return Finding::fail(EXPECTED, got, evidence.collect());
    }
    if let Some(refused) = refused_renewal(run).filter(|_| !run.ended.is_survival()) {
        let got = format!("a request for a new token got {}; {}", refused.answer_words(), run.ended.words());
        return Finding::fail(EXPECTED, got, vec![run.shows(refused)]);
    }
    let ahead: Vec<_> = (0..held.len()).filter_map(|place| renewed_ahead(&held, place)).collect();
    let has_outlived = |token: &HeldToken<'_>| {
        let last = run.conversation.resources().last().map(|exchange| exchange.started_at);
        token.expires_at().is_some_and(|expires_at| last.is_some_and(|last| last > expires_at))
    };
    match (held.first(), ahead.first()) {
        (None, _) => Finding::not_exercised(EXPECTED, "the client got no token"),
        (Some(first), _) if !has_outlived(first) => {
            Finding::not_exercised(EXPECTED, "the command ended before its first token expired")
        }
        (Some(_), None) => {
            let why = "the server refused each token before its time by the clock of the client, which proves nothing";
            Finding::not_exercised(EXPECTED, why)
        }
        (Some(_), Some(token)) => {
            let got = format!("{} tokens, and no request was refused as expired", held.len());
            Finding::pass(EXPECTED, got, vec![run.shows(token)])
        }
    }
}

/// A token that was used when the client could know that it had expired.
struct Late<'h, 'c> {
    token: &'h HeldToken<'c>,
    refused: &'c Exchange,
    expires_at: UnixMillis,
}

impl<'h, 'c> Late<'h, 'c> {
    fn of(token: &'h HeldToken<'c>, tolerance_ms: u64) -> Option<Self> {
        let (refused, expires_at) = (token.refused?, token.expires_at()?);
        let is_late = refused.started_at.get().saturating_add(tolerance_ms) >= expires_at.get();
        is_late.then_some(Self { token, refused, expires_at })
    }

    fn words(&self) -> String {
        format!("a request with a token {}, answered with {}", self.when(), self.refused.answer_words())
    }

    fn shows(&self, run: &Run) -> Evidence {
        run.shows_that(self.refused, &format!("{} by the clock of the client", self.when()))
    }

    fn when(&self) -> String {
        let (came, expires) = (self.refused.started_at.get(), self.expires_at.get());
        match came.checked_sub(expires) {
            Some(after) => format!("{} after it had expired", span(after)),
            None => format!("{} before it expires", span(expires - came)),
        }
    }
}

/// The last request for a token, after one that was granted, if the server refuses it for good: such as one without an
/// audience. Who gets one after all does not fail for want of it.
fn refused_renewal(run: &Run) -> Option<&Exchange> {
    let after_first = run.conversation.tokens().skip_while(|request| request.granted().is_none());
    let is_refused = |request: &&Exchange| request.status().is_some_and(|status| matches!(status, 400..=428));
    after_first.last().filter(is_refused)
}

/// The request for a token that follows another one, if that one had not been refused by then.
fn renewed_ahead<'c>(held: &[HeldToken<'c>], place: usize) -> Option<&'c Exchange> {
    let next = held.get(place)?;
    let before = held.iter().take(place).rev().find(|before| before.asked == next.asked)?;
    let is_ahead = before.refused.is_none_or(|refused| refused.came_after(next.request));
    is_ahead.then_some(next.request)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::Ended;
    use crate::exam::testing::{Request, examination, get, run, token};

    fn judged(requests: Vec<Request>) -> Finding {
        token_renewed_ahead(&examination([run(ScenarioId::ShortTokens, requests)]))
    }

    fn verdict(requests: Vec<Request>) -> CheckVerdict {
        judged(requests).verdict
    }

    /// A token at that time, which lives for three seconds.
    fn short(jti: &str, at: u64) -> Request {
        token(jti).grants(jti, Some(3)).at(at).took(0)
    }

    fn zones(jti: &str, at: u64) -> Request {
        get("/parking/zones").with(jti).at(at)
    }

    fn expired(jti: &str, at: u64) -> Request {
        zones(jti, at).refused(401, "token-expired")
    }

    #[test]
    fn a_client_that_renews_before_the_end_passes() {
        assert_eq!(
            verdict(vec![short("a", 0), zones("a", 100), short("b", 2_400), zones("b", 2_500), zones("b", 4_000)]),
            Pass
        );
        let each_time = vec![
            short("a", 0),
            zones("a", 100),
            short("b", 2_000),
            zones("b", 2_100),
            short("c", 4_000),
            zones("c", 4_100),
        ];
        assert_eq!(verdict(each_time), Pass, "one that asks each time never uses an old one");
    }

    #[test]
    fn a_client_that_uses_an_expired_token_fails() {
        let finding =
            judged(vec![short("a", 0), zones("a", 100), expired("a", 3_400), short("b", 3_500), zones("b", 3_600)]);
        assert_eq!(finding.verdict, Fail);
        assert_eq!(
            finding.got,
            "a request with a token 400 ms after it had expired, answered with 401 token-expired; the command ended with exit code 0"
        );
        let request_ids: Vec<_> = finding.evidence.iter().map(|it| it.request_id.as_deref().unwrap()).collect();
        assert_eq!(request_ids, ["r1", "r3"]);
    }

    #[test]
    fn how_early_a_token_must_be_renewed_is_a_matter_of_the_profile() {
        let requests = vec![short("a", 0), zones("a", 100), expired("a", 2_900), short("b", 2_950), zones("b", 4_000)];
        let mut examination = examination([run(ScenarioId::ShortTokens, requests)]);
        assert_ne!(token_renewed_ahead(&examination).verdict, Fail);
        examination.thresholds.renewed_ahead_ms = 250;
        assert_eq!(token_renewed_ahead(&examination).verdict, Fail);
    }

    #[test]
    fn a_client_whose_request_for_the_next_token_is_wrong_fails() {
        let wrong = token("b").refused(400, "invalid_request").at(2_400);
        let requests = vec![short("a", 0), zones("a", 100), wrong];
        let ended = |ended| Run { ended, ..run(ScenarioId::ShortTokens, requests.clone()) };
        let finding = token_renewed_ahead(&examination([ended(Ended::Exit(1))]));
        assert_eq!(finding.verdict, Fail);
        assert_eq!(
            finding.got,
            "a request for a new token got 400 invalid_request; the command ended with exit code 1"
        );
        assert_eq!(token_renewed_ahead(&examination([ended(Ended::Exit(0))])).verdict, NotExercised);
    }

    #[test]
    fn a_client_that_renews_ahead_and_that_the_deadline_ends_passes() {
        let own_test = token("x").refused(400, "invalid_request").at(2_300);
        let requests =
            vec![short("a", 0), zones("a", 100), own_test, short("b", 2_400), zones("b", 2_500), zones("b", 4_000)];
        let late = Run { ended: Ended::Deadline, ..run(ScenarioId::ShortTokens, requests) };
        assert_eq!(token_renewed_ahead(&examination([late])).verdict, Pass);
    }

    #[test]
    fn a_token_that_the_server_refuses_early_is_no_fault_of_the_client() {
        let early = vec![short("a", 0), zones("a", 100), expired("a", 2_200), short("b", 2_300), zones("b", 4_000)];
        assert_eq!(verdict(early.clone()), NotExercised, "and says nothing of the client");
        let later = [early, vec![short("c", 4_600), zones("c", 4_700)]].concat();
        assert_eq!(verdict(later), Pass, "but for a later renewal");
    }

    #[test]
    fn a_short_run_shows_nothing() {
        assert_eq!(verdict(vec![short("a", 0), zones("a", 100), zones("a", 2_000)]), NotExercised);
        assert_eq!(verdict(vec![]), NotExercised);
        assert_eq!(token_renewed_ahead(&examination([])).verdict, NotExercised);
    }
}
