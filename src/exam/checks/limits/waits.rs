//! Whether a client waits as long as `Retry-After` says, and then goes on.

use super::early::{Early, Refusal};
use crate::exam::evidence::{between, count};
use crate::exam::{Ended, Examination, Exchange, Finding, Run, ScenarioId};

/// `Retry-After` has seconds.
pub(in crate::exam) fn retry_after_seconds(examination: &Examination) -> Finding {
    waits(examination, ScenarioId::Throttled)
}

/// `Retry-After` is a date.
pub(in crate::exam) fn retry_after_date(examination: &Examination) -> Finding {
    waits(examination, ScenarioId::ThrottledDate)
}

const EXPECTED: &str = "no request before `Retry-After` allows it, then the refused one once more, and exit code 0";

/// A client that ends at its first 429 fails: everybody who sends requests meets one, and this one costs two seconds.
fn waits(examination: &Examination, scenario: ScenarioId) -> Finding {
    let Some(run) = examination.run(scenario) else {
        return Finding::not_exercised(EXPECTED, "no run has such a 429");
    };
    let Some(refusal) = Refusal::first_of(examination, run) else {
        return Finding::not_exercised(EXPECTED, "no request was refused with 429 and `Retry-After`");
    };
    let refused = refusal.refused;
    let asked = between(refused.ended_at, refusal.until);
    let early = refusal.early(run);
    if let Some(first) = early.first().filter(|_| is_blamed(examination, run, &refusal, &early)) {
        let came = between(refused.ended_at, first.started_at);
        let got = format!("{} after {came}, where `Retry-After` asks for {asked}", first.in_short());
        let all = early.repeats.iter().chain(&early.others).take(9).map(|exchange| run.shows(exchange));
        let evidence = [run.shows(refused)].into_iter().chain(all).collect();
        return Finding::fail(EXPECTED, format!("{got}; {} too early", count(early.len(), "request")), evidence);
    }
    // Where several workers send the same, the one that waited is meant.
    let in_time = |again: &&Exchange| again.is_repeat_of(refused) && refusal.allows(again);
    let in_time = run.conversation.resources_after(refused).find(in_time);
    let Some(again) = examination.sent_again(run, refused).map(|again| in_time.unwrap_or(again)) else {
        if run.ended == Ended::Deadline && run.ended_at < refusal.until {
            return Finding::not_exercised(EXPECTED, "the time of the command was over before that of `Retry-After`");
        }
        let ended = format!("{} {} after the 429", run.ended.words(), between(refused.ended_at, run.ended_at));
        let got = format!("{} was not sent again; {ended}", refused.in_short());
        return Finding::fail(EXPECTED, got, vec![run.shows(refused), run.shows_end(refused.ended_at)]);
    };
    let waited = between(refused.ended_at, again.started_at);
    let evidence = vec![run.shows(refused), run.shows(again)];
    if run.ended.is_failure() {
        let got = format!("{} again after {waited}, and all the same {}", again.in_short(), run.ended.words());
        return Finding::fail(EXPECTED, got, evidence);
    }
    Finding::pass(EXPECTED, format!("the next try after {waited}, where `Retry-After` asks for {asked}"), evidence)
}

/// A client that sends one request at a time is to wait with all of them. Of one that works on several at once, the others
/// may go on, for they do not know of the 429: it is to wait with the one that was refused.
fn is_blamed(examination: &Examination, run: &Run, refusal: &Refusal<'_>, early: &Early<'_>) -> bool {
    if examination.concurrency() < 2 {
        return early.len() > 0;
    }
    let is_retry = |exchange: &Exchange| exchange.is_repeat_of(refusal.refused) && refusal.allows(exchange);
    let is_retried_in_time = run.conversation.resources_after(refusal.refused).any(is_retry);
    // Where several workers send the same, an early one may be that of another worker, unless none comes later.
    let is_surely_a_retry = examination.usual_of(refusal.refused) < 2 || !is_retried_in_time;
    !early.repeats.is_empty() && is_surely_a_retry && !examination.repeats(run, refusal.refused).is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::testing::{Request, examination, get, run, token};

    fn zones(at: u64) -> Request {
        get("/parking/zones").with("a").at(at)
    }

    fn zone(at: u64) -> Request {
        get("/parking/zones/0198a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b").with("a").at(at)
    }

    fn throttled(request: Request) -> Request {
        request.refused(429, "throttled").answer_field("retry-after", "2").injected("problem")
    }

    fn disturbed(requests: Vec<Request>) -> Run {
        run(ScenarioId::Throttled, [vec![token("a").at(0)], requests].concat())
    }

    fn judged(disturbed: Run) -> Finding {
        let baseline = run(ScenarioId::Baseline, [token("a").at(0), zones(20), zone(40)]);
        retry_after_seconds(&examination([baseline, disturbed]))
    }

    fn verdict(requests: Vec<Request>) -> CheckVerdict {
        judged(disturbed(requests)).verdict
    }

    #[test]
    fn a_client_that_waits_and_goes_on_passes() {
        let finding = judged(disturbed(vec![throttled(zones(20)), zones(2_025), zone(2_040)]));
        assert_eq!(finding.verdict, Pass);
        assert_eq!(finding.got, "the next try after 2.0 s, where `Retry-After` asks for 2.0 s");
        assert_eq!(
            verdict(vec![throttled(zones(20)), zones(1_980), zone(2_040)]),
            Pass,
            "a timer may be a little early"
        );
        assert_eq!(verdict(vec![throttled(zones(20)), token("b").at(40), zones(2_025), zone(2_040)]), Pass, "a token");
    }

    #[test]
    fn a_client_that_comes_too_early_fails() {
        let finding = judged(disturbed(vec![throttled(zones(20)), zones(422), zone(2_040)]));
        assert_eq!(finding.verdict, Fail);
        assert_eq!(
            finding.got,
            "`GET /parking/zones` after 400 ms, where `Retry-After` asks for 2.0 s; 1 request too early"
        );
        assert_eq!(verdict(vec![throttled(zones(20)), zone(100), zones(2_100)]), Fail, "with another request");
    }

    #[test]
    fn a_client_that_gives_up_or_loses_the_request_fails() {
        let finding = judged(disturbed(vec![throttled(zones(20))]).exit(1));
        assert_eq!(finding.verdict, Fail);
        assert_eq!(
            finding.got,
            "`GET /parking/zones` was not sent again; the command ended with exit code 1 20 ms after the 429"
        );
        assert_eq!(verdict(vec![throttled(zones(20)), zone(2_040)]), Fail, "it goes on without it");
        assert_eq!(judged(disturbed(vec![throttled(zones(20)), zones(2_025), zone(2_040)]).exit(1)).verdict, Fail);
    }

    #[test]
    fn a_client_that_the_deadline_ends_is_judged_by_what_it_had_done() {
        let ended = |requests: Vec<Request>, at| judged(disturbed(requests).ended(Ended::Deadline).over_at(at)).verdict;
        assert_eq!(ended(vec![throttled(zones(20)), zones(2_025)], 9_000), Pass);
        assert_eq!(ended(vec![throttled(zones(20))], 1_000), NotExercised, "it may still have waited");
        assert_eq!(ended(vec![throttled(zones(20))], 9_000), Fail, "it never went on");
    }

    #[test]
    fn without_a_429_nothing_is_shown() {
        assert_eq!(verdict(vec![zones(20), zone(40)]), NotExercised);
        assert_eq!(verdict(vec![zones(20).refused(429, "throttled")]), NotExercised, "without Retry-After");
        assert_eq!(retry_after_date(&examination([])).verdict, NotExercised);
    }

    #[test]
    fn a_date_has_whole_seconds() {
        // Runs start at 15:13:20.
        let dated =
            |at: u64| zones(at).refused(429, "throttled").answer_field("retry-after", "Mon, 25 Jan 2021 15:13:24 GMT");
        let verdict = |requests: Vec<Request>| {
            let baseline = run(ScenarioId::Baseline, [token("a").at(0), zones(20), zone(40)]);
            let disturbed = run(ScenarioId::ThrottledDate, [vec![token("a").at(0)], requests].concat());
            retry_after_date(&examination([baseline, disturbed])).verdict
        };
        assert_eq!(verdict(vec![dated(20), zones(4_001), zone(4_040)]), Pass);
        assert_eq!(verdict(vec![dated(20), zones(3_100), zone(3_140)]), Pass);
        assert_eq!(verdict(vec![dated(20), zones(1_100), zone(4_040)]), Fail);
    }

    #[test]
    fn the_other_workers_of_a_concurrent_client_may_go_on() {
        let page = |number: u64, at: u64, connection: u64| {
            get(&format!("/parking/zones?page={number}")).with("a").at(at).took(30).on(connection)
        };
        let verdict = |requests: Vec<Request>| {
            let pages = (0..6).map(|number| page(number, 20 + number / 2 * 40, number % 2));
            let baseline = run(ScenarioId::Baseline, [token("a").at(0)].into_iter().chain(pages));
            let disturbed = run(ScenarioId::Throttled, [vec![token("a").at(0)], requests].concat());
            retry_after_seconds(&examination([baseline, disturbed])).verdict
        };
        let others = || (1..6).map(|number| page(number, 20 + number * 40, 1)).collect::<Vec<_>>();
        assert_eq!(verdict([vec![throttled(page(0, 20, 0)), page(0, 2_060, 0)], others()].concat()), Pass);
        assert_eq!(verdict([vec![throttled(page(0, 20, 0)), page(0, 400, 0)], others()].concat()), Fail);
        assert_eq!(verdict([vec![throttled(page(0, 20, 0))], others()].concat()), Fail, "it is lost");
    }
}
