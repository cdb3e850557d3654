//! The gate as an argument: no request reaches a handler that takes [`Authorized`] without the right.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderValue};
use actix_web::{FromRequest, HttpRequest, web};

use crate::administration::Actor;
use crate::admission::{Admission, Admitted, Api, Decision, Denied, Right, Walk};
use crate::http::error::Problem;
use crate::http::request_context::{self, note_caller, note_facts, note_standing};
use crate::oauth::credentials::ClientId;
use crate::oauth::scope;
use crate::refusals::Facts;

/// A right, as a type.
pub(crate) trait Required: 'static {
    const RIGHT: Right;
}

/// The right to read zones.
pub(crate) struct ReadZones;
/// The right to create, change and delete zones.
pub(crate) struct WriteZones;
/// The right to read registrations.
pub(crate) struct ReadAdmin;
/// The right to register and change clients.
pub(crate) struct WriteAdmin;

/// The right to call the partner API at all, for methods that a route does not have.
pub(crate) struct AnyPartner;
/// The right to call the administration at all.
pub(crate) struct AnyAdmin;

impl Required for AnyPartner {
    const RIGHT: Right = Right { api: Api::Partner, scope_token: None };
}

impl Required for AnyAdmin {
    const RIGHT: Right = Right { api: Api::Admin, scope_token: None };
}

impl Required for ReadZones {
    const RIGHT: Right = Right { api: Api::Partner, scope_token: Some(scope::READ_ZONES) };
}

impl Required for WriteZones {
    const RIGHT: Right = Right { api: Api::Partner, scope_token: Some(scope::WRITE_ZONES) };
}

impl Required for ReadAdmin {
    const RIGHT: Right = Right { api: Api::Admin, scope_token: Some(scope::READ_ADMIN) };
}

impl Required for WriteAdmin {
    const RIGHT: Right = Right { api: Api::Admin, scope_token: Some(scope::WRITE_ADMIN) };
}

/// Proof that the request passed the whole gate with the right `R`. Must be the first argument of a handler: actix makes
/// arguments in order, so nothing of the request is read before its caller has passed.
pub(crate) struct Authorized<R> {
    admitted: Admitted,
    right: PhantomData<R>,
}

impl<R> Authorized<R> {
    /// The client that sent the request.
    #[must_use]
    pub(crate) fn client_id(&self) -> &ClientId {
        &self.admitted.client.client_id
    }

    /// The client as the actor of the change that `request` asks for.
    #[must_use]
    pub(crate) fn actor(&self, request: &HttpRequest) -> Actor {
        request_context::actor(Some(self.client_id()), request)
    }
}

/// The values of all `Authorization` headers of a request.
pub(crate) fn authorization(request: &HttpRequest) -> impl Iterator<Item = &[u8]> {
    request.headers().get_all(AUTHORIZATION).map(HeaderValue::as_bytes)
}

impl<R: Required> FromRequest for Authorized<R> {
    type Error = Problem;
    type Future = AdmitFuture<R>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let Some(admission) = request.app_data::<web::Data<Admission>>() else {
            return AdmitFuture::Decided(Some(Err(Problem::not_found())));
        };
        match admission.admit(authorization(request), request.query_string(), &R::RIGHT) {
            Walk::Decided(decision) => AdmitFuture::Decided(Some(Self::of(admission, decision, request))),
            Walk::NeedsLease(lease) => {
                let (admission, request) = (admission.clone(), request.clone());
                AdmitFuture::NeedsLease(Box::pin(async move {
                    let decision = admission.wait(lease).await;
                    Self::of(&admission, decision, &request)
                }))
            }
        }
    }
}

impl<R: Required> Authorized<R> {
    fn of(admission: &Admission, decision: Decision, request: &HttpRequest) -> Result<Self, Problem> {
        let wants_facts = decision.standing.is_some_and(|standing| note_standing(request, standing));
        if wants_facts {
            note_facts(request, Facts::Request(admission.facts(&decision, &R::RIGHT)));
        }
        match decision.outcome {
            Ok(admitted) => {
                note_caller(request, &admitted.client.client_id);
                Ok(Self { admitted, right: PhantomData })
            }
            Err(denied) => {
                let is_identified = decision.standing.is_some();
                Err(refused(*denied, is_identified, request).needing(R::RIGHT.scope_token))
            }
        }
    }
}

/// The client whose token for the partner API a request has, whatever its scope. The request costs nothing of any limit.
pub(super) fn identify(request: &HttpRequest, admission: &Admission) -> Result<Admitted, Problem> {
    let identified = admission.identify(authorization(request), request.query_string(), Api::Partner);
    let admitted = identified.map_err(|denied| refused(*denied, false, request))?;
    note_caller(request, &admitted.client.client_id);
    Ok(admitted)
}

/// The answer to a request that the gate refuses, whose facts are noted. The log names its client only if its token was
/// active.
#[cold]
pub(super) fn refused(denied: Denied, is_identified: bool, request: &HttpRequest) -> Problem {
    let Denied { denial, facts } = denied;
    if let Some(client) = facts.client().filter(|_| is_identified) {
        note_caller(request, &client.client_id);
    }
    note_facts(request, Facts::Request(facts));
    denial.into()
}

/// A request on its way through the gate; decided at once, unless its quota needs a new block from the store.
pub(crate) enum AdmitFuture<R> {
    /// The gate has decided.
    Decided(Option<Result<Authorized<R>, Problem>>),
    /// The gate waits for the store.
    NeedsLease(Pin<Box<dyn Future<Output = Result<Authorized<R>, Problem>>>>),
}

/// The one future in it that needs pinning is in a box.
impl<R> Unpin for AdmitFuture<R> {}

impl<R> Future for AdmitFuture<R> {
    type Output = Result<Authorized<R>, Problem>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Decided(outcome) => outcome.take().map_or(Poll::Pending, Poll::Ready),
            Self::NeedsLease(lease) => lease.as_mut().poll(context),
        }
    }
}
