//! Whether a 401 that stays ends in a loop.

use std::collections::BTreeMap;

use crate::exam::evidence::count;
use crate::exam::{Examination, Exchange, Finding, Run, ScenarioId};

const EXPECTED: &str = "at most one renewal and one retry of a request whose token is refused each time";

pub(in crate::exam) fn no_401_loop(examination: &Examination) -> Finding {
    let Some(run) = examination.run(ScenarioId::Every401) else {
        return Finding::not_exercised(EXPECTED, "no run refuses each token");
    };
    let talk = &run.conversation;
    let refused: Vec<_> =
        talk.resources().filter(|exchange| exchange.has_status(401) && exchange.token().is_some()).collect();
    let Some(first) = refused.first() else {
        return Finding::not_exercised(EXPECTED, "no request was refused");
    };
    let tries = examination.thresholds.tries_on_401;
    for (fingerprint, sent) in &grouped(&refused, Exchange::fingerprint) {
        let usual = sent.first().map_or(0, |first| examination.usual_of(first)).max(1);
        if sent.len() > usual * tries {
            return looped(run, sent, usual);
        }
        // Of a client that does the same often, a few tries in a row are lost in the total.
        let chain = chain(sent, examination.least_gap_ms(fingerprint));
        if chain.len() > tries {
            return looped(run, chain, 1);
        }
    }
    // The same with another body or another query in each try.
    for (signature, sent) in &grouped(&refused, Exchange::signature) {
        let is_alike = |exchange: &Exchange| exchange.signature() == *signature;
        let usual = examination.usual(|talk| talk.resources().filter(|other| is_alike(other)).count()).max(1);
        if sent.len() > usual * tries {
            return looped(run, sent, usual);
        }
    }
    let renewals = talk.tokens().count();
    let resources = examination.usual(|talk| talk.resources().count());
    let needed = examination.usual(|talk| talk.tokens().count()).max(1) + resources * tries;
    let got = format!("{} refused, and {}", count(refused.len(), "request"), count(renewals, "token request"));
    if renewals > needed {
        let evidence = talk.tokens().take(10).map(|request| run.shows(request)).collect();
        return Finding::fail(EXPECTED, format!("{got}, of which at most {needed} are expected"), evidence);
    }
    let mut evidence: Vec<_> = refused.iter().take(5).map(|exchange| run.shows(exchange)).collect();
    evidence.push(run.shows_silence("further try", refused.last().unwrap_or(first).ended_at));
    Finding::pass(EXPECTED, format!("{got}; {}", run.ended.words()), evidence)
}

fn looped(run: &Run, sent: &[&Exchange], usual: usize) -> Finding {
    let signature = sent.first().map(|exchange| exchange.in_short()).unwrap_or_default();
    let sends = count(sent.len(), "refused request");
    let got = format!("{sends} {signature}, where {usual} and a retry of each would do; {}", run.ended.words());
    Finding::fail(EXPECTED, got, sent.iter().take(10).map(|exchange| run.shows(exchange)).collect())
}

fn grouped<'c>(exchanges: &[&'c Exchange], key: impl Fn(&Exchange) -> String) -> BTreeMap<String, Vec<&'c Exchange>> {
    let mut groups = BTreeMap::<_, Vec<_>>::new();
    for exchange in exchanges {
        groups.entry(key(exchange)).or_default().push(*exchange);
    }
    groups
}

/// The longest series of equal requests that each come much sooner after the one before than the client ever sends them.
fn chain<'s, 'c>(sent: &'s [&'c Exchange], least_gap_ms: Option<u64>) -> &'s [&'c Exchange] {
    let Some(least_gap_ms) = least_gap_ms else { return &[] };
    let is_hasty = |before: &&Exchange, next: &&Exchange| {
        next.started_at.get().saturating_sub(before.ended_at.get()) < least_gap_ms / 2
    };
    sent.chunk_by(is_hasty).max_by_key(|chain| chain.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::Ended;
    use crate::exam::testing::{Request, examination, get, post, run, token};

    fn page(number: u64, jti: &str) -> Request {
        get(&format!("/parking/zones?page={number}")).with(jti)
    }

    fn refused(request: Request) -> Request {
        request.refused(401, "token-expired").injected("problem")
    }

    /// What a client sends of which each request takes so many tries, with a renewal before each further one.
    fn tries(pages: u64, tries: usize) -> Vec<Request> {
        let of_page = |number| (0..tries).flat_map(move |_| [token("a"), refused(page(number, "a"))]);
        (1..=pages).flat_map(of_page).collect()
    }

    fn judged(baseline: Vec<Request>, disturbed: Vec<Request>) -> Finding {
        let disturbed = run(ScenarioId::Every401, disturbed).exit(1);
        no_401_loop(&examination([run(ScenarioId::Baseline, baseline), disturbed]))
    }

    fn verdict(baseline: Vec<Request>, disturbed: Vec<Request>) -> CheckVerdict {
        judged(baseline, disturbed).verdict
    }

    fn ten_pages() -> Vec<Request> {
        [vec![token("a")], (1..=10).map(|number| page(number, "a")).collect()].concat()
    }

    #[test]
    fn one_renewal_and_one_retry_pass() {
        let finding = judged(ten_pages(), tries(1, 2));
        assert_eq!(finding.verdict, Pass);
        assert_eq!(finding.got, "2 requests refused, and 2 token requests; the command ended with exit code 1");
        assert_eq!(verdict(ten_pages(), tries(10, 2)), Pass, "and so for each of its requests");
        assert_eq!(verdict(ten_pages(), vec![token("a"), refused(page(1, "a"))]), Pass, "no retry at all");
    }

    #[test]
    fn a_loop_fails_though_the_client_usually_sends_more() {
        let finding = judged(ten_pages(), tries(1, 4));
        assert_eq!(finding.verdict, Fail);
        let got = "4 refused requests `GET /parking/zones`, where 1 and a retry of each would do; the command ended with exit code 1";
        assert_eq!(finding.got, got);
    }

    #[test]
    fn a_loop_with_another_body_each_time_fails() {
        let create = |number: &str| refused(post("/parking/zones").with("a").body(number));
        let looping = vec![token("a"), create("1"), token("a"), create("2"), token("a"), create("3")];
        assert_eq!(verdict(vec![token("a"), post("/parking/zones").with("a").body("0")], looping), Fail);
    }

    #[test]
    fn a_client_that_polls_may_go_on_polling_but_not_faster() {
        let poll = |at| get("/parking/zones").with("a").at(at);
        let polls = || (0..8).map(|number| poll(number * 500)).collect::<Vec<_>>();
        let each_twice = (0..8).flat_map(|number| [refused(poll(number * 500)), refused(poll(number * 500 + 20))]);
        assert_eq!(verdict(polls(), each_twice.collect()), Pass);
        let in_a_row = (0..5).map(|number| refused(poll(number * 30))).collect();
        assert_eq!(verdict(polls(), in_a_row), Fail);
    }

    #[test]
    fn renewals_without_end_fail() {
        let renewals = (0..20).map(|_| token("a")).collect::<Vec<_>>();
        let baseline = vec![token("a"), page(1, "a")];
        assert_eq!(verdict(baseline, [vec![token("a"), refused(page(1, "a"))], renewals].concat()), Fail);
    }

    #[test]
    fn a_client_that_is_not_refused_shows_nothing() {
        assert_eq!(verdict(ten_pages(), ten_pages()), NotExercised);
        assert_eq!(
            no_401_loop(&examination([run(ScenarioId::Baseline, []).ended(Ended::Watched)])).verdict,
            NotExercised
        );
    }
}
