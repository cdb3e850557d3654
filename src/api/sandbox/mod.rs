//! The bodies of `/sandbox/…`, which only a sandbox has.

pub mod clock;
pub mod control_token;
pub mod fault;
pub mod ready;
pub mod request;
pub mod snapshot;
pub mod token;
pub mod trouble;
