//! Whether a client uses the token that it has.

use crate::exam::evidence::{count, span};
use crate::exam::held_token::HeldToken;
use crate::exam::{Examination, Finding, Run};

const EXPECTED: &str = "one token for many requests: no other one of the same scope and audience while it lives";

/// A request for a token is needless if the client has a token of the same scope and audience that lives for a while.
/// Requests that are under way at once do not know of each other's tokens: many renewals at once are another check.
pub(in crate::exam) fn token_reused(examination: &Examination) -> Finding {
    let Some(run) = examination.baseline() else {
        return Finding::not_exercised(EXPECTED, "there is no undisturbed run");
    };
    let resources = run.conversation.resources().count();
    if resources < 2 {
        return Finding::not_exercised(
            EXPECTED,
            format!("{} for a resource: two are needed", count(resources, "request")),
        );
    }
    let held = run.conversation.held_tokens();
    if held.is_empty() {
        return Finding::not_exercised(EXPECTED, "the client asked for no token");
    }
    let needless = needless(examination, run, &held);
    let tokens = held.len();
    let got = format!("{} for {}", count(tokens, "token"), count(resources, "request"));
    #[allow(clippy::cast_precision_loss, reason = "a share of some requests")]
    let is_too_much = needless.len() as f64 > examination.thresholds.needless_tokens_per_request * resources as f64;
    if !is_too_much {
        let evidence = held.iter().map(|token| run.shows(token.request)).take(3).collect();
        return Finding::pass(EXPECTED, got, evidence);
    }
    let evidence = needless.iter().take(10).map(|(token, earlier, spare_ms)| {
        let earlier = &earlier.request.recorded.line.request_id;
        run.shows_that(token.request, &format!("while the token of {earlier} lived {} longer", span(*spare_ms)))
    });
    let load = times(tokens, tokens - needless.len());
    Finding::fail(EXPECTED, format!("{got}: {load} times the needed load"), evidence.collect())
}

/// Each needless token, with the earlier one that was good, and for how long.
fn needless<'h, 'c>(
    examination: &Examination,
    run: &Run,
    held: &'h [HeldToken<'c>],
) -> Vec<(&'h HeldToken<'c>, &'h HeldToken<'c>, u64)> {
    let first_answer = run.conversation.resources().map(|exchange| exchange.ended_at).min();
    // Workers that start together may each ask once.
    let is_first_wave = |token: &HeldToken<'_>| {
        examination.concurrency() > 1 && first_answer.is_none_or(|answered_at| token.request.started_at < answered_at)
    };
    let mut needless = Vec::new();
    for (place, token) in held.iter().enumerate() {
        if is_first_wave(token) {
            continue;
        }
        let (earlier, _) = held.split_at(place);
        // The newest is the likeliest to live.
        let spare = earlier.iter().rev().filter(|earlier| earlier.asked == token.asked).find_map(|earlier| {
            earlier.spare_ms(token.request, &examination.thresholds).map(|spare_ms| (token, earlier, spare_ms))
        });
        needless.extend(spare);
    }
    needless
}

/// How many times `needed` is in `sent`: `14`, or `1.5`.
fn times(sent: usize, needed: usize) -> String {
    let tenths = sent * 10 / needed.max(1);
    if tenths.is_multiple_of(10) { (tenths / 10).to_string() } else { format!("{}.{}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::ScenarioId;
    use crate::exam::testing::{Request, examination, get, post, run, token};

    fn judged(requests: Vec<Request>) -> Finding {
        token_reused(&examination([run(ScenarioId::Baseline, requests)]))
    }

    fn verdict(requests: Vec<Request>) -> CheckVerdict {
        judged(requests).verdict
    }

    fn zones(jti: &str) -> Request {
        get("/parking/zones").with(jti)
    }

    fn asking_each_time(requests: usize) -> Vec<Request> {
        let jtis = (0..requests).map(|number| format!("t{number}"));
        jtis.flat_map(|jti| [token(&jti), zones(&jti)]).collect()
    }

    #[test]
    fn one_token_for_all_requests_passes() {
        let finding = judged(vec![token("a"), zones("a"), zones("a"), zones("a")]);
        assert_eq!((finding.verdict, finding.got.as_str()), (Pass, "1 token for 3 requests"));
    }

    #[test]
    fn a_token_for_each_request_fails_and_the_load_is_said() {
        let finding = judged(asking_each_time(14));
        assert_eq!(finding.verdict, Fail);
        assert_eq!(finding.got, "14 tokens for 14 requests: 14 times the needed load");
        assert_eq!(finding.evidence.len(), 10);
        let note = "`POST /oauth2/token` 200, while the token of r1 lived 59 min longer";
        assert_eq!(finding.evidence[0].note, note);
        assert_eq!(verdict(asking_each_time(2)), Fail);
    }

    #[test]
    fn a_token_that_nobody_used_counts_too() {
        assert_eq!(verdict(vec![token("a"), token("b"), zones("b"), zones("b")]), Fail);
    }

    #[test]
    fn one_request_shows_nothing() {
        assert_eq!(verdict(asking_each_time(1)), NotExercised);
        assert_eq!(verdict(vec![zones("x"), zones("x")]), NotExercised);
        assert_eq!(token_reused(&examination([])).verdict, NotExercised);
    }

    #[test]
    fn a_token_for_each_process_of_many_requests_passes() {
        let process = |jti: &str| [token(jti), zones(jti), zones(jti), zones(jti), zones(jti), zones(jti)];
        assert_eq!(verdict([process("a"), process("b"), process("c")].concat()), Pass);
    }

    #[test]
    fn tokens_of_other_scopes_and_audiences_are_other_tokens() {
        let of = |jti: &str, scope: &str| token(jti).body(&format!("grant_type=client_credentials&scope={scope}"));
        let two = vec![of("a", "read:zones"), zones("a"), of("b", "write:zones"), post("/parking/zones").with("b")];
        assert_eq!(verdict(two.clone()), Pass);
        assert_eq!(verdict([two.clone(), two].concat()), Fail, "each of them twice");
    }

    #[test]
    fn a_token_in_place_of_a_lost_one_is_needed() {
        let refused = zones("a").refused(401, "token-revoked");
        assert_eq!(verdict(vec![token("a"), zones("a"), refused, token("b"), zones("b")]), Pass);
        let revoke = post("/oauth2/revoke").body("token=[jti:a]");
        assert_eq!(verdict(vec![token("a"), zones("a"), revoke, token("b"), zones("b")]), Pass);
        let lost = token("a").cut_off().injected("truncate");
        assert_eq!(verdict(vec![lost, token("b"), zones("b"), zones("b")]), Pass, "its answer was cut off");
    }

    #[test]
    fn workers_that_start_at_once_may_each_ask_once_but_not_each_time() {
        let wave = |from: u64, names: [&str; 4]| -> Vec<Request> {
            let tokens = (0..).zip(names).map(|(at, jti)| token(jti).at(from + at * 6).took(5).on(at));
            let zones = (0..).zip(names).map(|(at, jti)| zones(jti).at(from + 25 + at).took(20).on(at));
            tokens.chain(zones).collect()
        };
        let more = || (0..4).map(|at| zones("a").at(200 + at).took(20).on(at));
        let once: Vec<_> = wave(0, ["a", "b", "c", "d"]).into_iter().chain(more()).collect();
        assert_eq!(verdict(once), Pass);
        let each_time = [wave(0, ["a", "b", "c", "d"]), wave(200, ["e", "f", "g", "h"])].concat();
        assert_eq!(verdict(each_time), Fail);
    }
}
