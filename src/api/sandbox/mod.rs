//! The words on the wire of `/sandbox/…`.

pub mod token;
