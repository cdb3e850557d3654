//! What happens at the same time, in every order: the quota's leases, step by step over a store whose answers
//! come when the test says so, and the cache of verified tokens, on real threads.
//!
//! The first part runs the real [`boomgate::quota::Quota`] on one thread. All that it waits for is the store and
//! itself, so the order of the store's steps decides everything between two waits, and those orders are tried: all
//! of them for a few requests ([`every_order`](schedule::every_order)), random ones for many. It does not try
//! what threads may see of each other between two waits: that is one mutex for each client, held without a wait,
//! and the tests with real threads beside `quota.rs`. The second part cannot say that it tried all orders; it
//! holds what began after a change was in force against that change, many times.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod leases;
mod schedule;
mod tokens;
