//! How many files this process may have open: each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// What a server opens beside connections.
const OTHER_FILES: u64 = 64;

/// How many files a server with these settings may come to have open.
pub(super) fn needed(config: &Config) -> u64 {
    u64::try_from(connections(config)).unwrap_or(u64::MAX).saturating_add(OTHER_FILES)
}

/// How many connections a server with these settings may come to have open.
pub(super) fn connections(config: &Config) -> usize {
    config.workers.saturating_mul(config.http.max_connections)
}

/// The `http.max_connections` that so many open files allow.
pub(super) fn connections_for(limit: u64, config: &Config) -> u64 {
    let workers = u64::try_from(config.workers).unwrap_or(1).max(1);
    (limit.saturating_sub(OTHER_FILES) / workers).max(1)
}

/// The most that a server started here may have open; `None` is without limit.
pub(super) fn most() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises this process's limit as far as a user may, which is far above what shells start with.
pub(super) fn raise(config: &Config) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = needed(config);
    // Some systems say that there is no limit, and refuse to have none.
    let wanted = maximum.unwrap_or(needed);
    let Some(current) = current else { return };
    if current < wanted
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
    let allowed = getrlimit(Resource::Nofile).current;
    if let Some(allowed) = allowed.filter(|allowed| *allowed < needed) {
        tracing::warn!(
            allowed,
            needed,
            "fewer files may be open than http.max_connections needs: raise the limit (`ulimit -Hn`, LimitNOFILE=), or lower it"
        );
    }
}
