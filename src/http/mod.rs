//! The contract over HTTPS: the lowest floor that may use actix.
//!
//! [`routes`] lists every route. The first argument of a handler is the right that its caller needs:
//! [`authorized::Authorized`] for a protected resource, [`oauth_endpoint::OauthEndpoint`] where clients authenticate
//! themselves, `sandbox::Control` for the control plane of a sandbox, none for a public page. `/oauth2/usage` and
//! `/oauth2/refusals` ask the gate by themselves, because they cost nothing. A failure is a value; [`error`] is the one
//! place that turns it into a status, headers and a body, and [`response`] adds what every answer has. [`pages`] is what
//! people look at in a browser, and `reference` writes one of them from the [`openapi`] document.

pub(crate) mod access_log;
pub(crate) mod activity;
pub(crate) mod admin;
mod answer_fields;
pub(crate) mod api_document;
pub(crate) mod authorized;
pub(crate) mod body;
pub(crate) mod conditional;
pub(crate) mod cors;
pub(crate) mod durations;
pub mod error;
pub(crate) mod health;
pub(crate) mod host;
pub(crate) mod hsts;
pub(crate) mod idempotency_key;
pub(crate) mod introspect;
pub(crate) mod metadata;
pub(crate) mod metrics;
pub(crate) mod oauth_endpoint;
pub mod openapi;
mod own_report;
pub(crate) mod pages;
pub(crate) mod parking;
pub(crate) mod plain_http;
pub(crate) mod rate_limit_fields;
pub(crate) mod reference;
pub(crate) mod refusals;
pub(crate) mod request_context;
pub(crate) mod response;
pub(crate) mod revoke;
pub(crate) mod router;
pub mod routes;
pub(crate) mod sandbox;
pub(crate) mod source_limit;
pub(crate) mod token;
pub(crate) mod usage;
