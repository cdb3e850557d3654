//! What GitHub Actions shows of a report: the summary of a step, and annotations.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use super::markdown::{MAX_SUMMARY_BYTES, markdown_within};
use super::plain;
use super::sections::Sections;
use super::words::stopped;
use crate::api::exam::{CheckResult, Level, Report, WaiverStatus};

/// GitHub shows no more of one step.
const MAX_ANNOTATIONS: usize = 10;
/// The most characters of an annotation's text.
const MAX_CHARS: usize = 1_000;

/// Adds the report to the file that `GITHUB_STEP_SUMMARY` names, as far as there is room in it.
pub fn append_summary(report: &Report, path: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let start = if ends_a_line(&mut file)? { "" } else { "\n\n" };
    let room = MAX_SUMMARY_BYTES.saturating_sub(used).saturating_sub(start.len());
    file.write_all(format!("{start}{}", markdown_within(report, room)).as_bytes())
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

/// The lines that make GitHub show annotations, when they are printed: an error for each failed check that a client must
/// pass, and a warning for the others, at most 10.
#[must_use]
pub fn annotations(report: &Report) -> Vec<String> {
    let waivers = report.waivers.iter().filter_map(|waiver| {
        let why = match waiver.status {
            WaiverStatus::Outdated => {
                format!("The waiver ended on {}. Mend the client, or agree on another date.", waiver.until)
            }
            WaiverStatus::Unused => "Its check did not fail: remove the waiver from the profile.".to_owned(),
            WaiverStatus::Used | WaiverStatus::NotExercised => return None,
        };
        Some(command("error", &format!("waiver of {}", waiver.check), &why))
    });
    let checks = Sections::new(report).failed;
    let required = checks.iter().filter(|check| check.level == Level::Required).map(|check| of_check("error", check));
    let advised = checks.iter().filter(|check| check.level != Level::Required).map(|check| of_check("warning", check));
    let mut all: Vec<String> = required.chain(waivers).chain(advised).collect();
    if all.len() > MAX_ANNOTATIONS {
        let more = all.len() - (MAX_ANNOTATIONS - 1);
        all.truncate(MAX_ANNOTATIONS - 1);
        all.push(command("error", "and more", &format!("{more} more are in the report.")));
    }
    all
}

fn of_check(severity: &str, check: &CheckResult) -> String {
    let [title, expected, got] = [&check.title, check.expected.as_str(), check.got.as_str()].map(stopped);
    command(severity, &check.id, &format!("{title} Expected: {expected} Got: {got} {}", check.remedy))
}

/// A workflow command. Its text is one line, so that nothing in it starts another command.
fn command(severity: &str, title: &str, text: &str) -> String {
    let title = format!("Boomgate exam: {}", plain::line(title, MAX_CHARS));
    let title = data(&title).replace(':', "%3A").replace(',', "%2C");
    format!("::{severity} title={title}::{}", data(&plain::line(text, MAX_CHARS)))
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

#[cfg(test)]
mod tests {
    use super::super::specimen;
    use super::*;

    #[test]
    fn an_annotation_is_one_command_whatever_a_client_sent() {
        let mut report = specimen::report();
        let check = report.checks.iter_mut().find(|check| check.id == "token-reused").unwrap();
        check.got = "a\n::error title=x::y\r\n%0A::set-output".to_owned();
        check.id = "a,b:c\n::d".into();
        let lines = annotations(&report);
        assert!(lines.iter().all(|line| line.lines().count() == 1), "{lines:#?}");
        let line = lines.iter().find(|line| line.contains("set-output")).unwrap();
        assert!(line.starts_with("::error title=Boomgate exam%3A a%2Cb%3Ac %3A%3Ad::"), "{line}");
        assert!(line.contains("a ::error title=x::y %250A::set-output"), "{line}");
    }

    #[test]
    fn there_are_ten_annotations_at_most_and_required_checks_come_first() {
        let mut report = specimen::report();
        let lines = annotations(&report);
        assert!(lines.first().unwrap().starts_with("::error "), "{lines:#?}");
        assert!(lines.last().unwrap().starts_with("::warning "), "{lines:#?}");
        let failed = report.checks.iter().find(|check| check.id == "token-reused").unwrap().clone();
        report.checks.extend(std::iter::repeat_n(failed, 20));
        let lines = annotations(&report);
        assert_eq!(lines.len(), 10);
        assert!(lines.last().unwrap().contains("more are in the report"));
    }

    #[test]
    fn a_summary_is_added_and_stays_within_what_github_takes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary");
        append_summary(&specimen::report(), &path).unwrap();
        let first = std::fs::read_to_string(&path).unwrap();
        append_summary(&specimen::report(), &path).unwrap();
        let second = std::fs::read_to_string(&path).unwrap();
        assert_eq!(second, format!("{first}{first}"));
        std::fs::write(&path, "x".repeat(MAX_SUMMARY_BYTES - 1_000)).unwrap();
        append_summary(&specimen::report(), &path).unwrap();
        let third = std::fs::read_to_string(&path).unwrap();
        assert!(third.len() <= MAX_SUMMARY_BYTES && third.ends_with("is in the report.\n"), "{}", third.len());
    }
}
