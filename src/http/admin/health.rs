//! `GET /admin/health`: how the server is, and what `doctor` would say of its installation.

use actix_web::web::{self, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::read_answer;
use crate::api::health::{CertificateInUse, Finding, Health, ReadinessCheck, StoreHealth};
use crate::clients::Clients;
use crate::http::authorized::{Authorized, ReadAdmin};
use crate::http::error::Problem;
use crate::http::health::Readiness;
use crate::time::{Clock as _, SystemClock, UnixSeconds};

/// What is known of the server around the rules, and asked for anew for each answer.
pub(crate) struct Installation {
    pub(crate) edition: &'static str,
    pub(crate) issuer: String,
    pub(crate) started_at: UnixSeconds,
    /// Whether the store lasts longer than the process.
    pub(crate) has_lasting_store: bool,
    pub(crate) certificate: Box<dyn Fn() -> CertificateInUse + Send + Sync>,
    /// Reads files and asks the system.
    pub(crate) findings: Box<dyn Fn() -> Vec<Finding> + Send + Sync>,
}

pub(in crate::http) async fn show(
    _caller: Authorized<ReadAdmin>,
    request: HttpRequest,
    installation: Data<Installation>,
    readiness: Data<Readiness>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let checked = installation.clone();
    let failed = |error| Problem::caused_by(Box::new(error), "The installation could not be checked.");
    let findings = web::block(move || (checked.findings)()).await.map_err(failed)?;
    let read = readiness.read_store().await;
    let checks = readiness.checks_with(read).into_iter();
    let now = SystemClock::new().now();
    let health = Health {
        certificate: (installation.certificate)(),
        clients: clients.count(),
        edition: installation.edition.to_owned(),
        findings,
        issuer: installation.issuer.clone(),
        now,
        readiness: checks.map(|(check, passes)| ReadinessCheck { check: check.to_owned(), passes }).collect(),
        started_at: installation.started_at,
        store: StoreHealth {
            is_lasting: installation.has_lasting_store,
            read_ms: read.map(|read| (read.as_secs_f64() * 1e6).round() / 1e3),
        },
        uptime_s: now.since(installation.started_at),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    read_answer(&request, &health)
}
