//! The answer of a proxy that stands in front of a server: a page, and none of the server's fields.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER, SERVER};
use actix_web::web::Bytes;

use super::{Answer, Form};

pub(super) const HTML: HeaderValue = HeaderValue::from_static("text/html");

/// An answer with this status, as nginx sends it.
pub(super) fn answer(status: u16, retry_after: Option<u32>) -> Answer {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let (mut head, _) = HttpResponse::new(status).into_parts();
    let fields = head.headers_mut();
    fields.insert(SERVER, HeaderValue::from_static("nginx"));
    fields.insert(CONTENT_TYPE, HTML);
    if let Some(seconds) = retry_after {
        fields.insert(RETRY_AFTER, seconds.into());
    }
    let answer = Answer { head, body: page(status), form: Form::default() };
    if answer.is_bodiless() { Answer { body: Bytes::new(), ..answer } } else { answer }
}

/// The page of nginx for this status.
pub(super) fn page(status: StatusCode) -> Bytes {
    let line = match status.canonical_reason() {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    };
    let page = format!(
        "<html>\r\n<head><title>{line}</title></head>\r\n<body>\r\n<center><h1>{line}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    page.into()
}
