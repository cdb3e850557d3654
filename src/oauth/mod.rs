//! The protocol: what RFC 6749, 6750, 7617 and 9068 put on the wire, parsed into types.
//!
//! Nothing here waits, reads a file or a clock, or uses actix. A value is parsed once, at the edge, and needs no second
//! check further in.

pub mod audience;
pub mod bearer;
pub mod claims;
pub mod credentials;
pub mod error;
pub mod parameters;
pub mod resource;
pub mod scope;
pub mod token_epoch;
pub mod token_request;
