//! Boomgate: an OAuth 2.0 authorization server for client credentials (RFC 6749 section 4.4), and the gate in front of
//! a partner API, as one program.
//!
//! `docs/architecture.md` has the contract and the design at length, `docs/decisions` the reasons.
//!
//! # The map
//!
//! Each module uses only lower floors; `tests/tidy.rs` checks this.
//!
//! ```text
//! 6  main, cli        arguments → configuration → run a server, or call a running one
//!    testing          a sandbox inside a Rust test
//! 5  server, config, tls, telemetry
//!                     assembly: settings, sockets, the certificate, the log
//! 4  http, sandbox, refusals, listener
//!                     handlers and pages, the lowest floor that may use actix; the sandbox; the last refused requests;
//!                     sockets
//! 3  admission, client_credentials, administration, declared
//!                     the order of steps: the two walks, changes by operators, clients that a file declares
//!    exam             what a client did in each scenario, judged
//! 2  clients, keys, tokens, revocation, throttle, failures, quota, idempotency, parking, audit
//!    passports, activity
//!                     facts: each owns some prefixes of the store's keys, or a part of memory
//!    explanation      how a walk is explained: it is taken again over what it saw
//! 1  store, files     bytes: the ordered store; private and trusted files
//! 0  api, json, oauth, precondition, host, limits, time, counts, text
//!                     wire types; the reader of bodies; the protocol; entity tags; names of hosts; limits of clients;
//!                     the clock; counters; text from outside
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
//! Each step is one call into one module, and no step returns to an earlier one. A failure is a value
//! ([`admission::Denial`], [`client_credentials::TokenError`]), and only [`http::error`] turns it into HTTP. A failure has
//! with it what its walk saw: the same walk over these facts explains it, and finds the nearest change that would have passed.
//!
//! # What always holds
//!
//! - A protected request reads only memory: a [`store::View`] follows the store's watch. It waits for the disk only
//!   when its client's quota block is used up.
//! - An acknowledged change survives `kill -9` and a power cut: [`store::Store::commit`] returns after the sync. A
//!   change and its audit entry are one commit.
//! - A failing disk does not end the server. It refuses changes that it cannot make durable and goes on with the rest;
//!   once the disk works again, no restart is needed.
//! - An unread log blocks nothing. A stop has a time limit, whatever hangs, and its exit code says how it went.
//! - A daily quota of N admits exactly N requests, on any number of connections, and never N + 1, whatever crashes.
//! - Only [`time`] reads the system's clock, so a test or the sandbox can move it. (One limit has its own clock:
//!   actix-governor's, for requests that prove no client, by address.)
//! - There is one crypto stack: ring, for TLS, tokens, certificates and digests.
//! - No secret and no token is ever logged, and nothing of a request is logged unescaped.
//! - Each module counts its decisions ([`counts`]), and [`http::metrics`] shows them. The values of a label are a
//!   closed set, and counting never makes one worker wait for another.

mod activity;
pub(crate) mod administration;
pub mod admission;
pub mod api;
pub mod audit;
pub mod cli;
pub mod client_credentials;
pub mod clients;
pub mod config;
pub mod counts;
mod declared;
pub mod exam;
pub(crate) mod explanation;
pub mod failures;
pub(crate) mod files;
pub mod host;
pub mod http;
pub mod idempotency;
pub mod json;
pub mod keys;
pub mod limits;
pub mod listener;
pub mod oauth;
pub mod parking;
pub mod passports;
pub mod precondition;
pub mod quota;
pub mod refusals;
pub mod revocation;
pub mod sandbox;
pub mod server;
pub mod store;
pub mod telemetry;
pub mod testing;
pub(crate) mod text;
pub mod throttle;
pub mod time;
pub mod tls;
pub mod tokens;
