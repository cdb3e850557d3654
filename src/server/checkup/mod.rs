//! What is wrong with an installation, as far as a running server can tell: `doctor` makes the same checks, and more.
//!
//! They change nothing, but they read files and ask the system, so they wait.

mod certificates;
mod machine;
mod secret_files;

use std::iter::empty;

pub(crate) use self::certificates::certificates;
pub(crate) use self::machine::{clock, space};
pub(crate) use self::secret_files::secret_files;
use super::check::{Checked, check};
use crate::api::health::Finding;
use crate::config::Config;
use crate::time::UnixSeconds;

/// All of them, with these settings, `now` by the clock of the machine.
pub(super) fn findings(config: &Config, now: UnixSeconds) -> Vec<Finding> {
    let checked = check(config, now);
    let weak = checked.weak_secrets();
    let mut findings: Vec<Finding> = weak.into_iter().map(|detail| Finding::warned("clients file", detail)).collect();
    let Checked { faults, warnings, .. } = checked;
    findings.extend(warnings.into_iter().map(|detail| Finding::warned("settings", detail)));
    findings.extend(faults.iter().map(|fault| Finding::failed("next start", fault)));
    findings.push(clock(now));
    findings.extend(space(&config.data_dir));
    findings.push(secret_files(config, empty()));
    findings.extend(certificates(config, now));
    findings
}
