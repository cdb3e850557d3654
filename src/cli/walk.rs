//! The walk of a request as people read it: a line for each check, then what would have passed.

use std::fmt::Write as _;

use super::output::printable;
use crate::api::explanation::{Check, CheckOutcome, CheckResult, Explanation, NearestChange};

/// Marks and words in colours, or without.
#[derive(Clone, Copy)]
enum Paint {
    Green,
    Red,
    Dim,
    Bold,
}

impl Paint {
    fn on(self, text: &str, color: bool) -> String {
        let code = match self {
            Self::Green => "32",
            Self::Red => "31",
            Self::Dim => "2",
            Self::Bold => "1",
        };
        if color { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// The walk, without a line end.
pub(super) fn to_text(explanation: &Explanation, color: bool) -> String {
    let Explanation { checks, nearest, passed } = explanation;
    let width = checks.iter().map(|result| words(result.check).len()).max().unwrap_or_default();
    let mut text = String::new();
    for CheckResult { check, expected, got, outcome } in checks {
        let name = format!("{:width$}", words(*check));
        let got = printable(got.as_deref().unwrap_or_default());
        let _infallible = match outcome {
            CheckOutcome::Passed => writeln!(text, "  {} {name}  {got}", Paint::Green.on("✓", color)),
            CheckOutcome::Failed => {
                let (mark, name) = (Paint::Red.on("✗", color), Paint::Bold.on(&name, color));
                let expected = printable(expected);
                writeln!(text, "  {mark} {name}  expected {expected}\n    {:width$}  but got  {got}", "")
            }
            CheckOutcome::NotReached => {
                writeln!(text, "  {}", Paint::Dim.on(format!("· {}", name.trim_end()).as_str(), color))
            }
        };
    }
    text.push('\n');
    match nearest.as_slice() {
        _ if *passed => text.push_str("It passed every check."),
        [] => text.push_str("No single change would have let it through."),
        [change] => text.push_str(&sentence(change, color)),
        changes => {
            let changes = changes.iter().map(|change| Paint::Bold.on(&printable(&change.change), color));
            let changes = changes.collect::<Vec<_>>().join(", or ");
            let _infallible = write!(text, "It would have passed {changes}.");
        }
    }
    text
}

fn sentence(change: &NearestChange, color: bool) -> String {
    let words_of_change = Paint::Bold.on(&printable(&change.change), color);
    match change.fails_next {
        None => format!("It would have passed {words_of_change}."),
        Some(next) => format!("It would have come further {words_of_change}: to the check of {}.", words(next)),
    }
}

/// A check in words.
pub(super) fn words(check: Check) -> String {
    check.name().replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::explanation::ChangeKind;

    fn explanation() -> Explanation {
        let result = |check, outcome, expected: &str, got: Option<&str>| CheckResult {
            check,
            expected: expected.to_owned(),
            got: got.map(str::to_owned),
            outcome,
        };
        Explanation {
            checks: vec![
                result(Check::BearerToken, CheckOutcome::Passed, "one", Some("one access token")),
                result(Check::Throttle, CheckOutcome::Failed, "at most 4 at once", Some("one more\u{1b}[2J")),
                result(Check::Scope, CheckOutcome::NotReached, "the scope a", None),
            ],
            nearest: vec![NearestChange {
                change: "2.4 s later".to_owned(),
                fails_next: None,
                kinds: vec![ChangeKind::Later],
                wait_ms: Some(2_400),
            }],
            passed: false,
        }
    }

    #[test]
    fn a_walk_is_a_line_for_each_check_and_what_would_have_passed() {
        insta::assert_snapshot!(to_text(&explanation(), false), @r"
          ✓ bearer token  one access token
          ✗ throttle      expected at most 4 at once
                          but got  one more�[2J
          · scope

        It would have passed 2.4 s later.
        ");
        let mut further = explanation();
        further.nearest[0].fails_next = Some(Check::GrantedAudience);
        assert!(
            to_text(&further, false)
                .ends_with("It would have come further 2.4 s later: to the check of granted audience.")
        );
        assert!(to_text(&explanation(), true).contains("\u{1b}[31m✗\u{1b}[0m"));
    }
}
