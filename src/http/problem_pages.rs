//! `GET /problems/{kind}`: the page that `documentation` of a problem and `error_uri` of an OAuth error link to.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::web::Path;
use askama::Template;

use crate::http::error::{Problem, ProblemKind};

const STYLE: &str = include_str!("../../static/style.css");

#[derive(Template)]
#[template(path = "problem.html")]
struct Page {
    kind: ProblemKind,
}

/// Says what happened and what to do.
pub(super) async fn page(slug: Path<String>) -> Result<HttpResponse, Problem> {
    let kind = ProblemKind::ALL.into_iter().find(|kind| kind.slug() == *slug).ok_or_else(Problem::not_found)?;
    let page = Page { kind }.render().map_err(|_| Problem::unavailable("The page could not be written."))?;
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'self'; frame-ancestors 'none'"))
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(page))
}

/// `GET /static/style.css`.
pub(super) async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(STYLE)
}
