//! What a request claims, before or without a walk that finds out whether it is true: its client, in its credentials or in
//! its body, and what it asks for.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Deserialize;

use crate::oauth::audience::ADMIN_AUDIENCE;
use crate::oauth::credentials::ClientId;
use crate::oauth::parameters::{Format, Parameters};
use crate::oauth::resource::{Api, Resource};

/// What is read of a body, and of the claims of a token.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    client_id: Cow<'a, str>,
}

/// What is read of the body of a token request.
#[derive(Deserialize)]
struct Asked<'a> {
    #[serde(borrow)]
    scope: Option<Cow<'a, str>>,
}

/// The client that the value of an `Authorization` field names: the identifier of HTTP Basic, or the claim of a token that
/// nobody has verified.
pub(crate) fn of_credentials(value: &str) -> Option<ClientId> {
    let (scheme, credentials) = value.split_once(' ')?;
    let credentials = credentials.trim();
    if scheme.eq_ignore_ascii_case("basic") {
        let decoded = STANDARD.decode(credentials).ok()?;
        let (client_id, _) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        return ClientId::parse(&percent_encoding::percent_decode_str(client_id).decode_utf8().ok()?).ok();
    }
    let claims = URL_SAFE_NO_PAD.decode(credentials.split('.').nth(1)?).ok()?;
    ClientId::parse(&serde_json::from_slice::<Named<'_>>(&claims).ok()?.client_id).ok()
}

/// The client that the body of an OAuth request names, as JSON or as a form.
pub(crate) fn of_body(body: &[u8]) -> Option<ClientId> {
    if body.trim_ascii_start().starts_with(b"{") {
        return ClientId::parse(&serde_json::from_slice::<Named<'_>>(body).ok()?.client_id).ok();
    }
    let (_, client_id) = form_urlencoded::parse(body).find(|(name, _)| name == "client_id")?;
    ClientId::parse(&client_id).ok()
}

/// The scope that the body of a token request asks for, as JSON or as a form.
pub(crate) fn scope_of_body(body: &[u8]) -> Option<String> {
    if body.trim_ascii_start().starts_with(b"{") {
        return Some(serde_json::from_slice::<Asked<'_>>(body).ok()?.scope?.into_owned());
    }
    let (_, scope) = form_urlencoded::parse(body).find(|(name, _)| name == "scope")?;
    Some(scope.into_owned())
}

/// Whether the body of a token request asks this issuer for a token of the administration: by its audience, or else by the
/// first of its resources.
pub(crate) fn asks_for_administration(body: &[u8], issuer: &str) -> bool {
    let format = if body.trim_ascii_start().starts_with(b"{") { Format::Json } else { Format::Form };
    let Ok(mut parameters) = Parameters::parse(format, body) else { return false };
    let audience = parameters.take("audience").map(|audience| audience.to_string());
    let target = audience.or_else(|| parameters.take_resources().into_iter().next());
    target.is_some_and(|target| {
        target == ADMIN_AUDIENCE || Resource::named(&target, issuer).is_some_and(|resource| resource.api == Api::Admin)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_by_credentials_or_by_a_body() {
        let named = |client_id: Option<ClientId>| client_id.map(|client_id| client_id.to_string());
        let basic = |pair: &str| format!("Basic {}", STANDARD.encode(pair));
        let token = format!("Bearer a.{}.b", URL_SAFE_NO_PAD.encode(r#"{"client_id":"demo-reader","jti":"x"}"#));
        for (value, expected) in [
            (basic("demo-reader:secret"), Some("demo-reader")),
            (basic("demo%2Dreader:secret"), Some("demo-reader")),
            (basic("no colon"), None),
            (token, Some("demo-reader")),
            ("Bearer opaque".to_owned(), None),
            ("demo-reader".to_owned(), None),
        ] {
            assert_eq!(named(of_credentials(&value)).as_deref(), expected, "{value}");
        }
        for (body, expected) in [
            (r#"{"grant_type":"client_credentials","client_id":"demo-reader"}"#, Some("demo-reader")),
            ("grant_type=client_credentials&client_id=demo%2Dreader", Some("demo-reader")),
            (r#"{"client_id":7}"#, None),
            ("client_id=a+b", None),
            ("", None),
        ] {
            assert_eq!(named(of_body(body.as_bytes())).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_token_request_asks_for_the_administration_by_its_audience_or_its_first_resource() {
        for (body, expected) in [
            ("client_id=a&audience=admin.api.boomgate", true),
            ("audience=https%3A%2F%2Fgate.example%2Fadmin", true),
            ("resource=https%3A%2F%2Fgate.example%2Fadmin%2F&resource=other", true),
            (r#"{"client_id": "a", "audience": "admin.api.boomgate"}"#, true),
            (r#"{"resource": ["https://gate.example/metrics"]}"#, true),
            (r#"{"resource": "https://other.example/admin"}"#, false),
            ("resource=https%3A%2F%2Fgate.example&resource=https%3A%2F%2Fgate.example%2Fadmin", false),
            ("audience=public.api.passportinc.com&scope=admin.api.boomgate", false),
            ("audience=&client_id=demo-admin", false),
            ("", false),
            ("{", false),
        ] {
            assert_eq!(asks_for_administration(body.as_bytes(), "https://gate.example"), expected, "{body}");
        }
    }
}
