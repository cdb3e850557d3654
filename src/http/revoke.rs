//! `POST /oauth2/revoke` (RFC 7009): a client revokes a token of its own.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use crate::administration::Administration;
use crate::admission::Admission;
use crate::client_credentials::ClientCredentials;
use crate::http::authorized::actor;
use crate::http::error::OauthError;
use crate::http::request_context::note_caller;
use crate::http::token::{Inspection, Purpose, SourceLimit, read_inspection};
use crate::oauth::error::ErrorCode;

/// 200 whether the token was good or not (section 2.2): its purpose is served either way. A token of
/// another client's is refused (section 2.1). One that is not in force just now is revoked all the same: its
/// client's audience may be given back before it expires.
pub async fn revoke(
    request: HttpRequest,
    payload: Payload,
    client_credentials: Data<ClientCredentials>,
    admission: Data<Admission>,
    administration: Data<Administration>,
    limit: Data<SourceLimit>,
) -> Result<HttpResponse, OauthError> {
    let Inspection { client, token } =
        read_inspection(&request, payload, Purpose::Revoke, &client_credentials, &administration, &limit).await?;
    note_caller(&client.client_id);
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
