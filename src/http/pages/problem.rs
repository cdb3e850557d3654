//! `GET /problems/{kind}`: the page that `documentation` of a problem and `error_uri` of an OAuth error link to. A browser gets
//! HTML, and a program plain text with the same content.

mod plain;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderValue, VARY};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;
use utoipa::PartialSchema as _;

use super::accept::wants_html;
use super::{Frame, Pages, not_found};
use crate::api::oauth_error::OauthError;
use crate::api::problem::Problem as ProblemBody;
use crate::http::answer_fields;
use crate::http::error::{Example, Problem, ProblemKind, examples};
use crate::text::closest_match;

#[derive(Template)]
#[template(path = "problem.html")]
struct Page<'f> {
    frame: &'f Frame,
    kind: ProblemKind,
    answers: Vec<Answer>,
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Index<'f> {
    frame: &'f Frame,
    statuses: Vec<(StatusCode, Vec<ProblemKind>)>,
}

/// An answer of the kind, with what each part of it means.
struct Answer {
    /// Who answers so.
    origin: &'static str,
    status: StatusCode,
    /// Name, value, and what it says.
    fields: Vec<(String, String, &'static str)>,
    body: String,
    /// Name, and what it says in Markdown.
    members: Vec<(String, String)>,
}

/// `GET /problems`: all kinds, by their status.
pub(in crate::http) async fn index(request: HttpRequest, pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    let response = if wants_html(request.headers()) {
        pages.answer(&request, "problems", |frame| Index { frame, statuses: by_status() }.render()).await
    } else {
        pages.answer_with_text(&request, "problems as text", |frame| plain::index(frame, &by_status())).await
    };
    negotiated(response)
}

/// `GET /problems/{kind}`: what happened, and what to do.
pub(in crate::http) async fn show(
    request: HttpRequest,
    slug: Path<String>,
    pages: Data<Pages>,
) -> Result<HttpResponse, Problem> {
    let Some(kind) = ProblemKind::ALL.into_iter().find(|kind| kind.slug() == *slug) else {
        let closest = closest_match(&slug, ProblemKind::ALL.map(ProblemKind::slug));
        let problem = not_found::unknown("No kind of problem has this name.", closest);
        let path = closest.map(|slug| format!("/problems/{slug}"));
        return not_found::answer(&request, &pages, path.as_deref(), problem);
    };
    let response = if wants_html(request.headers()) {
        let page = |frame: &Frame| Page { frame, kind, answers: answers(kind, frame) }.render();
        pages.answer(&request, &format!("problem {}", kind.slug()), page).await
    } else {
        let text = |frame: &Frame| plain::page(frame, kind, &answers(kind, frame));
        pages.answer_with_text(&request, &format!("problem {} as text", kind.slug()), text).await
    };
    negotiated(response)
}

fn negotiated(response: Result<HttpResponse, Problem>) -> Result<HttpResponse, Problem> {
    response.map(|mut response| {
        response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
        response
    })
}

fn by_status() -> Vec<(StatusCode, Vec<ProblemKind>)> {
    let mut statuses: Vec<(StatusCode, Vec<ProblemKind>)> = Vec::new();
    for kind in ProblemKind::ALL {
        match statuses.iter_mut().find(|(status, _)| *status == kind.status()) {
            Some((_, kinds)) => kinds.push(kind),
            None => statuses.push((kind.status(), vec![kind])),
        }
    }
    statuses.sort_by_key(|(status, _)| *status);
    statuses
}

fn answers(kind: ProblemKind, frame: &Frame) -> Vec<Answer> {
    examples(kind, &frame.issuer, frame.is_sandbox).into_iter().map(Answer::from).collect()
}

impl Answer {
    /// The lines of the body: what stands before the name of a member, the name, and the rest.
    fn lines(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.body.lines().map(|line| {
            let start = line.len() - line.trim_start().len();
            let end = line.find("\": ").map_or(start, |quote| quote + 1);
            let ((before, rest), name_len) = (line.split_at(start), end - start);
            let (name, rest) = rest.split_at(name_len);
            (before, name, rest)
        })
    }
}

impl From<Example> for Answer {
    fn from(example: Example) -> Self {
        let Example { status, is_oauth, headers, body } = example;
        let schema = if is_oauth { OauthError::schema() } else { ProblemBody::schema() };
        let schema = serde_json::to_value(schema).unwrap_or_default();
        let meaning = |member: &str| schema.get("properties")?.get(member)?.get("description")?.as_str();
        let members =
            members(&body).map(|name| (name.to_owned(), meaning(name).unwrap_or_default().to_owned())).collect();
        let fields = headers.iter().map(|(name, value)| {
            let (name, meaning) =
                answer_fields::meaning(name.as_str()).unwrap_or(("Content-Type", "The media type of the body."));
            (name.to_owned(), value.to_str().unwrap_or_default().to_owned(), meaning)
        });
        let origin = if is_oauth { "an OAuth endpoint" } else { "a protected resource" };
        Self { origin, status, fields: fields.collect(), members, body }
    }
}

/// The names of the members of an object that has a line for each.
fn members(body: &str) -> impl Iterator<Item = &str> {
    body.lines().filter_map(|line| Some(line.strip_prefix("  \"")?.split_once("\":")?.0))
}

/// A sentence of Markdown as HTML, without the paragraph around it.
fn inline(markdown: &str) -> String {
    let mut html = String::new();
    pulldown_cmark::html::push_html(&mut html, pulldown_cmark::Parser::new(markdown));
    html.trim().trim_start_matches("<p>").trim_end_matches("</p>").to_owned()
}

/// The class of the chip that shows a status.
fn class(status: u16) -> &'static str {
    if status >= 500 { "s5" } else { "s4" }
}
