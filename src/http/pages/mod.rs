//! Pages for people: what a browser shows at `/`, and all beneath it that is HTML.
//!
//! The server renders a shell from a template of `static/templates`; modules of `static/js` make it live. A page without data
//! is the same for everybody, so it is rendered and compressed once ([`Pages`]); one with data is rendered for each request.
//! Each answer has the [`policy`] that lets a page run this server's own scripts, and nothing else. `static/README.md`
//! says how pages are made and changed.

mod accept;
pub(crate) mod assets;
mod console;
mod encoded;
mod guide;
pub(in crate::http) mod html;
mod modules;
mod not_found;
mod policy;
mod problem;
mod reference;
mod start;
mod why;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use percent_encoding::percent_decode_str;

use self::assets::Assets;
use self::encoded::Encoded;
use crate::http::error::Problem;

pub(super) use self::console::show as console;
pub(super) use self::guide::{folder_page as guide_folder_page, index as guide, page as guide_page};
pub(super) use self::not_found::show as not_found;
pub(super) use self::problem::{index as problems, show as problem};
pub(super) use self::reference::show as reference;
pub(super) use self::start::show as start;
pub(super) use self::why::show as why;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
/// A browser may keep the page, and asks each time whether it is still the same.
const REVALIDATED: HeaderValue = HeaderValue::from_static("no-cache");

/// What every page of this server has in common.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The address of this server, as its metadata names it.
    pub(crate) issuer: String,
    /// Whether it is a sandbox.
    pub(crate) is_sandbox: bool,
    /// Whether it has a console.
    pub(crate) has_console: bool,
    /// The path of the files of [`Assets`], without a `/` at its end: it changes with them.
    pub(crate) assets: String,
    /// The first segment of the page's path, which the navigation marks.
    pub(in crate::http) section: String,
    /// The modules that the page loads at once.
    pub(in crate::http) modules: &'static [String],
}

impl Frame {
    /// Whether the page is below this path of one segment.
    pub(crate) fn is_at(&self, path: &str) -> bool {
        path.strip_prefix('/') == Some(self.section.as_str())
    }

    /// The version of this program.
    #[allow(clippy::unused_self, reason = "templates call it")]
    pub(crate) fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    /// The licence of this program.
    #[allow(clippy::unused_self, reason = "templates call it")]
    pub(crate) fn licence(&self) -> &'static str {
        env!("CARGO_PKG_LICENSE")
    }
}

/// What writes the API reference.
pub(crate) type WriteReference = fn(&Frame) -> Result<String, askama::Error>;

/// The pages of a server: their files, and those that were rendered for everybody.
pub(crate) struct Pages {
    pub(crate) frame: Frame,
    assets: Assets,
    write_reference: WriteReference,
    /// By name: a set that is closed, so this does not grow without bound.
    rendered: Mutex<BTreeMap<String, Arc<Encoded>>>,
}

impl Pages {
    /// The pages of a server with this address.
    pub(crate) fn new(
        issuer: &str,
        is_sandbox: bool,
        has_console: bool,
        assets: Assets,
        write_reference: WriteReference,
    ) -> Self {
        let (issuer, section) = (issuer.to_owned(), String::new());
        let frame = Frame { issuer, is_sandbox, has_console, assets: assets.path(), section, modules: &[] };
        Self { frame, assets, write_reference, rendered: Mutex::default() }
    }

    /// The frame around the page with this path. A path may be written in several ways, which are one page.
    fn frame_at(&self, path: &str) -> Frame {
        let section = path.split('/').nth(1).unwrap_or_default();
        let section = percent_decode_str(section).decode_utf8_lossy().into_owned();
        Frame { modules: self.assets.modules(&section), section, ..self.frame.clone() }
    }

    /// Answers with a page that is the same for everybody. `name` is one of a closed set.
    async fn answer(
        &self,
        request: &HttpRequest,
        name: &str,
        page: impl FnOnce(&Frame) -> Result<String, askama::Error>,
    ) -> Result<HttpResponse, Problem> {
        self.answer_as(HTML, request, name, |frame| rendered(page(frame))).await
    }

    /// The same with plain text.
    async fn answer_with_text(
        &self,
        request: &HttpRequest,
        name: &str,
        text: impl FnOnce(&Frame) -> String,
    ) -> Result<HttpResponse, Problem> {
        self.answer_as(TEXT, request, name, |frame| Ok(text(frame))).await
    }

    async fn answer_as(
        &self,
        media_type: HeaderValue,
        request: &HttpRequest,
        name: &str,
        body: impl FnOnce(&Frame) -> Result<String, Problem>,
    ) -> Result<HttpResponse, Problem> {
        let encoded = match self.known(name) {
            Some(encoded) => encoded,
            None => self.store(name, body(&self.frame_at(request.path()))?),
        };
        Self::send(media_type, request, &encoded).await
    }

    /// The same as [`Self::answer`] for a page that takes long to write: a thread that answers others does not wait for it.
    async fn answer_slow(
        &self,
        request: &HttpRequest,
        name: &str,
        page: impl FnOnce(&Frame) -> Result<String, askama::Error> + Send + 'static,
    ) -> Result<HttpResponse, Problem> {
        let encoded = if let Some(encoded) = self.known(name) {
            encoded
        } else {
            let frame = self.frame_at(request.path());
            let written = web::block(move || page(&frame)).await;
            let written = written.map_err(|_| Problem::unavailable("The page could not be written."))?;
            self.store(name, rendered(written)?)
        };
        Self::send(HTML, request, &encoded).await
    }

    async fn send(
        media_type: HeaderValue,
        request: &HttpRequest,
        encoded: &Arc<Encoded>,
    ) -> Result<HttpResponse, Problem> {
        let mut response = Encoded::answer(encoded, request).await?;
        response.headers_mut().insert(CONTENT_TYPE, media_type);
        response.headers_mut().insert(CACHE_CONTROL, REVALIDATED);
        policy::protect(response.headers_mut());
        Ok(response)
    }

    fn known(&self, name: &str) -> Option<Arc<Encoded>> {
        self.lock().get(name).cloned()
    }

    fn store(&self, name: &str, body: String) -> Arc<Encoded> {
        let encoded = Arc::new(Encoded::new(body));
        self.lock().insert(name.to_owned(), Arc::clone(&encoded));
        encoded
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Encoded>>> {
        self.rendered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A page that was made for one request, and is never stored.
fn once(mut response: actix_web::HttpResponseBuilder, page: &impl Template) -> Result<HttpResponse, Problem> {
    let mut response = response.body(rendered(page.render())?);
    response.headers_mut().insert(CONTENT_TYPE, HTML);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    policy::protect(response.headers_mut());
    Ok(response)
}

fn rendered(page: Result<String, askama::Error>) -> Result<String, Problem> {
    page.map_err(|error| Problem::caused_by(Box::new(error), "The page could not be written."))
}
