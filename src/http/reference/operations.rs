//! The operations of the document, each with all that its section of the page says. Texts that end up as mark-up are HTML.

use std::collections::BTreeSet;

use actix_web::http::Method;
use utoipa::openapi::path::{Operation as Documented, Parameter as DocumentedParameter, ParameterIn, PathItem};
use utoipa::openapi::request_body::RequestBody;
use utoipa::openapi::response::Response;
use utoipa::openapi::{OpenApi, RefOr, Required};

use super::calls::{self, content_to_show, own};
use super::commands::command;
use super::samples::{SANDBOX_AUTHORITY, Sample, pretty};
use super::schemas::{Reader, Shape};
use crate::admission::{Api, Right};
use crate::http::pages::html::with_code;
use crate::http::routes::{Access, Operation as Row, Place, Route};
use crate::oauth::audience::ADMIN_AUDIENCE;

/// Fields of every answer: the page says so once.
pub(super) const COMMON_FIELDS: [&str; 4] =
    ["Passport-Labs-Client-Trace-Id", "Strict-Transport-Security", "X-Content-Type-Options", "X-Request-Id"];

/// An operation, at each of its paths.
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) tag: String,
    pub(super) method: String,
    pub(super) path: String,
    /// The same at other paths.
    pub(super) aliases: Vec<Alias>,
    /// Whether it is under `/v3` too.
    pub(super) is_versioned: bool,
    /// The preflight that a browser sends before it, at each path.
    pub(super) preflights: Vec<Alias>,
    pub(super) summary: String,
    pub(super) description: String,
    pub(super) needs: String,
    /// The scope token that it needs, if a page can try it: only a request with a token.
    pub(super) tried_with: Option<String>,
    /// The body that a page tries it with.
    pub(super) tried_body: Option<String>,
    pub(super) limits: &'static str,
    pub(super) parameters: Vec<Parameter>,
    pub(super) body: Option<Body>,
    pub(super) answers: Vec<Answer>,
    pub(super) errors: Vec<Errors>,
    pub(super) samples: Vec<Sample>,
    pub(super) command: Option<&'static str>,
}

/// An operation of the document that its page shows with another.
pub(super) struct Alias {
    pub(super) id: String,
    pub(super) path: String,
}

pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) place: &'static str,
    pub(super) is_required: bool,
    pub(super) description: String,
    pub(super) shape: Shape,
}

pub(super) struct Body {
    pub(super) is_required: bool,
    pub(super) media_types: Vec<String>,
    pub(super) shape: Shape,
}

/// An answer that is no error.
pub(super) struct Answer {
    pub(super) status: String,
    pub(super) description: String,
    pub(super) fields: Vec<String>,
    pub(super) media_type: Option<String>,
    pub(super) shape: Shape,
    pub(super) example: Option<String>,
}

/// The kinds of problem with one status.
pub(super) struct Errors {
    pub(super) status: String,
    pub(super) kinds: Vec<String>,
}

impl Answer {
    /// The class of its status.
    pub(super) fn class(&self) -> &str {
        self.status.get(..1).unwrap_or_default()
    }
}

impl Errors {
    pub(super) fn class(&self) -> &str {
        self.status.get(..1).unwrap_or_default()
    }
}

/// What operations are read from.
#[derive(Clone, Copy)]
pub(super) struct Source<'d> {
    pub(super) document: &'d OpenApi,
    pub(super) schemas: Reader<'d>,
    pub(super) issuer: &'d str,
    pub(super) is_sandbox: bool,
}

impl Source<'_> {
    /// The operations of a route. A preflight is shown with what it precedes.
    pub(super) fn operations(self, route: &Route) -> Vec<Operation> {
        let is_shown = |row: &&Row| row.method != Method::OPTIONS;
        route.operations().iter().filter(is_shown).filter_map(|row| self.operation(route, row)).collect()
    }

    fn operation(self, route: &Route, row: &Row) -> Option<Operation> {
        let path = route.paths().first()?;
        let item = self.document.paths.paths.get(path)?;
        let documented = at(item, &row.method)?;
        let alias = |method: &Method, path: &String| {
            let id = at(self.document.paths.paths.get(path)?, method)?.operation_id.clone()?;
            Some(Alias { id, path: path.clone() })
        };
        let aliases = route.paths().iter().skip(1).filter_map(|path| alias(&row.method, path)).collect();
        let preflights = route.paths().iter().filter_map(|path| alias(&Method::OPTIONS, path)).collect();
        let body = documented.request_body.as_ref().and_then(own);
        let (answers, errors) = self.answers(documented);
        let method = row.method.to_string();
        let authority = self.is_sandbox.then_some(SANDBOX_AUTHORITY);
        let call = calls::call(self.issuer, authority, &row.access, &method, path, body);
        Some(Operation {
            title: title(&row.id),
            id: row.id.to_string(),
            tag: documented.tags.iter().flatten().next()?.clone(),
            path: path.clone(),
            aliases,
            is_versioned: route.place() == Place::Partner,
            preflights,
            summary: with_code(row.summary),
            description: with_code(documented.description.as_deref().unwrap_or_default()),
            needs: needs(&row.access),
            tried_with: tried_with(&row.access),
            tried_body: call.json().map(pretty),
            limits: limits(&row.access),
            parameters: self.parameters(item, documented),
            body: body.and_then(|body| self.body(body)),
            answers,
            errors,
            samples: call.samples(),
            command: command(&row.id),
            method,
        })
    }

    fn parameters(self, item: &PathItem, documented: &Documented) -> Vec<Parameter> {
        // Those that every operation has are components; the page shows them once.
        let of_path = item.parameters.iter().flatten().filter(|parameter| matches!(parameter, RefOr::T(_)));
        let all = of_path.chain(documented.parameters.iter().flatten());
        all.filter_map(|parameter| self.parameter(parameter)).collect()
    }

    pub(super) fn parameter(self, parameter: &RefOr<DocumentedParameter>) -> Option<Parameter> {
        let parameter = match parameter {
            RefOr::T(parameter) => parameter,
            RefOr::Ref(reference) => {
                let name = reference.ref_location.rsplit('/').next()?;
                own(self.document.components.as_ref()?.parameters.get(name)?)?
            }
        };
        let place = match parameter.parameter_in {
            ParameterIn::Path => "path",
            ParameterIn::Header => "header",
            ParameterIn::Query | ParameterIn::Cookie | ParameterIn::QueryString => "query",
        };
        Some(Parameter {
            name: parameter.name.clone(),
            place,
            is_required: parameter.required == Required::True,
            description: with_code(parameter.description.as_deref().unwrap_or_default()),
            shape: parameter.schema.as_ref().map(|schema| self.schemas.brief(schema)).unwrap_or_default(),
        })
    }

    fn body(self, body: &RequestBody) -> Option<Body> {
        let (_, content) = content_to_show(body)?;
        Some(Body {
            is_required: body.required == Some(Required::True),
            media_types: body.content.keys().cloned().collect(),
            shape: self.schemas.whole(content.schema.as_ref()?),
        })
    }

    /// What it answers, and its errors: the document has each set of errors as a component.
    fn answers(self, documented: &Documented) -> (Vec<Answer>, Vec<Errors>) {
        let (mut answers, mut errors) = (Vec::new(), Vec::new());
        let components = self.document.components.as_ref();
        for (status, response) in &documented.responses.responses {
            match response {
                RefOr::T(response) => answers.push(self.answer(status, response)),
                RefOr::Ref(reference) => {
                    let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
                    let response = components.and_then(|components| components.responses.get(name)).and_then(own);
                    let kinds = response.map(kinds_of).unwrap_or_default();
                    errors.push(Errors { status: status.clone(), kinds });
                }
            }
        }
        (answers, errors)
    }

    fn answer(self, status: &str, response: &Response) -> Answer {
        let fields = response.headers.keys().filter(|name| !COMMON_FIELDS.contains(&&***name)).cloned().collect();
        let content = response.content.iter().next().and_then(|(name, content)| Some((name, own(content)?)));
        let schema = content.and_then(|(_, content)| content.schema.as_ref());
        let example = content.and_then(|(_, content)| content.example.as_ref());
        Answer {
            status: status.to_owned(),
            description: with_code(&response.description),
            fields,
            media_type: content.map(|(name, _)| name.clone()),
            shape: schema.map(|schema| self.schemas.brief(schema)).unwrap_or_default(),
            example: example
                .map(|example| example.as_str().map_or_else(|| pretty(example), |text| text.trim_end().to_owned())),
        }
    }
}

/// The kinds of problem of an answer: the names of its examples.
fn kinds_of(response: &Response) -> Vec<String> {
    let contents = response.content.values().filter_map(own);
    let kinds: BTreeSet<&String> = contents.flat_map(|content| content.examples.keys()).collect();
    kinds.into_iter().cloned().collect()
}

fn at<'d>(item: &'d PathItem, method: &Method) -> Option<&'d Documented> {
    let operation = match *method {
        Method::GET => &item.get,
        Method::POST => &item.post,
        Method::PUT => &item.put,
        Method::PATCH => &item.patch,
        Method::DELETE => &item.delete,
        Method::OPTIONS => &item.options,
        _ => return None,
    };
    operation.as_ref()
}

/// An operation id in words: `listZones` is "List zones".
fn title(id: &str) -> String {
    let mut title = String::with_capacity(id.len() + 8);
    for letter in id.chars() {
        if letter.is_uppercase() {
            title.push(' ');
            title.extend(letter.to_lowercase());
        } else if title.is_empty() {
            title.extend(letter.to_uppercase());
        } else {
            title.push(letter);
        }
    }
    [(" open api", " OpenAPI"), (" open id ", " OpenID "), (" jwk ", " JWK ")]
        .iter()
        .fold(title, |title, (plain, proper)| title.replace(plain, proper))
}

/// Who may call it.
fn needs(access: &Access) -> String {
    match access {
        Access::Public => "nothing".to_owned(),
        Access::Client | Access::Sandbox => {
            "<code>client_id</code> and <code>client_secret</code>, in the body or as HTTP Basic".to_owned()
        }
        Access::Token(Right { api, scope_token }) => {
            let of = match api {
                Api::Partner => String::new(),
                Api::Admin => format!(", for the audience <code>{ADMIN_AUDIENCE}</code>"),
            };
            match scope_token {
                Some(scope) => {
                    format!("an <a href=\"#authentication\">access token</a> with the scope <code>{scope}</code>{of}")
                }
                None => format!("an <a href=\"#authentication\">access token</a>, with any scope{of}"),
            }
        }
    }
}

/// The scope token that a page needs to try it; empty if any will do.
fn tried_with(access: &Access) -> Option<String> {
    match access {
        Access::Token(Right { scope_token, .. }) => {
            Some(scope_token.as_ref().map(ToString::to_string).unwrap_or_default())
        }
        Access::Public | Access::Client | Access::Sandbox => None,
    }
}

/// Which limits it counts against.
const fn limits(access: &Access) -> &'static str {
    match access {
        Access::Public | Access::Sandbox => "none",
        Access::Client => "<a href=\"/guide/limits#token-requests\">token requests</a>",
        Access::Token(Right { scope_token: None, .. }) => "none: it costs nothing",
        Access::Token(Right { api: Api::Partner, .. }) => {
            "<a href=\"/guide/limits#requests-per-second\">requests per second</a> and \
             <a href=\"/guide/limits#requests-per-day\">per day</a>"
        }
        Access::Token(Right { api: Api::Admin, .. }) => {
            "<a href=\"/guide/limits#requests-per-second\">requests per second</a>; the quota of the day counts it and refuses \
             nothing"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_id_is_a_title_in_words() {
        for (id, expected) in [
            ("listZones", "List zones"),
            ("getOpenIdConfiguration", "Get OpenID configuration"),
            ("getJwkSet", "Get JWK set"),
            ("getOpenApi", "Get OpenAPI"),
            ("authorize", "Authorize"),
        ] {
            assert_eq!(title(id), expected);
        }
    }
}
