//! `cors_origins`: pages of which origins may call the partner API.

use super::raw::Raw;
use crate::http::cors::ANY;

const KEY: &str = "cors_origins";
const EXPECTED: &str = "an origin as browsers send it, such as \"https://app.example.com\" or \"http://localhost:5173\": in \
    lower case, without a default port, and with no path or / at its end; or \"*\" alone, for every origin";

/// The origins, as browsers send them; empty by default.
pub(super) fn read(raw: &mut Raw) -> Vec<String> {
    let origins = raw.list_if_any(KEY, EXPECTED, parse_origin).unwrap_or_default();
    if origins.len() > 1 && origins.iter().any(|origin| origin == ANY) {
        raw.fault(KEY, "names \"*\" beside other origins: it stands alone, and allows every origin");
    }
    raw.set_effective(KEY, origins.as_slice());
    origins
}

/// `SCHEME://HOST` or `SCHEME://HOST:PORT`, as a browser serialises an origin (RFC 6454 section 6.2): whoever writes it
/// otherwise allows nobody.
fn parse_origin(text: &str) -> Option<String> {
    if text == ANY {
        return Some(text.to_owned());
    }
    let (scheme, authority) = text.split_once("://")?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_lowercase())
        && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte));
    let (host, port) = match authority.rsplit_once(':') {
        // In brackets the colons are the address's.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        Some(_) | None => (authority, None),
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok_and(|parsed| parsed.to_string() == address),
        None => !host.is_empty() && host.bytes().all(is_of_host),
    };
    let is_port = port.is_none_or(|port| {
        let is_default = matches!((scheme, port), ("https", "443") | ("http", "80"));
        !is_default && port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
    });
    (is_scheme && is_host && is_port).then(|| text.to_owned())
}

fn is_of_host(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_written_as_a_browser_sends_it() {
        for origin in [
            "*",
            "https://app.example.com",
            "http://localhost:5173",
            "https://192.0.2.1:8443",
            "http://[::1]:3000",
            "https://xn--bcher-kva.example",
            "capacitor://localhost",
            "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb",
        ] {
            assert_eq!(parse_origin(origin).as_deref(), Some(origin));
        }
        for other in [
            "",
            "null",
            "app.example.com",
            "https://",
            "https://app.example.com/",
            "https://app.example.com/path",
            "https://App.example.com",
            "HTTPS://app.example.com",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "https://app.example.com:",
            "https://app.example.com:0443",
            "https://app.example.com:70000",
            "https://user@app.example.com",
            "https://*.example.com",
            "https://app.example.com?a",
            "https://b\u{fc}cher.example",
            "https://[::1",
            "https://[0:0::1]",
        ] {
            assert_eq!(parse_origin(other), None, "{other}");
        }
    }
}
