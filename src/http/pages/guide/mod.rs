//! `GET /guide…`: the documentation of `docs/`, and the README as its first page, as they were when this program was built.
//!
//! [`names`] has the order of the pages, [`markdown`] makes HTML of one, [`links`] says where a link of one leads, and
//! [`search`] finds words in all of them. None of it needs JavaScript. The pages are read once, when the first is asked for.

mod contents;
mod links;
mod markdown;
mod names;
mod search;

use std::sync::OnceLock;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::web::{self, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use self::contents::{Guide, Page};
use self::search::{Hit, Search};
use super::{Frame, Pages, not_found, once, policy};
use crate::http::error::Problem;
use crate::text::closest_match;

#[derive(Template)]
#[template(path = "guide.html")]
struct PageView<'f> {
    frame: &'f Frame,
    guide: &'static Guide,
    page: &'static Page,
    previous: Option<&'static Page>,
    next: Option<&'static Page>,
    query: &'static str,
}

#[derive(Template)]
#[template(path = "guide_search.html")]
struct SearchView<'f> {
    frame: &'f Frame,
    guide: &'static Guide,
    query: &'f str,
    hits: Vec<Hit>,
}

impl PageView<'_> {
    fn is_current(&self, page: &Page) -> bool {
        self.page.name == page.name
    }
}

impl SearchView<'_> {
    #[allow(clippy::unused_self, reason = "both views of the guide have it")]
    fn is_current(&self, _: &Page) -> bool {
        false
    }
}

/// `GET /guide`, and `GET /guide?q=words`.
pub(in crate::http) async fn index(request: HttpRequest, pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    let Some(search) = Search::of_query(request.query_string()) else { return answer(&request, &pages, "").await };
    let guide = guide().await?;
    let query = search.text().to_owned();
    let hits = web::block(move || search.hits(guide)).await;
    let hits = hits.map_err(|_| Problem::unavailable("The guide could not be searched."))?;
    let frame = pages.frame_at(request.path());
    let view = SearchView { frame: &frame, guide, query: &query, hits };
    once(HttpResponse::Ok(), &view)
}

pub(in crate::http) async fn page(
    request: HttpRequest,
    name: Path<String>,
    pages: Data<Pages>,
) -> Result<HttpResponse, Problem> {
    answer(&request, &pages, &name).await
}

pub(in crate::http) async fn folder_page(
    request: HttpRequest,
    path: Path<(String, String)>,
    pages: Data<Pages>,
) -> Result<HttpResponse, Problem> {
    let (folder, name) = path.into_inner();
    answer(&request, &pages, &format!("{folder}/{name}")).await
}

async fn answer(request: &HttpRequest, pages: &Pages, name: &str) -> Result<HttpResponse, Problem> {
    if let Some(picture) = picture(name) {
        return Ok(picture);
    }
    let guide = guide().await?;
    let Some((previous, page, next)) = guide.find(name) else {
        let addresses: Vec<String> = guide.pages().map(Page::href).collect();
        let closest = closest_match(request.path(), addresses.iter().map(String::as_str));
        return not_found::answer(request, pages, closest, not_found::unknown("The guide has no such page.", closest));
    };
    pages
        .answer(request, &format!("guide {name}"), |frame| {
            PageView { frame, guide, page, previous, next, query: "" }.render()
        })
        .await
}

/// The pages. The first time it takes some milliseconds: too long for a thread that answers others.
async fn guide() -> Result<&'static Guide, Problem> {
    static GUIDE: OnceLock<Guide> = OnceLock::new();
    if let Some(guide) = GUIDE.get() {
        return Ok(guide);
    }
    let read = web::block(|| GUIDE.get_or_init(Guide::read)).await;
    read.map_err(|_| Problem::unavailable("The guide could not be read."))
}

/// A picture of a page.
fn picture(name: &str) -> Option<HttpResponse> {
    let (media_type, bytes) = names::picture(name)?;
    let mut response = HttpResponse::Ok().body(bytes);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response.headers_mut().insert(CACHE_CONTROL, super::REVALIDATED);
    policy::protect(response.headers_mut());
    Some(response)
}
