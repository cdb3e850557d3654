//! What a client does when the server's key or its own secret changes.

use crate::exam::evidence::{between, count};
use crate::exam::{Ended, Examination, Exchange, Finding, Run, ScenarioId};

/// Another key signs, and tokens of the one before still verify: only a client that looks into its token can notice.
pub(in crate::exam) fn key_rotated(examination: &Examination) -> Finding {
    const EXPECTED: &str = "the command succeeds as before: a token is opaque to its client";
    let Some(run) = examination.run(ScenarioId::KeyRotated) else {
        return Finding::not_exercised(EXPECTED, "the key was rotated in no run");
    };
    let Some(last) = run.conversation.resources().last() else {
        return Finding::not_exercised(EXPECTED, "the client sent no request for a resource");
    };
    if run.ended.is_survival() {
        let got = format!("{}, and {}", count(run.conversation.resources().count(), "request"), run.ended.words());
        return Finding::pass(EXPECTED, got, vec![run.shows(last)]);
    }
    let evidence = vec![run.shows(last), run.shows_end(last.ended_at)];
    Finding::fail(EXPECTED, format!("{} {}", run.ended.words(), since(last, run)), evidence)
}

/// The secret is rotated and the token is revoked: the old secret, which is all that the client has, still gets a new token.
pub(in crate::exam) fn secret_rotated(examination: &Examination) -> Finding {
    const EXPECTED: &str = "a new token with the old secret, which works for a while longer, and exit code 0";
    let Some(run) = examination.run(ScenarioId::SecretRotated) else {
        return Finding::not_exercised(EXPECTED, "the secret was rotated in no run");
    };
    let talk = &run.conversation;
    let since_trouble = |request: &&Exchange| run.trouble_at.is_none_or(|trouble_at| request.started_at >= trouble_at);
    let lost = talk.first_lost_token();
    let renewed = talk.tokens().filter(since_trouble).find(|request| request.granted().is_some());
    match (lost, renewed) {
        (None, None) => Finding::not_exercised(EXPECTED, "the client needed no token after the secret was rotated"),
        (_, Some(renewed)) if run.ended.is_survival() => {
            let got = format!("a new token with the old secret; {}", run.ended.words());
            Finding::pass(EXPECTED, got, vec![run.shows(renewed)])
        }
        // That a lost token is not renewed is another check's matter, and says nothing about the secret.
        (Some(_), None) => {
            Finding::not_exercised(EXPECTED, "the client got no new token after the 401; `token-revoked` judges that")
        }
        (Some(lost), Some(renewed)) => {
            let got = format!("the client got a new token, and failed; {} {}", run.ended.words(), since(lost, run));
            Finding::fail(EXPECTED, got, vec![run.shows(lost), run.shows(renewed), run.shows_end(lost.ended_at)])
        }
        (None, Some(renewed)) => {
            let got = format!("{} {}", run.ended.words(), since(renewed, run));
            Finding::fail(EXPECTED, got, vec![run.shows(renewed), run.shows_end(renewed.ended_at)])
        }
    }
}

/// The secret and the token are revoked: nothing that the client can do helps.
pub(in crate::exam) fn secret_revoked(examination: &Examination) -> Finding {
    const EXPECTED: &str = "no more than a try or two with the refused secret, and an exit code that is not 0";
    let Some(run) = examination.run(ScenarioId::SecretRevoked) else {
        return Finding::not_exercised(EXPECTED, "the secret was revoked in no run");
    };
    let refused: Vec<_> = run.conversation.tokens().filter(|request| is_refused_secret(request)).collect();
    let Some(last) = refused.last() else {
        return Finding::not_exercised(EXPECTED, "the client asked for no token with the refused secret");
    };
    // Each process of a command may have to find out by itself, and so may each worker, and each test of a suite.
    let usual = examination.usual(|talk| talk.tokens().count()).max(examination.concurrency()).max(1);
    let most = examination.thresholds.tries_with_refused_secret.saturating_mul(usual);
    let got = format!("{} with the refused secret; {}", count(refused.len(), "token request"), run.ended.words());
    let mut evidence: Vec<_> = refused.iter().take(9).map(|request| run.shows(request)).collect();
    evidence.push(run.shows_silence("further token request", last.ended_at));
    if refused.len() > most || run.ended.is_success() || run.ended == Ended::Deadline {
        Finding::fail(EXPECTED, got, evidence)
    } else {
        Finding::pass(EXPECTED, got, evidence)
    }
}

fn is_refused_secret(request: &Exchange) -> bool {
    request.reason() == Some("invalid_client") || request.has_status(401)
}

fn since(exchange: &Exchange, run: &Run) -> String {
    format!("{} after the answer to {}", between(exchange.ended_at, run.ended_at), exchange.in_short())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::testing::{Request, examination, get, run, token};

    fn zones(jti: &str) -> Request {
        get("/parking/zones").with(jti)
    }

    fn revoked(jti: &str) -> Request {
        zones(jti).refused(401, "token-revoked")
    }

    fn no_token() -> Request {
        token("x").refused(401, "invalid_client")
    }

    fn baseline(tokens: usize) -> Run {
        run(ScenarioId::Baseline, (0..tokens).flat_map(|_| [token("0"), zones("0")]))
    }

    #[test]
    fn another_key_changes_nothing() {
        let judged = |disturbed| key_rotated(&examination([baseline(1), disturbed])).verdict;
        let disturbed = || run(ScenarioId::KeyRotated, [token("a"), zones("a"), zones("a")]);
        assert_eq!(judged(disturbed()), Pass);
        assert_eq!(judged(disturbed().exit(1)), Fail);
        assert_eq!(judged(run(ScenarioId::KeyRotated, [token("a")]).exit(1)), NotExercised);
        assert_eq!(key_rotated(&examination([])).verdict, NotExercised);
    }

    #[test]
    fn the_old_secret_gets_a_new_token() {
        let judged = |disturbed: Run| secret_rotated(&examination([baseline(1), disturbed.trouble_at(25)]));
        let disturbed = |requests: Vec<Request>| run(ScenarioId::SecretRotated, requests);
        let renewed = || disturbed(vec![token("a"), zones("a"), revoked("a"), token("b"), zones("b")]);
        assert_eq!(judged(renewed()).verdict, Pass);
        assert_eq!(judged(renewed().exit(1)).verdict, Fail);
        let gave_up = judged(disturbed(vec![token("a"), zones("a"), revoked("a")]).exit(1));
        assert_eq!(gave_up.verdict, NotExercised, "the old secret was not tried");
        assert_eq!(judged(disturbed(vec![token("a"), zones("a"), zones("a")])).verdict, NotExercised);
        let each_time = || disturbed(vec![token("a"), zones("a"), token("b"), zones("b")]);
        assert_eq!(
            judged(each_time()).verdict,
            Pass,
            "a client that asks for a token each time asks with the old secret"
        );
        assert_eq!(judged(each_time().exit(1)).verdict, Fail);
    }

    #[test]
    fn a_client_whose_secret_is_revoked_tries_once_or_twice_and_fails() {
        let judged = |tokens, requests: Vec<Request>| {
            let disturbed = [vec![token("a"), zones("a"), revoked("a")], requests].concat();
            move |ended| {
                secret_revoked(&examination([
                    baseline(tokens),
                    run(ScenarioId::SecretRevoked, disturbed.clone()).ended(ended),
                ]))
            }
        };
        let finding = judged(1, vec![no_token()])(Ended::Exit(1));
        assert_eq!(finding.verdict, Pass);
        assert_eq!(finding.got, "1 token request with the refused secret; the command ended with exit code 1");
        assert_eq!(
            finding.evidence[1].note,
            "no further token request in 20 ms; then the command ended with exit code 1"
        );
        assert_eq!(judged(1, vec![no_token(), no_token()])(Ended::Exit(1)).verdict, Pass);
        assert_eq!(judged(1, vec![no_token(), no_token(), no_token()])(Ended::Exit(1)).verdict, Fail, "a loop");
        assert_eq!(judged(1, vec![no_token()])(Ended::Exit(0)).verdict, Fail, "it says that all is well");
        assert_eq!(judged(1, vec![no_token()])(Ended::Deadline).verdict, Fail, "it does not end");
        let processes = judged(4, vec![no_token(), no_token(), no_token()])(Ended::Exit(1));
        assert_eq!(processes.verdict, Pass, "each process finds out by itself");
        assert_eq!(judged(1, vec![])(Ended::Exit(1)).verdict, NotExercised);
    }
}
