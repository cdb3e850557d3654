//! `GET /docs`: the API reference. What writes it knows every route, so the server that is assembled names it.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::Pages;
use crate::http::error::Problem;

pub(in crate::http) async fn show(request: HttpRequest, pages: Data<Pages>) -> Result<HttpResponse, Problem> {
    pages.answer_slow(&request, "reference", pages.write_reference).await
}
