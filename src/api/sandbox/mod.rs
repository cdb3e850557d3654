//! The words on the wire of `/sandbox/…`, which only a sandbox serves.

pub mod fault;
