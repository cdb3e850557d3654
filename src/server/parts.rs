//! What a server is made of, put together: which part works with which.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use actix_web::web::Data;

use super::error::StartError;
use super::host_metrics::HostMetrics;
use crate::administration::Administration;
use crate::admission::Admission;
use crate::api::policy::{self, RegistrationPolicy, TtlBounds};
use crate::audit::Audit;
use crate::client_credentials::{ClientCredentials, Targets};
use crate::clients::Clients;
use crate::config::{ClientDefaults, Config, Edition};
use crate::failures::Failures;
use crate::http::activity::ActivitySampler;
use crate::http::admin::health::Installation;
use crate::http::api_document::ApiDocument;
use crate::http::cors::CorsPolicy;
use crate::http::durations::Durations;
use crate::http::health::Readiness;
use crate::http::metrics::{ExtraMetrics, Metrics};
use crate::http::openapi;
use crate::http::pages::Pages;
use crate::http::pages::assets::Assets;
use crate::http::reference;
use crate::http::router;
use crate::http::source_limit::SourceLimit;
use crate::keys::{Keys, Schedule};
use crate::limits::Limits;
use crate::oauth::credentials::ClientId;
use crate::parking::{Bounds, Parking};
use crate::passports::{Passports, Trust};
use crate::quota::Quota;
use crate::refusals::Refusals;
use crate::revocation::Revocation;
use crate::sandbox::peer_user::OwnAddresses;
use crate::sandbox::{CONTROL_TOKEN_FILE, ControlToken, GateState, Journal, OwnHosts, Sandbox, Snapshots, read_clock};
use crate::store::{Contents, Store, TimedStore};
use crate::time::{Clock as _, SandboxClock, SharedClock, SystemClock};
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
    pub(super) passports: Data<Passports>,
    pub(super) refusals: Data<Refusals>,
    pub(super) activity: Data<ActivitySampler>,
    pub(super) policy: Data<RegistrationPolicy>,
    pub(super) clock: Data<SharedClock>,
    pub(super) source_limit: SourceLimit,
    pub(super) durations: Arc<Durations>,
    pub(super) metrics: Data<Metrics>,
    pub(super) readiness: Data<Readiness>,
    /// What an operator asks about the server around the rules; there is none where nobody asks.
    pub(super) installation: Option<Data<Installation>>,
    /// Where a sandbox accepts connections.
    pub(super) own_addresses: Data<OwnAddresses>,
    pub(super) api_document: Data<ApiDocument>,
    pub(super) pages: Data<Pages>,
    /// Pages of which origins may call the partner API; `None` for none.
    pub(super) cors: Option<Arc<CorsPolicy>>,
    /// What only a sandbox has.
    pub(super) sandbox: Option<Data<Sandbox>>,
    /// What goes back to a snapshot or to the seed, in a sandbox that has started.
    pub(super) gate_state: Option<Data<GateState>>,
}

/// Reads the facts from the store, and puts together the parts that work with them.
pub(super) async fn assemble(
    config: &Config,
    issuer: &str,
    timed: Arc<TimedStore>,
    clock: SharedClock,
    host: HostMetrics,
    stopping: Arc<AtomicBool>,
) -> Result<Parts, StartError> {
    let sandbox = open_sandbox(config, clock.clone(), &*timed, &host.tls).await?;
    let clock = sandbox.as_ref().map_or(clock, |sandbox| sandbox.clock.clone());
    let store: Arc<dyn Store> = timed.clone();
    let (clients, keys, revocation, parking) = tokio::try_join!(
        Clients::open(store.clone()),
        Keys::open(store.clone()),
        Revocation::open(store.clone()),
        Parking::open_with(store.clone(), clock.clone(), parking_bounds(config)),
    )?;
    let (clients, keys, revocation) = (Arc::new(clients), Arc::new(keys), Arc::new(revocation));
    let (parking, audit) = (Arc::new(parking), Arc::new(Audit::new(store.clone())));
    let policy = policy(config);
    let public_audience = policy.audiences.first().cloned();
    let public_audience = public_audience.ok_or_else(|| StartError::Setting("audiences is empty".to_owned()))?;
    let tokens = Arc::new(Tokens::new(keys.clone(), clock.clone(), issuer.to_owned()));
    let admission = Data::new(Admission::new(
        tokens.clone(),
        config.token_cache_entries,
        revocation.clone(),
        clients.clone(),
        Quota::open(store.clone(), clock.clone()),
        clock.clone(),
        public_audience.clone(),
    ));
    let failed = &config.failed_authentications;
    let failures = Arc::new(Failures::new(clock.clone(), failed.per_minute, failed.burst));
    let endpoint = &config.token_endpoint;
    let targets =
        Targets { issuer: issuer.to_owned(), public_audience, default_audience: config.default_audience.clone() };
    let client_credentials = ClientCredentials::new(clients.clone(), tokens, failures.clone(), clock.clone(), targets)
        .limit_clients(endpoint.client_requests_per_second, endpoint.client_burst);
    let client_credentials = Data::new(client_credentials);
    let refusals = Data::new(Refusals::new(config.refusals.entries));
    let administration = Administration::new(
        store.clone(),
        audit.clone(),
        clock.clone(),
        clients.clone(),
        revocation.clone(),
        keys.clone(),
        parking.clone(),
    );
    let activity = Data::new(ActivitySampler::new(admission.clone(), refusals.clone(), clock.clone()));
    let forgotten = forget(admission.clone(), client_credentials.clone(), refusals.clone(), activity.clone());
    let administration = administration.forgetting_with(forgotten).limiting_unproven(policy.client_defaults.unproven);
    let administration = Data::new(administration);
    let passports = Data::new(passports(config, keys.clone(), clock.clone(), issuer));
    let source_limit = source_limit(config)?;
    let (audit, clients) = (Data::from(audit), Data::from(clients));
    let (keys, parking) = (Data::from(keys), Data::from(parking));
    let durations = Arc::<Durations>::default();
    let readiness = readiness(store, &keys, &clock, &host.tls, stopping);
    let host_metrics: ExtraMetrics = Box::new(move |exposition| host.write(exposition));
    let extra = std::iter::once(host_metrics).chain(sandbox.clone().map(fault_metrics)).collect();
    let metrics = Metrics {
        admission: admission.clone(),
        client_credentials: client_credentials.clone(),
        source_limit: source_limit.clone(),
        audit: audit.clone(),
        clients: clients.clone(),
        revocation: revocation.clone(),
        keys: keys.clone(),
        parking: parking.clone(),
        store: timed,
        durations: durations.clone(),
        clock: clock.clone(),
        started_at: SystemClock::new().now(),
        extra,
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
        key_schedule: Data::new(key_schedule(config)),
        parking,
        passports,
        refusals,
        activity,
        policy: Data::new(policy),
        clock: Data::new(clock),
        source_limit,
        durations,
        metrics: Data::new(metrics),
        readiness: Data::new(readiness),
        installation: None,
        own_addresses: Data::default(),
        api_document: Data::new(ApiDocument::new(openapi::to_json)),
        pages: Data::new(pages(config, issuer)),
        cors: CorsPolicy::new(&config.cors_origins, router::partner_prefixes()).map(Arc::new),
        sandbox,
        gate_state: None,
    })
}

/// The pages, with what they show of the settings.
fn pages(config: &Config, issuer: &str) -> Pages {
    let assets = config.static_dir.clone().map_or(Assets::Embedded, Assets::OnDisk);
    Pages::new(issuer, config.edition == Edition::Sandbox, config.console, assets, reference::write)
}

/// What the user of a sandbox controls, with a clock in front of `clock`; `None` in production.
async fn open_sandbox(
    config: &Config,
    clock: SharedClock,
    store: &dyn Store,
    tls: &Tls,
) -> Result<Option<Data<Sandbox>>, StartError> {
    if config.edition == Edition::Serve {
        return Ok(None);
    }
    let path = config.data_dir.join(CONTROL_TOKEN_FILE);
    let token = ControlToken::open(&config.data_dir).map_err(|cause| StartError::Folder { path, cause })?;
    let hosts = OwnHosts::new(tls.names().iter().map(String::as_str));
    // A snapshot lasts as long as the store that it is of.
    let is_lasting = store.contents().is_some_and(Contents::is_lasting);
    let snapshots = if is_lasting { Snapshots::in_folder(&config.data_dir) } else { Snapshots::in_memory() };
    let clock = SandboxClock::over(clock, read_clock(store).await?);
    if clock.is_frozen() {
        tracing::info!(now = %clock.now(), "the sandbox's clock stands, as it did at the last stop");
    } else if clock.is_shifted() {
        tracing::info!(now = %clock.now(), "the sandbox's clock is shifted, as it was at the last stop");
    }
    let journal = Journal::new(config.journal.requests);
    let sandbox = Sandbox::new(Arc::new(clock), token, hosts, journal, snapshots);
    sandbox.troubles.read(store).await?;
    Ok(Some(Data::new(sandbox)))
}

/// What a sandbox counts beside a production server.
fn fault_metrics(sandbox: Data<Sandbox>) -> ExtraMetrics {
    Box::new(move |exposition| {
        exposition.counters(
            "boomgate_faults_injected_total",
            "Requests that a fault disturbed on purpose, by its effect.",
            "effect",
            sandbox.faults.injected(),
        );
    })
}

/// What a probe asks for.
fn readiness(
    store: Arc<dyn Store>,
    keys: &Data<Keys>,
    clock: &SharedClock,
    tls: &Arc<Tls>,
    stopping: Arc<AtomicBool>,
) -> Readiness {
    let (keys, clock, tls) = (keys.clone(), clock.clone(), tls.clone());
    Readiness { store, keys, clock, certificate_ends: Box::new(move || tls.not_after()), stopping }
}

/// How often one address may ask for tokens without right credentials.
fn source_limit(config: &Config) -> Result<SourceLimit, StartError> {
    let endpoint = &config.token_endpoint;
    SourceLimit::new(endpoint.requests_per_second, endpoint.burst)
        .ok_or_else(|| StartError::Setting("token_endpoint.burst must be at least 1".to_owned()))
}

/// Forgets what memory has of a client that was deleted.
fn forget(
    admission: Data<Admission>,
    client_credentials: Data<ClientCredentials>,
    refusals: Data<Refusals>,
    activity: Data<ActivitySampler>,
) -> impl Fn(&ClientId) + Send + Sync + 'static {
    move |client_id| {
        admission.forget(client_id);
        client_credentials.forget(client_id);
        refusals.forget(client_id);
        activity.forget(client_id);
    }
}

/// Signs the reports of exams, and accepts those that clients show.
fn passports(config: &Config, keys: Arc<Keys>, clock: SharedClock, issuer: &str) -> Passports {
    let reports = &config.reports;
    let trust = Trust { file: reports.trusted_keys.clone(), own_keys: reports.trust_own_keys };
    Passports::new(keys, clock, issuer.to_owned(), reports.passport_days, trust)
}

/// How signing keys are made and replaced.
fn key_schedule(config: &Config) -> Schedule {
    Schedule { algorithm: config.signing_algorithm, rotation_days: config.key_rotation_days }
}

/// How much one client may have stored.
fn parking_bounds(config: &Config) -> Bounds {
    Bounds { max_zones: config.parking.max_zones_per_client, max_keys: config.parking.max_idempotency_keys_per_client }
}

/// What this server offers to clients.
pub(super) fn policy(config: &Config) -> RegistrationPolicy {
    let ClientDefaults { token_ttl_s, requests_per_second, burst, daily_quota, unproven } = config.client_defaults;
    let bounds = config.edition.token_ttl_s();
    RegistrationPolicy {
        scopes: config.scopes.clone(),
        audiences: config.audiences.clone(),
        token_ttl: TtlBounds { min: *bounds.start(), max: *bounds.end() },
        client_defaults: policy::ClientDefaults {
            token_ttl: token_ttl_s,
            limits: Limits { requests_per_second, burst, daily_quota, enforce: true },
            unproven,
        },
    }
}
