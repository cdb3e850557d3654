//! How much a client sends while it is refused for sending too much.

use std::collections::BTreeMap;

use crate::exam::evidence::{between, count, span};
use crate::exam::retry_after::RetryAfter;
use crate::exam::{Examination, Exchange, Finding, ScenarioId};

/// For some seconds each request is refused. What a client sends then is bounded as a whole: each of its requests once, and
/// for each of its workers one more each time that `Retry-After` is over. And so are the tries of one request.
pub(in crate::exam) fn no_storm(examination: &Examination) -> Finding {
    const EXPECTED: &str = "while every request is refused, few tries: about one each time that `Retry-After` is over";
    let Some(run) = examination.run(ScenarioId::Storm) else {
        return Finding::not_exercised(EXPECTED, "no run refuses every request for a while");
    };
    let refused: Vec<_> = run.conversation.resources().filter(|exchange| exchange.has_status(429)).collect();
    let (Some(first), Some(last)) = (refused.first(), refused.last()) else {
        return Finding::not_exercised(EXPECTED, "no request was refused with 429");
    };
    let lasted_ms = last.started_at.get().saturating_sub(first.started_at.get());
    let waits = usize::try_from(lasted_ms / wait_ms(first)).unwrap_or(usize::MAX);
    let usual = examination.usual(|talk| talk.resources().count());
    let most = usual + examination.concurrency() * (waits + 1) + examination.thresholds.storm_tries;
    let sent = format!("{} within {}", count(refused.len(), "refused request"), span(lasted_ms));
    let evidence = |of: &[&Exchange]| of.iter().take(10).map(|exchange| run.shows(exchange)).collect();
    if refused.len() > most {
        return Finding::fail(EXPECTED, format!("{sent}, of which at most {most} are expected"), evidence(&refused));
    }
    let mut tries = BTreeMap::<_, Vec<&Exchange>>::new();
    for exchange in &refused {
        tries.entry(exchange.fingerprint()).or_default().push(exchange);
    }
    for tries in tries.values() {
        let usual = tries.first().map_or(0, |first| examination.usual_of(first)).max(1);
        let most = usual * (waits + examination.thresholds.storm_tries);
        if tries.len() > most {
            let signature = tries.first().map(|exchange| exchange.in_short()).unwrap_or_default();
            let got =
                format!("{sent}; {} of them are one {signature}, of which at most {most} are expected", tries.len());
            return Finding::fail(EXPECTED, got, evidence(tries));
        }
    }
    let mut evidence: Vec<_> = evidence(&refused);
    evidence.truncate(9);
    evidence.push(run.shows_end(last.ended_at));
    Finding::pass(EXPECTED, sent, evidence)
}

/// `Retry-After` of an answer, in milliseconds; at least a second.
fn wait_ms(refused: &Exchange) -> u64 {
    match refused.retry_after() {
        Some(RetryAfter::Seconds(seconds)) => seconds.saturating_mul(1_000).max(1_000),
        Some(RetryAfter::Date(_)) | None => 1_000,
    }
}

/// The throttle lets one request a second through. A client that waits after each 429 has every second request refused, for
/// each of its workers; a client with more refused requests does not slow down.
pub(in crate::exam) fn pace_after_429(examination: &Examination) -> Finding {
    const EXPECTED: &str = "after the first 429, requests so seldom that at most half of them are refused";
    let Some(run) = examination.run(ScenarioId::Pace) else {
        return Finding::not_exercised(EXPECTED, "no run has a low limit");
    };
    let Some(first) = run.conversation.resources().find(|exchange| exchange.has_status(429)) else {
        return Finding::not_exercised(EXPECTED, "no request was refused with 429");
    };
    let after: Vec<_> = run.conversation.resources_after(first).collect();
    let needed = examination.thresholds.least_requests_after_429;
    if after.len() < needed {
        let why = format!("{} after the first 429: {needed} are needed", count(after.len(), "request"));
        return Finding::not_exercised(EXPECTED, why);
    }
    let refused: Vec<_> = after.iter().copied().filter(|exchange| exchange.has_status(429)).collect();
    let most = most_refused(examination, after.len());
    let ended = after.last().map_or(first.ended_at, |last| last.ended_at);
    let got = format!(
        "{} of {} within {} after the first 429 were refused",
        refused.len(),
        count(after.len(), "request"),
        between(first.ended_at, ended),
    );
    let evidence =
        [first].into_iter().chain(refused.iter().copied()).map(|exchange| run.shows(exchange)).take(10).collect();
    if refused.len() > most { Finding::fail(EXPECTED, got, evidence) } else { Finding::pass(EXPECTED, got, evidence) }
}

/// Workers that wait for themselves come back together, and one of them is let through: of `c`, `c` in `c + 1` are refused
/// where of one worker it is one in two.
fn most_refused(examination: &Examination, after: usize) -> usize {
    let part = examination.thresholds.refused_part_after_429;
    #[allow(clippy::cast_precision_loss, reason = "a share of some requests")]
    let (workers, after) = (examination.concurrency() as f64, after as f64);
    let share = workers * part / (workers * part + (1.0 - part)).max(f64::EPSILON);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of some requests")]
    let most = (after * share).ceil() as usize;
    most
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::testing::{Request, examination, get, run, token};

    fn page(number: u64, at: u64) -> Request {
        get(&format!("/parking/zones?page={number}")).with("a").at(at)
    }

    fn throttled(request: Request) -> Request {
        request.refused(429, "throttled").answer_field("retry-after", "1")
    }

    fn baseline(pages: u64) -> crate::exam::Run {
        let pages = (0..pages).map(|number| page(number, 20 + number * 20));
        run(ScenarioId::Baseline, [token("a").at(0)].into_iter().chain(pages))
    }

    fn storm(pages: u64, requests: impl IntoIterator<Item = Request>) -> Finding {
        no_storm(&examination([baseline(pages), run(ScenarioId::Storm, requests)]))
    }

    fn pace(requests: impl IntoIterator<Item = Request>) -> Finding {
        pace_after_429(&examination([baseline(6), run(ScenarioId::Pace, requests)]))
    }

    #[test]
    fn a_client_that_waits_makes_no_storm() {
        let finding = storm(3, (0..5).map(|number| throttled(page(0, number * 1_005))));
        assert_eq!((finding.verdict, finding.got.as_str()), (Pass, "5 refused requests within 4.0 s"));
        assert_eq!(storm(3, [throttled(page(0, 0))]).verdict, Pass, "one that stops neither");
        assert_eq!(storm(20, (0..20).map(|number| throttled(page(number, number * 50)))).verdict, Pass, "each once");
        let growing = [0, 100, 300, 700, 1_500, 3_100];
        assert_eq!(storm(3, growing.map(|at| throttled(page(0, at)))).verdict, Pass, "it has waits of its own");
    }

    #[test]
    fn a_client_that_hammers_fails() {
        let finding = storm(3, (0..400).map(|number| throttled(page(0, number * 10))));
        assert_eq!(finding.verdict, Fail);
        assert_eq!(finding.got, "400 refused requests within 3.9 s, of which at most 13 are expected");
        let many = storm(200, (0..60).map(|number| throttled(page(0, number * 10))));
        assert_eq!(many.verdict, Fail, "with one request, though it usually sends many: {}", many.got);
        let each = (0..20).flat_map(|number| (0..4).map(move |again| throttled(page(number, number * 40 + again * 8))));
        assert_eq!(storm(20, each).verdict, Fail, "with a few tries of each");
    }

    #[test]
    fn a_client_that_is_not_refused_shows_no_storm_and_no_pace() {
        assert_eq!(storm(3, [page(0, 0)]).verdict, NotExercised);
        assert_eq!(pace((0..6).map(|number| page(number, number * 1_100))).verdict, NotExercised);
        assert_eq!(pace([page(0, 0), throttled(page(1, 20))]).verdict, NotExercised, "it stops");
        assert_eq!(no_storm(&examination([])).verdict, NotExercised);
        assert_eq!(pace_after_429(&examination([])).verdict, NotExercised);
    }

    #[test]
    fn a_client_that_waits_after_each_429_keeps_the_pace() {
        let waiting =
            (0..6).flat_map(|number| [page(number, number * 1_020), throttled(page(number + 1, number * 1_020 + 10))]);
        let finding = pace(waiting);
        assert_eq!(finding.verdict, Pass, "{}", finding.got);
        assert_eq!(finding.got, "5 of 10 requests within 5.1 s after the first 429 were refused");
    }

    #[test]
    fn a_client_that_goes_on_as_before_does_not_keep_the_pace() {
        let finding = pace((0..20).map(|number| match number % 10 {
            0 => page(number / 10, number * 100),
            _ => throttled(page(number / 10 + 1, number * 100)),
        }));
        assert_eq!(finding.verdict, Fail);
        assert_eq!(finding.got, "17 of 18 requests within 1.8 s after the first 429 were refused");
    }

    #[test]
    fn workers_that_each_wait_for_themselves_keep_the_pace() {
        let on = |number: u64, at: u64, worker: u64| page(number, at).took(15).on(worker);
        let together = (0..3).map(|worker| on(worker, 20, worker));
        let baseline = run(ScenarioId::Baseline, [token("a").at(0)].into_iter().chain(together));
        let rounds = |every: u64, let_through: u64| {
            (0..9).flat_map(move |round| {
                let at = round * every;
                let refused = (1..3).map(move |worker| throttled(on(worker, at + 2, worker)));
                let first = on(0, at, 0);
                let first = if round % let_through == 0 { first } else { throttled(first) };
                [first].into_iter().chain(refused)
            })
        };
        let judged =
            |requests: Vec<Request>| pace_after_429(&examination([baseline.clone(), run(ScenarioId::Pace, requests)]));
        assert_eq!(judged(rounds(1_010, 1).collect()).verdict, Pass);
        assert_eq!(judged(rounds(200, 5).collect()).verdict, Fail);
    }
}
