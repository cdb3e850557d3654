//! Whether the client uses what it may do, and does what it will have to do.

use std::collections::BTreeSet;

use crate::exam::coverage;
use crate::exam::evidence::{code, codes, count};
use crate::exam::{Examination, Finding};

pub(in crate::exam) fn scopes_used(examination: &Examination) -> Finding {
    let expected = "each scope token that the client holds is needed by a request";
    let coverage = coverage::of(examination);
    if examination.operations.is_empty() || coverage.scopes.is_empty() {
        return Finding::not_exercised(expected, "the client holds no scope token");
    }
    if coverage.operations.is_empty() {
        return Finding::not_exercised(expected, "no request for a resource was let through");
    }
    if examination.undisturbed().any(|run| !run.ended.is_survival()) {
        return Finding::not_exercised(expected, "the command failed before it had done all");
    }
    // A client may ask for less than it holds.
    let asked = asked(examination);
    let is_held = |scope: &&String| asked.as_ref().is_none_or(|asked| asked.contains(scope.as_str()));
    let unused: Vec<_> = coverage.unused_scopes.iter().filter(is_held).cloned().collect();
    if unused.is_empty() {
        let used: Vec<_> =
            coverage.scopes.iter().filter(|scope| !coverage.unused_scopes.contains(scope)).cloned().collect();
        Finding::pass(expected, format!("{} used", join_are(&used)), Vec::new())
    } else {
        Finding::fail(expected, format!("{} held and never used", join_are(&unused)), Vec::new())
    }
}

pub(in crate::exam) fn operations_exercised(examination: &Examination) -> Finding {
    let expected = "the command calls each operation that the client may call";
    let coverage = coverage::of(examination);
    let demanded = &examination.demanded_operations;
    let missing: Vec<_> =
        demanded.iter().filter(|operation| !coverage.operations.contains(operation)).cloned().collect();
    let left_out = if demanded.is_empty() { &coverage.unused_operations } else { &missing };
    let shown = codes(left_out);
    if !missing.is_empty() {
        let expected = format!("the command calls {}, as the profile demands", codes(demanded));
        return Finding::fail(expected, format!("not called: {shown}"), Vec::new());
    }
    if coverage.operations.is_empty() {
        return Finding::not_exercised(expected, "no operation was called");
    }
    if left_out.is_empty() {
        let got = format!("{} called", count(coverage.operations.len(), "operation"));
        return Finding::pass(expected, got, Vec::new());
    }
    Finding::not_exercised(expected, format!("not called: {shown}"))
}

/// The scope tokens that token requests name; `None` if one of them names none, and so gets all.
fn asked(examination: &Examination) -> Option<BTreeSet<String>> {
    let mut asked = BTreeSet::new();
    for exchange in examination.undisturbed().flat_map(|run| run.conversation.tokens()) {
        let scope = exchange.asked().scope;
        if scope.is_empty() {
            return None;
        }
        asked.extend(scope);
    }
    (!asked.is_empty()).then_some(asked)
}

fn join_are(scopes: &[String]) -> String {
    match scopes {
        [one] => format!("{} is", code(one)),
        many => format!("{} are", codes(many)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::ScenarioId;
    use crate::exam::testing::{Request, examination, get, post, request, run, token};

    const ZONE: &str = "/v3/parking/zones/0198a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b";

    fn exam(requests: Vec<Request>) -> Examination {
        let needs = [
            ("GET /parking/zones", "read:zones"),
            ("POST /parking/zones", "write:zones"),
            ("GET /parking/zones/{id}", "read:zones"),
            ("DELETE /parking/zones/{id}", "write:zones"),
        ];
        Examination {
            scopes: vec!["read:zones".to_owned(), "write:zones".to_owned()],
            operations: needs.map(|(operation, scope)| (operation.to_owned(), scope.to_owned())).to_vec(),
            ..examination([run(ScenarioId::Baseline, requests)])
        }
    }

    #[test]
    fn a_scope_that_no_request_needs_fails() {
        let finding = scopes_used(&exam(vec![token("a"), get("/shared/zones")]));
        assert_eq!((finding.verdict, finding.got.as_str()), (Fail, "`write:zones` is held and never used"));
        let finding = scopes_used(&exam(vec![token("a"), get("/parking/zones"), request("DELETE", ZONE)]));
        assert_eq!((finding.verdict, finding.got.as_str()), (Pass, "`read:zones`, `write:zones` are used"));
        let refused = post("/parking/zones").refused(403, "insufficient-scope");
        assert_eq!(scopes_used(&exam(vec![get("/parking/zones"), refused])).verdict, Fail);
    }

    #[test]
    fn what_a_command_that_failed_would_have_used_is_not_known() {
        let failed = Examination {
            runs: vec![run(ScenarioId::Baseline, [token("a"), get("/parking/zones")]).exit(1)],
            ..exam(Vec::new())
        };
        assert_eq!(scopes_used(&failed).verdict, NotExercised);
    }

    #[test]
    fn who_asks_for_less_than_it_holds_holds_nothing_needless() {
        let asks = |scope: &str| token("a").body(&format!("grant_type=client_credentials&scope={scope}"));
        let exam_of = |scope| scopes_used(&exam(vec![asks(scope), get("/parking/zones")])).verdict;
        assert_eq!(exam_of("read%3Azones"), Pass);
        assert_eq!(exam_of("read%3Azones+write%3Azones"), Fail);
    }

    #[test]
    fn operations_that_were_left_out_are_named_and_fail_only_if_the_profile_demands_them() {
        let some = exam(vec![get("/parking/zones"), get(ZONE), post("/parking/zones").status(201)]);
        let finding = operations_exercised(&some);
        assert_eq!((finding.verdict, finding.got.as_str()), (NotExercised, "not called: `DELETE /parking/zones/{id}`"));
        let demanding = |operation: &str| {
            operations_exercised(&Examination { demanded_operations: vec![operation.to_owned()], ..some.clone() })
        };
        assert_eq!(demanding("DELETE /parking/zones/{id}").verdict, Fail);
        assert_eq!(demanding("GET /parking/zones").verdict, Pass);
        let all = vec![get("/parking/zones"), get(ZONE), post("/parking/zones"), request("DELETE", ZONE)];
        assert_eq!(operations_exercised(&exam(all)).verdict, Pass);
    }

    #[test]
    fn nothing_is_said_of_a_client_that_was_not_let_through() {
        for judge in [scopes_used, operations_exercised] {
            assert_eq!(judge(&exam(vec![token("a")])).verdict, NotExercised);
            assert_eq!(judge(&examination([])).verdict, NotExercised);
        }
    }
}
