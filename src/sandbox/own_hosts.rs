//! The names by which control requests may call the sandbox.
//!
//! A web page can make a name of its own resolve to 127.0.0.1 (DNS rebinding), and send requests from its own origin. It
//! cannot choose the `Host`, the `Origin` and the `Sec-Fetch-Site` that its browser sends. So a control request is for a
//! loopback name or a name of the certificate, and comes from no origin, or from this server's own. A browser leaves
//! `Origin` out of some requests, and never `Sec-Fetch-Site`.

use crate::host::{Host, split_port};

/// The names of the certificate; loopback names and addresses count without being listed.
#[derive(Clone, Debug, Default)]
pub struct OwnHosts(Vec<Host>);

/// Why a control request is refused before its token is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForeignRequest {
    /// It is for another host.
    #[error("control requests are for localhost, a loopback address, or a name of this server's certificate")]
    Host,
    /// A page of another origin sent it, as its `Origin` says.
    #[error("the request has the Origin of another site, and only this server's own pages may control it")]
    Origin,
    /// A page of another origin sent it, as its `Sec-Fetch-Site` says.
    #[error(
        "a page of another site sent the request (Sec-Fetch-Site), and only this server's own pages may control it"
    )]
    Page,
}

impl OwnHosts {
    /// Names and addresses of a certificate. What is none is left out.
    #[must_use]
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(names.into_iter().filter_map(Host::parse).collect())
    }

    /// Checks the authority that a request is for, `HOST` or `HOST:PORT`, and its `Origin` and `Sec-Fetch-Site` fields.
    pub fn check<'o>(
        &self,
        authority: Option<&str>,
        mut origins: impl Iterator<Item = &'o [u8]>,
        mut fetch_sites: impl Iterator<Item = &'o [u8]>,
    ) -> Result<(), ForeignRequest> {
        let authority = authority.filter(|authority| self.has(authority)).ok_or(ForeignRequest::Host)?;
        let is_own = |origin: &[u8]| {
            let origin = origin.strip_prefix(b"https://").unwrap_or_default();
            origin.eq_ignore_ascii_case(authority.as_bytes())
        };
        if !origins.all(is_own) {
            return Err(ForeignRequest::Origin);
        }
        // `same-site` is another port, or another name below the same domain. Values that a later standard adds are ignored,
        // as the standard of today asks.
        let is_foreign = |site: &[u8]| matches!(site, b"cross-site" | b"same-site");
        if fetch_sites.any(is_foreign) { Err(ForeignRequest::Page) } else { Ok(()) }
    }

    fn has(&self, authority: &str) -> bool {
        let (host, _) = split_port(authority);
        match Host::parse(host.strip_suffix('.').unwrap_or(host)) {
            Some(host) => host.is_loopback() || self.0.iter().any(|own| own.covers(&host)),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(authority: Option<&str>, origins: &[&str]) -> Result<(), ForeignRequest> {
        check_site(authority, origins, &[])
    }

    fn check_site(authority: Option<&str>, origins: &[&str], fetch_sites: &[&str]) -> Result<(), ForeignRequest> {
        let hosts = OwnHosts::new(["gate.internal", "*.example.com", "192.0.2.7", "no name"]);
        hosts.check(authority, origins.iter().map(|it| it.as_bytes()), fetch_sites.iter().map(|it| it.as_bytes()))
    }

    #[test]
    fn a_control_request_is_for_loopback_or_a_name_of_the_certificate() {
        for own in [
            "localhost",
            "LOCALHOST:8443",
            "localhost.:8443",
            "sandbox.localhost",
            "127.0.0.1:8443",
            "127.9.9.9",
            "[::1]:8443",
            "gate.internal:8443",
            "a.example.com",
            "192.0.2.7",
        ] {
            assert_eq!(check(Some(own), &[]), Ok(()), "{own}");
        }
        for foreign in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "192.0.2.8", "a b"] {
            assert_eq!(check(Some(foreign), &[]), Err(ForeignRequest::Host), "{foreign}");
        }
        assert_eq!(check(None, &[]), Err(ForeignRequest::Host));
    }

    #[test]
    fn no_page_of_another_origin_sent_it() {
        let from = |sites: &[&str]| check_site(Some("localhost:8443"), &[], sites);
        for own in [&[][..], &["same-origin"], &["none"], &["something-new"]] {
            assert_eq!(from(own), Ok(()), "{own:?}");
        }
        for foreign in [&["cross-site"][..], &["same-site"], &["same-origin", "cross-site"]] {
            assert_eq!(from(foreign), Err(ForeignRequest::Page), "{foreign:?}");
        }
    }

    #[test]
    fn it_comes_from_no_origin_or_from_this_server() {
        let from = |origins: &[&str]| check(Some("localhost:8443"), origins);
        assert_eq!(from(&["https://localhost:8443"]), Ok(()));
        for foreign in
            ["null", "", "https://localhost:3000", "https://localhost", "http://localhost:8443", "https://evil.example"]
        {
            assert_eq!(from(&[foreign]), Err(ForeignRequest::Origin), "{foreign}");
            assert_eq!(from(&["https://localhost:8443", foreign]), Err(ForeignRequest::Origin), "{foreign}");
        }
    }
}
