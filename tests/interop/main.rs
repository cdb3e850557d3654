//! Stock clients, as users install them, against a real server process: each gets a token and uses it. And
//! stock resource servers, which verify tokens through the JWK Set alone.
//!
//! `make interop-setup` installs those of Python and Node; without them these tests fail and say so. A
//! client that this server cannot please fails here first.

#![allow(unreachable_pub, reason = "a test program exports nothing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]
#![allow(clippy::indexing_slicing, reason = "JSON that lacks a member fails the test")]

mod certificates;
mod curl;
mod faults;
#[allow(dead_code, reason = "the tests of the API use all of it")]
#[path = "../api/harness.rs"]
mod harness;
mod partners;
mod passports;
#[path = "../process/mod.rs"]
mod process;
mod report;
mod resource_servers;
mod rust;
mod samples;
mod scripts;

use std::process::Command;

use crate::process::{Process, Site};

/// A sandbox for one test.
struct Sandbox {
    site: Site,
    _process: Process,
}

impl Sandbox {
    fn start(settings: &[(&'static str, &str)]) -> Self {
        let site = Site::new(settings);
        let process = site.start();
        Self { site, _process: process }
    }
}

/// What a program printed; it must end well.
fn output(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (printed, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{printed}\n{complained}", output.status);
    printed.into_owned()
}
