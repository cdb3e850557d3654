//! `GET /openapi.json`: the OpenAPI document of this server.

use std::sync::OnceLock;

use actix_web::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, HeaderValue};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use crate::http::conditional;
use crate::http::error::Problem;
use crate::http::metadata::MAX_AGE;
use crate::http::response::Site;
use crate::precondition::EntityTag;

/// The document, written when the first request asks for it.
pub(crate) struct ApiDocument {
    write: fn(&str) -> Vec<u8>,
    written: OnceLock<(Bytes, EntityTag)>,
}

impl ApiDocument {
    /// The document that `write` writes for the address of this server.
    pub(crate) fn new(write: fn(&str) -> Vec<u8>) -> Self {
        Self { write, written: OnceLock::new() }
    }
}

pub(super) async fn show(
    request: HttpRequest,
    site: Data<Site>,
    document: Data<ApiDocument>,
) -> Result<HttpResponse, Problem> {
    let (body, etag) = document.written.get_or_init(|| {
        let body = (document.write)(&site.issuer);
        let etag = EntityTag::of(&body);
        (body.into(), etag)
    });
    let mut response = conditional::read(&request, etag.clone(), body.clone())?;
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static(MAX_AGE));
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    Ok(response)
}
