//! The connections of an undisturbed run: whether they are used again, and their version of TLS.

use std::collections::BTreeSet;

use crate::exam::evidence::count;
use crate::exam::{Conversation, Examination, Exchange, Finding};

/// A server may close a connection that is idle for longer.
const IDLE_MS: u64 = 3_000;
/// A connection is opened so long before its first request at most: that is when its client needed it.
const SET_UP_MS: u64 = 10;
/// The fewest chances to use a connection again that say something.
const FEW: usize = 3;

pub(in crate::exam) fn connections_reused(examination: &Examination) -> Finding {
    let expected = "a request goes over a connection that is open already, if one is free";
    let Some(run) = examination.baseline() else {
        return Finding::not_exercised(expected, "the scenario was not run");
    };
    let (opened, reused) = openings(&run.conversation);
    let most_at_once = at_once(&run.conversation);
    let requests = run.conversation.all().len();
    // Those that came at once each need a connection.
    let needless = opened.len().saturating_sub(most_at_once);
    let got = format!("{} for {}", count(opened.len(), "connection"), count(requests, "request"));
    if opened.is_empty() || needless + reused < FEW {
        return Finding::not_exercised(expected, format!("too few requests, one after the other, to tell: {got}"));
    }
    if needless >= FEW && needless > 3 * reused {
        let evidence = opened.iter().take(10).map(|exchange| run.shows_that(exchange, "the first on its connection"));
        Finding::fail(expected, got, evidence.collect())
    } else {
        Finding::pass(expected, got, Vec::new())
    }
}

pub(in crate::exam) fn tls_version(examination: &Examination) -> Finding {
    let expected = "each connection has TLS 1.2 or 1.3";
    let exchanges = examination.undisturbed().flat_map(|run| run.conversation.all().iter().map(move |it| (run, it)));
    // A connection that ended before its answer did is not known any more.
    let with_tls: Vec<_> =
        exchanges.filter_map(|(run, exchange)| Some((run, exchange, exchange.recorded.line.tls.as_deref()?))).collect();
    let is_old = |version: &str| !matches!(version, "TLSv1.2" | "TLSv1.3");
    if let Some((run, exchange, version)) = with_tls.iter().find(|(_, _, version)| is_old(version)) {
        return Finding::fail(expected, *version, vec![run.shows(exchange)]);
    }
    let versions: BTreeSet<_> = with_tls.iter().map(|(_, _, version)| *version).collect();
    if versions.is_empty() {
        return Finding::not_exercised(expected, "no request came over TLS");
    }
    Finding::pass(expected, versions.into_iter().collect::<Vec<_>>().join(" and "), Vec::new())
}

/// The first request of each connection, and how many requests went over one that was open already. A connection that was
/// opened because all others were idle for long counts as neither.
fn openings(talk: &Conversation) -> (Vec<&Exchange>, usize) {
    let (mut opened, mut reused) = (Vec::new(), 0);
    let mut seen = BTreeSet::new();
    let mut last_end = 0;
    for exchange in talk.all() {
        let Some(connection) = exchange.recorded.line.connection else { continue };
        let was_idle = last_end > 0 && exchange.started_at.get() > last_end + IDLE_MS;
        if !seen.insert(connection) {
            reused += 1;
        } else if !was_idle {
            opened.push(exchange);
        }
        last_end = last_end.max(exchange.ended_at.get());
    }
    (opened, reused)
}

/// The most requests that may have needed a connection each at the same time.
fn at_once(talk: &Conversation) -> usize {
    let starts = |exchange: &Exchange| exchange.started_at.get().saturating_sub(SET_UP_MS);
    let mut under_way: Vec<&Exchange> = Vec::new();
    let mut most = 0;
    for exchange in talk.all() {
        under_way.retain(|earlier| starts(exchange) < earlier.ended_at.get());
        under_way.push(exchange);
        most = most.max(under_way.len());
    }
    most.max(talk.most_in_flight())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::ScenarioId;
    use crate::exam::testing::{Request, examination, get, run, token};

    fn judge(requests: Vec<Request>) -> CheckVerdict {
        connections_reused(&examination([run(ScenarioId::Baseline, requests)])).verdict
    }

    fn zones(at: u64, connection: u64) -> Request {
        get("/parking/zones").at(at).on(connection)
    }

    #[test]
    fn a_connection_for_each_request_fails() {
        let requests = (0..8).map(|place| zones(place * 40, place)).collect();
        let finding = connections_reused(&examination([run(ScenarioId::Baseline, Vec::<Request>::clone(&requests))]));
        assert_eq!((finding.verdict, finding.got.as_str()), (Fail, "8 connections for 8 requests"));
        let quick = (0..8).map(|place| zones(place * 13, place)).collect();
        assert_eq!(judge(quick), Fail, "also for a client that is quick");
    }

    #[test]
    fn few_connections_pass() {
        assert_eq!(judge((0..8).map(|place| zones(place * 40, 1)).collect()), Pass);
        assert_eq!(judge((0..8).map(|place| zones(place * 40, place % 2)).collect()), Pass, "one for tokens");
    }

    #[test]
    fn workers_need_a_connection_each() {
        let once = (0..8).map(|worker| zones(100 + worker, worker)).collect();
        assert_eq!(judge(once), NotExercised);
        let often = (0..24).map(|place| zones(100 + place * 3, place % 8)).collect();
        assert_eq!(judge(often), Pass);
    }

    #[test]
    fn a_connection_that_was_idle_for_long_may_be_closed() {
        assert_eq!(judge((0..6).map(|place| zones(place * 10_000, place)).collect()), NotExercised);
    }

    #[test]
    fn a_few_requests_say_nothing() {
        assert_eq!(judge(vec![zones(0, 1), zones(40, 2), zones(80, 3)]), NotExercised);
        assert_eq!(connections_reused(&examination([])).verdict, NotExercised);
    }

    #[test]
    fn old_versions_of_tls_fail() {
        let with = |version: &str| {
            let version = Some(version.to_owned());
            let requests = [token("a").edit(|request| request.line.tls = version), zones(40, 1)];
            tls_version(&examination([run(ScenarioId::Baseline, requests)]))
        };
        assert_eq!(with("TLSv1.1").verdict, Fail);
        assert_eq!((with("TLSv1.2").verdict, with("TLSv1.2").got.as_str()), (Pass, "TLSv1.2 and TLSv1.3"));
        let gone = [token("a").edit(|request| request.line.tls = None)];
        assert_eq!(tls_version(&examination([run(ScenarioId::Baseline, gone)])).verdict, NotExercised);
    }
}
