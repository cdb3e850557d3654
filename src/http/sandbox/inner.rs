//! The inner layer of a sandbox's application, within [`ResponseHeaders`](crate::http::response::ResponseHeaders): what it
//! answers gets its request id, body and fields exactly as an answer of the gate does.
//!
//! A request to the API holds the sandbox while its handler runs, so that no jump of the clock comes in between.

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _};
use futures_util::future::LocalBoxFuture;

use super::disturbance::Disturbance;
use super::{IsPage, NeededScope, injection, is_beside_the_api};
use crate::http::request_context::ask_for_facts;
use crate::sandbox::Sandbox;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct InnerLayer(pub(crate) Data<Sandbox>, pub(crate) NeededScope, pub(crate) IsPage);

/// [`InnerLayer`] around the application of one worker.
#[derive(Debug)]
pub(crate) struct InnerService<S> {
    application: Rc<S>,
    sandbox: Data<Sandbox>,
    needed_scope: NeededScope,
    is_page: IsPage,
}

impl<S> Transform<S, ServiceRequest> for InnerLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Transform = InnerService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, application: S) -> Self::Future {
        let Self(sandbox, needed_scope, is_page) = self.clone();
        ready(Ok(InnerService { application: Rc::new(application), sandbox, needed_scope, is_page }))
    }
}

impl<S> Service<ServiceRequest> for InnerService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ServiceResponse;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse, Error>>;

    forward_ready!(application);

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let (application, sandbox) = (Rc::clone(&self.application), self.sandbox.clone());
        let needed_scope = self.needed_scope;
        if is_beside_the_api(&request, self.is_page) {
            return Box::pin(application.call(request));
        }
        ask_for_facts(request.request());
        Box::pin(async move {
            let disturbance = request.extensions().get::<Rc<Disturbance>>().cloned();
            let Some(disturbance) = disturbance else {
                let _until_it_is_answered = sandbox.enter().await;
                return application.call(request).await;
            };
            if !disturbance.reaches_gate() {
                let (request, _) = request.into_parts();
                return Ok(injection::answer(request, &disturbance, &sandbox, needed_scope).await);
            }
            let response = {
                let _until_it_is_answered = sandbox.enter().await;
                application.call(request).await?
            };
            if disturbance.problem().is_none() {
                return Ok(response);
            }
            let (request, _) = response.into_parts();
            Ok(injection::answer(request, &disturbance, &sandbox, needed_scope).await)
        })
    }
}
