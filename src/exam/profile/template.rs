//! The profile that `boomgate exam --init` writes: every default, and what it means.

use std::fmt::Write as _;

use super::thresholds::{Number, rows};
use crate::counts::Label as _;
use crate::exam::check;
use crate::exam::thresholds::Thresholds;

const HEAD: &str = "\
# What this API demands of a client, for boomgate exam --profile exam.toml. All values are the defaults: change what
# you need, and remove what you do not change. An unknown name is an error.

# Who demands it: the report names it, and the SHA-256 of this file.
name = \"default\"

# The operations that the command must call, such as \"GET /parking/zones/{id}\". Without any, a client may leave out what it
# does not need.
operations = []

# How much each check counts: \"required\" (the client is not ready if it fails), \"advised\" (it is reported) or \"off\".
[checks]
";

const THRESHOLDS: &str = "
# The numbers that the checks compare with.
[thresholds]
";

const FOOT: &str = "
# Scenarios of your own. A plan is what happens, in order: MOMENT=WHAT, as boomgate exam --replay takes it. Each is a check of
# its own name: the command must end as expected, with \"success\" (exit code 0), with \"failure\" (any other) or with \"any\" of
# them in time.
#
# [[scenarios]]
# name = \"monday-morning\"
# title = \"The first token request fails, and then the throttle is low.\"
# plan = [\"token#1=503\", \"start=throttle:2/2\"]
# expect = \"success\"
# level = \"required\"

# Checks that may fail for a time, because somebody answers for it. A waiver ends with its last day, and one whose check does
# not fail has to be removed: both make the client not ready.
#
# [[waivers]]
# check = \"if-match\"
# reason = \"One writer only, until release 1.5.\"
# owner = \"Ada Example, partner team\"
# until = 2026-12-31
";

/// The text of the file.
pub(super) fn template() -> String {
    let mut text = HEAD.to_owned();
    let mut group = None;
    for check in &check::TABLE {
        if group != Some(check.group) {
            group = Some(check.group);
            // Writing to a string does not fail.
            let _written = writeln!(text, "# {}", check.group.name());
        }
        let setting = format!("{} = \"{}\"", check.id.name(), check.level.name());
        let _written = writeln!(text, "{setting:<42} # {}", check.title);
    }
    text.push_str(THRESHOLDS);
    for row in rows(&mut Thresholds::default()) {
        let value = match row.number {
            Number::Part(part) => format!("{part:?}"),
            Number::Count(count, _) => count.to_string(),
            Number::Span(span, _) => span.to_string(),
        };
        let _written = writeln!(text, "# {}\n{} = {value}", row.meaning, row.name);
    }
    text.push_str(FOOT);
    text
}
