//! Concurrency: the quota's leases in every order of the store's steps, and the cache of verified tokens on real threads.
//!
//! The first part runs the real [`boomgate::quota::Quota`] on one thread, over a store that takes a step when the test says
//! so. The quota waits only for the store and for itself, so the order of the steps decides everything. All orders are
//! tried for a few requests ([`every_order`](schedule::every_order)), random orders for many. Threads between two waits are
//! not tried here: they share one mutex for each client, and the tests in `quota.rs` use real threads. The second part
//! cannot try all orders: it checks many times that a request which begins after a change sees the change.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod leases;
mod schedule;
mod tokens;
