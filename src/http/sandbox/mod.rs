//! `/sandbox/…`: the requests of whoever controls a sandbox, and the two layers that only a sandbox's application has.
//!
//! The first argument of each handler is [`Control`](control::Control). Control requests pass no gate and neither layer:
//! they are never throttled, counted, faulted or recorded.

pub(super) mod clock;
pub(super) mod control;
mod disturbance;
mod effects;
pub(super) mod faults;
mod injection;
mod inner;
pub(super) mod named_client;
mod outer;
pub(super) mod tokens;
mod prefer;
mod vocabulary;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, HttpResponseBuilder};
use serde::Serialize;

pub(crate) use self::inner::InnerLayer;
pub(crate) use self::outer::OuterLayer;
use crate::http::body;
use crate::http::routes::SANDBOX;

/// Whether a request with this path controls the sandbox.
fn is_control(path: &str) -> bool {
    path.strip_prefix(SANDBOX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// An answer about the sandbox, which no cache may store.
fn answer(response: &mut HttpResponseBuilder, value: &impl Serialize) -> HttpResponse {
    body::json(response.insert_header((CACHE_CONTROL, "no-store")), value)
}
