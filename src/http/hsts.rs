//! `Strict-Transport-Security` (RFC 6797): a browser that has seen it uses HTTPS alone for that host.
//!
//! The rule holds for a host with all its ports, so on a name that several servers share it would end every one of
//! them that speaks plain HTTP. It is sent only where the issuer is a public name, and only to whoever asked for
//! such a name: the browser remembers the host of its own request, whatever the issuer is.

use actix_web::dev::RequestHead;
use actix_web::http::header::{HOST, HeaderValue};

use crate::oauth::host;

/// How long browsers remember it, unless the settings say otherwise: a year, which is what their preload lists ask
/// for at least.
pub(crate) const DEFAULT_MAX_AGE_S: u64 = 31_536_000;

/// The field, for a server that may send it.
#[derive(Clone, Debug)]
pub(crate) struct Hsts {
    /// The issuer's host and port, which is what a `Host` field holds.
    authority: Box<str>,
    value: HeaderValue,
}

impl Hsts {
    /// For the server that this issuer names. `None` where the field must not be sent: the issuer's host is not a
    /// public name, or `max_age_s` is 0.
    #[must_use]
    pub(crate) fn new(issuer: &str, max_age_s: u64) -> Option<Self> {
        if max_age_s == 0 || !host::is_public_name(host::of_issuer(issuer)) {
            return None;
        }
        let value = match max_age_s {
            // A static text costs no reference count that all workers share.
            DEFAULT_MAX_AGE_S => HeaderValue::from_static("max-age=31536000"),
            other => HeaderValue::try_from(format!("max-age={other}")).ok()?,
        };
        Some(Self { authority: issuer.strip_prefix("https://").unwrap_or(issuer).into(), value })
    }

    /// The value for the answer to this request, unless its host is one that must not have it. Allocates nothing.
    pub(super) fn value_for(&self, request: &RequestHead) -> Option<HeaderValue> {
        // HTTP/2 has the host in the address, HTTP/1.1 in a field.
        let asked = match request.uri.authority() {
            Some(authority) => authority.as_str(),
            None => request.headers.get(HOST)?.to_str().ok()?,
        };
        let is_ours = asked.eq_ignore_ascii_case(&self.authority);
        (is_ours || host::is_public_name(host::split_port(asked).0)).then(|| self.value.clone())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn only_a_public_issuer_has_it() {
        for issuer in ["https://gate.example.com", "https://gate.example.com:8443", "https://GATE.example"] {
            assert!(Hsts::new(issuer, 1).is_some(), "{issuer}");
            assert!(Hsts::new(issuer, 0).is_none(), "{issuer}");
        }
        for issuer in
            ["https://localhost:8443", "https://a.localhost", "https://gate", "https://127.0.0.1", "https://[::1]:1"]
        {
            assert!(Hsts::new(issuer, 1).is_none(), "{issuer}");
        }
    }

    #[test]
    fn the_host_that_was_asked_for_decides_too() {
        let hsts = Hsts::new("https://gate.example.com:8443", 60).unwrap();
        let value = |request: TestRequest| {
            let request = request.to_srv_request();
            hsts.value_for(request.head()).map(|value| value.to_str().unwrap().to_owned())
        };
        for (host, is_sent) in [
            ("gate.example.com:8443", true),
            ("Gate.Example.COM:8443", true),
            ("other.example.com", true),
            ("localhost:8443", false),
            ("a.localhost", false),
            ("127.0.0.1:8443", false),
            ("[::1]:8443", false),
            ("gate:8443", false),
            ("", false),
        ] {
            let expected = is_sent.then(|| "max-age=60".to_owned());
            assert_eq!(value(TestRequest::get().insert_header((HOST, host))), expected, "{host}");
            if !host.is_empty() {
                assert_eq!(value(TestRequest::get().uri(&format!("https://{host}/x"))), expected, "HTTP/2: {host}");
            }
        }
        assert_eq!(value(TestRequest::get()), None, "no host at all");
    }
}
