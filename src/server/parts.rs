//! What a server is made of, put together: who works with what.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use actix_web::web::Data;

use super::StartError;
use crate::administration::Administration;
use crate::admission::Admission;
use crate::audit::Audit;
use crate::client_credentials::{ClientCredentials, Targets};
use crate::clients::Clients;
use crate::config::{ClientDefaults, Config};
use crate::failures::Failures;
use crate::http::durations::Durations;
use crate::http::health::Readiness;
use crate::http::metrics::{Exposition, Metrics};
use crate::http::source_limit::SourceLimit;
use crate::keys::{Keys, Schedule};
use crate::listener::Connections;
use crate::oauth::limits::Limits;
use crate::oauth::registration::RegistrationPolicy;
use crate::parking::{Bounds, Parking};
use crate::quota::Quota;
use crate::revocation::Revocation;
use crate::store::{Store, TimedStore};
use crate::telemetry;
use crate::throttle::Throttle;
use crate::time::{Clock as _, SharedClock, SystemClock};
use crate::tls::Tls;
use crate::tokens::Tokens;

/// What handlers use, each by its own name.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) admission: Data<Admission>,
    pub(super) client_credentials: Data<ClientCredentials>,
    pub(super) administration: Data<Administration>,
    pub(super) audit: Data<Audit>,
    pub(super) clients: Data<Clients>,
    pub(super) revocation: Arc<Revocation>,
    pub(super) failures: Arc<Failures>,
    pub(super) keys: Data<Keys>,
    pub(super) key_schedule: Data<Schedule>,
    pub(super) parking: Data<Parking>,
    pub(super) policy: Data<RegistrationPolicy>,
    pub(super) clock: Data<SharedClock>,
    pub(super) source_limit: SourceLimit,
    pub(super) durations: Arc<Durations>,
    pub(super) metrics: Data<Metrics>,
    pub(super) readiness: Data<Readiness>,
}

/// What the server has beside the rules, for metrics and probes.
pub(super) struct HostMetrics {
    pub(super) tls: Arc<Tls>,
    pub(super) connections: Arc<Connections>,
    pub(super) stopping: Arc<AtomicBool>,
}

impl HostMetrics {
    fn tell(&self, exposition: &mut Exposition) {
        exposition.counters(
            "boomgate_connections_total",
            "Connections that were accepted, by what they speak.",
            "protocol",
            self.connections.opened(),
        );
        exposition.gauge("boomgate_connections_open", "Connections that are open.", self.connections.open());
        exposition.counter(
            "boomgate_log_lines_dropped_total",
            "Lines of the log that were dropped, because it was not read or could not be written.",
            telemetry::dropped_lines(),
        );
        exposition.gauge(
            "boomgate_certificate_expiry_timestamp_seconds",
            "Until when clients accept the certificate.",
            self.tls.not_after().get(),
        );
    }
}

/// Opens what is kept, and brings together who works with it.
pub(super) async fn assemble(
    config: &Config,
    issuer: &str,
    timed: Arc<TimedStore>,
    clock: SharedClock,
    outside: HostMetrics,
) -> Result<Parts, StartError> {
    let store: Arc<dyn Store> = timed.clone();
    let (clients, keys, revocation, parking) = tokio::try_join!(
        Clients::open(store.clone()),
        Keys::open(store.clone()),
        Revocation::open(store.clone()),
        Parking::open_with(store.clone(), clock.clone(), bounds(config)),
    )?;
    let (clients, keys, revocation) = (Arc::new(clients), Arc::new(keys), Arc::new(revocation));
    let parking = Arc::new(parking);
    let policy = policy(config);
    let public_audience = policy.audiences.first().cloned();
    let public_audience = public_audience.ok_or_else(|| StartError::Setting("audiences is empty".to_owned()))?;
    let tokens = Arc::new(Tokens::new(keys.clone(), clock.clone(), issuer.to_owned(), config.token_cache_entries));
    let admission = Admission::new(
        tokens.clone(),
        revocation.clone(),
        clients.clone(),
        Throttle::new(clock.clone()),
        Quota::open(store.clone(), clock.clone()),
        clock.clone(),
        public_audience.clone(),
    );
    let failed = &config.failed_authentications;
    let failures = Arc::new(Failures::new(clock.clone(), failed.per_minute, failed.burst));
    let client_credentials = ClientCredentials::new(
        clients.clone(),
        tokens.clone(),
        failures.clone(),
        clock.clone(),
        Targets { issuer: issuer.to_owned(), public_audience, default_audience: config.default_audience.clone() },
    );
    let endpoint = &config.token_endpoint;
    let client_credentials =
        client_credentials.limit_clients(endpoint.client_requests_per_second, endpoint.client_burst);
    let audit = Arc::new(Audit::new(store.clone()));
    let (who, when) = (clients.clone(), clock.clone());
    let administration =
        Administration::new(store.clone(), audit.clone(), when, who, revocation.clone(), keys.clone(), parking.clone());
    let source_limit = SourceLimit::new(endpoint.requests_per_second, endpoint.burst)
        .ok_or_else(|| StartError::Setting("token_endpoint.burst must be at least 1".to_owned()))?;
    let (admission, client_credentials, administration) =
        (Data::new(admission), Data::new(client_credentials), Data::new(administration));
    let audit = Data::from(audit);
    let (clients, keys, parking) = (Data::from(clients), Data::from(keys), Data::from(parking));
    let durations = Arc::<Durations>::default();
    let HostMetrics { tls, stopping, .. } = &outside;
    let (tls, stopping) = (tls.clone(), stopping.clone());
    let readiness = Readiness {
        store,
        keys: keys.clone(),
        clock: clock.clone(),
        certificate_ends: Box::new(move || tls.not_after()),
        stopping,
    };
    let metrics = Metrics {
        admission: admission.clone(),
        client_credentials: client_credentials.clone(),
        source_limit: source_limit.clone(),
        audit: audit.clone(),
        clients: clients.clone(),
        revocation: revocation.clone(),
        keys: keys.clone(),
        tokens,
        parking: parking.clone(),
        store: timed,
        durations: durations.clone(),
        clock: clock.clone(),
        started_at: SystemClock::new().now(),
        above: vec![Box::new(move |exposition| outside.tell(exposition))],
    };
    Ok(Parts {
        admission,
        client_credentials,
        administration,
        audit,
        clients,
        revocation,
        failures,
        keys,
        key_schedule: Data::new(Schedule {
            algorithm: config.signing_algorithm,
            rotation_days: config.key_rotation_days,
        }),
        parking,
        policy: Data::new(policy),
        clock: Data::new(clock),
        source_limit,
        durations,
        metrics: Data::new(metrics),
        readiness: Data::new(readiness),
    })
}

/// How much one client may have stored.
fn bounds(config: &Config) -> Bounds {
    Bounds { max_zones: config.parking.max_zones_per_client, max_keys: config.parking.max_idempotency_keys_per_client }
}

/// What this server offers to clients.
pub(super) fn policy(config: &Config) -> RegistrationPolicy {
    let ClientDefaults { token_ttl_s, requests_per_second, burst, daily_quota } = config.client_defaults;
    RegistrationPolicy {
        scopes: config.scopes.clone(),
        audiences: config.audiences.clone(),
        token_ttl_s: config.edition.token_ttl_s(),
        default_token_ttl_s: token_ttl_s,
        default_limits: Limits { requests_per_second, burst, daily_quota, enforce: true },
    }
}
