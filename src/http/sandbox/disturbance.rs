//! What disturbs a request. It is found once, before anything else sees the request, and both layers act on it.

use std::time::Duration;

use actix_web::HttpMessage as _;
use actix_web::dev::{Payload, ServiceRequest};
use actix_web::http::Method;
use actix_web::http::header::{AUTHORIZATION, CONTENT_LENGTH, HeaderValue};
use actix_web::web::Data;
use futures_util::{StreamExt as _, stream};
use tokio::time::timeout;

use super::prefer::{Preferred, preferred};
use crate::api::sandbox::fault::{Close, Delivery, Effect, InjectedAnswer, Phase};
use crate::http::response::Site;
use crate::oauth::credentials::ClientId;
use crate::sandbox::Sandbox;
use crate::sandbox::claims;
use crate::sandbox::faults::{Area, Firing, RequestFacts};

/// How much of a body is read to find the client in it: as much as an OAuth request may have.
const MAX_BODY_BYTES: usize = 16 * 1_024;
/// How long is waited for it; what comes later is left to the handler.
const MAX_BODY_TIME: Duration = Duration::from_secs(10);

/// What disturbs one request.
pub(super) struct Disturbance {
    pub(super) firing: Firing,
    /// `Preference-Applied`, if the request asked for it.
    pub(super) applied: Option<HeaderValue>,
    pub(super) phase: Phase,
    /// What the request claims.
    pub(super) claims: Claims,
}

/// What a request claims in its credentials and its body. It is not verified.
#[derive(Default)]
pub(super) struct Claims {
    pub(super) client_id: Option<ClientId>,
    /// The scope that a token request asks for.
    pub(super) scope: Option<String>,
    /// Whether it asks for a token of the administration.
    asks_for_administration: bool,
}

impl Disturbance {
    /// What disturbs this request: what it asks for itself, else the first rule that fires.
    pub(super) async fn find(sandbox: &Sandbox, request: &mut ServiceRequest) -> Option<Self> {
        let area = Area::of_path(request.path())?;
        let preferred = preferred(request.path(), request.headers());
        if preferred.is_none() && sandbox.faults.is_empty() {
            return None;
        }
        let claims = Claims::of(area, request).await;
        let (firing, applied) = match preferred {
            Some(Preferred { firing, applied }) => {
                sandbox.faults.count(&firing);
                (firing, Some(applied))
            }
            None => (decide(sandbox, request, &claims)?, None),
        };
        Some(Self { firing, applied, phase: area.phase(), claims })
    }

    pub(super) fn effect(&self) -> &Effect {
        &self.firing.effect
    }

    /// The name of the problem that is answered in place of the gate.
    pub(super) fn problem(&self) -> Option<&str> {
        match &self.effect().answer {
            Some(InjectedAnswer::Problem(name)) => Some(name),
            Some(InjectedAnswer::Status(_)) | None => None,
        }
    }

    /// Whether the request goes through the gate to its handler: also where only the last part of its answer is lost.
    pub(super) fn reaches_gate(&self) -> bool {
        let Effect { answer, delivery, after_commit, .. } = self.effect();
        let is_withheld = match delivery {
            Some(Delivery::Timeout(_)) => true,
            Some(Delivery::Close(close)) => !matches!(close, Close::MidHeaders | Close::MidBody),
            Some(Delivery::Dribble(_) | Delivery::Bandwidth(_) | Delivery::TruncateAfter(_)) | None => false,
        };
        *after_commit || (answer.is_none() && !is_withheld)
    }
}

fn decide(sandbox: &Sandbox, request: &ServiceRequest, claims: &Claims) -> Option<Firing> {
    let has_header = |name: &str| request.headers().contains_key(name);
    let client_id = claims.client_id.as_ref().map(ClientId::as_str);
    let facts = RequestFacts::new(client_id, request.method().as_str(), request.path(), &has_header);
    sandbox.faults.decide(&facts.asking_for_administration(claims.asks_for_administration))
}

impl Claims {
    async fn of(area: Area, request: &mut ServiceRequest) -> Self {
        let credentials = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let client_id = credentials.and_then(claims::of_credentials);
        if area != Area::Credentials || *request.method() != Method::POST {
            return Self { client_id, ..Self::default() };
        }
        let body = read_ahead(request).await;
        let issuer = request.app_data::<Data<Site>>().map_or("", |site| &site.issuer);
        Self {
            client_id: client_id.or_else(|| claims::of_body(&body)),
            scope: claims::scope_of_body(&body),
            asks_for_administration: claims::asks_for_administration(&body, issuer),
        }
    }
}

/// The start of a request's body. The handler reads all of it, as it came.
async fn read_ahead(request: &mut ServiceRequest) -> Vec<u8> {
    // A client that waits for `100 Continue` must not be asked for a body that the handler refuses unread.
    let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.trim().parse().ok());
    if length.is_some_and(|length: usize| length > MAX_BODY_BYTES) {
        return Vec::new();
    }
    let mut payload = request.take_payload();
    let (mut parts, mut start) = (Vec::new(), Vec::new());
    let reading = async {
        while let Some(part) = payload.next().await {
            let has_more = part.is_ok();
            start.extend_from_slice(part.as_deref().unwrap_or_default());
            parts.push(part);
            if !has_more || start.len() > MAX_BODY_BYTES {
                break;
            }
        }
    };
    let _is_late = timeout(MAX_BODY_TIME, reading).await;
    request.set_payload(Payload::Stream { payload: Box::pin(stream::iter(parts).chain(payload)) });
    start
}
