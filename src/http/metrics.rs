//! `GET /metrics`: what the program counts, in Prometheus's text format.
//!
//! Each module counts what it decides; this file names the metrics (those of the host are in `server::host_metrics`). Every counter exists from the start, at 0. No
//! label grows with clients, paths or anything else that a caller sends. A scrape reads memory and `/proc`, and costs the
//! same for any number of clients.
//!
//! The format is written by hand: prometheus-client writes `OpenMetrics`, which `promtool check metrics` does not read, and
//! the other crates have counters that all workers would contend for.

mod exposition;
mod process;

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use actix_web::web::Data;

pub(crate) use self::exposition::Exposition;
use self::exposition::MEDIA_TYPE;
use crate::admission::Admission;
use crate::api::key::KeyState;
use crate::audit::Audit;
use crate::client_credentials::ClientCredentials;
use crate::clients::Clients;
use crate::http::authorized::{Authorized, ReadAdmin};
use crate::http::durations::{Durations, Labels};
use crate::http::source_limit::SourceLimit;
use crate::keys::Keys;
use crate::parking::Parking;
use crate::revocation::Revocation;
use crate::store::TimedStore;
use crate::time::{SharedClock, UnixSeconds};

/// Writes the metrics of the floors above this one, such as connections.
pub(crate) type ExtraMetrics = Box<dyn Fn(&mut Exposition) + Send + Sync>;

/// Where the numbers come from.
pub(crate) struct Metrics {
    pub(crate) admission: Data<Admission>,
    pub(crate) client_credentials: Data<ClientCredentials>,
    pub(crate) source_limit: SourceLimit,
    pub(crate) audit: Data<Audit>,
    pub(crate) clients: Data<Clients>,
    pub(crate) revocation: Arc<Revocation>,
    pub(crate) keys: Data<Keys>,
    pub(crate) parking: Data<Parking>,
    pub(crate) store: Arc<TimedStore>,
    pub(crate) durations: Arc<Durations>,
    pub(crate) clock: SharedClock,
    /// When the process started, by the system's clock.
    pub(crate) started_at: UnixSeconds,
    pub(crate) extra: Vec<ExtraMetrics>,
}

/// For callers with the right to read the administration.
pub(super) async fn guarded(_caller: Authorized<ReadAdmin>, metrics: Data<Metrics>) -> HttpResponse {
    answer(&metrics)
}

/// For every caller on the port for operators.
pub(super) async fn open(metrics: Data<Metrics>) -> HttpResponse {
    answer(&metrics)
}

fn answer(metrics: &Metrics) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, MEDIA_TYPE))
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(metrics.text())
}

impl Metrics {
    pub(crate) fn text(&self) -> String {
        let mut exposition = Exposition::default();
        self.write_requests(&mut exposition);
        self.write_tokens(&mut exposition);
        self.write_quotas(&mut exposition);
        self.write_audit(&mut exposition);
        self.write_store(&mut exposition);
        for write in &self.extra {
            write(&mut exposition);
        }
        let build = [("version", env!("CARGO_PKG_VERSION"))];
        exposition.labelled_gauge("boomgate_build_info", "The version of this server.", &build, 1);
        let start_help = "When the process started.";
        exposition.gauge("process_start_time_seconds", start_help, self.started_at.get());
        process::write(&mut exposition);
        exposition.into_text()
    }

    fn write_requests(&self, exposition: &mut Exposition) {
        let durations = self.durations.all();
        let statuses: Vec<_> = durations.keys().map(|labels| labels.status.to_string()).collect();
        exposition.histogram(
            "http_server_request_duration_seconds",
            "Time from the head of a request to that of its answer, by route.",
            durations.iter().zip(&statuses).map(|((labels, times), status)| (to_pairs(labels, status), times.clone())),
        );
        let decisions = self.admission.decisions();
        exposition.counter(
            "boomgate_requests_admitted_total",
            "Requests that passed the gate.",
            decisions.admitted.total(),
        );
        exposition.counters(
            "boomgate_requests_denied_total",
            "Requests that did not pass the gate, by the check that failed first.",
            "reason",
            decisions.denied.totals(),
        );
    }

    fn write_tokens(&self, exposition: &mut Exposition) {
        let answers = self.client_credentials.answers();
        exposition.counter("boomgate_tokens_issued_total", "Access tokens that were issued.", answers.issued.total());
        exposition.counters(
            "boomgate_tokens_refused_total",
            "Token requests that were refused, by OAuth error code.",
            "error",
            answers.refused.totals(),
        );
        exposition.counter(
            "boomgate_token_requests_limited_total",
            "Requests without valid credentials that were refused: too many from one address.",
            self.source_limit.refused(),
        );
        exposition.counter(
            "boomgate_client_authentications_failed_total",
            "Client authentications that failed, at any endpoint.",
            answers.failed_authentications.total(),
        );
        exposition.counters(
            "boomgate_token_lookups_total",
            "Access tokens that were looked up in the cache of verified tokens.",
            "result",
            self.admission.token_lookups(),
        );
        let remembered = self.admission.remembered_tokens();
        exposition.gauge("boomgate_verified_tokens", "Access tokens in the cache of verified tokens.", remembered);
        exposition.gauge("boomgate_revocations", "Revocations of single tokens in force.", self.revocation.count());
        let keys = self.keys.list(self.clock.now());
        exposition.gauge("boomgate_signing_keys", "Signing keys that sign, verify or soon will.", keys.len());
        if let Some(signing) = keys.iter().find(|key| key.state == KeyState::Signing) {
            exposition.gauge(
                "boomgate_signing_key_since_timestamp_seconds",
                "When the key that signs began to sign.",
                signing.signs_from.get(),
            );
        }
    }

    fn write_quotas(&self, exposition: &mut Exposition) {
        let leases = self.admission.lease_counts();
        exposition.counter(
            "boomgate_quota_blocks_leased_total",
            "Blocks of quota that were leased from the store.",
            leases.blocks.total(),
        );
        exposition.counter(
            "boomgate_quota_units_leased_total",
            "Requests in the blocks that were leased.",
            leases.units.total(),
        );
        exposition.counter(
            "boomgate_quota_units_returned_total",
            "Requests in leased blocks that were not used and were returned.",
            leases.returned.total(),
        );
        exposition.counter(
            "boomgate_quota_leases_failed_total",
            "Blocks that could not be leased, because the store did not answer.",
            leases.failed.total(),
        );
        exposition.counter(
            "boomgate_quota_waits_total",
            "Requests that waited for a block.",
            self.admission.decisions().waited.total(),
        );
        let counters = self.admission.quota_counters();
        exposition.gauge("boomgate_quotas_held", "Clients whose quota is held in memory.", counters);
    }

    fn write_audit(&self, exposition: &mut Exposition) {
        exposition.counters(
            "boomgate_audit_entries_total",
            "Entries that were written to the audit log, by action: one for each change.",
            "action",
            self.audit.written(),
        );
        exposition.gauge("boomgate_clients", "Registered clients.", self.clients.count());
        exposition.gauge("boomgate_zones", "Parking zones.", self.parking.count());
    }

    fn write_store(&self, exposition: &mut Exposition) {
        exposition.counters(
            "boomgate_store_commits_total",
            "Commits to the store, by outcome.",
            "outcome",
            self.store.outcomes(),
        );
        exposition.histogram(
            "boomgate_store_commit_duration_seconds",
            "Time from a commit's call until it was durable or refused.",
            [(Vec::new(), self.store.times())],
        );
    }
}

/// The labels as OpenTelemetry's conventions name them, in Prometheus's letters.
fn to_pairs<'l>(labels: &'l Labels, status: &'l str) -> Vec<(&'l str, &'l str)> {
    let Labels { route, method, url_scheme, .. } = labels;
    let route = route.iter().map(|route| ("http_route", &**route));
    let others = [("http_response_status_code", status), ("url_scheme", *url_scheme)];
    [("http_request_method", *method)].into_iter().chain(route).chain(others).collect()
}
