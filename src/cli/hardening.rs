//! Before a server reads a secret, it hides its files and its memory from other users.

use std::io;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit, umask};

/// Files that this process creates from now on are private, unless it sets their mode itself.
pub(super) fn make_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// From now on a crash writes no core file, and on Linux no process of the same user may read the memory of this one,
/// which holds the signing keys.
pub(super) fn make_memory_private() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // The limit does not apply to a core that the system pipes into a program.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
