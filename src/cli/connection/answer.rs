//! What a server answered, read as the types of [`api`](crate::api).

use std::fmt;
use std::ops::Deref;

use anyhow::bail;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use ureq::Body;
use ureq::http::Response;

use crate::api::oauth_error::OauthError;
use crate::api::problem::{FieldFault, Problem};
use crate::time::UnixSeconds;

/// The longest answer that is read, in bytes: a page of 100 clients is far shorter.
const MAX_BYTES: u64 = 4 * 1_024 * 1_024;

/// An answer with any status.
pub(in crate::cli) struct Answer {
    pub(in crate::cli) status: u16,
    /// The time on the server's clock.
    pub(in crate::cli) date: Option<UnixSeconds>,
    /// `null` if the body was not JSON.
    body: Value,
    server: String,
}

/// A part of an answer, as a type and as the server sent it: `--json` prints members too that only a newer version has.
#[derive(Serialize)]
#[serde(transparent, bound(serialize = ""))]
pub(in crate::cli) struct AsSent<T> {
    json: Value,
    #[serde(skip)]
    value: T,
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for AsSent<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Value::deserialize(deserializer)?;
        let value = T::deserialize(&json).map_err(D::Error::custom)?;
        Ok(Self { json, value })
    }
}

impl<T> Deref for AsSent<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Why a server refused a request, in one of the two forms that it has.
#[derive(Deserialize)]
#[serde(untagged)]
enum Refusal {
    Problem(Problem<'static>),
    Oauth(OauthError<'static>),
}

impl Answer {
    pub(super) fn read_from(mut response: Response<Body>, server: &str) -> Result<Self, ureq::Error> {
        let date = response.headers().get("Date").and_then(|date| UnixSeconds::parse_http_date(date.to_str().ok()?));
        let body = response.body_mut().with_config().limit(MAX_BYTES).read_to_vec()?;
        let body = serde_json::from_slice(&body).unwrap_or_default();
        Ok(Self { status: response.status().as_u16(), date, body, server: server.to_owned() })
    }

    /// The body as a type of [`api`](crate::api).
    pub(in crate::cli) fn read<T: DeserializeOwned>(&self) -> anyhow::Result<T> {
        let Self { status, server, .. } = self;
        if self.body.is_null() {
            bail!("{server} answered {status} without JSON: is it a boomgate server?");
        }
        T::deserialize(&self.body)
            .or_else(|error| bail!("{server} gave an answer that this version cannot read: {error}"))
    }

    /// The OAuth code of a refusal, and its description.
    pub(in crate::cli) fn oauth_error(&self) -> Option<(String, String)> {
        let (error, description) = match self.read_refusal()? {
            Refusal::Problem(problem) => (problem.error, problem.error_description),
            Refusal::Oauth(oauth) => (oauth.error, oauth.error_description),
        };
        Some((error.into_owned(), description.into_owned()))
    }

    /// Why the server refused, in one line with everything that it said.
    pub(in crate::cli) fn refusal(&self) -> String {
        self.read_refusal()
            .map_or_else(|| format!("the server answered {}", self.status), |refusal| refusal.to_string())
    }

    /// The id of a request that was refused.
    pub(in crate::cli) fn request_id(&self) -> Option<String> {
        match self.read_refusal()? {
            Refusal::Problem(problem) => Some(problem.request_id.into_owned()),
            Refusal::Oauth(_) => None,
        }
    }

    fn read_refusal(&self) -> Option<Refusal> {
        Refusal::deserialize(&self.body).ok()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without_dot = |text: &str| text.trim_end_matches('.').to_owned();
        match self {
            Self::Oauth(oauth) => write!(out, "{}: {}", oauth.error, without_dot(&oauth.error_description)),
            Self::Problem(problem) => {
                if problem.errors.is_empty() {
                    write!(out, "{}: {}", without_dot(&problem.title), without_dot(&problem.detail))?;
                } else {
                    // The errors say everything that title and detail do.
                    let error = |fault: &FieldFault| {
                        let member = fault.pointer.trim_start_matches('/');
                        let member = if member.is_empty() { "the body" } else { member };
                        format!("{member} {}", without_dot(&fault.detail))
                    };
                    let errors: Vec<String> = problem.errors.iter().map(error).collect();
                    write!(out, "nothing was changed: {}", errors.join("; "))?;
                }
                write!(out, " (request {})", problem.request_id)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_one_line_with_everything_that_the_server_said() {
        let text = |body: Value| {
            let answer = Answer { status: 502, date: None, body, server: String::new() };
            answer.refusal()
        };
        let problem = |errors: Value| {
            json!({ "type": "about:blank", "title": "Members are wrong", "status": 422, "detail": "2 are wrong.",
                "documentation": "", "errors": errors, "error": "invalid_request", "error_description": "",
                "request_id": "r-1" })
        };
        let errors =
            json!([{ "pointer": "/scope", "detail": "must be a string" }, { "pointer": "", "detail": "is short." }]);
        assert_eq!(
            text(problem(errors)),
            "nothing was changed: scope must be a string; the body is short (request r-1)"
        );
        assert_eq!(text(problem(json!([]))), "Members are wrong: 2 are wrong (request r-1)");
        let oauth =
            json!({ "error": "invalid_scope", "error_description": "No more than read:zones.", "error_uri": "" });
        assert_eq!(text(oauth), "invalid_scope: No more than read:zones");
        assert_eq!(text(Value::Null), "the server answered 502");
    }
}
