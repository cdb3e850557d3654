//! Whether changes say which version they change, so that no client overwrites the changes of another.

use crate::exam::evidence::count;
use crate::exam::{Examination, Exchange, Finding};

pub(in crate::exam) fn if_match(examination: &Examination) -> Finding {
    let expected = "PUT, PATCH and DELETE have `If-Match` with the `ETag` of the version that they change";
    let Some(run) = examination.baseline() else {
        return Finding::not_exercised(expected, "the scenario was not run");
    };
    let changes: Vec<_> = run.conversation.resources().filter(|exchange| is_change(exchange)).collect();
    if changes.is_empty() {
        return Finding::not_exercised(expected, "the command changes and deletes nothing");
    }
    let without: Vec<_> = changes.iter().filter(|exchange| !names_a_version(exchange)).collect();
    if without.is_empty() {
        return Finding::pass(expected, format!("{} with `If-Match`", count(changes.len(), "change")), Vec::new());
    }
    let got = format!("{} of {} without `If-Match`", without.len(), count(changes.len(), "change"));
    Finding::fail(expected, got, without.into_iter().take(5).map(|exchange| run.shows(exchange)).collect())
}

/// A change that the gate let through.
fn is_change(exchange: &Exchange) -> bool {
    let is_refused = matches!(exchange.status(), None | Some(401 | 403 | 429 | 500..));
    matches!(exchange.recorded.line.method.as_str(), "PUT" | "PATCH" | "DELETE") && !is_refused
}

/// `*` is any version.
fn names_a_version(exchange: &Exchange) -> bool {
    exchange.request_field("if-match").is_some_and(|value| value.trim() != "*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::ScenarioId;
    use crate::exam::testing::{Request, examination, get, request, run};

    fn judge(requests: Vec<Request>) -> Finding {
        if_match(&examination([run(ScenarioId::Baseline, requests)]))
    }

    #[test]
    fn each_change_names_a_version() {
        let change = |method: &str| request(method, "/parking/zones/7");
        let named = |method: &str| change(method).field("if-match", "\"v1\"");
        assert_eq!(judge(vec![get("/parking/zones"), named("PUT"), named("DELETE")]).verdict, Pass);
        let finding = judge(vec![named("PUT"), change("PATCH"), change("DELETE").field("if-match", "*")]);
        assert_eq!((finding.verdict, finding.got.as_str()), (Fail, "2 of 3 changes without `If-Match`"));
        assert_eq!(judge(vec![named("PUT").refused(412, "precondition-failed")]).verdict, Pass);
        assert_eq!(
            judge(vec![get("/parking/zones"), change("DELETE").refused(403, "insufficient-scope")]).verdict,
            NotExercised
        );
    }
}
