//! Certificates and sockets from the outside: what stock clients accept, what is refused, what a renewal,
//! a bad file and a stop do to those connected.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on has failed")]

mod breaks;
mod certificates;
mod early_answers;
mod http1;
mod small_server;
mod sockets;
