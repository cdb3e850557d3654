//! Boomgate.
pub mod oauth;
pub mod time;
