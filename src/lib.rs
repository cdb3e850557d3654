//! Boomgate.
pub mod store;
pub mod time;
