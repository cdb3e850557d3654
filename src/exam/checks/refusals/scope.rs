//! Whether a client says that it lacks a scope.

use crate::exam::evidence::between;
use crate::exam::{Examination, Exchange, Finding, Run, ScenarioId};

/// What a client may say of a missing scope, in lower case.
const WORDS: [&str; 12] = [
    "403",
    "insufficient_scope",
    "insufficient-scope",
    "invalid_scope",
    "scope",
    "forbidden",
    "denied",
    "permission",
    "permitted",
    "not allowed",
    "unauthorized",
    "not authorized",
];

/// By its exit code, or by what it prints where an undisturbed run prints no such word.
pub(in crate::exam) fn scope_missing_reported(examination: &Examination) -> Finding {
    const EXPECTED: &str = "an exit code that is not 0, or a line that names the missing scope";
    let Some(run) = examination.run(ScenarioId::ScopeNarrowed) else {
        return Finding::not_exercised(EXPECTED, "the client lost a scope in no run");
    };
    let no_scope = || run.conversation.tokens().find(|request| request.reason() == Some("invalid_scope"));
    let Some(refused) = first_forbidden(examination, run).or_else(no_scope) else {
        return Finding::not_exercised(EXPECTED, "no request needed the scope that the client had lost");
    };
    let after = between(refused.ended_at, run.ended_at);
    let ended = format!("{} {after} after the {}", run.ended.words(), refused.answer_words());
    let evidence = vec![run.shows(refused), run.shows_end(refused.ended_at)];
    if run.ended.is_failure() {
        return Finding::pass(EXPECTED, ended, evidence);
    }
    match word_of(examination, run) {
        Some(word) => {
            Finding::pass(EXPECTED, format!("it printed `{word}`, which it usually does not; {ended}"), evidence)
        }
        None => Finding::fail(EXPECTED, format!("{ended}, and it printed nothing about it"), evidence),
    }
}

/// The first request that was forbidden and is not in an undisturbed run: a client may test its own limits.
pub(super) fn first_forbidden<'r>(examination: &Examination, run: &'r Run) -> Option<&'r Exchange> {
    run.conversation.resources().filter(|exchange| exchange.has_status(403)).find(|forbidden| {
        let fingerprint = forbidden.fingerprint();
        let is_usual = |other: &Exchange| other.has_status(403) && other.fingerprint() == fingerprint;
        examination.usual(|talk| talk.resources().filter(|other| is_usual(other)).count()) == 0
    })
}

/// The first word about a missing scope that the command printed, and does not print undisturbed.
fn word_of(examination: &Examination, run: &Run) -> Option<&'static str> {
    let usual: String = examination.undisturbed().map(|run| run.output.to_lowercase() + "\n").collect();
    let printed = run.output.to_lowercase();
    WORDS.into_iter().find(|word| has_word(&printed, word) && !has_word(&usual, word))
}

/// Whether text has a word that is no part of a number: a time may have `403` in it.
fn has_word(text: &str, word: &str) -> bool {
    let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|after| after.chars().next());
        !is_digit(before) && !is_digit(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::CheckVerdict::{Fail, NotExercised, Pass};
    use crate::exam::Ended;
    use crate::exam::testing::{Request, examination, get, post, run, token};

    fn forbidden() -> Request {
        post("/parking/zones").with("a").refused(403, "insufficient-scope")
    }

    fn judged(disturbed: Run) -> Finding {
        let own_test = get("/admin-only").refused(403, "insufficient-scope");
        let requests = [token("0"), own_test, post("/parking/zones").with("0")];
        scope_missing_reported(&examination([
            run(ScenarioId::Baseline, requests).printed("made a zone, scope write"),
            disturbed,
        ]))
    }

    fn disturbed(requests: Vec<Request>) -> Run {
        run(ScenarioId::ScopeNarrowed, requests)
    }

    #[test]
    fn a_client_that_fails_reports_it() {
        let finding = judged(disturbed(vec![token("a"), forbidden()]).exit(1));
        assert_eq!(finding.verdict, Pass);
        assert_eq!(finding.got, "the command ended with exit code 1 20 ms after the 403 insufficient-scope");
        let at_the_token = token("a").refused(400, "invalid_scope");
        assert_eq!(judged(disturbed(vec![at_the_token]).exit(1)).verdict, Pass);
    }

    #[test]
    fn a_client_that_prints_it_reports_it_too() {
        let finding = judged(disturbed(vec![token("a"), forbidden()]).printed("WARN: POST /parking/zones: HTTP 403"));
        assert_eq!(finding.verdict, Pass);
        assert!(finding.got.starts_with("it printed `403`"), "{}", finding.got);
    }

    #[test]
    fn a_client_that_hides_it_fails() {
        let hidden = || disturbed(vec![token("a"), forbidden()]);
        assert_eq!(judged(hidden()).verdict, Fail);
        assert_eq!(judged(hidden().printed("made a zone, scope write")).verdict, Fail, "as it always prints");
        assert_eq!(judged(hidden().printed("done at 16403 ms")).verdict, Fail, "a number has the digits");
        assert_eq!(judged(hidden().ended(Ended::Deadline)).verdict, Fail, "it does not end");
    }

    #[test]
    fn a_client_that_needs_no_scope_that_it_lost_shows_nothing() {
        let own_test = get("/parking/zones").refused(403, "insufficient-scope");
        let same = run(ScenarioId::Baseline, [own_test.clone()]);
        let all = examination([same, disturbed(vec![own_test])]);
        assert_eq!(scope_missing_reported(&all).verdict, NotExercised);
        assert_eq!(judged(disturbed(vec![token("a"), get("/parking/zones")])).verdict, NotExercised);
        assert_eq!(scope_missing_reported(&examination([])).verdict, NotExercised);
    }
}
