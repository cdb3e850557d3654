//! Whether a client repeats what is refused for good.

use super::scope::first_forbidden;
use crate::exam::evidence::count;
use crate::exam::{Examination, Exchange, Finding, Run, ScenarioId};

/// A request is refused as a bad one.
pub(in crate::exam) fn no_retry_on_400(examination: &Examination) -> Finding {
    not_repeated(examination, ScenarioId::BadRequest, |_, run| injected(run, 400))
}

/// A request needs a scope that the client has lost.
pub(in crate::exam) fn no_retry_on_403(examination: &Examination) -> Finding {
    not_repeated(examination, ScenarioId::ScopeNarrowed, first_forbidden)
}

/// What is asked for does not exist.
pub(in crate::exam) fn no_retry_on_404(examination: &Examination) -> Finding {
    not_repeated(examination, ScenarioId::NotFound, |_, run| injected(run, 404))
}

/// The request that was refused, among those that the client may have refused on purpose.
fn injected(run: &Run, status: u16) -> Option<&Exchange> {
    run.conversation.resources().find(|exchange| exchange.has_status(status) && exchange.fault().is_some())
}

type FindRefused = for<'r> fn(&Examination, &'r Run) -> Option<&'r Exchange>;

fn not_repeated(examination: &Examination, scenario: ScenarioId, refused: FindRefused) -> Finding {
    const EXPECTED: &str = "the refused request is not sent again";
    let Some(run) = examination.run(scenario) else {
        return Finding::not_exercised(EXPECTED, "no run has such a refusal");
    };
    let Some(refused) = refused(examination, run) else {
        return Finding::not_exercised(EXPECTED, "no request was refused");
    };
    let repeats = examination.repeats(run, refused);
    if repeats.is_empty() {
        let got = format!("{} was not repeated; {}", refused.in_short(), run.ended.words());
        let evidence = vec![run.shows(refused), run.shows_silence("repeat", refused.ended_at)];
        return Finding::pass(EXPECTED, got, evidence);
    }
    // Where it came more often than ever, the sum shows that.
    let usual = match examination.usual_of(refused) {
        0 | 1 => String::new(),
        usual => format!(", where an undisturbed run sends {usual} in all"),
    };
    let got = format!(
        "{} came {} after its {}{usual}",
        refused.in_short(),
        count(repeats.len(), "more time"),
        refused.answer_words(),
    );
    let repeats = repeats.into_iter().take(9).map(|exchange| run.shows(exchange));
    Finding::fail(EXPECTED, got, [run.shows(refused)].into_iter().chain(repeats).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::testing::{Request, examination, get, post, run, token};

    const ZONE: &str = "/parking/zones/0198a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";
    const OTHER_ZONE: &str = "/parking/zones/0198a1b2-7c3d-7e4f-8a5b-ffffffffffff";

    fn baseline() -> Run {
        let own_test = get("/parking/zones?limit=wrong").refused(400, "malformed-request");
        let requests = [token("0"), own_test, get("/parking/zones"), post("/parking/zones").body("7"), get(ZONE)];
        run(ScenarioId::Baseline, requests)
    }

    fn judged(scenario: ScenarioId, requests: Vec<Request>) -> Finding {
        let examination = examination([baseline(), run(scenario, requests).exit(1)]);
        if scenario == ScenarioId::BadRequest {
            no_retry_on_400(&examination)
        } else if scenario == ScenarioId::NotFound {
            no_retry_on_404(&examination)
        } else {
            no_retry_on_403(&examination)
        }
    }

    fn bad(request: Request) -> Request {
        request.refused(400, "malformed-body").injected("problem")
    }

    #[test]
    fn a_bad_request_that_is_not_repeated_passes() {
        let own_test = || get("/parking/zones?limit=wrong").refused(400, "malformed-request");
        let create = || post("/parking/zones").body("7");
        let finding =
            judged(ScenarioId::BadRequest, vec![token("a"), own_test(), get("/parking/zones"), bad(create())]);
        assert_eq!(finding.verdict, Pass);
        assert_eq!(finding.got, "`POST /parking/zones` was not repeated; the command ended with exit code 1");
        assert_eq!(finding.evidence[1].note, "no repeat in 20 ms; then the command ended with exit code 1");
        let goes_on = vec![token("a"), own_test(), get("/parking/zones"), bad(create()), get(ZONE)];
        assert_eq!(judged(ScenarioId::BadRequest, goes_on).verdict, Pass);
    }

    #[test]
    fn a_bad_request_that_is_repeated_fails() {
        let create = |number: &str| post("/parking/zones").body(number);
        let finding = judged(ScenarioId::BadRequest, vec![token("a"), bad(create("7")), create("7")]);
        assert_eq!(finding.verdict, Fail);
        let got = "`POST /parking/zones` came 1 more time after its 400 malformed-body (injected)";
        assert_eq!(finding.got, got);
        let with_another_number = vec![token("a"), bad(create("8")), create("9")];
        assert_eq!(judged(ScenarioId::BadRequest, with_another_number).verdict, Fail);
    }

    #[test]
    fn a_client_that_makes_what_was_not_found_may_read_it_then() {
        let missing = get(ZONE).refused(404, "not-found").injected("problem");
        let made = vec![missing.clone(), post("/parking/zones").body("7"), get(OTHER_ZONE)];
        assert_eq!(judged(ScenarioId::NotFound, made).verdict, Pass);
        assert_eq!(judged(ScenarioId::NotFound, vec![missing.clone(), missing]).verdict, Fail);
    }

    #[test]
    fn a_forbidden_request_that_is_repeated_with_a_new_token_fails() {
        let forbidden = || post("/parking/zones").body("7").refused(403, "insufficient-scope");
        assert_eq!(judged(ScenarioId::ScopeNarrowed, vec![token("a"), forbidden()]).verdict, Pass);
        let renewed = vec![token("a"), forbidden(), token("b"), forbidden()];
        assert_eq!(judged(ScenarioId::ScopeNarrowed, renewed).verdict, Fail);
    }

    #[test]
    fn without_a_refusal_nothing_is_shown() {
        assert_eq!(judged(ScenarioId::BadRequest, vec![get("/parking/zones")]).verdict, NotExercised);
        assert_eq!(judged(ScenarioId::ScopeNarrowed, vec![get("/parking/zones")]).verdict, NotExercised);
        assert_eq!(no_retry_on_404(&examination([])).verdict, NotExercised);
    }
}
