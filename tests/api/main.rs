//! The contract over HTTPS, from a caller's side: a whole server on a port of its own, real TLS, a real
//! store on disk, and a clock that tests move.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails so")]
#![allow(clippy::indexing_slicing, reason = "JSON that lacks a member fails the test")]

mod activity;
mod admin_health;
mod administration;
mod answers;
mod audit;
mod bearer_tokens;
mod clock;
mod cors;
mod documented_errors;
mod faulty_store;
mod harness;
mod https_only;
mod keys;
mod limits;
mod log;
mod metadata;
mod misplaced_secrets;
mod observability;
mod pages;
mod passport;
#[allow(unreachable_pub, reason = "other test programs use it too")]
#[path = "../process/mod.rs"]
mod process;
mod protection;
mod raw;
mod reading;
mod registration;
mod registration_once;
mod restart;
mod revocation;
mod same_value;
mod sandbox_clock;
mod sandbox_control;
mod sandbox_deliveries;
mod sandbox_effects;
mod sandbox_events;
mod sandbox_faults;
mod sandbox_in_a_test;
mod sandbox_journal;
mod sandbox_report;
mod sandbox_snapshots;
mod sandbox_state;
mod sandbox_tokens;
mod sandbox_troubles;
mod start_page;
mod stop;
mod token_endpoint;
mod token_limits;
mod unread;
mod why;
mod why_page;
mod zone_requests;
mod zones;
