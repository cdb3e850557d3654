//! The store's suite: one set of cases that every backend runs, and what only a disk can show.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod conformance;
mod contents;
mod model;
mod recovery;
