//! `POST /oauth2/revoke` (RFC 7009): a client revokes a token of its own.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::administration::Administration;
use crate::admission::Admission;
use crate::http::error::OauthError;
use crate::http::oauth_endpoint::{Inspection, OauthEndpoint, Purpose};
use crate::http::request_context::actor;
use crate::oauth::error::ErrorCode;

/// 200 whether the token was valid or not (section 2.2): in both cases it is not valid any more. A token of another client
/// is refused (section 2.1). A token whose client has lost the audience is revoked too: the operator may grant the
/// audience again before the token expires.
pub(super) async fn revoke(
    endpoint: OauthEndpoint,
    request: HttpRequest,
    payload: Payload,
    admission: Data<Admission>,
    administration: Data<Administration>,
) -> Result<HttpResponse, OauthError> {
    let Inspection { client, token } = endpoint.inspection(&request, payload, Purpose::Revoke).await?;
    if let Ok(token) = admission.verify_signature_and_expiry(&token) {
        if token.client_id != client.client_id {
            return Err(OauthError::new(
                ErrorCode::UnauthorizedClient,
                "The token was issued to another client: only that client may revoke it.",
            )
            .of_client());
        }
        administration.revoke(&token, &actor(Some(&client.client_id), &request)).await?;
    }
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).finish())
}
