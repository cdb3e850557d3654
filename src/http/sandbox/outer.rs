//! The outer layer of a sandbox's application, around [`ResponseHeaders`](crate::http::response::ResponseHeaders): it sees a
//! request before anything else does, and its answer as it will be sent. Here is found what disturbs a request, once, and the
//! disturbed answer is made.

use std::future::{Ready, ready};
use std::rc::Rc;

use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform, forward_ready};
use actix_web::http::header::{DATE, HeaderValue};
use actix_web::web::Data;
use actix_web::{Error, HttpMessage as _};
use futures_util::future::LocalBoxFuture;

use super::capture::{Capture, RecordedBody};
use super::disturbance::Disturbance;
use super::effects::{self, Delivered};
use super::{IsPage, is_beside_the_api};
use crate::sandbox::Sandbox;
use crate::time::{Clock as _, SystemClock};

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct OuterLayer(pub(crate) Data<Sandbox>, pub(crate) IsPage);

/// [`OuterLayer`] around the application of one worker.
#[derive(Debug)]
pub(crate) struct OuterService<S> {
    application: Rc<S>,
    sandbox: Data<Sandbox>,
    is_page: IsPage,
    real_clock: Rc<SystemClock>,
}

impl<S> Transform<S, ServiceRequest> for OuterLayer
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ServiceResponse<RecordedBody>;
    type Error = Error;
    type Transform = OuterService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, application: S) -> Self::Future {
        let (Self(sandbox, is_page), real_clock) = (self.clone(), Rc::new(SystemClock::new()));
        ready(Ok(OuterService { application: Rc::new(application), sandbox, is_page, real_clock }))
    }
}

impl<S> Service<ServiceRequest> for OuterService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse, Error = Error> + 'static,
{
    type Response = ServiceResponse<RecordedBody>;
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<ServiceResponse<RecordedBody>, Error>>;

    forward_ready!(application);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let (application, sandbox) = (Rc::clone(&self.application), self.sandbox.clone());
        if is_beside_the_api(&request, self.is_page) {
            return Box::pin(async move {
                let mut response = application.call(request).await?;
                put_date(&mut response, &sandbox);
                Ok(response.map_body(|_, body| RecordedBody::unrecorded(body)))
            });
        }
        let capture = Capture::begin(&sandbox, &self.real_clock, &mut request);
        Box::pin(async move {
            let disturbance = Disturbance::find(&sandbox, &mut request).await.map(Rc::new);
            if let Some(disturbance) = &disturbance {
                request.extensions_mut().insert(Rc::clone(disturbance));
            }
            let response = application.call(request).await?;
            let mut response = match &disturbance {
                Some(disturbance) => effects::apply(response, disturbance, sandbox.clock.now()),
                None => response.map_body(|_, body| Delivered::Whole(body)),
            };
            put_date(&mut response, &sandbox);
            Ok(capture.record(response, disturbance.as_deref().map(|disturbance| &disturbance.firing)))
        })
    }
}

/// While the clock is shifted, an answer has its time. The listener writes the machine's time into any other.
fn put_date<B>(response: &mut ServiceResponse<B>, sandbox: &Sandbox) {
    if !sandbox.clock.is_shifted() {
        return;
    }
    let date = sandbox.clock.now().to_http_date();
    if let Ok(date) = HeaderValue::try_from(date) {
        response.headers_mut().insert(DATE, date);
    }
}
