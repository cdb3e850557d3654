//! What a path leads to that this server does not have: in a browser a page with links, for a program the problem `not-found`.

use actix_web::http::Method;
use actix_web::http::header::{CACHE_CONTROL, HeaderValue, LOCATION, VARY};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::accept::wants_html;
use super::{Frame, Pages, once};
use crate::http::error::{Problem, ProblemKind};
use crate::text::{closest_match, truncated};

/// Pages whose names one may mistype.
const PAGES: [&str; 5] = [CONSOLE, "/docs", "/guide", "/problems", "/openapi.json"];
const CONSOLE: &str = "/console";

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFound<'f> {
    frame: &'f Frame,
    path: &'f str,
    closest: Option<&'f str>,
}

/// For every path that no route has.
pub(in crate::http) async fn show(request: HttpRequest, pages: Option<Data<Pages>>) -> Result<HttpResponse, Problem> {
    let Some(pages) = pages else { return Err(Problem::not_found()) };
    if let Some(page) = without_slash(&request) {
        // A program gets the problem at this address.
        let mut response = HttpResponse::PermanentRedirect();
        response.insert_header((LOCATION, page)).insert_header((VARY, "Accept"));
        return Ok(response.insert_header((CACHE_CONTROL, "no-store")).finish());
    }
    let known = PAGES.into_iter().filter(|page| pages.frame.has_console || *page != CONSOLE);
    let closest = closest_match(request.path(), known);
    answer(&request, &pages, closest, Problem::not_found())
}

/// The path of the page that a browser asks for with a `/` too many at its end.
fn without_slash(request: &HttpRequest) -> Option<String> {
    let page = request.path().strip_suffix('/')?;
    let is_below = |known: &str| page.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let is_page = PAGES.into_iter().any(is_below) && !page.ends_with('/');
    let query = request.uri().query().map(|query| format!("?{query}"));
    (is_page && is_asked_by_browser(request)).then(|| format!("{page}{}", query.unwrap_or_default()))
}

fn is_asked_by_browser(request: &HttpRequest) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD) && wants_html(request.headers())
}

/// Answers with the page if a browser asks, else with the problem. `closest` is the path of the page that is most likely
/// meant.
pub(super) fn answer(
    request: &HttpRequest,
    pages: &Pages,
    closest: Option<&str>,
    problem: Problem,
) -> Result<HttpResponse, Problem> {
    if !is_asked_by_browser(request) {
        return Err(problem);
    }
    // The page has no script.
    let frame = Frame { modules: &[], ..pages.frame_at(request.path()) };
    let page = NotFound { frame: &frame, path: &truncated(request.path()), closest };
    let mut response = once(HttpResponse::NotFound(), &page)?;
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept"));
    Ok(response)
}

/// The problem, where a name is unknown and `closest` may be meant.
pub(super) fn unknown(what: &str, closest: Option<&str>) -> Problem {
    let meant = closest.map_or_else(String::new, |closest| format!(" Did you mean {closest}?"));
    Problem::new(ProblemKind::NotFound, format!("{what}{meant}"))
}
