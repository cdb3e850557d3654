//! Whether many requests that lose their token at once renew it once.

use std::collections::BTreeSet;

use crate::exam::evidence::count;
use crate::exam::{Conversation, Examination, Exchange, Finding, ScenarioId};

const EXPECTED: &str = "one new token for all requests that lost theirs at once";

/// The answer to the renewal is held, so that a worker that does not wait for it asks too.
pub(in crate::exam) fn one_renewal(examination: &Examination) -> Finding {
    let concurrency = examination.concurrency();
    if concurrency < 2 {
        return Finding::not_exercised(EXPECTED, "the client sends one request at a time");
    }
    let Some(run) = examination.run(ScenarioId::ConcurrentRenewal) else {
        return Finding::not_exercised(EXPECTED, "the token was lost in no run of many requests at once");
    };
    let talk = &run.conversation;
    let Some(first_loss) = talk.first_lost_token() else {
        return Finding::not_exercised(EXPECTED, "no request came with the lost token");
    };
    let refused = talk.resources().filter(|exchange| exchange.has_status(401)).count();
    if refused < 2 {
        return Finding::not_exercised(EXPECTED, "one request alone came with the lost token");
    }
    let renewals: Vec<_> = talk.tokens().filter(|request| request.came_after(first_loss)).collect();
    if renewals.is_empty() {
        return Finding::not_exercised(EXPECTED, "the client asked for no new token");
    }
    // Each process, worker or scope may have a token of its own, and renews that one.
    let lost: BTreeSet<_> =
        talk.held_tokens().into_iter().filter(|token| token.refused.is_some()).filter_map(|it| it.jti).collect();
    let needed = lost.len().max(1) + examination.usual(later_tokens);
    let got = format!(
        "{} for {}, which {} lost; {concurrency} requests are under way at once",
        count(renewals.len(), "token request"),
        count(lost.len().max(1), "token"),
        count(refused, "request"),
    );
    let evidence = || renewals.iter().map(|request| run.shows_that(request, &when(request, &renewals))).collect();
    if renewals.len() > needed {
        Finding::fail(EXPECTED, got, evidence())
    } else {
        Finding::pass(EXPECTED, got, evidence())
    }
}

/// How many tokens an undisturbed client asks for in the middle of its run, such as one for each of its processes.
fn later_tokens(talk: &Conversation) -> usize {
    let first_answer = talk.resources().map(|exchange| exchange.ended_at).min();
    talk.tokens().filter(|request| first_answer.is_some_and(|answered_at| request.started_at >= answered_at)).count()
}

/// Whether a request came before the answer to an earlier renewal.
fn when(request: &Exchange, renewals: &[&Exchange]) -> String {
    let earlier = renewals.iter().find(|earlier| request.came_after(earlier));
    match earlier {
        None => "the first renewal".to_owned(),
        Some(earlier) if earlier.ended_before(request) => "after the answer to the first renewal".to_owned(),
        Some(_) => "before the answer to the first renewal".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::testing::{Request, examination, get, run, token};

    fn zones(jti: &str, at: u64, connection: u64) -> Request {
        get("/parking/zones").with(jti).at(at).took(30).on(connection)
    }

    fn lost(jti: &str, at: u64, connection: u64) -> Request {
        zones(jti, at, connection).refused(401, "token-expired")
    }

    fn held(jti: &str, at: u64) -> Request {
        token(jti).at(at).took(500)
    }

    fn judged(disturbed: Vec<Request>) -> Finding {
        let baseline = [token("0").at(0), zones("0", 20, 1), zones("0", 25, 2), zones("0", 30, 3)];
        let runs = [run(ScenarioId::Baseline, baseline), run(ScenarioId::ConcurrentRenewal, disturbed)];
        one_renewal(&examination(runs))
    }

    fn three_lost() -> Vec<Request> {
        vec![token("a").at(0), lost("a", 20, 1), lost("a", 25, 2), lost("a", 30, 3)]
    }

    fn three_served(jti: &str) -> Vec<Request> {
        vec![zones(jti, 700, 1), zones(jti, 700, 2), zones(jti, 700, 3)]
    }

    #[test]
    fn one_renewal_for_three_requests_passes() {
        let finding = judged([three_lost(), vec![held("b", 60)], three_served("b")].concat());
        assert_eq!(finding.verdict, Pass);
        assert_eq!(finding.got, "1 token request for 1 token, which 3 requests lost; 3 requests are under way at once");
    }

    #[test]
    fn a_renewal_by_each_worker_fails() {
        let renewals = vec![held("b", 60), held("c", 62), held("d", 66)];
        let finding = judged([three_lost(), renewals, three_served("d")].concat());
        assert_eq!(finding.verdict, Fail);
        assert_eq!(finding.evidence[1].note, "`POST /oauth2/token` 200, before the answer to the first renewal");
    }

    #[test]
    fn renewals_one_after_the_other_for_one_loss_fail() {
        let renewals = vec![held("b", 60), token("c").at(570), token("d").at(580)];
        assert_eq!(judged([three_lost(), renewals, three_served("d")].concat()).verdict, Fail);
    }

    #[test]
    fn workers_with_a_token_of_their_own_renew_their_own() {
        let own = vec![token("a").at(0), token("b").at(1).on(2), lost("a", 20, 1), lost("b", 25, 2)];
        let renewals = vec![held("c", 60), held("d", 62), zones("c", 700, 1), zones("d", 700, 2)];
        assert_eq!(judged([own, renewals].concat()).verdict, Pass);
    }

    #[test]
    fn processes_that_start_later_ask_for_their_own() {
        let process = |jti: &str, at: u64| [token(jti).at(at).on(at), zones(jti, at + 10, at)];
        let processes = || [process("0", 0), process("1", 12), process("2", 60), process("3", 75)].concat();
        let disturbed = vec![
            token("a").at(0),
            lost("a", 10, 1),
            lost("a", 15, 4),
            token("b").at(45),
            zones("b", 50, 1),
            token("c").at(60).on(2),
            zones("c", 70, 2),
            token("d").at(75).on(3),
            zones("d", 85, 3),
        ];
        let runs = [run(ScenarioId::Baseline, processes()), run(ScenarioId::ConcurrentRenewal, disturbed)];
        assert_eq!(one_renewal(&examination(runs)).verdict, Pass);
    }

    #[test]
    fn a_client_that_sends_one_request_at_a_time_shows_nothing() {
        let alone = || {
            run(ScenarioId::Baseline, [token("0"), get("/parking/zones").with("0"), get("/parking/zones").with("0")])
        };
        let disturbed = run(ScenarioId::ConcurrentRenewal, three_lost());
        assert_eq!(one_renewal(&examination([alone(), disturbed])).verdict, NotExercised);
        assert_eq!(judged(three_lost()).verdict, NotExercised, "no renewal");
        assert_eq!(judged(three_served("a")).verdict, NotExercised, "no loss");
    }
}
