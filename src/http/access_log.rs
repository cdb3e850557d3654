//! One log line for each request: at `info` if the setting `log.access` asks for it, else at `debug`. It has the path
//! without its query, and without what may be a token or a secret.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use actix_web::body::{BodySize, MessageBody as _};
use actix_web::dev::ServiceResponse;
use actix_web::http::header::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use crate::http::durations::method_name;
use crate::oauth::credentials::{ClientId, SECRET_PREFIX};
use crate::sandbox::CONTROL_TOKEN_PREFIX;

/// The target of these lines.
pub(crate) const ACCESS: &str = "boomgate::access";

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// How often a path is decoded again to look for a secret: a bound on the work that one request makes.
const MORE_DECODINGS: usize = 2;

/// How tokens (the header of a JWT is a JSON object in base64), client secrets and control tokens start.
const SENSITIVE: [&str; 3] = ["eyJ", SECRET_PREFIX, CONTROL_TOKEN_PREFIX];

/// Whether the log takes a line for each request. This costs one look at a level.
pub(super) fn is_logged() -> bool {
    tracing::enabled!(target: ACCESS, tracing::Level::INFO) || tracing::enabled!(tracing::Level::DEBUG)
}

/// Writes the line of a request that took this long.
pub(super) fn write(
    response: &ServiceResponse,
    request_id: &impl fmt::Display,
    caller: Option<&ClientId>,
    took: Duration,
) {
    if !is_logged() {
        return;
    }
    let request = response.request();
    let method = method_name(request.method());
    let status = response.status().as_u16();
    let duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
    let bytes = match response.response().body().size() {
        BodySize::Sized(bytes) => Some(bytes),
        BodySize::None => Some(0),
        BodySize::Stream => None,
    };
    let source = request.peer_addr().map(|address| tracing::field::display(address.ip()));
    let client_id = caller.map(tracing::field::display);
    let trace_id = trace_id(request.headers());
    let path = without_secrets(request.path());
    let path = path.escape_debug();
    if tracing::enabled!(target: ACCESS, tracing::Level::INFO) {
        tracing::info!(
            target: ACCESS, method, %path, status, duration_us, bytes, client_id, source, %request_id, trace_id,
            "answered"
        );
    } else {
        tracing::debug!(
            method, %path, status, duration_us, bytes, client_id, source, %request_id, trace_id, "answered"
        );
    }
}

/// The trace that a request belongs to (W3C Trace Context section 3.2): `00-` and 32 hexadecimal digits.
fn trace_id(headers: &HeaderMap) -> Option<&str> {
    let traceparent = headers.get(TRACEPARENT)?.to_str().ok()?;
    let trace_id = traceparent.strip_prefix("00-")?.get(..32)?;
    let hexadecimal = trace_id.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
    (hexadecimal && trace_id.bytes().any(|byte| byte != b'0')).then_some(trace_id)
}

/// The path up to where a token or a secret may start.
pub(super) fn without_secrets(path: &str) -> Cow<'_, str> {
    let mut decoded = percent_decode_str(path).decode_utf8_lossy();
    // Some clients encode a path that is encoded already.
    for _ in 0..MORE_DECODINGS {
        let Cow::Owned(again) = percent_decode_str(&decoded).decode_utf8_lossy() else { break };
        decoded = again.into();
    }
    match SENSITIVE.iter().filter_map(|opening| decoded.find(opening)).min() {
        Some(at) => format!("{}…", decoded.get(..at).unwrap_or_default()).into(),
        None => path.into(),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn a_path_is_logged_up_to_what_may_be_secret() {
        for (path, expected) in [
            ("/parking/zones/1", "/parking/zones/1"),
            ("/parking/zones/eyJhbGciOiJFUzI1NiJ9.e30.c2ln/x", "/parking/zones/…"),
            ("/bg_secret_demoReader", "/…"),
            ("/a/bg_sandbox_0123", "/a/…"),
            ("/a/bg%5Fsecret%5FdemoReader", "/a/…"),
            ("/%65yJ0", "/…"),
            ("/a/bg%255Fsecret%255FdemoReader", "/a/…"),
            ("/%252565yJ0", "/…"),
            ("/100%25/%25zz/%", "/100%25/%25zz/%"),
            ("/%1b[2J", "/%1b[2J"),
        ] {
            assert_eq!(without_secrets(path), expected, "{path}");
        }
    }

    #[test]
    fn a_trace_id_is_32_hexadecimal_digits_that_are_not_all_zero() {
        let trace = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.append(TRACEPARENT, HeaderValue::from_str(value).unwrap());
            trace_id(&headers).map(str::to_owned)
        };
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(trace(good).as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
        for bad in ["", "00-", &good.to_uppercase(), &good.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32))]
        {
            assert_eq!(trace(bad), None, "{bad}");
        }
    }
}
