//! How a client tries again while everything fails: with longer and longer waits, and not for ever.
//!
//! Tries of one request are those with the same method, path and query. A client that sends it several times of its own
//! accord, or with many workers at once, does so in an outage too: its tries are what there is beyond that. Requests that come
//! at once are one burst, and waits are the times between bursts.

use std::collections::BTreeMap;

use super::{is_disturbed, reports_failure};
use crate::api::exam::Evidence;
use crate::exam::evidence::{between, code, count, span};
use crate::exam::{Conversation, Ended, Examination, Exchange, Finding, Run, ScenarioId};

/// Requests closer to each other than this came at once.
const AT_ONCE_MS: u64 = 50;
/// A wait is longer than another if it is so many hundredths of it, and this much more: timers and networks are not exact.
const LONGER_PERCENT: u64 = 130;
const LONGER_MS: u64 = 30;
/// So many waits show growth even where each is drawn by lot.
const MANY_WAITS: usize = 4;
/// The most waits that a finding names.
const MAX_WAITS_NAMED: usize = 8;

pub(in crate::exam) fn growing_waits(examination: &Examination) -> Finding {
    let expected = "the waits between the tries of one request grow, or are as long as `Retry-After` says";
    let Some((run, groups)) = outage(examination) else {
        return Finding::not_exercised(expected, "no request was disturbed");
    };
    let repeated: Vec<_> = groups.iter().filter(|tries| tries.number() > 1).collect();
    let judged: Vec<_> = repeated.iter().copied().filter(|tries| tries.number() > 2).collect();
    let Some(once_more) = repeated.first() else {
        return Finding::not_exercised(expected, "no request was sent again; `retries-5xx` judges that");
    };
    let early_ms = examination.thresholds.retry_after_early_ms;
    let (good, bad): (Vec<&Tries<'_>>, Vec<_>) = judged.iter().copied().partition(|tries| tries.waits_well(early_ms));
    let got = |tries: &Tries<'_>| format!("{} was sent again {}", code(&tries.key), tries.waits_in_words());
    match (good.first(), bad.first()) {
        // Waits that are drawn by lot look even now and then.
        (_, Some(worst)) if bad.len() > good.len() => Finding::fail(expected, got(worst), worst.evidence(run)),
        (Some(shown), _) => Finding::pass(expected, got(shown), shown.evidence(run)),
        (None, _) => Finding::pass(expected, "each request was sent again at most once", once_more.evidence(run)),
    }
}

pub(in crate::exam) fn bounded_retries(examination: &Examination) -> Finding {
    let most = examination.thresholds.tries_in_an_outage;
    let expected =
        format!("at most {most} tries of one request; then the command ends by itself, and says that it failed");
    let Some((run, groups)) = outage(examination) else {
        return Finding::not_exercised(expected, "no request was disturbed");
    };
    let Some(worst) = groups.iter().max_by_key(|tries| tries.number()) else {
        return Finding::not_exercised(expected, "no request was disturbed");
    };
    let took = between(run.started_at, run.ended_at);
    let tries = match worst.number() {
        1 => "no request was sent again".to_owned(),
        many => format!("{} of {}", count_tries(many), code(&worst.key)),
    };
    let got = format!("{tries}; {} after {took}", run.ended.words());
    let mut evidence = worst.evidence(run);
    evidence.truncate(9);
    evidence.push(run.shows_end(run.started_at));
    // Where nothing succeeds, there is something to report.
    let nothing_succeeds = !run.conversation.resources().any(Exchange::is_success);
    if worst.number() > most || run.ended == Ended::Deadline {
        Finding::fail(expected, got, evidence)
    } else if nothing_succeeds && !reports_failure(examination, run) {
        Finding::fail(expected, format!("{got}, though no request succeeded, and it printed no error"), evidence)
    } else {
        Finding::pass(expected, got, evidence)
    }
}

/// The run with the outage, and the tries of each request in it.
fn outage(examination: &Examination) -> Option<(&Run, Vec<Tries<'_>>)> {
    let run = examination.run(ScenarioId::Outage)?;
    let mut groups: BTreeMap<String, Vec<&Exchange>> = BTreeMap::new();
    for exchange in run.conversation.resources().filter(|exchange| is_disturbed(exchange)) {
        groups.entry(exchange.signature_and_query()).or_default().push(exchange);
    }
    let tries = groups.into_iter().map(|(key, exchanges)| {
        let same = |talk: &Conversation| talk.admitted().filter(|it| it.signature_and_query() == key).count();
        let usual = examination.usual(same).max(1);
        Tries { key, exchanges, usual }
    });
    let tries: Vec<_> = tries.collect();
    (!tries.is_empty()).then_some((run, tries))
}

fn count_tries(tries: usize) -> String {
    if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") }
}

/// Requests with the same method, path and query.
struct Tries<'r> {
    key: String,
    exchanges: Vec<&'r Exchange>,
    /// How many of them an undisturbed client sends.
    usual: usize,
}

impl Tries<'_> {
    /// How often each of them was sent.
    fn number(&self) -> usize {
        self.exchanges.len().div_ceil(self.usual)
    }

    /// From the end of a burst to the start of the next one, in milliseconds.
    fn waits_ms(&self) -> Vec<u64> {
        self.pauses().map(|(before, after)| after.started_at.get().saturating_sub(before.ended_at.get())).collect()
    }

    /// The last request of each burst, and the first one of the next.
    fn pauses(&self) -> impl Iterator<Item = (&Exchange, &Exchange)> {
        let pairs = self.exchanges.windows(2).filter_map(|pair| match pair {
            [before, after] => Some((*before, *after)),
            _ => None,
        });
        pairs.filter(|(before, after)| after.started_at.get() >= before.ended_at.get().saturating_add(AT_ONCE_MS))
    }

    fn waits_well(&self, early_ms: u64) -> bool {
        let waits = self.waits_ms();
        match &waits[..] {
            [] => false,
            [_] => true,
            [first, later @ ..] => self.obeys(early_ms) || grows(*first, later) || varies(&waits),
        }
    }

    /// Whether each wait is one that `Retry-After` asks for.
    fn obeys(&self, early_ms: u64) -> bool {
        self.pauses().all(|(before, after)| {
            before.retry_not_before().is_some_and(|moment| after.started_at.get() + early_ms >= moment.get())
        })
    }

    fn waits_in_words(&self) -> String {
        let again = count(self.number() - 1, "time");
        let waits: Vec<_> = self.waits_ms().into_iter().map(span).collect();
        if waits.is_empty() {
            return format!("{again} at once");
        }
        let shown = waits.iter().take(MAX_WAITS_NAMED).cloned().collect::<Vec<_>>().join(", ");
        let more = if waits.len() > MAX_WAITS_NAMED { " and so on" } else { "" };
        format!("{again}, with waits of {shown}{more}")
    }

    fn evidence(&self, run: &Run) -> Vec<Evidence> {
        self.exchanges.iter().map(|exchange| run.shows(exchange)).collect()
    }
}

fn grows(first: u64, later: &[u64]) -> bool {
    later.iter().any(|wait| is_longer(*wait, first))
}

/// Whether the waits are drawn by lot, and too few to show that they grow.
fn varies(waits: &[u64]) -> bool {
    let (shortest, longest) = (waits.iter().min(), waits.iter().max());
    waits.len() < MANY_WAITS && shortest.zip(longest).is_some_and(|(shortest, longest)| is_longer(*longest, *shortest))
}

fn is_longer(wait: u64, than: u64) -> bool {
    wait > than.saturating_mul(LONGER_PERCENT) / 100 + LONGER_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::testing::{Request, examination, get, run, token};

    const LIST: &str = "/parking/zones";

    fn failed() -> Request {
        get(LIST).refused(503, "unavailable").injected("problem").took(0)
    }

    /// Tries with these waits before each of them but the first.
    fn tries(waits: &[u64]) -> Vec<Request> {
        let mut at = 10;
        let first = [failed().at(at)];
        let later = waits.iter().map(|wait| {
            at += wait;
            failed().at(at)
        });
        first.into_iter().chain(later.collect::<Vec<_>>()).collect()
    }

    fn exam(usual: Vec<Request>, outage: Vec<Request>) -> Examination {
        let baseline = run(ScenarioId::Baseline, usual);
        examination([baseline, run(ScenarioId::Outage, outage).exit(1)])
    }

    fn verdict(waits: &[u64]) -> CheckVerdict {
        growing_waits(&exam(vec![token("a"), get(LIST)], tries(waits))).verdict
    }

    #[test]
    fn waits_that_grow_pass_with_and_without_randomness() {
        for waits in [
            &[500, 1_000, 2_000][..],
            &[100, 200],
            &[1, 1_000, 2_000],
            &[420, 1_900, 700, 3_100],
            &[480, 120, 1_400, 900],
            &[1_000, 2_000, 4_000, 5_000, 5_000],
            // Drawn by lot, and too few to tell.
            &[900, 300],
        ] {
            assert_eq!(verdict(waits), Pass, "{waits:?}");
        }
    }

    #[test]
    fn waits_that_do_not_grow_fail() {
        for waits in
            [&[1, 1][..], &[1, 2, 1, 1], &[500, 500], &[200, 218, 205], &[1, 1_000, 1_010], &[900, 300, 850, 400, 880]]
        {
            assert_eq!(verdict(waits), Fail, "{waits:?}");
        }
        let finding = growing_waits(&exam(vec![get(LIST)], tries(&[500, 500])));
        assert_eq!(finding.got, "`GET /parking/zones` was sent again 2 times, with waits of 500 ms, 500 ms");
        let finding = growing_waits(&exam(vec![get(LIST)], tries(&[1, 1])));
        assert_eq!(finding.got, "`GET /parking/zones` was sent again 2 times at once");
    }

    #[test]
    fn one_retry_passes_and_none_says_nothing() {
        assert_eq!(verdict(&[1]), Pass);
        assert_eq!(verdict(&[]), NotExercised);
        assert_eq!(growing_waits(&examination([])).verdict, NotExercised);
    }

    #[test]
    fn who_waits_as_long_as_retry_after_says_may_wait_equally_long() {
        let told = |waits: &[u64]| {
            let told = tries(waits).into_iter().map(|request| request.answer_field("retry-after", "1"));
            growing_waits(&exam(vec![get(LIST)], told.collect())).verdict
        };
        assert_eq!(told(&[1_005, 1_003, 1_010]), Pass);
        assert_eq!(told(&[500, 500, 500]), Fail);
    }

    #[test]
    fn a_loop_of_the_client_is_no_retry_and_its_pauses_are_no_waits() {
        let usual = || vec![get(LIST), get(LIST), get(LIST), get(LIST)];
        let four_polls = growing_waits(&exam(usual(), tries(&[10, 10, 10])));
        assert_eq!(four_polls.verdict, NotExercised);
        let each_once_more = growing_waits(&exam(usual(), tries(&[500, 10, 500, 10, 500, 10, 500])));
        assert_eq!(each_once_more.verdict, Pass);
        let each_with_growth = tries(&[500, 1_000, 10, 500, 1_000, 10, 500, 1_000, 10, 500, 1_000]);
        assert_eq!(growing_waits(&exam(usual(), each_with_growth)).verdict, Pass);
        let each_without = tries(&[500, 500, 10, 500, 500, 10, 500, 500, 10, 500, 500]);
        assert_eq!(growing_waits(&exam(usual(), each_without)).verdict, Fail);
    }

    #[test]
    fn workers_that_wait_together_are_one_burst() {
        let workers = |at: u64| (0..4).map(move |worker| failed().at(at + worker * 7).on(worker));
        let usual = || (0..4).map(|worker| get(LIST).at(10 + worker).on(worker)).collect();
        let growing: Vec<_> = [0, 500, 1_500, 3_500].into_iter().flat_map(workers).collect();
        assert_eq!(growing_waits(&exam(usual(), growing)).verdict, Pass);
        let even: Vec<_> = [0, 500, 1_000, 1_500].into_iter().flat_map(workers).collect();
        assert_eq!(growing_waits(&exam(usual(), even)).verdict, Fail);
    }

    fn bounded(outage: Vec<Request>, ended: Ended) -> Finding {
        let baseline = run(ScenarioId::Baseline, vec![get(LIST)]);
        bounded_retries(&examination([baseline, run(ScenarioId::Outage, outage).ended(ended)]))
    }

    #[test]
    fn tries_are_bounded_by_a_number_and_by_the_end_of_the_command() {
        let ten = bounded(tries(&[100; 9]), Ended::Exit(1));
        assert_eq!(ten.verdict, Pass);
        assert_eq!(ten.got, "10 tries of `GET /parking/zones`; the command ended with exit code 1 after 930 ms");
        assert_eq!(bounded(tries(&[100; 10]), Ended::Exit(1)).verdict, Fail);
        assert_eq!(bounded(tries(&[100; 3]), Ended::Deadline).verdict, Fail);
        assert_eq!(bounded(tries(&[100; 10]), Ended::Enough).verdict, Fail, "the exam need not wait for the end");
        assert_eq!(bounded(tries(&[]), Ended::Exit(1)).verdict, Pass);
        assert_eq!(bounded(vec![token("a")], Ended::Exit(1)).verdict, NotExercised);
    }

    #[test]
    fn a_client_that_hides_an_outage_fails() {
        let hidden = bounded(tries(&[100]), Ended::Exit(0));
        assert_eq!(hidden.verdict, Fail);
        assert!(hidden.got.ends_with("though no request succeeded, and it printed no error"), "{}", hidden.got);
        let baseline = run(ScenarioId::Baseline, vec![get(LIST)]);
        let told = run(ScenarioId::Outage, tries(&[100])).printed("zones: HTTP 503, next time");
        assert_eq!(bounded_retries(&examination([baseline, told])).verdict, Pass);
    }
}
