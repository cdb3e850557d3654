//! The pages in a real Chromium, as people use them: by mouse, by keyboard alone, on a telephone, in the dark.
//!
//! Each test has a server and a browser of its own. A line in the browser's console, so also a violation of the page's
//! policy, fails a test.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that cannot be set up has failed, and a browser goes by the real time"
)]

mod browser;
mod demo;
mod hostile;
mod keyboard;
mod looks;
#[path = "../program/mod.rs"]
mod program;
mod samples;
mod serve;
mod site;
mod tasks;
mod trouble;
mod webdriver;
mod whole;
