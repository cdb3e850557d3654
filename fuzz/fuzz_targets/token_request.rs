//! Bodies of token, revocation and introspection requests, in both formats, with and without a header.

#![no_main]

use boomgate::oauth::credentials::ClientAuthentication;
use boomgate::oauth::parameters::{Format, Parameters};
use boomgate::oauth::token_request::{InspectionRequest, TokenRequest};
use libfuzzer_sys::fuzz_target;

fn presented(authentication: &ClientAuthentication) -> (&str, &str) {
    let (ClientAuthentication::ClientSecretBasic(presented) | ClientAuthentication::ClientSecretPost(presented)) =
        authentication;
    (&presented.client_id, presented.secret.expose())
}

// The first byte chooses the media type; the `Authorization` header goes up to the first zero byte.
fuzz_target!(|data: &[u8]| {
    let Some((choice, rest)) = data.split_first() else { return };
    let end = rest.iter().position(|byte| *byte == 0);
    let (header, body) = end.map_or((None, rest), |end| (Some(&rest[..end]), &rest[end + 1..]));
    let content_type: Option<&[u8]> = match choice % 4 {
        0 => None,
        1 => Some(b"application/json"),
        2 => Some(b"application/x-www-form-urlencoded"),
        _ => header,
    };
    let Ok(format) = Format::of(content_type, body) else { return };
    if let Ok(parameters) = Parameters::parse(format, body) {
        let _ = InspectionRequest::parse(header.into_iter(), parameters);
    }
    let Ok(parameters) = Parameters::parse(format, body) else { return };
    let Ok(request) = TokenRequest::parse(header.into_iter(), parameters) else { return };

    let (id, secret) = presented(&request.authentication);
    // The same request, written as a form, reads the same.
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials")
        .append_pair("client_id", id)
        .append_pair("client_secret", secret);
    if let Some(audience) = &request.audience {
        form.append_pair("audience", audience);
    }
    for resource in &request.resources {
        form.append_pair("resource", resource);
    }
    if let Some(scope) = &request.scope {
        form.append_pair("scope", &scope.to_string());
    }
    // A header may have an empty part; in a body an empty parameter counts as omitted.
    if id.is_empty() || secret.is_empty() {
        return;
    }
    let parameters = Parameters::parse(Format::Form, form.finish().as_bytes()).expect("a form");
    let again = TokenRequest::parse(std::iter::empty(), parameters).expect("the same request");
    assert_eq!(presented(&again.authentication), (id, secret));
    assert_eq!((again.audience, again.resources, again.scope), (request.audience, request.resources, request.scope));
});
