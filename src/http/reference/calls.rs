//! The request that the samples of an operation send: its path with example values, who calls, and the example of its body.

use utoipa::openapi::RefOr;
use utoipa::openapi::content::Content;
use utoipa::openapi::request_body::RequestBody;

use super::samples::{Body, Call, Part};
use crate::http::routes::Access;

/// An example for each parameter of a path: the same as in the examples of bodies.
const IN_PATHS: [(&str, &str); 6] = [
    ("id", "5f2b8c1e-9a4d-4c37-8e60-2d1f7b9a3c54"),
    ("client_id", "curbside"),
    ("secret_id", "5f2b8c1e-9a4d-4c37-8e60-2d1f7b9a3c54"),
    ("request_id", "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c"),
    ("kid", "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"),
    ("kind", "throttled"),
];
/// What a sample does not have in it: each is read from the environment.
const SECRETS: [(&str, &str); 2] = [("client_secret", "CLIENT_SECRET"), ("token", "TOKEN")];
/// The members of a form in the order in which the documentation has them.
const FORM: [&str; 5] = ["grant_type", "client_id", "client_secret", "audience", "token"];

/// The request of the operation with this method there.
pub(super) fn call(
    issuer: &str,
    authority: Option<&'static str>,
    access: &Access,
    method: &str,
    path: &str,
    body: Option<&RequestBody>,
) -> Call {
    let mut fields = Vec::new();
    if matches!(access, Access::Token(_)) {
        fields.push(("Authorization".to_owned(), Part::Variable("TOKEN")));
    }
    let shown = body.and_then(content_to_show);
    let example = shown.and_then(|(_, content)| content.example.clone());
    let body = match (access, example) {
        (_, None) => Body::None,
        (Access::Client, Some(example)) => {
            let member = |name: &'static str| {
                let value = example.get(name)?.as_str()?;
                let secret = SECRETS.iter().find(|(secret, _)| *secret == name);
                Some((name, secret.map_or_else(|| Part::Text(value.to_owned()), |(_, name)| Part::Variable(name))))
            };
            Body::Form(FORM.into_iter().filter_map(member).collect())
        }
        (_, Some(example)) => {
            let media_type = shown.map_or("application/json", |(name, _)| name);
            fields.push(("Content-Type".to_owned(), Part::Text(media_type.to_owned())));
            Body::Json(example)
        }
    };
    let path = IN_PATHS.iter().fold(path.to_owned(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
    Call { method: method.to_owned(), url: format!("{issuer}{path}"), fields, body, authority }
}

/// The media type of a body that the page shows, and what it consists of: a patch rather than plain JSON.
pub(super) fn content_to_show(body: &RequestBody) -> Option<(&String, &Content)> {
    let is_patch = |(name, _): &(&String, &RefOr<Content>)| name.contains("merge-patch");
    let shown = body.content.iter().find(is_patch).or_else(|| body.content.iter().next());
    shown.and_then(|(name, content)| Some((name, own(content)?)))
}

/// What is not a reference.
pub(super) fn own<T>(value: &RefOr<T>) -> Option<&T> {
    match value {
        RefOr::T(value) => Some(value),
        RefOr::Ref(_) => None,
    }
}
