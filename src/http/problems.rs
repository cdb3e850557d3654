//! `GET /problems/{kind}`: the page that a problem's `documentation` leads to, and the `error_uri` of an OAuth error.

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY};
use actix_web::web::Path;

use crate::http::error::{Problem, ProblemKind};

const PAGE: &str = include_str!("../../static/problem.html");
const STYLE: &str = include_str!("../../static/style.css");

/// Says what happened and what to do.
pub async fn page(slug: Path<String>) -> Result<HttpResponse, Problem> {
    let kind = ProblemKind::ALL.into_iter().find(|kind| kind.slug() == *slug).ok_or_else(Problem::not_found)?;
    // Constant texts, without a character that HTML would read as its own.
    let page = PAGE
        .replace("{status}", kind.status().as_str())
        .replace("{slug}", kind.slug())
        .replace("{title}", kind.title())
        .replace("{remedy}", kind.remedy())
        .replace("{related}", &kind.related().map(link).unwrap_or_default());
    Ok(HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CONTENT_SECURITY_POLICY, "default-src 'none'; style-src 'self'; frame-ancestors 'none'"))
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(page))
}

/// A paragraph that leads to the page of a kind which this one is easily taken for.
fn link(kind: ProblemKind) -> String {
    format!("<p>Not what you met? See <a href=\"{}\">{}</a>.</p>\n", kind.slug(), kind.title())
}

/// `GET /static/style.css`.
pub async fn style() -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/css; charset=utf-8")
        .insert_header((CACHE_CONTROL, "public, max-age=3600"))
        .body(STYLE)
}
