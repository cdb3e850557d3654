//! What operations of the document refer to: errors, headers, parameters, security schemes, tags.

use std::collections::{BTreeMap, BTreeSet};

use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::{Components, ComponentsBuilder, KnownFormat, Schema, SchemaFormat};
use utoipa::openapi::security::{
    ClientCredentials, Flow, Http, HttpAuthScheme, HttpBuilder, OAuth2, Scopes, SecurityScheme,
};
use utoipa::openapi::tag::{Tag, TagBuilder};
use utoipa::openapi::{HeaderBuilder, Ref, RefOr};

use super::kinds_of;
use super::operation::{Schemas, answer, integer, json, parameter, string};
use crate::api::{oauth_error, problem};
use crate::http::answer_fields::ANSWER_FIELDS;
use crate::http::error::{OauthError, Problem, ProblemKind as Kind};
use crate::http::routes::Access;
use crate::oauth::error::ErrorCode;
use crate::oauth::scope::{self, ScopeToken};

/// The fields of requests. A server reads none of them that it cannot use, except the first.
#[rustfmt::skip]
const REQUEST_HEADERS: [(&str, &str, Option<&str>); 6] = [
    ("Idempotency-Key", "1 to 255 visible characters. A request that comes again with the same key gets the first answer again.", Some("^[!-~]{1,255}$")),
    ("If-Match", "Entity tags: answer only if the resource is in one of these states.", None),
    ("If-None-Match", "Entity tags: answer only if the resource is in none of these states.", None),
    ("Passport-Labs-Client-Trace-Id", "An id of the caller's, which the answer repeats.", None),
    ("X-Request-Id", "The id of the request, 1 to 128 visible characters; without it the server makes one.", None),
    ("traceparent", "The trace that the request belongs to (W3C Trace Context), for the log.", None),
];

pub(in crate::http) const SCOPES: [(ScopeToken, &str); 5] = [
    (scope::READ_ZONES, "Read zones."),
    (scope::WRITE_ZONES, "Create, change and delete zones."),
    (scope::READ_ADMIN, "Read clients, keys, the audit log and metrics."),
    (scope::WRITE_ADMIN, "Register and change clients and keys."),
    (scope::INTROSPECT, "Introspect tokens of other clients."),
];

/// The errors of all operations: a component for each set that some operation has at a status.
pub(super) struct Errors {
    issuer: String,
    responses: BTreeMap<String, Response>,
    /// Kinds that are answered as problems, and as OAuth errors.
    problem_kinds: BTreeSet<&'static str>,
    oauth_kinds: BTreeSet<&'static str>,
}

impl Errors {
    pub(super) fn new(issuer: &str) -> Self {
        let (problem_kinds, oauth_kinds) = (BTreeSet::new(), BTreeSet::new());
        Self { issuer: issuer.to_owned(), responses: BTreeMap::new(), problem_kinds, oauth_kinds }
    }

    /// The names of the errors of an operation, by their status.
    pub(super) fn of(&mut self, access: &Access, own: &[Kind]) -> Vec<(u16, String)> {
        let common = kinds_of(access);
        let kinds: BTreeMap<&str, Kind> = common.iter().chain(own).map(|kind| (kind.slug(), *kind)).collect();
        let mut by_status = BTreeMap::<u16, Vec<Kind>>::new();
        for kind in kinds.into_values() {
            by_status.entry(kind.status().as_u16()).or_default().push(kind);
        }
        by_status.into_iter().map(|(status, kinds)| (status, self.response(access, status, &kinds))).collect()
    }

    fn response(&mut self, access: &Access, status: u16, kinds: &[Kind]) -> String {
        let slugs: Vec<_> = kinds.iter().map(|kind| kind.slug()).collect();
        let whose = match access {
            Access::Public => "public",
            Access::Client => "oauth",
            Access::Token(_) => "api",
            Access::Sandbox => "sandbox",
        };
        let name = format!("{whose}.{status}.{}", slugs.join("."));
        if !self.responses.contains_key(&name) {
            let response = self.new_response(access, status, kinds);
            self.responses.insert(name.clone(), response);
        }
        name
    }

    fn new_response(&mut self, access: &Access, status: u16, kinds: &[Kind]) -> Response {
        let is_oauth = *access == Access::Client;
        let titles: Vec<_> = kinds.iter().map(|kind| format!("{}.", kind.title())).collect();
        let headers: &[&str] = match status {
            401 | 403 => &["Cache-Control", "WWW-Authenticate"],
            400 if kinds.contains(&Kind::TokenMisplaced) => &["Cache-Control", "WWW-Authenticate"],
            415 if is_oauth => &["Cache-Control", "Accept-Encoding"],
            415 => &["Cache-Control", "Accept", "Accept-Encoding", "Accept-Patch"],
            429 | 503 => &["Cache-Control", "Retry-After"],
            _ => &["Cache-Control"],
        };
        let mut response = answer(&titles.join(" "), headers);
        if matches!(access, Access::Token(_)) && status != 401 {
            response = with_limits(response);
        }
        if is_oauth {
            self.oauth_kinds.extend(kinds.iter().map(|kind| kind.slug()));
            response = response.content("application/json", content("OauthError", "oauth.", kinds));
        }
        // What is no HTTP is refused before any endpoint is reached.
        let problems: Vec<Kind> =
            kinds.iter().copied().filter(|kind| !is_oauth || *kind == Kind::MalformedRequest).collect();
        if !problems.is_empty() {
            self.problem_kinds.extend(problems.iter().map(|kind| kind.slug()));
            response = response.content("application/problem+json", content("Problem", "", &problems));
        }
        response.build()
    }
}

/// The media type of an error, with an example of each kind.
fn content(schema: &str, prefix: &str, kinds: &[Kind]) -> utoipa::openapi::Content {
    let examples = kinds.iter().map(|kind| {
        let name = format!("{prefix}{}", kind.slug());
        (kind.slug(), RefOr::Ref(Ref::new(format!("#/components/examples/{name}"))))
    });
    ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).examples_from_iter(examples).build()
}

/// With the fields that tell a client how much is left of its limits.
pub(super) fn with_limits(response: ResponseBuilder) -> ResponseBuilder {
    ["RateLimit", "RateLimit-Policy"]
        .iter()
        .fold(response, |response, name| response.header_ref(*name, Ref::new(format!("#/components/headers/{name}"))))
}

/// All components, with these schemas and errors.
pub(super) fn all(issuer: &str, mut schemas: BTreeMap<String, RefOr<Schema>>, errors: Errors) -> Components {
    let mut common = Schemas::default();
    common.of::<problem::Problem<'_>>();
    common.of::<oauth_error::OauthError<'_>>();
    schemas.extend(common.0);
    let mut components = ComponentsBuilder::new().schemas_from_iter(schemas);
    for kind in Kind::ALL {
        if errors.problem_kinds.contains(kind.slug()) {
            components = components.example(kind.slug(), example(&problem_body(&errors.issuer, kind)));
        }
        if errors.oauth_kinds.contains(kind.slug()) {
            components =
                components.example(format!("oauth.{}", kind.slug()), example(&oauth_body(&errors.issuer, kind)));
        }
    }
    components = components.responses_from_iter(errors.responses);
    for (name, description, value) in ANSWER_FIELDS {
        let schema = if name == "Retry-After" { integer(1, u64::MAX) } else { string() };
        let value = if name == "Retry-After" { json(value) } else { value.into() };
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(description)).example(Some(value));
        components = components.header(name, header.build());
    }
    for (name, description, pattern) in REQUEST_HEADERS {
        let schema = string().pattern(pattern);
        components = components.parameter(name, parameter(name, ParameterIn::Header, description, schema));
    }
    let scopes: Scopes = SCOPES.into_iter().map(|(name, does)| (name.to_string(), does.to_owned())).collect();
    let flow = Flow::ClientCredentials(ClientCredentials::new(format!("{issuer}/oauth2/token"), scopes));
    components
        .security_scheme("oauth2", SecurityScheme::OAuth2(OAuth2::new([flow])))
        .security_scheme(
            "bearer",
            SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build()),
        )
        .security_scheme("basic", SecurityScheme::Http(Http::new(HttpAuthScheme::Basic)))
        .build()
}

fn example(body: &[u8]) -> utoipa::openapi::example::Example {
    ExampleBuilder::new().value(Some(serde_json::from_slice(body).unwrap_or_default())).build()
}

fn problem_body(issuer: &str, kind: Kind) -> Vec<u8> {
    let problem = if kind == Kind::InvalidFields {
        Problem::invalid_fields(vec![problem::FieldFault::new("/number", "is missing")])
    } else {
        Problem::new(kind, format!("{}.", kind.title()))
    };
    problem.body(issuer, "0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c", None)
}

fn oauth_body(issuer: &str, kind: Kind) -> Vec<u8> {
    let temporary = [Kind::TooManyTokenRequests, Kind::Unavailable].contains(&kind);
    let own = ErrorCode::OF_TOKEN_ENDPOINT.iter().copied().find(|code| Kind::of_code(*code) == kind);
    let code = own.unwrap_or(if temporary { ErrorCode::TemporarilyUnavailable } else { ErrorCode::InvalidRequest });
    OauthError::new(code, format!("{}.", kind.title())).with_kind(kind).body(issuer, None)
}

/// The parameter of a path with this name.
pub(super) fn path_parameter(name: &str) -> RefOr<Parameter> {
    let uuid = || string().format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid)));
    let (description, schema) = match name {
        "id" => ("The zone's identifier.", uuid()),
        "secret_id" => ("The secret's identifier.", uuid()),
        "client_id" => ("The client's identifier.", string().pattern(Some("^[A-Za-z0-9._~-]{1,64}$"))),
        "request_id" => ("The request's id, as `X-Request-Id` of its answer has it.", string().max_length(Some(128))),
        "kid" => ("The key's name: its thumbprint (RFC 7638).", string().pattern(Some("^[A-Za-z0-9_-]{43}$"))),
        "kind" => ("The kind of problem.", string().enum_values(Some(Kind::ALL.map(Kind::slug)))),
        _ => ("", string()),
    };
    parameter(name, ParameterIn::Path, description, schema).into()
}

pub(super) fn tag_of(path: &str) -> &'static str {
    let starts = |prefix: &str| path.starts_with(prefix);
    match path {
        _ if starts("/admin/keys") => "Keys",
        _ if ["/admin/clients", "/admin/reports", "/admin/secrets", "/admin/terms"].into_iter().any(starts) => {
            "Clients"
        }
        _ if starts("/admin") => "Audit and revocation",
        _ if starts("/.well-known") || starts("/openapi") => "Discovery",
        _ if starts("/oauth2") || starts("/shared/access-tokens") => "OAuth",
        _ if starts("/parking") || starts("/shared") => "Zones",
        _ if starts("/problems") || starts("/static") => "Pages",
        _ => "Operations",
    }
}

pub(super) fn tags() -> Vec<Tag> {
    [
        ("OAuth", "Tokens: issued, revoked, introspected."),
        ("Zones", "The sample API."),
        ("Clients", "Clients and their secrets."),
        ("Keys", "The keys that sign tokens."),
        ("Audit and revocation", "Who did what; and tokens of any client."),
        ("Discovery", "What a client can find out by itself."),
        ("Pages", "Pages for people."),
        ("Operations", "How the server is."),
    ]
    .into_iter()
    .map(|(name, description)| TagBuilder::new().name(name).description(Some(description)).build())
    .collect()
}
