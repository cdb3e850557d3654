//! What the night brings to a real server process: crowds that say nothing, half a word or too much, and
//! requests made to be read in two ways. Its memory and files stay bounded, what is refused is not done, and a
//! well-behaved client is served all the while. Last, a long life under load ([`soak`]).
//!
//! `make hostile` and `make soak` run the full numbers; `BOOMGATE_HOSTILE_CONNECTIONS` and
//! `BOOMGATE_SOAK_SECONDS` set others. Each test prints what it counted (`--nocapture`).

#![allow(
    unreachable_pub,
    clippy::cast_precision_loss,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program exports nothing, and a test that cannot go on fails"
)]

mod crowds;
mod expectations;
mod frames;
mod hosts;
#[path = "../process/mod.rs"]
mod process;
mod smuggling;
mod soak;
mod target;
mod tls;
mod wire;

/// A number from a variable that the caller of the tests may set.
fn setting(name: &str, default: usize) -> usize {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting, not the server's")]
    let Ok(value) = std::env::var(name) else { return default };
    value.parse().unwrap_or_else(|_| panic!("{name} is a whole number, not {value:?}"))
}

/// How many connections a crowd has.
fn crowd() -> usize {
    setting("BOOMGATE_HOSTILE_CONNECTIONS", 500)
}
