//! The OpenAPI document as the page `/docs`, rendered here because no viewer works under this server's policy.
//!
//! [`operations`] reads the document, [`schemas`] says in words what a value may be, and [`samples`] writes the request of each
//! operation in four languages, quoted by [`quoting`]. What every operation has in common is on the page once: fields, errors,
//! how to authenticate. The page is whole without JavaScript; `static/js/reference.js` adds to it.

mod calls;
mod commands;
mod operations;
mod quoting;
mod samples;
mod schemas;

use askama::Template;
use utoipa::openapi::{OpenApi, RefOr};

#[cfg(test)]
pub(crate) use self::commands::COMMANDS;
use self::operations::{COMMON_FIELDS, Operation, Parameter, Source};
use self::samples::pretty;
use self::schemas::{Reader, Shape};
use crate::http::error::ProblemKind;
use crate::http::openapi;
use crate::http::pages::Frame;
use crate::http::pages::html::with_code;
use crate::http::routes::{self, Route};
use crate::oauth::scope::ScopeToken;
use crate::sandbox::demo::{DEMOS, Demo};

/// The examples of errors that the page shows: one for the API, one for the OAuth endpoints.
const EXAMPLES: [&str; 2] = ["throttled", "oauth.invalid-client"];

#[derive(Template)]
#[template(path = "reference.html")]
struct Reference<'f> {
    frame: &'f Frame,
    introduction: Vec<String>,
    groups: Vec<Group>,
    scopes: Vec<(ScopeToken, &'static str)>,
    request_fields: Vec<Parameter>,
    answer_fields: Vec<Field>,
    kinds: Vec<ProblemKind>,
    examples: Vec<String>,
    schemas: Vec<Named>,
    /// Whom a page of a sandbox may act for. Their secrets are published: no other edition has these clients.
    clients: &'static [Demo],
}

/// Operations with the same tag.
struct Group {
    name: String,
    anchor: String,
    description: String,
    operations: Vec<Operation>,
}

/// A field of answers.
struct Field {
    name: String,
    description: String,
    example: String,
    is_common: bool,
}

/// A schema under its name.
struct Named {
    name: String,
    shape: Shape,
}

/// Writes the page.
pub(crate) fn write(frame: &Frame) -> Result<String, askama::Error> {
    Reference::new(frame).render()
}

impl<'f> Reference<'f> {
    fn new(frame: &'f Frame) -> Self {
        let document = openapi::document(&frame.issuer);
        let components = document.components.clone().unwrap_or_default();
        let schemas = Reader(&components);
        let source = Source { document: &document, schemas, issuer: &frame.issuer, is_sandbox: frame.is_sandbox };
        let info = document.info.description.as_deref().unwrap_or_default();
        let parameters = components.parameters.values().filter_map(|parameter| source.parameter(parameter));
        let kinds = ProblemKind::ALL.into_iter().filter(|kind| {
            let names = [kind.slug().to_owned(), format!("oauth.{}", kind.slug())];
            names.iter().any(|name| components.examples.contains_key(name))
        });
        let mut kinds: Vec<ProblemKind> = kinds.collect();
        kinds.sort_by_key(|kind| (kind.status(), kind.slug()));
        let examples = EXAMPLES.iter().filter_map(|name| match components.examples.get(*name)? {
            RefOr::T(example) => example.value.as_ref().map(pretty),
            RefOr::Ref(_) => None,
        });
        let named =
            components.schemas.iter().map(|(name, schema)| Named { name: name.clone(), shape: schemas.flat(schema) });
        Self {
            frame,
            introduction: info.split("\n\n").map(with_code).collect(),
            groups: groups(source, &document),
            scopes: openapi::SCOPES.to_vec(),
            request_fields: parameters.collect(),
            answer_fields: fields(&components),
            kinds,
            examples: examples.collect(),
            schemas: named.collect(),
            clients: if frame.is_sandbox { &DEMOS } else { &[] },
        }
    }
}

/// The operations by their tags, in the order of the document's tags and of the route table.
fn groups(source: Source<'_>, document: &OpenApi) -> Vec<Group> {
    let table = routes::table();
    let documented = table.iter().filter(|route| route.is_documented());
    let mut operations: Vec<Operation> = documented.flat_map(|route: &Route| source.operations(route)).collect();
    let mut groups = Vec::new();
    for tag in document.tags.iter().flatten() {
        let (own, others): (Vec<_>, Vec<_>) = operations.into_iter().partition(|operation| operation.tag == tag.name);
        operations = others;
        groups.push(Group {
            name: tag.name.clone(),
            anchor: tag.name.to_lowercase().replace(' ', "-"),
            description: with_code(tag.description.as_deref().unwrap_or_default()),
            operations: own,
        });
    }
    groups.retain(|group| !group.operations.is_empty());
    groups
}

fn fields(components: &utoipa::openapi::Components) -> Vec<Field> {
    let fields = components.headers.iter().filter_map(|(name, header)| match header {
        RefOr::T(header) => Some(Field {
            name: name.clone(),
            description: with_code(header.description.as_deref().unwrap_or_default()),
            example: header
                .example
                .as_ref()
                .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))?,
            is_common: COMMON_FIELDS.contains(&&**name),
        }),
        RefOr::Ref(_) => None,
    });
    fields.collect()
}
