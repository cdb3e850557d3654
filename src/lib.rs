//! Boomgate.
pub mod administration;
pub mod admission;
pub mod audit;
pub mod client_credentials;
pub mod clients;
pub mod failures;
pub mod http;
pub mod keys;
pub mod oauth;
pub mod quota;
pub mod revocation;
pub mod files;
pub mod sandbox;
pub mod store;
pub mod throttle;
pub mod time;
pub mod tokens;
