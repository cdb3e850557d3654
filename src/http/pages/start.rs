//! `GET /`: the page on which people try the API.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::{Frame, Pages};
use crate::http::error::Problem;
use crate::sandbox::demo::{DEMOS, Demo};

#[derive(Template)]
#[template(path = "start.html")]
struct Start<'f> {
    frame: &'f Frame,
    /// Whom a page of a sandbox may act for. Their secrets are published: no other edition has these clients.
    clients: &'static [Demo],
}

pub(in crate::http) async fn show(request: HttpRequest, pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    let page = |frame: &Frame| {
        let clients: &[Demo] = if frame.is_sandbox { &DEMOS } else { &[] };
        Start { frame, clients }.render()
    };
    pages.answer(&request, "start", page).await
}
