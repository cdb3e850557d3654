//! The applications of the three listeners: what their handlers use, their routes, and what every answer carries.

use actix_web::dev::{ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::web::{self, Data};
use actix_web::{App, Error};

use super::parts::Parts;
use crate::http::response::{ResponseHeaders, Site};
use crate::http::{plain_http, router};

/// What is reached over TLS.
pub(super) fn secure_app(
    parts: &Parts,
    site: &Data<Site>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + use<>,
> {
    App::new()
        .app_data(site.clone())
        .app_data(parts.admission.clone())
        .app_data(parts.client_credentials.clone())
        .app_data(parts.administration.clone())
        .app_data(Data::new(parts.source_limit.clone()))
        .app_data(parts.audit.clone())
        .app_data(parts.clients.clone())
        .app_data(parts.keys.clone())
        .app_data(parts.key_schedule.clone())
        .app_data(parts.parking.clone())
        .app_data(parts.policy.clone())
        .app_data(parts.clock.clone())
        .app_data(parts.metrics.clone())
        .app_data(parts.readiness.clone())
        .app_data(parts.api_document.clone())
        .configure(|config| router::over_tls(config, &parts.parking, &parts.source_limit))
        .wrap(ResponseHeaders::new(site, &parts.durations, "https"))
}

/// What operators' own tools reach over plain HTTP, on a port of their own: how the server is, and nothing
/// of what it serves.
pub(super) fn ops_app(
    parts: &Parts,
    site: &Data<Site>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + use<>,
> {
    App::new()
        .app_data(site.clone())
        .app_data(parts.metrics.clone())
        .app_data(parts.readiness.clone())
        .configure(router::for_operators)
        .wrap(ResponseHeaders::new(site, &parts.durations, "http"))
}

/// What plain HTTP is answered: nothing but no.
pub(super) fn clear_app(
    parts: &Parts,
    site: &Data<Site>,
) -> App<
    impl ServiceFactory<ServiceRequest, Config = (), Response = ServiceResponse, Error = Error, InitError = ()> + use<>,
> {
    App::new()
        .app_data(site.clone())
        .app_data(parts.admission.clone())
        .app_data(parts.client_credentials.clone())
        .app_data(parts.administration.clone())
        .default_service(web::to(plain_http::refuse))
        // What came in the clear is burned whatever its host is.
        .wrap(ResponseHeaders::new(site, &parts.durations, "http").with_any_host())
}
