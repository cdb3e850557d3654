//! `Strict-Transport-Security` (RFC 6797): a browser that has seen it uses HTTPS alone for that host.
//!
//! The rule applies to a host with all its ports. On a name that several servers share, it would make every server there
//! unreachable that speaks plain HTTP. So the field is sent only if the issuer has a public name, and only to a request for
//! such a name: a browser remembers the host of its own request, not the issuer.

use actix_web::dev::RequestHead;
use actix_web::http::header::{HOST, HeaderValue};

use crate::host;

/// How long browsers remember the rule if the settings do not say it: a year, the least that preload lists require.
pub(crate) const DEFAULT_MAX_AGE_S: u64 = 31_536_000;

/// The field, for a server that may send it.
#[derive(Clone, Debug)]
pub(crate) struct Hsts {
    /// The issuer's host and port, as a `Host` field has them.
    authority: Box<str>,
    value: HeaderValue,
}

impl Hsts {
    /// For the server with this issuer; `None` if its host is not a public name, or if `max_age_s` is 0.
    #[must_use]
    pub(crate) fn new(issuer: &str, max_age_s: u64) -> Option<Self> {
        if max_age_s == 0 || !host::is_public_name(host::of_issuer(issuer)) {
            return None;
        }
        let value = match max_age_s {
            // A static text has no reference count, which all workers would share.
            DEFAULT_MAX_AGE_S => HeaderValue::from_static("max-age=31536000"),
            other => HeaderValue::try_from(format!("max-age={other}")).ok()?,
        };
        Some(Self { authority: issuer.strip_prefix("https://").unwrap_or(issuer).into(), value })
    }

    /// The value for the answer to this request, if its host is a public name. Allocates nothing.
    pub(super) fn value_for(&self, request: &RequestHead) -> Option<HeaderValue> {
        // HTTP/2 has the host in the address, HTTP/1.1 in a field.
        let host = match request.uri.authority() {
            Some(authority) => authority.as_str(),
            None => request.headers.get(HOST)?.to_str().ok()?,
        };
        let is_ours = host.eq_ignore_ascii_case(&self.authority);
        (is_ours || host::is_public_name(host::split_port(host).0)).then(|| self.value.clone())
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
    fn the_host_of_the_request_decides_too() {
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
