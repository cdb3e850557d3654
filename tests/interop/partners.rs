//! What partners copy: tests that start a sandbox of their own, in four languages. Each says that it has passed.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::output;

/// This one is a test by itself.
#[path = "../../examples/partners/token_expires.rs"]
mod token_expires;

#[test]
fn python_starts_a_sandbox_and_sees_a_token_expire() {
    passes("python3", "token_expires.py");
}

#[test]
fn node_starts_a_sandbox_and_sees_a_token_expire() {
    passes("node", "token_expires.mjs");
}

#[test]
fn bash_starts_a_sandbox_and_sees_a_token_expire() {
    passes("bash", "token_expires.sh");
}

fn passes(interpreter: &str, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/partners").join(file);
    let mut command = Command::new(interpreter);
    command.arg(path).env("BOOMGATE", env!("CARGO_BIN_EXE_boomgate")).env("NO_PROXY", "*").stdin(Stdio::null());
    assert_eq!(output(&mut command), "The token expired, and the next one was accepted.\n");
}
