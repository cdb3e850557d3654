//! The answer to plain HTTP: always no, with the address to use.
//!
//! It is not redirected, for a client that sends credentials in the clear would go on doing so. What came
//! in the clear is compromised: a token is revoked, and a right client secret is written down.

use actix_web::http::header::{CONNECTION, HeaderValue};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::administration::Administration;
use crate::admission::Admission;
use crate::client_credentials::ClientCredentials;
use crate::http::answer::Site;
use crate::http::authorized::{actor, authorization};
use crate::http::error::{Problem, ProblemKind};
use crate::http::token::source;
use crate::oauth::bearer;
use crate::oauth::credentials::ClientAuthentication;

/// Refuses any request, once what it carried is burned.
pub async fn refuse(
    request: HttpRequest,
    site: Data<Site>,
    admission: Data<Admission>,
    grants: Data<ClientCredentials>,
    changes: Data<Administration>,
) -> Result<HttpResponse, Problem> {
    let mut burned = false;
    for token in tokens(&request) {
        if let Ok(admitted) = admission.introspect(&token) {
            changes.burn(&admitted.token, &actor(None, &request)).await?;
            burned = true;
        }
    }
    if let Ok(Some(authentication)) = ClientAuthentication::from_headers(authorization(&request))
        && let Ok(client) = grants.authenticate(&authentication, source(&request))
    {
        changes.secret_exposed(&client.client_id, &actor(None, &request)).await?;
    }
    let address = format!("{}{}", site.issuer, request.path());
    let detail = if burned {
        format!("Use {address}. The access token of this request came in the clear and has been revoked.")
    } else {
        format!("Use {address}.")
    };
    Err(Problem::new(ProblemKind::HttpsRequired, detail).with_header(CONNECTION, HeaderValue::from_static("close")))
}

/// Every token that the request carries, wherever it is.
fn tokens(request: &HttpRequest) -> Vec<String> {
    let from_headers =
        authorization(request).filter_map(|value| bearer::parse(std::iter::once(value), "").ok()).map(str::to_owned);
    from_headers.chain(bearer::in_query(request.query_string()).map(std::borrow::Cow::into_owned)).collect()
}
