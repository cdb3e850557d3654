//! What an answer of each kind looks like, as a whole: made of the errors that real answers are made of. The pages of problems
//! show it.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, WWW_AUTHENTICATE};

use super::injected::{Occasion, injected};
use super::{Failure, Problem, ProblemKind as Kind, sentence};
use crate::admission::Standing;
use crate::api;
use crate::api::sandbox::fault::Phase;
use crate::http::rate_limit_fields;
use crate::http::request_context::X_REQUEST_ID;
use crate::oauth::scope::WRITE_ZONES;
use crate::quota::Units;
use crate::throttle::Permits;
use crate::time::UnixSeconds;

/// 25 January 2026, 15:13:21 UTC, as the examples of the OpenAPI document have it.
const NOW: UnixSeconds = UnixSeconds::new(1_769_354_001);
const REQUEST_ID: &str = "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c";
const PATH: &str = "/parking/zones";
/// The limits of the client in the examples.
const BURST: u32 = 40;
const DAILY_QUOTA: u64 = 10_000;

/// An answer, as this server sends it.
pub(in crate::http) struct Example {
    pub(in crate::http) status: StatusCode,
    /// Whether an OAuth endpoint answers so; else a protected resource does, or a page.
    pub(in crate::http) is_oauth: bool,
    /// The media type first, and what every refusal has last.
    pub(in crate::http) headers: Vec<(HeaderName, HeaderValue)>,
    /// JSON, with a line for each member.
    pub(in crate::http) body: String,
}

/// The answers of a kind: as a problem, as an OAuth error, or as both. In a sandbox each leads to its explanation.
pub(in crate::http) fn examples(kind: Kind, issuer: &str, is_sandbox: bool) -> Vec<Example> {
    let occasion = Occasion { now: NOW, scope_token: Some(WRITE_ZONES), assigned: None, retry_after: None };
    let by_phase = [Phase::Resource, Phase::Token].into_iter().filter_map(|phase| injected(kind, phase, &occasion));
    let mut errors: Vec<actix_web::Error> = by_phase.collect();
    if errors.is_empty() {
        let detail = sentence(&kind.title());
        let is_control = kind == Kind::ControlTokenRequired;
        errors.push(
            if is_control { Problem::control_token_required(&detail) } else { Problem::new(kind, detail) }.into(),
        );
    }
    let explanation = is_sandbox.then(|| format!("{issuer}/why/{REQUEST_ID}"));
    errors.iter().filter_map(|error| example(kind, error, issuer, explanation.as_deref())).collect()
}

fn example(kind: Kind, error: &actix_web::Error, issuer: &str, explanation: Option<&str>) -> Option<Example> {
    let failure = Failure::of(error)?;
    let answer = error.as_response_error().error_response();
    let is_oauth = matches!(failure, Failure::Oauth(_));
    let mut own = answer.headers().clone();
    if let Some(Ok(challenge)) = failure.challenge(issuer, PATH).map(HeaderValue::try_from) {
        own.insert(WWW_AUTHENTICATE, challenge);
    }
    if !is_oauth && is_past_the_gate(kind) {
        rate_limit_fields::append(&mut own, &standing(kind));
    }
    let mut own: Vec<_> = own.into_iter().collect();
    // A map has no order, and the page must be the same after each start.
    own.sort_by(|(one, _), (other, _)| one.as_str().cmp(other.as_str()));
    let mut headers = vec![(CONTENT_TYPE, HeaderValue::from_static(failure.media_type()))];
    headers.append(&mut own);
    headers.push((CACHE_CONTROL, HeaderValue::from_static("no-store")));
    headers.push((X_REQUEST_ID, HeaderValue::from_static(REQUEST_ID)));
    let body = failure.body(issuer, REQUEST_ID, explanation);
    let body = match failure {
        Failure::Problem(_) => pretty::<api::problem::Problem<'_>>(&body),
        Failure::Oauth(_) => pretty::<api::oauth_error::OauthError<'_>>(&body),
    }?;
    Some(Example { status: answer.status(), is_oauth, headers, body })
}

fn pretty<'a, T: serde::Serialize + serde::Deserialize<'a>>(body: &'a [u8]) -> Option<String> {
    let body: T = serde_json::from_slice(body).ok()?;
    serde_json::to_string_pretty(&body).ok()
}

/// Whether the answer has the limits of the client: its token was accepted first.
fn is_past_the_gate(kind: Kind) -> bool {
    kind.status() != StatusCode::UNAUTHORIZED
        && !matches!(
            kind,
            Kind::TokenMisplaced
                | Kind::MalformedRequest
                | Kind::HttpsRequired
                | Kind::ForeignRequest
                | Kind::UnsupportedResponseType
        )
}

/// What is left of the limits of the client; nothing of the one that it is over.
fn standing(kind: Kind) -> Standing {
    let is_throttled = kind == Kind::Throttled;
    let remaining = if is_throttled { 0 } else { BURST - 1 };
    let wait = is_throttled.then_some(Duration::from_secs(1));
    let permits = Permits { burst: BURST, window_s: 2, remaining, full_in_s: if is_throttled { 2 } else { 1 }, wait };
    let is_used_up = kind == Kind::QuotaExceeded;
    let used = if is_used_up { DAILY_QUOTA } else { 579 };
    let resets_at = NOW.day().end();
    let units = Units {
        admitted: !is_used_up,
        daily_quota: Some(DAILY_QUOTA),
        used,
        remaining: Some(DAILY_QUOTA - used),
        resets_at,
        resets_in_s: resets_at.since(NOW),
    };
    Standing { permits, units: Some(units) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_an_example_with_its_status_and_its_page() {
        for kind in Kind::ALL {
            let examples = examples(kind, "https://gate.example", false);
            assert!((1..=2).contains(&examples.len()), "{kind:?}");
            for Example { status, body, .. } in examples {
                assert_eq!(status, kind.status(), "{kind:?}");
                assert!(body.contains(&format!("https://gate.example/problems/{}\"", kind.slug())), "{body}");
            }
        }
    }

    #[test]
    fn an_example_says_which_limit_is_exceeded() {
        let fields = |kind| {
            let example = examples(kind, "", false).remove(0);
            let value = |name| example.headers.iter().find(|(other, _)| other == name).unwrap().1.to_str().unwrap();
            ["retry-after", "ratelimit"].map(|name| value(name).to_owned())
        };
        assert_eq!(fields(Kind::Throttled), ["1", r#""second";r=0;t=2, "day";r=9421;t=31599"#]);
        assert_eq!(fields(Kind::QuotaExceeded), ["31599", r#""second";r=39;t=1, "day";r=0;t=31599"#]);
    }
}
