//! The golden reports: `report.md` of each client, word for word, but for what differs from run to run.
//!
//! `INSTA_UPDATE=always cargo test --locked --test exam` writes them anew, into `tests/exam/golden/`. Read the difference.

use std::borrow::Cow;

use boomgate::api::exam::{CheckResult, CheckVerdict, Counts, Report};
use boomgate::exam::report::markdown;
use boomgate::time::UnixMillis;

/// What stands for a number, a time and an identifier.
const NUMBER: &str = "N";
const SPAN: &str = "T";
const ID: &str = "ID";
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
    if has_workers {
        report.runs.clear();
        report.checks.retain(|check| !check.id.starts_with("quota") || check.verdict != CheckVerdict::Pass);
    }
    report.checks.iter_mut().for_each(steady_check);
    for run in &mut report.runs {
        (run.duration_ms, run.requests) = (0, 0);
        run.output.clear();
        // A client that tries for ever may end by itself, or be ended, whichever comes first.
        run.ended.clear();
    }
    for sentences in [&mut report.hurts_api, &mut report.hurts_partner] {
        for sentence in &mut *sentences {
            *sentence = without_numbers(sentence);
        }
        sentences.dedup();
    }
    // In which order two requests come that are on their way at once is a matter of chance.
    report.comparisons.iter_mut().for_each(|comparison| comparison.rows.clear());
    report
}

fn steady_check(check: &mut CheckResult) {
    // What comes after it is how the command ended.
    let got = check.got.split_once("; ").map_or(check.got.as_ref(), |(got, _)| got);
    check.got = without_numbers(&steady_text(got));
    // On a busy machine, what a client sends at once comes with small waits.
    if let Some((tries, _)) = check.got.split_once(" time,").or_else(|| check.got.split_once(" time at")) {
        check.got = format!("{tries} time");
    }
    // How many follow the first one is a number, too.
    check.evidence.truncate(1);
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

/// Without counts, and in the singular. Exit codes stay, and so do statuses of HTTP: nothing is counted so far.
fn without_numbers(text: &str) -> String {
    let (mut before, mut is_counted) = ("", false);
    let steady = text.split(' ').map(|word| {
        let is_count = word.parse::<f64>().is_ok_and(|number| number < 200.0) && before != "code";
        let (noun, mark) = word.split_at(word.trim_end_matches(MARKS).len());
        let noun = if is_counted { noun.strip_suffix('s').unwrap_or(noun) } else { noun };
        (before, is_counted) = (word, is_count);
        if is_count { NUMBER.to_owned() } else { format!("{noun}{mark}") }
    });
    steady.collect::<Vec<_>>().join(" ")
}
