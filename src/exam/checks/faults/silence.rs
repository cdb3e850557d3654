//! Whether a client gives up a request that is not answered.
//!
//! The journal shows how long a request was under way: until its client went away, or until the sandbox closed the connection.
//! A client may also give up and leave the connection open. Then its next request, or its end, shows that it waits no more;
//! but the next request only of a client that sends one request at a time.

use crate::api::exam::Evidence;
use crate::api::sandbox::fault::Delivery;
use crate::exam::evidence::span;
use crate::exam::{Ended, Examination, Exchange, Finding, Run, ScenarioId};

/// For the time that timers and the ends of processes take.
const TOLERANCE_MS: u64 = 2_000;

pub(in crate::exam) fn has_timeout(examination: &Examination) -> Finding {
    let longest_s = examination.thresholds.longest_timeout_s;
    let expected = format!("a request that is not answered is given up after at most {longest_s} s");
    let Some(run) = examination.run(ScenarioId::Slow) else {
        return Finding::not_exercised(expected, "the scenario was not run");
    };
    let stalled: Vec<_> = run.conversation.resources().filter(|exchange| is_stalled(exchange)).collect();
    let Some(first) = stalled.first() else {
        return without_stalled_request(run, expected, longest_s);
    };
    let waits = stalled.iter().map(|exchange| (*exchange, waited_ms(examination, run, exchange)));
    let (longest, waited) = waits.max_by_key(|(_, waited)| *waited).unwrap_or((first, 0));
    let evidence = evidence(run, longest);
    let was_waiting = matches!(run.ended, Ended::Deadline | Ended::Enough) && is_last(run, longest);
    if was_waiting && waited + TOLERANCE_MS < longest_s.saturating_mul(1_000) {
        return Finding::not_exercised(expected, format!("the exam ended the command after {}", span(waited)));
    }
    if was_waiting || waited > longest_s.saturating_mul(1_000) + TOLERANCE_MS {
        Finding::fail(expected, format!("the client was still waiting after {}", span(waited)), evidence)
    } else {
        Finding::pass(expected, format!("the client gave up after {}", span(waited)), evidence)
    }
}

/// A request that is still under way when the journal is read is not in it.
fn without_stalled_request(run: &Run, expected: String, longest_s: u64) -> Finding {
    let took_ms = run.ended_at.get().saturating_sub(run.started_at.get());
    if run.ended == Ended::Deadline && took_ms > longest_s.saturating_mul(1_000) {
        let got = format!("the command was still waiting when the exam ended it after {}", span(took_ms));
        return Finding::fail(expected, got, vec![run.shows_end(run.started_at)]);
    }
    Finding::not_exercised(expected, "no answer was held back")
}

fn is_stalled(exchange: &Exchange) -> bool {
    exchange.fault().is_some_and(|fault| matches!(fault.effect.delivery, Some(Delivery::Timeout(_))))
}

/// How long the client waited for the answer, in milliseconds.
fn waited_ms(examination: &Examination, run: &Run, stalled: &Exchange) -> u64 {
    let since = |moment: u64| moment.saturating_sub(stalled.started_at.get());
    let went_away = since(stalled.ended_at.get());
    let ended = since(run.ended_at.get());
    let next = run.conversation.all().iter().find(|other| other.came_after(stalled));
    let went_on = next.filter(|_| examination.concurrency() == 1).map(|next| since(next.started_at.get()));
    went_away.min(ended).min(went_on.unwrap_or(u64::MAX))
}

/// Whether the command was ended while it waited for this answer.
fn is_last(run: &Run, stalled: &Exchange) -> bool {
    let is_later = |other: &Exchange| other.came_after(stalled);
    !run.conversation.all().iter().any(is_later) && stalled.ended_at.get() + TOLERANCE_MS >= run.ended_at.get()
}

fn evidence(run: &Run, stalled: &Exchange) -> Vec<Evidence> {
    let next = run.conversation.all().iter().find(|other| other.came_after(stalled));
    let under_way = span(stalled.ended_at.get().saturating_sub(stalled.started_at.get()));
    let mut evidence = vec![run.shows_that(stalled, &format!("under way for {under_way}"))];
    evidence.extend(next.map(|next| run.shows_that(next, "the next request")));
    evidence.push(run.shows_end(stalled.started_at));
    evidence
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::testing::{Request, examination, get, run, token};
    use crate::time::Span;

    const LIST: &str = "/parking/zones";

    fn stalled(ms: u32) -> Request {
        get(LIST).at(100).took(ms).unanswered().injected("timeout").edit(|request| {
            if let Some(fault) = &mut request.line.fault {
                fault.effect.delivery = Some(Delivery::Timeout(Span::from_secs(65)));
            }
        })
    }

    fn judge(slow: Run) -> CheckVerdict {
        has_timeout(&examination([run(ScenarioId::Baseline, [token("a"), get(LIST)]), slow])).verdict
    }

    fn slow(requests: impl IntoIterator<Item = Request>) -> Run {
        run(ScenarioId::Slow, requests)
    }

    #[test]
    fn a_client_that_goes_away_in_time_passes() {
        assert_eq!(judge(slow([stalled(10_000)]).exit(1)), Pass);
        assert_eq!(judge(slow([stalled(10_000), get(LIST).at(10_200)])), Pass);
        assert_eq!(judge(slow([stalled(60_050)]).exit(1)), Pass, "the longest that is allowed");
    }

    #[test]
    fn a_client_that_waits_to_the_end_fails() {
        assert_eq!(judge(slow([stalled(65_002)]).exit(1)), Fail);
        assert_eq!(judge(slow([stalled(65_002), get(LIST).at(66_000)])), Fail);
        assert_eq!(judge(slow([stalled(62_000)]).ended(Ended::Deadline).over_at(62_100)), Fail);
        assert_eq!(judge(slow([token("a")]).ended(Ended::Deadline).over_at(70_000)), Fail);
    }

    #[test]
    fn a_connection_that_stays_open_is_no_wait_if_the_client_goes_on_or_ends() {
        assert_eq!(judge(slow([stalled(65_002), get(LIST).at(5_100)])), Pass);
        assert_eq!(judge(slow([stalled(65_002)]).exit(1).over_at(30_000)), Pass);
    }

    #[test]
    fn of_many_requests_at_once_the_others_say_nothing_about_one_that_waits() {
        let both = || [get(LIST).at(10).took(50), get(LIST).at(20).took(50).on(2)];
        let slow = slow([stalled(65_002), get(LIST).at(150).on(2)]).exit(1);
        let finding = has_timeout(&examination([run(ScenarioId::Baseline, both()), slow]));
        assert_eq!((finding.verdict, finding.got.as_str()), (Fail, "the client was still waiting after 65.0 s"));
    }

    #[test]
    fn nothing_is_said_if_no_answer_was_held_back_or_the_command_was_ended_too_early() {
        assert_eq!(judge(slow([token("a")]).exit(1)), NotExercised);
        assert_eq!(judge(slow([stalled(20_000)]).ended(Ended::Deadline).over_at(20_100)), NotExercised);
        assert_eq!(has_timeout(&examination([])).verdict, NotExercised);
    }
}
