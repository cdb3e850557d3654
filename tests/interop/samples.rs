//! The code that pages offer to copy: each sample is run, and sends what its request says.

use std::process::Command;

use crate::output;
use crate::scripts::installed;

#[test]
fn the_samples_of_pages_send_what_the_request_says_whatever_text_is_in_it() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/node/samples.mjs");
    let mut node = Command::new("node");
    node.arg(script).arg(installed("target/interop/venv").join("bin/python"));
    assert_eq!(output(&mut node), "curl 24\npython 24\nnode 24\n");
}
