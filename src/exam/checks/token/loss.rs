//! What a client does when its token is refused in the middle of a run.

use crate::exam::evidence::between;
use crate::exam::{Examination, Exchange, Finding, Run, ScenarioId};

/// The token has expired by a clock that the client does not see.
pub(in crate::exam) fn token_renewed_on_401(examination: &Examination) -> Finding {
    after_loss(examination, ScenarioId::TokenExpires)
}

/// The token was revoked.
pub(in crate::exam) fn token_revoked(examination: &Examination) -> Finding {
    after_loss(examination, ScenarioId::TokenRevoked)
}

const EXPECTED: &str = "after the 401 a new token, the refused request once more with it, and exit code 0";

fn after_loss(examination: &Examination, scenario: ScenarioId) -> Finding {
    let Some(run) = examination.run(scenario) else {
        return Finding::not_exercised(EXPECTED, "the token was lost in no run");
    };
    // Other requests may have been under way with the same token: they are refused too, and not held against the client.
    let Some(refused) = run.conversation.first_lost_token() else {
        return Finding::not_exercised(EXPECTED, "no request came with the lost token");
    };
    let fail = |got: String, more: Option<&Exchange>| {
        let mut evidence = vec![run.shows(refused)];
        evidence.extend(more.map(|exchange| run.shows(exchange)));
        evidence.push(run.shows_end(refused.ended_at));
        let ended = between(refused.ended_at, run.ended_at);
        Finding::fail(EXPECTED, format!("{got}; {} {ended} after the 401", run.ended.words()), evidence)
    };
    let Some(renewal) = renewal(run, refused) else {
        let asked = run.conversation.tokens().find(|request| request.came_after(refused));
        let got = match asked {
            Some(asked) => format!("the client asked for a new token and got {}", asked.answer_words()),
            None => "the client asked for no new token".to_owned(),
        };
        return fail(got, asked);
    };
    let Some(again) = examination.sent_again(run, refused).filter(|again| again.came_after(renewal)) else {
        let got = format!("the client got a new token, and did not send {} again with it", refused.in_short());
        return fail(got, Some(renewal));
    };
    if !run.ended.is_survival() {
        return fail(
            "the client got a new token and sent the request again, and failed all the same".to_owned(),
            Some(again),
        );
    }
    let waited = between(refused.ended_at, again.ended_at);
    let got = format!("a new token and the request once more: {} {waited} after the 401", again.answer_words());
    Finding::pass(EXPECTED, got, [refused, renewal, again].map(|exchange| run.shows(exchange)).into())
}

/// The request that got a new token after one was refused.
fn renewal<'r>(run: &'r Run, refused: &Exchange) -> Option<&'r Exchange> {
    run.conversation.tokens().find(|request| request.came_after(refused) && request.granted().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::Ended;
    use crate::exam::testing::{Request, examination, get, run, token};

    fn zones(jti: &str) -> Request {
        get("/parking/zones").with(jti)
    }

    fn zone(jti: &str) -> Request {
        get("/parking/zones/0198a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b").with(jti)
    }

    fn expired(request: Request) -> Request {
        request.refused(401, "token-expired")
    }

    fn judged(disturbed: Run) -> Finding {
        let baseline = run(ScenarioId::Baseline, [token("0"), zones("0"), zone("0")]);
        token_renewed_on_401(&examination([baseline, disturbed]))
    }

    fn disturbed(requests: impl IntoIterator<Item = Request>) -> Run {
        run(ScenarioId::TokenExpires, requests)
    }

    #[test]
    fn a_new_token_and_the_request_once_more_pass() {
        let finding = judged(disturbed([token("a"), zones("a"), expired(zone("a")), token("b"), zone("b")]));
        assert_eq!(finding.verdict, Pass);
        let notes: Vec<_> = finding.evidence.iter().map(|it| it.note.as_str()).collect();
        assert_eq!(notes[1], "`POST /oauth2/token` 200, 10 ms after the answer before");
        assert_eq!(finding.got, "a new token and the request once more: 200 24 ms after the 401");
    }

    #[test]
    fn a_client_that_asks_for_no_new_token_fails() {
        let finding = judged(disturbed([token("a"), zones("a"), expired(zone("a"))]).exit(1));
        assert_eq!(finding.verdict, Fail);
        assert_eq!(
            finding.got,
            "the client asked for no new token; the command ended with exit code 1 20 ms after the 401"
        );
    }

    #[test]
    fn a_client_whose_request_for_a_new_token_is_refused_fails() {
        let wrong = token("b").refused(400, "invalid_target");
        let finding = judged(disturbed([token("a"), zones("a"), expired(zone("a")), wrong]).exit(1));
        assert!(finding.verdict == Fail && finding.got.contains("got 400 invalid_target"), "{}", finding.got);
    }

    #[test]
    fn a_client_that_renews_and_does_not_ask_again_fails() {
        let lost = disturbed([token("a"), expired(zones("a")), token("b"), zone("b")]);
        let finding = judged(lost);
        assert!(finding.verdict == Fail && finding.got.contains("did not send `GET /parking/zones` again"));
        let old = disturbed([token("a"), zones("a"), expired(zone("a")), token("b"), expired(zone("a"))]);
        assert_eq!(judged(old.exit(1)).verdict, Fail, "again with the old token");
    }

    #[test]
    fn a_client_that_fails_though_it_was_served_fails() {
        let served = || disturbed([token("a"), zones("a"), expired(zone("a")), token("b"), zone("b")]);
        assert_eq!(judged(served().exit(3)).verdict, Fail);
        assert_eq!(judged(served().ended(Ended::Deadline)).verdict, Fail);
    }

    #[test]
    fn a_client_that_never_uses_the_lost_token_shows_nothing() {
        assert_eq!(judged(disturbed([token("a"), zones("a"), token("b"), zone("b")])).verdict, NotExercised);
        let own_test = get("/parking/zones").refused(401, "token-missing");
        assert_eq!(judged(disturbed([token("a"), zones("a"), own_test, zone("a")])).verdict, NotExercised);
        assert_eq!(token_revoked(&examination([])).verdict, NotExercised);
    }

    #[test]
    fn requests_that_were_under_way_are_refused_too() {
        let finding = judged(disturbed([
            token("a"),
            expired(zones("a")).at(100).took(30).on(1),
            expired(zone("a")).at(110).took(30).on(2),
            token("b").at(135).on(1),
            zones("b").at(150).on(1),
            zone("b").at(150).on(2),
        ]));
        assert_eq!(finding.verdict, Pass);
    }

    #[test]
    fn the_server_may_note_an_end_a_little_late() {
        let late = expired(zone("a")).at(100).took(5);
        assert_eq!(judged(disturbed([token("a"), zones("a"), late, token("b").at(104), zone("b")])).verdict, Pass);
    }
}
