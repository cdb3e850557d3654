//! `GET /sandbox/control-token`: a page of the sandbox gets the control token without anybody pasting it, if the browser is
//! of the user who runs the sandbox. That user could read the token's file, and nobody else gets it.

use actix_web::http::Version;
use actix_web::http::header::HeaderName;
use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::answer;
use super::control::{SEC_FETCH_SITE, refuse_foreign};
use crate::api::sandbox::control_token::ControlToken;
use crate::http::error::{Problem, ProblemKind};
use crate::sandbox::Sandbox;
use crate::sandbox::peer_user::OwnAddresses;

/// What a proxy adds, and what such fields start with: the process at the other end of the connection is then not the caller's.
const OF_PROXIES: [&str; 7] =
    ["forwarded", "via", "x-forwarded-", "x-original-", "x-real-ip", "cf-connecting-ip", "true-client-ip"];

/// Answers a page of the sandbox itself, and a program that is no browser, of the user who runs the sandbox.
pub(in crate::http) async fn show(
    request: HttpRequest,
    sandbox: Data<Sandbox>,
    addresses: Data<OwnAddresses>,
) -> Result<HttpResponse, Problem> {
    refuse_foreign(&sandbox, &request)?;
    // Only a page of this origin may read it; no person in the address bar, either.
    if request.headers().get_all(SEC_FETCH_SITE).any(|site| site != "same-origin") {
        let detail = "Only a page of this sandbox gets the control token so (Sec-Fetch-Site).";
        return Err(Problem::new(ProblemKind::ForeignRequest, detail));
    }
    let is_of_proxy = |name: &HeaderName| OF_PROXIES.iter().any(|known| name.as_str().starts_with(known));
    // No browser speaks HTTP/1.0, and nginx does to what is behind it, unless it is told otherwise.
    let is_forwarded = request.version() < Version::HTTP_11 || request.headers().keys().any(is_of_proxy);
    let peer = request.peer_addr().filter(|_| !is_forwarded);
    let is_own = match peer {
        // It asks the system, which may take a moment.
        Some(peer) => web::block(move || addresses.is_own(peer)).await.unwrap_or(false),
        None => false,
    };
    if !is_own {
        return Err(Problem::control_token_required(
            "The sandbox cannot tell that the user who runs it sends this request. Paste the control token: it is in the \
             file sandbox-token in the data folder.",
        ));
    }
    let control_token = sandbox.token.expose().to_owned();
    Ok(answer(&mut HttpResponse::Ok(), &ControlToken { control_token }))
}
