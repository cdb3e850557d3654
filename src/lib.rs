//! Boomgate: an OAuth 2.0 authorization server for client credentials (RFC 6749 section 4.4), and the gate
//! in front of a partner API, as one program.
//!
//! `docs/architecture.md` has the contract and the design at length, `docs/decisions` the reasons.
//!
//! # The map
//!
//! Each module uses only floors below its own; `tests/tidy.rs` keeps it so.
//!
//! ```text
//! 6  main, cli                 arguments → configuration → run, or a call to a running server
//! 5  server, config, tls, listener, telemetry        assembly and the route table
//! 4  http, sandbox             the only floor that knows actix; the demo clients
//! 3  admission, client_credentials, administration, declared
//!                              the only places that know an order of steps
//! 2  clients keys tokens revocation throttle failures quota idempotency parking audit
//!                              facts: each owns one prefix of the store's keys, or a part of memory
//! 1  store, files              bytes
//! 0  api, oauth, time, counts, text      words on the wire and of the field; the clock; numbers for metrics; text
//! ```
//!
//! # The two walks
//!
//! ```text
//! a protected request: http::authorized → Admission::admit
//!     1 oauth::bearer   2 tokens   3 revocation, clients   4 throttle   5 quota   6 scope   → the handler
//! a token request:     http::token → ClientCredentials::grant
//!     1 clients, failures   2 throttle   3 audience, scope   4 tokens   → the answer
//! ```
//!
//! Each step is one call into one module, and none returns to an earlier one. What fails is a value
//! ([`admission::Denial`], [`client_credentials::TokenError`]), and [`http::error`] is the one place that
//! turns it into HTTP.
//!
//! # What always holds
//!
//! - A protected request touches memory only. What it reads is kept there by a [`store::View`], fed by the
//!   store's watch; it waits for the disk only when a quota block has run out.
//! - What was acknowledged survives `kill -9` and a power cut: [`store::Store::commit`] returns after the
//!   sync. A change and the audit log's word of it are one commit.
//! - A disk that fails ends nothing: what cannot be made durable is refused, the rest goes on, and no restart is
//!   needed when it is well again.
//! - A log that nobody reads holds nothing up. A stop is bounded in time, whatever hangs, and the exit code says how
//!   it went.
//! - A quota admits exactly N of N, on any number of connections, and never N + 1, whatever crashes.
//! - Nothing but [`time`] reads the system's clock, so a test or the sandbox can move it. (One limit has a
//!   clock of its own: actix-governor's, on requests by address that prove no client.)
//! - One crypto stack: ring, for TLS, tokens, certificates and digests.
//! - No secret and no token is ever logged, and nothing of a request is logged unescaped.
//! - Each room counts what it decides ([`counts`]), and [`http::metrics`] tells all of it: a label is a closed
//!   set, and no worker waits for another to count.

pub(crate) mod administration;
pub mod admission;
pub mod api;
pub mod audit;
pub mod cli;
pub mod client_credentials;
pub mod clients;
pub mod config;
pub mod counts;
pub mod declared;
pub mod failures;
pub(crate) mod files;
pub mod http;
pub mod idempotency;
pub mod keys;
pub mod listener;
pub mod oauth;
pub mod parking;
pub mod quota;
pub mod revocation;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod telemetry;
pub(crate) mod text;
pub mod throttle;
pub mod time;
pub mod tls;
pub mod tokens;
