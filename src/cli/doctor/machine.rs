//! Checks of the machine: its clock, free disk space, open files.

use super::super::open_files;
use super::{Finding, Setup};
use crate::config::Config;
use crate::server::checkup::{clock, space};

pub(super) fn check(setup: &Setup<'_>) -> Vec<Finding> {
    let mut findings = vec![clock(setup.now)];
    findings.extend(space(&setup.config.data_dir));
    findings.push(open_files(open_files::hard_limit(), &setup.config));
    findings
}

/// The limit of this process; a service manager may set another.
fn open_files(limit: Option<u64>, config: &Config) -> Finding {
    const CHECK: &str = "open files";
    let (connections, needed) = (open_files::connections(config), open_files::needed(config));
    let Some(limit) = limit.filter(|limit| *limit < needed) else {
        return Finding::ok(CHECK, format!("enough for {connections} connections"));
    };
    Finding::warn(
        CHECK,
        format!(
            "a server started here may open {limit} files, but http.max_connections on {} workers needs {needed}",
            config.workers
        ),
        format!(
            "raise the hard limit before the start (as root `ulimit -Hn {needed}`, under systemd LimitNOFILE={needed}), or \
             set http.max_connections to {}",
            open_files::connections_for(limit, config)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::health::Outcome::{Ok, Warn};
    use crate::config::Edition;

    #[test]
    fn a_limit_below_the_connections_is_a_warning_that_says_how_many_fit() {
        let mut config = Config { workers: 2, ..Config::defaults(Edition::Serve) };
        config.http.max_connections = 500;
        let finding = open_files(Some(1_024), &config);
        assert_eq!(finding.outcome, Warn);
        assert!(finding.fix.unwrap().ends_with("set http.max_connections to 480"));
        config.http.max_connections = 480;
        for most in [Some(1_024), None] {
            assert_eq!(open_files(most, &config).outcome, Ok, "{most:?}");
        }
        // The default fits the limit that systemd gives, however many processors there are.
        let config = Config { workers: 128, ..Config::defaults(Edition::Serve) };
        assert_eq!(open_files(Some(524_288), &config).outcome, Ok);
    }
}
