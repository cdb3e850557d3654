//! The answer of the gate that a fault injects, with everything that the gate's own has: its scope in the challenge, and
//! where the client stands with its limits. Nothing is spent of them, and nothing counts as refused.

use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::ServiceResponse;
use actix_web::http::{Method, StatusCode};
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use super::disturbance::Disturbance;
use super::prefer::kind_named;
use crate::admission::{Admission, Standing};
use crate::api::sandbox::fault::{InjectedAnswer, Phase};
use crate::clients::{Client, Clients};
use crate::http::authorized::authorization;
use crate::http::error::{Occasion, ProblemKind, injected};
use crate::http::request_context::{note_injected, note_standing};
use crate::oauth::bearer;
use crate::oauth::scope::ScopeToken;
use crate::sandbox::Sandbox;
use crate::time::Clock as _;

/// The scope token that a request with this method and this path needs.
pub(crate) type NeededScope = fn(&Method, &str) -> Option<ScopeToken>;

/// The answer in place of the gate's. What the outer layer replaces, or does not send, has a status alone, for the log.
pub(super) async fn answer(
    request: HttpRequest,
    disturbance: &Disturbance,
    sandbox: &Sandbox,
    needed_scope: NeededScope,
) -> ServiceResponse {
    note_injected(&request);
    let kind = disturbance.problem().and_then(|name| kind_named(name, disturbance.phase));
    let Some(kind) = kind else {
        let response = HttpResponse::new(status_for_log(disturbance));
        return ServiceResponse::new(request, response);
    };
    let client = claimed_client(&request, disturbance);
    if disturbance.phase == Phase::Resource && is_after_the_token(kind) {
        note_limits(&request, kind).await;
    }
    let occasion = Occasion {
        now: sandbox.clock.now(),
        scope_token: needed_scope(request.method(), request.path()),
        assigned: client.map(|client| client.scope.clone()),
        retry_after: disturbance.effect().retry_after,
    };
    match injected(kind, disturbance.phase, &occasion) {
        Some(error) => ServiceResponse::from_err(error, request),
        None => ServiceResponse::new(request, HttpResponse::new(kind.status())),
    }
}

fn status_for_log(disturbance: &Disturbance) -> StatusCode {
    let status = match disturbance.effect().answer {
        Some(InjectedAnswer::Status(status)) => StatusCode::from_u16(status).ok(),
        Some(InjectedAnswer::Problem(_)) | None => None,
    };
    status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

fn claimed_client(request: &HttpRequest, disturbance: &Disturbance) -> Option<Arc<Client>> {
    let clients: &Data<Clients> = request.app_data()?;
    clients.get(disturbance.claims.client_id.as_ref()?.as_str())
}

/// Whether the gate finds such a problem once it knows the client: its answer then has the `RateLimit` fields.
fn is_after_the_token(kind: ProblemKind) -> bool {
    !matches!(
        kind,
        ProblemKind::TokenMissing
            | ProblemKind::TokenInvalid
            | ProblemKind::TokenExpired
            | ProblemKind::TokenRevoked
            | ProblemKind::TokenMisplaced
    )
}

/// Notes where the client stands, if its token is valid; at a limit, that nothing is left.
async fn note_limits(request: &HttpRequest, kind: ProblemKind) {
    if let Some(mut standing) = standing(request).await {
        if kind == ProblemKind::Throttled {
            standing.permits.remaining = 0;
            standing.permits.full_in_s = standing.permits.window_s;
            standing.permits.wait = Some(Duration::from_secs(1));
        }
        if let (ProblemKind::QuotaExceeded, Some(units)) = (kind, &mut standing.units) {
            units.remaining = units.remaining.map(|_| 0);
        }
        note_standing(request, standing);
    }
}

async fn standing(request: &HttpRequest) -> Option<Standing> {
    let (admission, clients) = (request.app_data::<Data<Admission>>()?, request.app_data::<Data<Clients>>()?);
    let presented = bearer::parse(authorization(request), request.query_string()).ok()?;
    let token = admission.verify_signature_and_expiry(presented.text()?).ok()?;
    let client = clients.get(token.client_id.as_str())?;
    admission.standing(&client).await.ok()
}
