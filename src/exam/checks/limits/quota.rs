//! Whether a client that has used up its day asks again before the next one.

use super::early::Refusal;
use crate::exam::evidence::{between, count};
use crate::exam::{Examination, Finding, ScenarioId};

/// `Retry-After` has seconds.
pub(in crate::exam) fn quota_not_retried(examination: &Examination) -> Finding {
    not_retried(examination, ScenarioId::QuotaExhausted)
}

/// `Retry-After` is a date.
pub(in crate::exam) fn quota_date_not_retried(examination: &Examination) -> Finding {
    not_retried(examination, ScenarioId::QuotaExhaustedDate)
}

/// To stop and to wait are both right, so how the command ends does not matter.
fn not_retried(examination: &Examination, scenario: ScenarioId) -> Finding {
    const EXPECTED: &str = "no request before the time that `Retry-After` says, which is the next day";
    let Some(run) = examination.run(scenario) else {
        return Finding::not_exercised(EXPECTED, "the quota was used up in no run");
    };
    let Some(refusal) = Refusal::first_of(examination, run) else {
        return Finding::not_exercised(EXPECTED, "no request was refused with 429 and `Retry-After`");
    };
    let refused = refusal.refused;
    let early = refusal.early(run);
    // Those of other workers were on their way when the first one was refused, and each process of a command has to find out
    // by itself. None of these is the same once more.
    let processes = examination.usual(|talk| talk.tokens().count());
    let on_their_way = examination.concurrency().max(processes).max(1) - 1;
    let is_retried = !early.repeats.is_empty() && examination.usual_of(refused) < 2;
    if early.len() > on_their_way || is_retried {
        let got = match early.first() {
            Some(first) => {
                let came = between(refused.ended_at, first.started_at);
                format!("{} before that time, the first {came} after the 429", count(early.len(), "request"))
            }
            None => String::new(),
        };
        let all = early.repeats.iter().chain(&early.others).take(9).map(|exchange| run.shows(exchange));
        let evidence = [run.shows(refused)].into_iter().chain(all).collect();
        return Finding::fail(EXPECTED, format!("{got}; {}", run.ended.words()), evidence);
    }
    let ended = format!("{} {} after the 429", run.ended.words(), between(refused.ended_at, run.ended_at));
    let evidence = vec![run.shows(refused), run.shows_silence("request too early", refused.ended_at)];
    Finding::pass(EXPECTED, format!("no request before that time; {ended}"), evidence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::testing::{Request, examination, get, run, token};
    use crate::exam::{Ended, Run};

    fn page(number: u64, at: u64) -> Request {
        get(&format!("/parking/zones?page={number}")).with("a").at(at).took(30).on(number % 2)
    }

    fn used_up(request: Request) -> Request {
        request.refused(429, "quota-exhausted").answer_field("retry-after", "31999")
    }

    fn one_by_one() -> Run {
        run(ScenarioId::Baseline, (0..5).map(|number| page(number, number * 40)))
    }

    fn two_at_once() -> Run {
        run(ScenarioId::Baseline, (0..5).map(|number| page(number, number * 20)))
    }

    fn judged(baseline: Run, requests: Vec<Request>, ended: Ended) -> Finding {
        let disturbed = run(ScenarioId::QuotaExhausted, [vec![token("a").at(0)], requests].concat());
        quota_not_retried(&examination([baseline, disturbed.ended(ended).over_at(5_050)]))
    }

    fn verdict(baseline: Run, requests: Vec<Request>) -> CheckVerdict {
        judged(baseline, requests, Ended::Exit(1)).verdict
    }

    #[test]
    fn a_client_that_stops_or_waits_passes() {
        let finding = judged(one_by_one(), vec![page(0, 0), used_up(page(1, 20))], Ended::Exit(1));
        assert_eq!(finding.verdict, Pass);
        let end = "the command ended with exit code 1";
        assert_eq!(finding.got, format!("no request before that time; {end} 5.0 s after the 429"));
        assert_eq!(finding.evidence[1].note, format!("no request too early in 5.0 s; then {end}"));
        assert_eq!(judged(one_by_one(), vec![used_up(page(0, 20))], Ended::Enough).verdict, Pass);
    }

    #[test]
    fn a_client_that_asks_again_fails() {
        let finding = judged(one_by_one(), vec![used_up(page(0, 20)), used_up(page(0, 2_060))], Ended::Exit(1));
        assert_eq!(finding.verdict, Fail);
        let got = "1 request before that time, the first 2.0 s after the 429; the command ended with exit code 1";
        assert_eq!(finding.got, got);
        assert_eq!(verdict(one_by_one(), vec![used_up(page(0, 20)), used_up(page(1, 60))]), Fail, "for something else");
    }

    #[test]
    fn what_other_workers_had_sent_is_not_held_against_the_client() {
        assert_eq!(verdict(two_at_once(), vec![used_up(page(0, 20)), used_up(page(1, 40))]), Pass, "it was under way");
        assert_eq!(verdict(two_at_once(), vec![used_up(page(0, 20)), used_up(page(1, 60))]), Pass, "it just came");
        assert_eq!(
            verdict(two_at_once(), vec![used_up(page(0, 20)), used_up(page(0, 60))]),
            Fail,
            "but a retry is one"
        );
        let all = (0..5).map(|number| used_up(page(number, 20 + number * 40)));
        assert_eq!(verdict(two_at_once(), all.collect()), Fail, "and so is all the rest");
    }

    #[test]
    fn each_process_of_a_command_may_find_out_by_itself() {
        let process = |at: u64| [token("a").at(at), page(0, at + 10), page(1, at + 50)];
        let processes = || run(ScenarioId::Baseline, [process(0), process(100), process(200)].concat());
        let each_once = vec![used_up(page(0, 20)), used_up(page(0, 120)), used_up(page(0, 220))];
        assert_eq!(verdict(processes(), each_once), Pass);
        let each_twice = (0..6).map(|number| used_up(page(0, 20 + number * 50)));
        assert_eq!(verdict(processes(), each_twice.collect()), Fail);
    }

    #[test]
    fn a_date_counts_as_seconds_do() {
        let dated =
            page(0, 20).refused(429, "quota-exhausted").answer_field("retry-after", "Tue, 26 Jan 2021 00:00:00 GMT");
        let verdict = |requests: Vec<Request>| {
            let disturbed = run(ScenarioId::QuotaExhaustedDate, requests);
            quota_date_not_retried(&examination([one_by_one(), disturbed])).verdict
        };
        assert_eq!(verdict(vec![dated.clone()]), Pass);
        assert_eq!(verdict(vec![dated.clone(), dated.clone().at(900)]), Fail);
        assert_eq!(verdict(vec![dated, page(0, 40_000_000)]), Pass, "on the next day");
    }

    #[test]
    fn without_a_429_nothing_is_shown() {
        assert_eq!(verdict(one_by_one(), vec![page(0, 20)]), NotExercised);
        assert_eq!(quota_not_retried(&examination([])).verdict, NotExercised);
    }
}
