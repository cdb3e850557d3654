//! Whether what failed once or twice is sent again.
//!
//! A client may send the same request several times of its own accord, in a loop of its own. So a retry is not recognised by its
//! looks but by numbers: with a retry, there are more requests of a signature than in an undisturbed run.

use super::is_disturbed;
use crate::api::exam::Evidence;
use crate::exam::evidence::{between, count};
use crate::exam::{Conversation, Examination, Exchange, Finding, Run, ScenarioId};

/// Methods that are safe to repeat (RFC 9110 section 9.2.2).
const IDEMPOTENT: [&str; 5] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];

pub(in crate::exam) fn retries_5xx(examination: &Examination) -> Finding {
    let expected =
        "a request that is answered with 503 is sent again until it succeeds, and the command ends with exit code 0";
    retried(examination, ScenarioId::Unavailable, expected)
}

pub(in crate::exam) fn retries_foreign_5xx(examination: &Examination) -> Finding {
    let expected = "a request that a proxy answers with 502 is sent again, and the command ends with exit code 0";
    retried(examination, ScenarioId::BadGateway, expected)
}

pub(in crate::exam) fn retries_dropped(examination: &Examination) -> Finding {
    let expected =
        "a request whose connection is closed before the answer is sent again, and the command ends with exit code 0";
    retried(examination, ScenarioId::Dropped, expected)
}

pub(in crate::exam) fn retries_truncated(examination: &Examination) -> Finding {
    let expected = "a request whose answer is cut off is sent again, and the command ends with exit code 0";
    retried(examination, ScenarioId::Truncated, expected)
}

pub(in crate::exam) fn token_request_retried(examination: &Examination) -> Finding {
    let expected = "a token request that is answered with 503 is sent again, and the command ends with exit code 0";
    let Some(run) = examination.run(ScenarioId::TokenUnavailable) else {
        return Finding::not_exercised(expected, "the scenario was not run");
    };
    let Some(failed) = run.conversation.tokens().find(|exchange| is_disturbed(exchange)) else {
        return Finding::not_exercised(expected, "no token request was disturbed");
    };
    let later = run.conversation.tokens().find(|other| other.came_after(failed));
    // A client that asks for many tokens asks again in any case: then what it could do afterwards says more.
    let has_one_more = run.conversation.tokens().count() > least(examination, |talk| talk.tokens().count());
    let resources = |talk: &Conversation| talk.admitted().count();
    let did_its_work = resources(&run.conversation) >= least(examination, resources);
    finding(expected, run, failed, later.filter(|_| has_one_more || did_its_work), 0)
}

fn retried(examination: &Examination, scenario: ScenarioId, expected: &str) -> Finding {
    let Some(run) = examination.run(scenario) else {
        return Finding::not_exercised(expected, "the scenario was not run");
    };
    let disturbed: Vec<_> = run.conversation.resources().filter(|exchange| is_disturbed(exchange)).collect();
    let Some(first) = disturbed.first().copied() else {
        return Finding::not_exercised(expected, "no request was disturbed");
    };
    if !IDEMPOTENT.contains(&first.recorded.line.method.as_str()) {
        return Finding::not_exercised(expected, "no request that is safe to repeat was disturbed");
    }
    let signature = first.signature();
    let failed = disturbed.iter().filter(|exchange| exchange.signature() == signature).count();
    let same = |talk: &Conversation| talk.admitted().filter(|exchange| exchange.signature() == signature).count();
    let usual = least(examination, same);
    let more = same(&run.conversation).saturating_sub(usual);
    let again = run.conversation.resources().find(|other| other.came_after(first) && is_again(first, other));
    if more >= failed {
        finding(expected, run, first, again, 0)
    } else {
        // Each of the failed requests would have to be there once more.
        finding(expected, run, first, again.filter(|_| more > 0), failed - more)
    }
}

/// A retry may have another cursor, or another body; its method and its path stay.
fn is_again(failed: &Exchange, other: &Exchange) -> bool {
    failed.is_repeat_of(other) || failed.signature() == other.signature()
}

/// How many requests of a kind an undisturbed run has at least.
fn least(examination: &Examination, count: impl Fn(&Conversation) -> usize) -> usize {
    examination.undisturbed().map(|run| count(&run.conversation)).min().unwrap_or(0)
}

/// `missing` of the failed requests were not sent again.
fn finding(expected: &str, run: &Run, failed: &Exchange, again: Option<&Exchange>, missing: usize) -> Finding {
    let mut evidence: Vec<Evidence> = vec![run.shows(failed)];
    let end = run.ended.words();
    let Some(again) = again else {
        evidence.push(run.shows_silence("retry", failed.ended_at));
        return Finding::fail(expected, format!("the request was not sent again: {end}"), evidence);
    };
    let waited = between(failed.ended_at, again.started_at);
    evidence.push(run.shows_that(again, &format!("sent again after {waited}")));
    evidence.push(run.shows_end(failed.ended_at));
    if missing > 0 {
        let got = format!("{} not sent again: {end}", count_were(missing));
        Finding::fail(expected, got, evidence)
    } else if run.ended.is_survival() {
        Finding::pass(expected, format!("the request was sent again after {waited}, and {end}"), evidence)
    } else {
        Finding::fail(expected, format!("the request was sent again after {waited}, but {end}"), evidence)
    }
}

fn count_were(missing: usize) -> String {
    format!("{} {}", count(missing, "failed request"), if missing == 1 { "was" } else { "were" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::Ended;
    use crate::exam::testing::{Request, examination, get, post, request, run, token};

    const LIST: &str = "/parking/zones";

    fn judge(usual: &[Request], disturbed: Vec<Request>, ended: Ended) -> Finding {
        let undisturbed = [ScenarioId::Preflight, ScenarioId::Baseline].map(|scenario| run(scenario, usual.to_vec()));
        let [preflight, baseline] = undisturbed;
        retries_5xx(&examination([preflight, baseline, run(ScenarioId::Unavailable, disturbed).ended(ended)]))
    }

    fn failed() -> Request {
        get(LIST).refused(503, "unavailable").injected("problem")
    }

    #[test]
    fn a_request_that_is_sent_again_after_both_faults_passes() {
        let usual = [token("a"), get(LIST), post(LIST)];
        let disturbed = vec![token("a"), failed(), failed().at(900), get(LIST).at(2_000), post(LIST)];
        let finding = judge(&usual, disturbed, Ended::Exit(0));
        assert_eq!(finding.verdict, Pass);
        assert!(finding.got.starts_with("the request was sent again after "), "{}", finding.got);
        assert_eq!(finding.evidence.len(), 3);
    }

    #[test]
    fn a_client_that_gives_up_fails_whether_or_not_it_tried_once_more() {
        let usual = vec![token("a"), get(LIST)];
        let at_once = judge(&usual, vec![token("a"), failed()], Ended::Exit(1));
        assert_eq!(
            (at_once.verdict, at_once.got.as_str()),
            (Fail, "the request was not sent again: the command ended with exit code 1")
        );
        let later = judge(&usual, vec![token("a"), failed(), failed()], Ended::Exit(1));
        assert_eq!(
            (later.verdict, later.got.as_str()),
            (Fail, "1 failed request was not sent again: the command ended with exit code 1")
        );
    }

    #[test]
    fn a_loop_of_the_client_is_no_retry() {
        let usual = vec![token("a"), get(LIST), get(LIST), get(LIST), get(LIST)];
        let skipped = vec![token("a"), failed(), failed(), get(LIST), get(LIST)];
        assert_eq!(judge(&usual, skipped, Ended::Exit(0)).verdict, Fail);
        let repeated = vec![token("a"), failed(), failed(), get(LIST), get(LIST), get(LIST), get(LIST)];
        assert_eq!(judge(&usual, repeated, Ended::Exit(0)).verdict, Pass);
    }

    #[test]
    fn two_requests_at_once_that_fail_are_each_sent_again() {
        let usual = vec![get(LIST).at(10), get(LIST).at(10).on(2)];
        let repeated = vec![failed().at(10), failed().at(10).on(2), get(LIST).at(500), get(LIST).at(510).on(2)];
        assert_eq!(judge(&usual, repeated, Ended::Exit(0)).verdict, Pass);
        let once = vec![failed().at(10), failed().at(10).on(2), get(LIST).at(500)];
        assert_eq!(judge(&usual, once, Ended::Exit(0)).verdict, Fail);
    }

    #[test]
    fn a_retry_that_does_not_save_the_command_fails() {
        let disturbed = vec![failed(), failed(), get(LIST)];
        let finding = judge(&[get(LIST)], disturbed.clone(), Ended::Exit(3));
        assert_eq!(finding.verdict, Fail);
        assert!(finding.got.ends_with("but the command ended with exit code 3"), "{}", finding.got);
        assert_eq!(judge(&[get(LIST)], disturbed, Ended::Deadline).verdict, Fail);
    }

    #[test]
    fn nothing_is_said_where_nothing_was_disturbed() {
        let usual = vec![token("a"), get(LIST)];
        assert_eq!(judge(&usual, usual.clone(), Ended::Exit(0)).verdict, NotExercised);
        assert_eq!(retries_5xx(&examination([run(ScenarioId::Baseline, usual)])).verdict, NotExercised);
        let patched = vec![request("PATCH", LIST).refused(503, "unavailable").injected("problem")];
        assert_eq!(judge(&[request("PATCH", LIST)], patched, Ended::Exit(1)).verdict, NotExercised);
    }

    #[test]
    fn a_request_over_the_throttle_that_came_again_is_no_retry_and_is_not_missed() {
        let throttled = || get(LIST).refused(429, "throttled").answer_field("retry-after", "1");
        let usual = vec![throttled(), get(LIST), get(LIST)];
        let disturbed = vec![failed(), failed(), get(LIST), get(LIST)];
        assert_eq!(judge(&usual, disturbed, Ended::Exit(0)).verdict, Pass);
        let skipped = vec![failed(), failed(), throttled(), throttled()];
        assert_eq!(judge(&usual, skipped, Ended::Exit(0)).verdict, Fail);
    }

    fn judge_token(usual: Vec<Request>, disturbed: Vec<Request>, code: i32) -> Finding {
        let runs = [run(ScenarioId::Baseline, usual), run(ScenarioId::TokenUnavailable, disturbed).exit(code)];
        token_request_retried(&examination(runs))
    }

    #[test]
    fn a_token_request_is_retried_if_there_is_one_more_or_all_work_is_done() {
        let failed = || token("a").refused(503, "temporarily_unavailable").injected("problem");
        let usual = || vec![token("a"), get(LIST).with("a")];
        assert_eq!(judge_token(usual(), vec![failed(), token("a"), get(LIST).with("a")], 0).verdict, Pass);
        assert_eq!(judge_token(usual(), vec![failed()], 1).verdict, Fail);
        let for_each = || vec![token("a"), get(LIST).with("a"), token("b"), get(LIST).with("b")];
        let skipped = vec![failed(), token("b"), get(LIST).with("b")];
        assert_eq!(judge_token(for_each(), skipped, 0).verdict, Fail);
    }
}
