//! The checks of the group `variations`: an answer that is lawful but unusual changes nothing.
//!
//! A client that swallows its errors ends with 0 all the same, so it must also do its work: each operation of the
//! undisturbed run, and about as many requests.

use std::collections::BTreeMap;

use crate::api::exam::Evidence;
use crate::exam::evidence::{code, count};
use crate::exam::{Conversation, Examination, Finding, Run, ScenarioId};

/// The least part of the usual requests, in percent.
const LEAST_PERCENT: usize = 80;

macro_rules! variation_checks {
    ($($name:ident: $scenario:ident, $what:literal;)+) => {
        $(pub(in crate::exam) fn $name(examination: &Examination) -> Finding {
            survived(examination, ScenarioId::$scenario, $what)
        })+
    };
}

variation_checks! {
    variation_unknown_members: VariationUnknownMembers, "answers have members that no document names";
    variation_token_type_lowercase: VariationTokenTypeLowercase, "`token_type` is `bearer`";
    variation_no_expires_in: VariationNoExpiresIn, "a token answer has no `expires_in`";
    variation_no_scope: VariationNoScope, "a token answer has no `scope`";
    variation_reordered_members: VariationReorderedMembers, "the members of answers are in another order";
    variation_chunked_body: VariationChunkedBody, "answers have no `Content-Length`";
    variation_lowercase_fields: VariationLowercaseFields, "the field names of answers are in lower case";
    variation_title_case_fields: VariationTitleCaseFields, "field names are as in `Content-Type`";
    variation_connection_close: VariationConnectionClose, "each connection is closed after an answer";
}

fn survived(examination: &Examination, scenario: ScenarioId, what: &str) -> Finding {
    let expected = format!("where {what}, the command does the same as in the undisturbed run");
    let Some(run) = examination.run(scenario) else {
        return Finding::not_exercised(expected, "the scenario was not run");
    };
    if !run.conversation.all().iter().any(|exchange| exchange.fault().is_some()) {
        return Finding::not_exercised(expected, "no answer could have this form");
    }
    let needs_http1 = matches!(scenario, ScenarioId::VariationLowercaseFields | ScenarioId::VariationTitleCaseFields);
    if needs_http1 && run.conversation.all().iter().all(|exchange| exchange.recorded.line.http == "2") {
        return Finding::not_exercised(expected, "the client speaks HTTP/2, where field names have one form alone");
    }
    let end = run.ended.words();
    let did = counted(&run.conversation);
    if !run.ended.is_survival() {
        return Finding::fail(expected, format!("{end}, after {did}"), evidence(run));
    }
    match left_out(examination, run) {
        Some(left_out) => Finding::fail(expected, format!("{end}, but {left_out}"), evidence(run)),
        None => Finding::pass(expected, format!("{did}; {end}"), Vec::new()),
    }
}

/// What the command did not do that it does each time when nothing disturbs it.
fn left_out(examination: &Examination, run: &Run) -> Option<String> {
    let usual = least_of_each(examination);
    let done = run.conversation.signatures();
    if let Some(operation) = usual.keys().find(|operation| !done.contains_key(*operation)) {
        return Some(format!("it sent no {}", code(operation)));
    }
    let (usual, done) = (usual.values().sum::<usize>(), done.values().sum::<usize>());
    (done * 100 < usual * LEAST_PERCENT).then(|| format!("it sent {}, where it usually sends {usual}", requests(done)))
}

/// The operations that each undisturbed run has, with the least number of each.
fn least_of_each(examination: &Examination) -> BTreeMap<String, usize> {
    let mut runs = examination.undisturbed().map(|run| run.conversation.signatures());
    let mut least = runs.next().unwrap_or_default();
    for other in runs {
        least.retain(|operation, number| match other.get(operation) {
            Some(there) => {
                *number = (*number).min(*there);
                true
            }
            None => false,
        });
    }
    least
}

fn counted(talk: &Conversation) -> String {
    let tokens = count(talk.tokens().count(), "token request");
    format!("{tokens} and {}", requests(talk.admitted().count()))
}

fn requests(number: usize) -> String {
    format!("{} for resources", count(number, "request"))
}

/// The last requests: what came before the end.
fn evidence(run: &Run) -> Vec<Evidence> {
    let all = run.conversation.all();
    let last = all.iter().skip(all.len().saturating_sub(3)).map(|exchange| run.shows(exchange));
    last.chain([run.shows_end(run.started_at)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{self, Fail, NotExercised, Pass};
    use crate::exam::Ended;
    use crate::exam::testing::{Request, examination, get, post, run, token};

    const LIST: &str = "/parking/zones";

    fn varied(requests: Vec<Request>) -> Vec<Request> {
        requests.into_iter().map(|request| request.injected("variation")).collect()
    }

    fn usual() -> Vec<Request> {
        vec![token("a"), get(LIST), get(LIST), get(LIST), get(LIST), get(LIST), post(LIST)]
    }

    fn judge(requests: Vec<Request>, ended: Ended) -> Finding {
        let undisturbed = [ScenarioId::Preflight, ScenarioId::Baseline].map(|scenario| run(scenario, usual()));
        let [preflight, baseline] = undisturbed;
        let varied = run(ScenarioId::VariationNoExpiresIn, varied(requests)).ended(ended);
        variation_no_expires_in(&examination([preflight, baseline, varied]))
    }

    fn verdict(requests: Vec<Request>, ended: Ended) -> CheckVerdict {
        judge(requests, ended).verdict
    }

    #[test]
    fn a_client_that_does_the_same_passes() {
        let finding = judge(usual(), Ended::Exit(0));
        assert_eq!(finding.verdict, Pass);
        assert_eq!(finding.got, "1 token request and 6 requests for resources; the command ended with exit code 0");
    }

    #[test]
    fn a_token_for_each_call_is_lawful_and_said() {
        let requests = usual().into_iter().flat_map(|request| [token("b"), request]).collect();
        let finding = judge(requests, Ended::Exit(0));
        assert_eq!(finding.verdict, Pass);
        assert!(finding.got.starts_with("8 token requests and 6 requests"), "{}", finding.got);
    }

    #[test]
    fn a_client_that_stops_fails() {
        let finding = judge(vec![token("a")], Ended::Exit(1));
        assert_eq!(
            (finding.verdict, finding.got.as_str()),
            (Fail, "the command ended with exit code 1, after 1 token request and 0 requests for resources")
        );
        assert_eq!(verdict(usual(), Ended::Exit(1)), Fail);
        assert_eq!(verdict(usual(), Ended::Deadline), Fail);
    }

    #[test]
    fn a_client_that_leaves_work_out_fails_though_it_ends_with_0() {
        let without_writes = usual().into_iter().take(6).collect();
        assert!(judge(without_writes, Ended::Exit(0)).got.ends_with("but it sent no `POST /parking/zones`"));
        assert_eq!(verdict(vec![token("a"), get(LIST), post(LIST)], Ended::Exit(0)), Fail);
        let one_less = usual().into_iter().skip(2).collect::<Vec<_>>();
        assert_eq!(verdict(one_less, Ended::Exit(0)), Pass, "a client may not do the same each time");
    }

    #[test]
    fn nothing_is_said_where_no_answer_was_varied() {
        let runs = [run(ScenarioId::Baseline, usual()), run(ScenarioId::VariationNoExpiresIn, usual())];
        assert_eq!(variation_no_expires_in(&examination(runs)).verdict, NotExercised);
        assert_eq!(variation_no_expires_in(&examination([])).verdict, NotExercised);
        let http2 = usual().into_iter().map(|request| request.edit(|it| it.line.http = "2".to_owned())).collect();
        let runs = [run(ScenarioId::Baseline, usual()), run(ScenarioId::VariationTitleCaseFields, varied(http2))];
        assert_eq!(variation_title_case_fields(&examination(runs)).verdict, NotExercised);
    }
}
