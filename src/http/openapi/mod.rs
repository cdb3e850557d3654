//! The OpenAPI 3.1 document, which `GET /openapi.json` and `boomgate openapi` show.
//!
//! Its operations come from the [route table](super::routes), its schemas from the types of [`crate::api`]. What neither says
//! stands in a file for each API, by operation id: a test refuses a row without it. The errors that every operation of a
//! kind has, such as a token that is missing, are added here.

mod admin;
mod components;
mod oauth;
mod operation;
mod parking;
mod public;

use std::collections::BTreeMap;

use actix_web::http::{Method, StatusCode};
use utoipa::openapi::path::{HttpMethod, Operation, OperationBuilder, PathItem, PathsBuilder};
use utoipa::openapi::response::ResponsesBuilder;
use utoipa::openapi::{
    InfoBuilder, LicenseBuilder, OpenApi, OpenApiBuilder, Ref, RefOr, SecurityRequirement, Server, ServerBuilder,
};

use self::components::Errors;
pub(super) use self::components::SCOPES;
use self::operation::Documented;
use crate::admission::{Api, Right};
use crate::http::error::ProblemKind as Kind;
use crate::http::routes::{self, Access, Operation as Row, Place, Route, VERSION};

const DESCRIPTION: &str = "OAuth 2.0 client credentials, scopes, throttles and daily quotas in front of a partner API.\n\n\
    HEAD is answered as GET is, without a body. A method that a path does not have is answered with 405 and `Allow`, plain \
    HTTP with 403. An answer has more fields and members over time: ignore those that are new.";

/// The document of a server whose address is `issuer`; with an empty one, its addresses are relative.
#[must_use]
pub fn document(issuer: &str) -> OpenApi {
    let mut documented: BTreeMap<&str, Documented> =
        operations().map(|documented| (documented.id, documented)).collect();
    let mut errors = Errors::new(issuer);
    let mut schemas = BTreeMap::new();
    let mut paths = PathsBuilder::new();
    for route in routes::table().iter().filter(|route| route.is_documented()) {
        let mut described = Vec::new();
        for row in route.operations() {
            let documented = match row.method {
                Method::OPTIONS => Some(preflight()),
                _ => documented.remove(&*row.id),
            };
            // A test refuses a row that is not documented.
            let Some(mut documented) = documented else { continue };
            schemas.extend(std::mem::take(&mut documented.schemas.0));
            described.push((row, describe(row, documented, &mut errors)));
        }
        for path in route.paths() {
            paths = paths.path(path, path_item(route, path, &described, issuer));
        }
    }
    let info = InfoBuilder::new()
        .title("Boomgate")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(DESCRIPTION))
        .license(Some(LicenseBuilder::new().name(LICENSE).identifier(Some(LICENSE)).build()));
    OpenApiBuilder::new()
        .info(info.build())
        .servers(Some([server(issuer, "")]))
        .paths(paths.build())
        .components(Some(components::all(issuer, schemas, errors)))
        .tags(Some(components::tags()))
        .build()
}

/// The same as one line of JSON.
pub(crate) fn to_json(issuer: &str) -> Vec<u8> {
    // Every key of the document is a string, so this does not fail.
    let mut line = serde_json::to_vec(&document(issuer)).unwrap_or_default();
    line.push(b'\n');
    line
}

/// What the document says of each operation beyond its row.
fn operations() -> impl Iterator<Item = Documented> {
    [oauth::operations(), parking::operations(), admin::operations(), public::operations()].into_iter().flatten()
}

/// Every `OPTIONS` is a browser's preflight.
fn preflight() -> Documented {
    let headers = ["Allow", "Access-Control-Allow-Origin", "Access-Control-Allow-Methods"];
    Documented::new("", "A browser sends it by itself.").no_content(StatusCode::NO_CONTENT, "It may.", &headers)
}

/// What row and document say of an operation, whatever its path.
fn describe(row: &Row, documented: Documented, errors: &mut Errors) -> Operation {
    let mut responses = ResponsesBuilder::new();
    for (status, answer) in documented.answers {
        let answer = if matches!(row.access, Access::Token(_)) { components::with_limits(answer) } else { answer };
        responses = responses.response(status.to_string(), answer.build());
    }
    for (status, name) in errors.of(&row.access, &documented.kinds) {
        responses = responses.response(status.to_string(), Ref::from_response_name(name));
    }
    documented
        .operation
        .summary(Some(row.summary))
        .description((!documented.description.is_empty()).then_some(documented.description))
        .responses(responses.build())
        .securities(Some(securities(&row.access)))
        .build()
}

fn path_item(route: &Route, path: &str, described: &[(&Row, Operation)], issuer: &str) -> PathItem {
    let mut item = PathItem::default();
    for (row, operation) in described {
        let operation = OperationBuilder::from(operation.clone())
            .operation_id(Some(id_at(route, path, &row.id)))
            .tag(components::tag_of(path));
        item.merge_operations(PathItem::new(method(&row.method), operation));
    }
    let common = ["X-Request-Id", "Passport-Labs-Client-Trace-Id", "traceparent"];
    let common = common.map(|name| RefOr::Ref(Ref::new(format!("#/components/parameters/{name}"))));
    let own = path.split(['{', '}']).skip(1).step_by(2).map(components::path_parameter);
    item.parameters = Some(common.into_iter().chain(own).collect());
    if route.place() == Place::Partner {
        item.servers = Some(vec![server(issuer, ""), server(issuer, VERSION)]);
    }
    item
}

/// The id of an operation at one of its paths. No two operations have the same, so that at an alias has what its path has
/// and the main one has not: `listZonesShared`.
fn id_at(route: &Route, path: &str, id: &str) -> String {
    let main: Vec<&str> = route.paths().first().map(|main| main.split('/').collect()).unwrap_or_default();
    let own = path.split('/').filter(|segment| !main.contains(segment));
    let capital = |segment: &str| {
        let mut letters = segment.chars();
        letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect::<String>()
    };
    own.fold(id.to_owned(), |id, segment| id + &capital(segment))
}

/// What any request with this access may fail with.
fn kinds_of(access: &Access) -> Vec<Kind> {
    let mut kinds = vec![Kind::MalformedRequest];
    if let Access::Token(Right { api, scope_token }) = access {
        kinds.extend([Kind::TokenMisplaced, Kind::TokenMissing]);
        kinds.extend([Kind::TokenInvalid, Kind::TokenExpired, Kind::TokenRevoked]);
        if scope_token.is_some() {
            kinds.extend([Kind::Throttled, Kind::InsufficientScope]);
            // The quota counts an administrator's requests, and refuses none.
            if *api == Api::Partner {
                kinds.extend([Kind::QuotaExceeded, Kind::Unavailable]);
            }
        }
    }
    kinds
}

fn securities(access: &Access) -> Vec<SecurityRequirement> {
    match access {
        // The sandbox is not in the document.
        Access::Public | Access::Sandbox => Vec::new(),
        // In place of Basic, the client may authenticate itself in the body.
        Access::Client => vec![SecurityRequirement::new("basic", NO_SCOPES), SecurityRequirement::default()],
        Access::Token(Right { scope_token, .. }) => {
            vec![
                SecurityRequirement::new("oauth2", scope_token.as_deref()),
                SecurityRequirement::new("bearer", NO_SCOPES),
            ]
        }
    }
}

const LICENSE: &str = env!("CARGO_PKG_LICENSE");
const NO_SCOPES: [&str; 0] = [];

fn server(issuer: &str, prefix: &str) -> Server {
    let url = format!("{issuer}{prefix}");
    ServerBuilder::new().url(if url.is_empty() { "/".to_owned() } else { url }).build()
}

fn method(method: &Method) -> HttpMethod {
    match *method {
        Method::POST => HttpMethod::Post,
        Method::PUT => HttpMethod::Put,
        Method::PATCH => HttpMethod::Patch,
        Method::DELETE => HttpMethod::Delete,
        Method::OPTIONS => HttpMethod::Options,
        _ => HttpMethod::Get,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_documented_and_every_document_has_a_row() {
        let table = routes::table();
        let rows = table.iter().filter(|route| route.is_documented()).flat_map(Route::operations);
        let rows: Vec<_> = rows.filter(|operation| operation.method != Method::OPTIONS).map(|row| &*row.id).collect();
        let documented: Vec<_> = operations().map(|documented| documented.id).collect();
        let (row_set, documented_set): (BTreeSet<_>, BTreeSet<_>) =
            (rows.iter().copied().collect(), documented.iter().copied().collect());
        assert_eq!(row_set, documented_set);
        assert_eq!((row_set.len(), documented_set.len()), (rows.len(), documented.len()), "an id is there twice");
    }

    #[test]
    fn every_part_of_a_path_is_described() {
        let table = routes::table();
        let documented = table.iter().filter(|route| route.is_documented());
        let paths: Vec<String> = documented.flat_map(|route| route.paths().to_vec()).collect();
        let parts = paths.iter().flat_map(|path| path.split('/')).filter_map(|part| part.strip_prefix('{'));
        for name in parts.filter_map(|part| part.strip_suffix('}')) {
            let parameter = serde_json::to_value(components::path_parameter(name)).unwrap();
            assert_ne!(parameter["description"], "", "{name}");
        }
    }

    #[test]
    fn the_committed_document_is_the_one_of_the_code() {
        let committed = include_str!("../../../static/openapi.json");
        let of_code = serde_json::to_string_pretty(&document("")).unwrap();
        assert!(committed.trim_end() == of_code, "static/openapi.json is not what the code says: run `make openapi`");
    }
}
