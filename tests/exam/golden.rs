//! The golden reports: `report.md` of each client, word for word, but for what differs from run to run.
//!
//! `INSTA_UPDATE=always cargo test --locked --test exam` writes them anew, into `tests/exam/golden/`. Read the difference.

use std::borrow::Cow;

use boomgate::api::exam::{CheckResult, CheckVerdict, Counts, Report, RunSummary};
use boomgate::exam::report::markdown;
use boomgate::time::UnixMillis;

/// What a client that is refused for a while sends, and how many tokens of some seconds it gets, depends on how fast it and
/// the machine are: numbers say nothing.
const UNSTEADY: [&str; 6] = ["no-storm", "storm", "pace-after-429", "pace", "token-renewed-ahead", "short-tokens"];
/// What stands for a number, a time and an identifier.
const NUMBER: &str = "N";
const SPAN: &str = "T";
const ID: &str = "ID";
/// How a run ends that the exam ends, sooner or later by some requests.
const ENOUGH: &str = "since all was seen";
const UNITS: [&str; 3] = ["ms", "s", "min"];
/// What may follow a unit.
const MARKS: [char; 5] = [',', ';', '.', ':', ')'];

/// Compares a report with the golden one of this name, and fails as every snapshot does. `left_out` are the checks that the
/// client can or cannot show, as the machine is. Of an exam that is not `whole`, what was not examined is left out too.
pub(crate) fn assert_golden(name: &str, mut report: Report, left_out: &[&str], whole: bool) {
    report.checks.retain(|check| whole || check.verdict != CheckVerdict::NotExercised);
    let text = markdown(&steady(report, left_out));
    insta::with_settings!({
        snapshot_path => "golden",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name.replace(['/', '.'], "-"), text);
    });
}

/// The report without what differs from run to run.
fn steady(mut report: Report, left_out: &[&str]) -> Report {
    report.at = UnixMillis::new(0);
    (report.duration_ms, report.seed, report.commit) = (0, 0, None);
    report.boomgate_version = Cow::Borrowed("VERSION");
    report.repeat = report.repeat.map(|line| line.replace(env!("CARGO_MANIFEST_DIR"), "."));
    report.client.user_agents = report.client.user_agents.iter().map(|agent| steady_agent(agent)).collect();
    report.checks.retain(|check| !left_out.contains(&check.id.as_ref()));
    if !left_out.is_empty() {
        report.summary = without_numbers(&report.summary);
        report.counts = Counts::default();
    }
    // In which order the requests of several workers come, and on which connections, is a matter of chance.
    let has_workers = report.client.command.first().is_some_and(|program| program == "node");
    let was_ended = |run: &RunSummary| run.ended.ends_with(ENOUGH);
    let ended: Vec<_> = report.runs.iter().filter(|run| was_ended(run)).map(|run| run.scenario.clone()).collect();
    let is_unsteady =
        |name: &str| has_workers || UNSTEADY.contains(&name) || ended.iter().any(|scenario| scenario == name);
    if has_workers {
        report.runs.clear();
        report.checks.retain(|check| !check.id.starts_with("quota") || check.verdict != CheckVerdict::Pass);
    }
    for check in &mut report.checks {
        steady_check(check, is_unsteady(&check.id));
    }
    for run in &mut report.runs {
        run.duration_ms = 0;
        run.output.clear();
        run.requests *= u64::from(!is_unsteady(&run.scenario));
    }
    for sentence in report.hurts_api.iter_mut().chain(&mut report.hurts_partner) {
        *sentence = without_numbers(sentence);
    }
    for comparison in &mut report.comparisons {
        if is_unsteady(&comparison.scenario) {
            comparison.rows.clear();
        }
        for request in comparison.rows.iter_mut().flat_map(|row| [&mut row.baseline, &mut row.disturbed]).flatten() {
            request.after_ms = 0;
            request.line = steady_text(&request.line);
        }
    }
    report
}

fn steady_check(check: &mut CheckResult, is_unsteady: bool) {
    check.got = steady_text(&check.got);
    // On a busy machine, what a client sends at once comes with small waits.
    if let Some((tries, _)) = check.got.split_once(" times").filter(|_| check.id == "growing-waits") {
        check.got = format!("{tries} times");
    }
    if is_unsteady {
        check.got = without_numbers(&check.got);
        check.evidence.clear();
    }
    for evidence in &mut check.evidence {
        evidence.at = None;
        evidence.request_id = evidence.request_id.as_ref().map(|_| ID.to_owned());
        // The server may be late to note the end of an answer, and then there is no such time.
        evidence.note = steady_text(&evidence.note).replace(", T after the answer before", "");
    }
}

/// Without the versions of libraries.
fn steady_agent(agent: &str) -> String {
    let product = |word: &str| match word.split_once('/') {
        Some((name, _)) if !agent.starts_with("curbside") => format!("{name}/VERSION"),
        _ => word.to_owned(),
    };
    agent.split(' ').map(product).collect::<Vec<_>>().join(" ")
}

/// Without times and identifiers.
fn steady_text(text: &str) -> String {
    let mut steady = Vec::new();
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        let is_number = word.parse::<f64>().is_ok();
        match words.next_if(|next| is_number && UNITS.contains(&next.trim_end_matches(MARKS))) {
            Some(unit) => steady.push(format!("{SPAN}{}", unit.trim_start_matches(char::is_alphabetic))),
            None => steady.push(without_ids(word)),
        }
    }
    steady.join(" ")
}

/// `ID` in the place of each UUID, and of eight hexadecimal digits and more.
fn without_ids(word: &str) -> String {
    let is_part = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
    let mut steady = String::new();
    let mut rest = word;
    while let Some(start) = rest.find(is_part) {
        let (before, from) = rest.split_at(start);
        let end = from.find(|letter| !is_part(letter)).unwrap_or(from.len());
        let (part, after) = from.split_at(end);
        let is_id = part.len() >= 8 && part.contains(|letter: char| letter.is_ascii_digit());
        steady.extend([before, if is_id { ID } else { part }]);
        rest = after;
    }
    steady.push_str(rest);
    steady
}

/// Without counts. Exit codes stay, and so do statuses of HTTP: nothing is counted so far.
fn without_numbers(text: &str) -> String {
    let mut before = "";
    let steady = text.split(' ').map(|word| {
        let is_count = word.parse::<f64>().is_ok_and(|number| number < 200.0) && before != "code";
        before = word;
        if is_count { NUMBER } else { word }
    });
    steady.collect::<Vec<_>>().join(" ")
}
