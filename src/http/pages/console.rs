//! `GET /console`.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

use super::{Frame, Pages};
use crate::http::error::Problem;

#[derive(Template)]
#[template(path = "console.html")]
struct Console<'f> {
    frame: &'f Frame,
}

pub(in crate::http) async fn show(request: HttpRequest, pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    pages.answer(&request, "console", |frame| Console { frame }.render()).await
}
