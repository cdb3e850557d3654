//! What the OAuth endpoints share: how a client authenticates itself, and what every refusal goes through.

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload as RawPayload;
use actix_web::web::{Data, Payload};
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use zeroize::Zeroizing;

use crate::administration::Administration;
use crate::client_credentials::{ClientCredentials, Grant, NotGranted, TokenError};
use crate::clients::Client;
use crate::http::authorized::authorization;
use crate::http::body;
use crate::http::error::OauthError;
use crate::http::request_context::{actor, note_caller, note_facts, source, wants_facts};
use crate::http::source_limit::SourceLimit;
use crate::oauth::credentials::ClientAuthentication;
use crate::oauth::error::ErrorCode;
use crate::oauth::token_request::{InspectionRequest, RequestFault, TokenRequest};
use crate::refusals::Facts;
use crate::tokens::Issued;

/// What a handler of an OAuth endpoint works with.
pub(crate) struct OauthEndpoint {
    client_credentials: Data<ClientCredentials>,
    administration: Data<Administration>,
    limit: Data<SourceLimit>,
}

/// A request to revoke or introspect a token, from a client that has authenticated itself.
pub(super) struct Inspection {
    pub(super) client: Arc<Client>,
    pub(super) token: Zeroizing<String>,
}

/// Which of a client's own limits an inspection counts against.
#[derive(Clone, Copy)]
pub(super) enum Purpose {
    /// None: it touches memory only.
    Introspect,
    /// The limit on revocations.
    Revoke,
}

impl OauthEndpoint {
    /// One token request: a token, or a refusal that is counted.
    pub(super) async fn grant(&self, request: &HttpRequest, payload: Payload) -> Result<Issued, OauthError> {
        let granted = self.try_grant(request, payload).await.map_err(|refusal| self.limit.count(request, refusal));
        granted.inspect_err(|refusal| self.client_credentials.answers().refused.add_one(refusal.code()))
    }

    async fn try_grant(&self, request: &HttpRequest, payload: Payload) -> Result<Issued, OauthError> {
        self.refuse_secret_in_query(request).await?;
        let parameters = body::read_parameters(request, payload).await?;
        let token_request = TokenRequest::parse(authorization(request), parameters);
        let granted = self.client_credentials.grant(token_request, source(request));
        let grant = granted.map_err(|refused| {
            let NotGranted { error, facts } = *refused;
            note_facts(request, Facts::TokenRequest(facts));
            error
        })?;
        let Grant { client, issued, .. } = &grant;
        note_caller(request, &client.client_id);
        tracing::debug!(client_id = %client.client_id, jti = %issued.jti, scope = %issued.scope, "a token was issued");
        if !wants_facts(request) {
            return Ok(grant.issued);
        }
        let (issued, facts) = grant.into_facts();
        note_facts(request, Facts::TokenRequest(facts));
        Ok(issued)
    }

    /// Reads a request to revoke or introspect a token.
    pub(super) async fn inspection(
        &self,
        request: &HttpRequest,
        payload: Payload,
        purpose: Purpose,
    ) -> Result<Inspection, OauthError> {
        self.try_inspection(request, payload, purpose).await.map_err(|refusal| self.limit.count(request, refusal))
    }

    async fn try_inspection(
        &self,
        request: &HttpRequest,
        payload: Payload,
        purpose: Purpose,
    ) -> Result<Inspection, OauthError> {
        self.refuse_secret_in_query(request).await?;
        let parameters = body::read_parameters(request, payload).await?;
        let InspectionRequest { authentication, token } = InspectionRequest::parse(authorization(request), parameters)?;
        let client = match purpose {
            Purpose::Introspect => self.client_credentials.authenticate(&authentication, source(request))?,
            Purpose::Revoke => self.client_credentials.authenticate_to_revoke(&authentication, source(request))?,
        };
        let token = token.ok_or(TokenError::RequestOfClient(RequestFault::TokenMissing))?;
        note_caller(request, &client.client_id);
        Ok(Inspection { client, token })
    }

    /// A secret in a URL ends in logs and histories (RFC 6749 section 2.3.1: "MUST NOT be included in the request URI").
    /// If it is a valid secret of a client, the audit log says that it was exposed.
    async fn refuse_secret_in_query(&self, request: &HttpRequest) -> Result<(), OauthError> {
        let query = request.query_string();
        if query.is_empty() {
            return Ok(());
        }
        let parameter = |wanted: &str| {
            query.split('&').find_map(|pair| {
                let (_, value) = form_urlencoded::parse(pair.as_bytes()).find(|(name, _)| name == wanted)?;
                let undecoded = pair.split_once('=').map(|(_, value)| value.to_owned().into());
                Some((Zeroizing::new(value.into_owned()), undecoded))
            })
        };
        let Some((client_secret, undecoded)) = parameter("client_secret") else { return Ok(()) };
        let (client_id, _) = parameter("client_id").unwrap_or_default();
        let authentication = ClientAuthentication::from_body(&client_id, client_secret, undecoded);
        if let Ok(client) = self.client_credentials.authenticate(&authentication, source(request)) {
            let client_id = &client.client_id;
            self.administration.secret_exposed(client_id, &actor(Some(client_id), request)).await?;
        }
        Err(OauthError::new(
            ErrorCode::InvalidRequest,
            "client_secret is in the query string, which logs store: send it in the body or in Authorization: Basic, and \
             ask the operator to rotate it.",
        ))
    }
}

/// The answer to any method but POST.
pub(crate) async fn wrong_method(endpoint: OauthEndpoint, request: HttpRequest) -> Result<HttpResponse, OauthError> {
    let in_query = endpoint.refuse_secret_in_query(&request).await;
    let refusal = in_query.err().unwrap_or_else(OauthError::method_not_allowed);
    Err(endpoint.limit.count(&request, refusal))
}

impl FromRequest for OauthEndpoint {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, actix_web::Error>>;

    fn from_request(request: &HttpRequest, payload: &mut RawPayload) -> Self::Future {
        let mut parts = || {
            Ok(Self {
                client_credentials: Data::from_request(request, payload).into_inner()?,
                administration: Data::from_request(request, payload).into_inner()?,
                limit: Data::from_request(request, payload).into_inner()?,
            })
        };
        ready(parts())
    }
}
