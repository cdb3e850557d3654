//! The one place that turns what failed into an answer: status, headers and body.
//!
//! Protected resources answer with RFC 9457 [problems](Problem); OAuth endpoints answer with the [errors](OauthError) of
//! RFC 6749 section 5.2, because their clients parse those. `mapping` has a conversion for each error of the floors
//! below. A text is constant, or names by kind what the caller sent. The cause of a fault of ours goes with the error to
//! `http::response`, which writes the body and logs the cause once.

mod body_fault;
mod example;
mod explanation;
mod injected;
mod kind;
mod mapping;
mod oauth;
mod problem;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};

pub(super) use self::body_fault::BodyFault;
pub(super) use self::example::{Example, examples};
pub(super) use self::explanation::explanation_page;
pub(crate) use self::injected::kind_of_status;
pub(super) use self::injected::{Occasion, injected};
pub use self::kind::ProblemKind;
pub use self::oauth::OauthError;
pub use self::problem::Problem;

/// Why the server could not do its part, for the log alone.
type Cause = Box<dyn Error>;

/// The error behind an answer. The answer has no body yet: its writer knows the request's id and the issuer.
pub(super) enum Failure<'a> {
    Problem(&'a Problem),
    Oauth(&'a OauthError),
}

impl<'a> Failure<'a> {
    pub(super) fn of(error: &'a actix_web::Error) -> Option<Self> {
        let problem = error.as_error().map(Self::Problem);
        problem.or_else(|| error.as_error().map(Self::Oauth))
    }

    pub(super) fn media_type(&self) -> &'static str {
        match self {
            Self::Problem(_) => "application/problem+json",
            Self::Oauth(_) => "application/json",
        }
    }

    /// `explanation` is the address of the page that explains this very answer.
    pub(super) fn body(&self, issuer: &str, request_id: &str, explanation: Option<&str>) -> Vec<u8> {
        match self {
            Self::Problem(problem) => problem.body(issuer, request_id, explanation),
            Self::Oauth(error) => error.body(issuer, explanation),
        }
    }

    /// `WWW-Authenticate`, where the answer does not have one yet.
    pub(super) fn challenge(&self, issuer: &str, path: &str) -> Option<String> {
        match self {
            Self::Problem(problem) => problem.challenge(issuer, path),
            Self::Oauth(_) => None,
        }
    }

    pub(super) fn cause(&self) -> Option<&dyn Error> {
        match self {
            Self::Problem(problem) => problem.cause(),
            Self::Oauth(error) => error.cause(),
        }
    }
}

/// The address of a kind's page.
fn page(issuer: &str, kind: ProblemKind) -> String {
    [issuer, "/problems/", kind.slug()].concat()
}

fn without_body(status: StatusCode, headers: &[(HeaderName, HeaderValue)]) -> HttpResponse {
    let mut response = HttpResponse::new(status);
    for (name, value) in headers {
        response.headers_mut().append(name.clone(), value.clone());
    }
    response
}

/// Puts `value` in the place of what the field has so far.
fn replace_header(headers: &mut Vec<(HeaderName, HeaderValue)>, name: HeaderName, value: HeaderValue) {
    headers.retain(|(other, _)| *other != name);
    headers.push((name, value));
}

/// The value of `Retry-After`: whole seconds, at least one.
fn retry_after(wait: Duration) -> HeaderValue {
    HeaderValue::from((wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1))
}

/// The text of a fault with a capital letter and a full stop.
pub(super) fn sentence(fault: &impl fmt::Display) -> String {
    let text = fault.to_string();
    let stop = if text.ends_with(['.', '?']) { "" } else { "." };
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).chain(stop.chars()).collect()
}
