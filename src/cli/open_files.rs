//! The limit of open files of this process; each connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::config::Config;

/// The files that a server opens besides connections.
const OTHER_FILES: u64 = 64;

/// The most files that a server with these settings has open.
pub(super) fn needed(config: &Config) -> u64 {
    u64::try_from(connections(config)).unwrap_or(u64::MAX).saturating_add(OTHER_FILES)
}

/// The most connections that a server with these settings has open.
pub(super) fn connections(config: &Config) -> usize {
    config.workers.saturating_mul(config.http.max_connections)
}

/// The highest `http.max_connections` that this limit of open files allows.
pub(super) fn connections_for(limit: u64, config: &Config) -> u64 {
    let workers = u64::try_from(config.workers).unwrap_or(1).max(1);
    (limit.saturating_sub(OTHER_FILES) / workers).max(1)
}

/// The hard limit of a server that is started here; `None` means unlimited.
pub(super) fn hard_limit() -> Option<u64> {
    getrlimit(Resource::Nofile).maximum
}

/// Raises the soft limit of this process to its hard limit, which is far above what shells start with.
pub(super) fn raise(config: &Config) {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let needed = needed(config);
    // Some systems report no hard limit, but refuse an unlimited soft limit.
    let wanted = maximum.unwrap_or(needed);
    let Some(current) = current else { return };
    if current < wanted
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum })
    {
        tracing::debug!(%error, "the limit of open files cannot be raised");
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
