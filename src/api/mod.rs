//! The words on the wire: a type for each body that a request or an answer has, cursors, and files of credentials.
//!
//! Handlers build the answers, the command line and the tests read them. A request is written as these types say
//! and read by [`crate::json`], which reports every fault at once. An answer's members are in the order in which its
//! type names them. These types decide nothing: a rule about a value is with the facts that it guards.

pub mod activity;
pub mod audit;
pub mod client;
pub mod credentials;
pub mod cursor;
pub mod exam;
pub mod explanation;
pub mod health;
pub mod introspection;
pub mod jwk;
pub mod key;
pub mod metadata;
pub mod oauth_error;
pub mod page;
pub mod passport;
pub mod policy;
pub mod problem;
pub mod refusal;
pub mod revocation;
pub mod sandbox;
mod schema;
pub mod secret;
pub mod token;
pub mod usage;
pub mod zone;
