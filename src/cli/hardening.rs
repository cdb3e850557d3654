//! What the process of a server asks of the system before it reads a secret: who may see its memory and its
//! files.

use std::io;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, setrlimit, umask};

/// From now on no other user may read the files that this process makes, unless it gives them a mode itself.
pub(super) fn keep_files_private() {
    umask(Mode::RWXG | Mode::RWXO);
}

/// From now on a crash leaves no core file, and on Linux no process of the same user may read this one's
/// memory: it holds the signing keys.
pub(super) fn keep_memory_private() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // A core that goes to a program's pipe is not bound by that limit.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
