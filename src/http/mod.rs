//! The contract over HTTPS: the only floor that knows actix.
//!
//! A handler's first argument says what its caller must be: [`authorized::Authorized`] for a protected
//! resource, a client authentication in the body for an OAuth endpoint, nothing for a public page. What
//! fails is a value; [`error`] is the one place that turns it into a status, headers and a body, and
//! [`answer`] adds what every answer carries.

pub mod admin;
pub mod authorized;
pub mod body;
pub mod durations;
pub mod error;
pub mod health;
pub mod host;
pub mod hsts;
pub mod introspect;
pub mod metadata;
pub mod metrics;
pub mod parking;
pub mod plain_http;
pub mod problems;
pub mod rate_limit_fields;
pub mod request_context;
pub mod response;
pub mod revoke;
pub mod token;
pub mod usage;
