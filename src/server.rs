//! Assembly: configuration in, a running server out.
//!
//! [`Server::open`] takes everything that can fail at a start (ports, folder, certificates, keys) and
//! fails in one line that says what to do. [`Server::run`] serves until it is told to stop, then drains,
//! returns what it holds and closes the store. The route table is in `server::routes`, and nowhere else.

pub mod check;
mod declared;
mod parts;
mod record;
mod routes;
mod upkeep;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::web::Data;
use ring::rand::SystemRandom;
use serde_json::{Value, json};
use tokio::time::timeout;

use self::check::{Checked, check, tls_settings};
use self::parts::{HostMetrics, Parts, assemble};
pub use self::record::ServerRecord;
use self::upkeep::{close, sweep};
use crate::administration::{Actor, ChangeError, OPERATOR_LIMITS};
use crate::admission::ADMIN_AUDIENCE;
use crate::clients::Secret;
use crate::config::{Config, Edition};
use crate::declared::{DeclarationError, SecretError};
use crate::files::{self, Exposure};
use crate::http::hsts::Hsts;
use crate::http::response::Site;
use crate::listener::{ConnectionLimits, Sockets};
use crate::oauth::credentials::ClientId;
use crate::oauth::registration::Registration;
use crate::oauth::scope::{READ_ADMIN, Scope, WRITE_ADMIN};
use crate::sandbox::demo;
use crate::store::{Keyspace, Outcome, SledStore, Store, StoreError, TimedStore, Txn};
use crate::time::{Clock as _, SharedClock, SystemClock};
use crate::tls::{Tls, TlsError};

/// Where the credentials of the first client are, in the data folder.
const ADMIN_CREDENTIALS: &str = "admin-credentials.json";
/// Where a sandbox's known credentials are, in the data folder.
const DEMO_CREDENTIALS: &str = "demo-clients.json";
/// Which kind of server the folder belongs to.
const EDITION: Keyspace<String> = Keyspace::new("edition");
/// How much longer than their time threads that serve may take to end.
const STOP_MARGIN: Duration = Duration::from_secs(2);

/// A server that is ready to run: it holds its ports, its folder and its keys.
pub struct Server {
    config: Config,
    issuer: String,
    https: Vec<TcpListener>,
    http: Option<TcpListener>,
    ops: Option<TcpListener>,
    sockets: Sockets,
    tls: Arc<Tls>,
    store: Arc<TimedStore>,
    stopping: Arc<AtomicBool>,
    parts: Parts,
}

/// Ports that are taken.
struct Ports {
    https: Vec<TcpListener>,
    http: Option<TcpListener>,
    ops: Option<TcpListener>,
}

/// Why a server did not start: one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody has the port.
    #[error("{address} is in use by another program: stop that one, or choose another address with {setting}")]
    PortInUse {
        /// What was tried.
        address: SocketAddr,
        /// What says so.
        setting: &'static str,
    },
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {cause}; choose another address with {setting}")]
    Listen {
        /// What was tried.
        address: SocketAddr,
        /// What says so.
        setting: &'static str,
        /// What the system said.
        cause: io::Error,
    },
    /// The data folder cannot be used.
    #[error("cannot use {path}: {cause}; choose another folder with --data-dir")]
    Folder {
        /// What was tried.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// The store does not open, or holds what this version cannot read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no certificate to serve with.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The file that `clients_file` names declares nothing.
    #[error(transparent)]
    Declaration(#[from] DeclarationError),
    /// A declared client's secret could not be made or kept.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The first key or the first client could not be made.
    #[error("the first start could not be finished: {0}")]
    First(#[from] ChangeError),
    /// The folder is of the other kind of server.
    #[error("{0} was made by `boomgate {1}`: choose another folder with --data-dir")]
    OtherEdition(PathBuf, &'static str),
    /// Others may read, change or exchange what is the server's alone.
    #[error("{} {exposure}", path.display())]
    Exposed {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, and what mends it.
        exposure: Exposure,
    },
    /// The configuration names something that the program cannot work with.
    #[error("{0}")]
    Setting(String),
}

/// Why a server ended otherwise than as it was told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A listener or a worker failed.
    #[error("the server stopped: {0}")]
    Listener(#[from] io::Error),
    /// What was held could not be returned; nothing that was acknowledged is lost.
    #[error("the store could not be closed cleanly: {0}")]
    Store(#[from] StoreError),
    /// The store did not close in the time that it had; nothing that was acknowledged is lost.
    #[error(
        "the store did not close within {0} s (store_close_timeout_s): nothing that was acknowledged is lost, quota \
         that was set aside is not returned"
    )]
    StoreHangs(u64),
    /// Threads that serve did not end, though their time was over.
    #[error("the stop was held up by a thread that serves requests: the store is closed all the same")]
    WorkersHang,
    /// Everything is closed, but clients did not get their answers: theirs to send again.
    #[error("stopped, and {0} requests under way were cut off: their time was over (http.shutdown_timeout_s)")]
    CutOff(u64),
}

impl Server {
    /// Takes the ports, opens the data folder, and makes what a first start needs. Must be called on the
    /// runtime that [`run`](Self::run) is then called on.
    pub async fn open(config: Config, clock: SharedClock) -> Result<Self, StartError> {
        Self::open_over(config, clock, |dir| Ok(Arc::new(SledStore::open(dir)?))).await
    }

    /// The same, over the store that `open_store` opens for a folder, which need not use it.
    pub async fn open_over(
        config: Config,
        clock: SharedClock,
        open_store: impl FnOnce(&Path) -> Result<Arc<dyn Store>, StoreError>,
    ) -> Result<Self, StartError> {
        // Clients judge a certificate by their own clock: a sandbox that moves its own must not.
        let real_clock = Arc::new(SystemClock::new());
        let Checked { faults, warnings, declared } = check(&config, real_clock.now());
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let Ports { https, http, ops } = bind(&config)?;
        let port = https.first().and_then(|listener| listener.local_addr().ok()).map_or(0, |address| address.port());
        let issuer = config.issuer.clone().unwrap_or_else(|| format!("https://localhost:{port}"));
        files::make_folder(&config.data_dir)
            .map_err(|cause| StartError::Folder { path: config.data_dir.clone(), cause })?;

        let store = Arc::new(TimedStore::new(open_store(&config.data_dir.join("db"))?));
        let tls = Arc::new(Tls::open(tls_settings(&config), real_clock)?);
        refuse_other_edition(&*store, &config).await?;
        let sockets = Sockets::new(connection_limits(&config));
        let stopping = Arc::<AtomicBool>::default();
        let outside = HostMetrics { tls: tls.clone(), connections: sockets.connections(), stopping: stopping.clone() };
        let parts = assemble(&config, &issuer, store.clone(), clock, outside).await?;
        let server = Self { config, issuer, https, http, ops, sockets, tls, store, stopping, parts };
        server.first_start().await?;
        if let Some(declared) = declared {
            server.register_declared(&declared).await?;
        }
        server.leave_record();
        Ok(server)
    }

    /// The issuer identifier: the address that clients use.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The certificate of the CA that clients have to trust; `None` with certificates of one's own.
    #[must_use]
    pub fn ca_path(&self) -> Option<&Path> {
        self.tls.ca_path()
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// The addresses that HTTPS is served on.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.https.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// The address on which plain HTTP is refused, if there is one beside the TLS ports.
    #[must_use]
    pub fn clear_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// The address for probes and metrics over plain HTTP, if there is one.
    #[must_use]
    pub fn ops_address(&self) -> Option<SocketAddr> {
        self.ops.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// Serves until `stop` is ready; then drains requests under way, returns unspent quota and closes the
    /// store. Each of these is bounded in time, whatever hangs.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), RunError> {
        let Self { config, issuer, https, http, ops, sockets, tls, store, stopping, parts } = self;
        let connections = sockets.connections();
        let secure_site = Data::new(Site { issuer: issuer.clone(), hsts: hsts(&config, &issuer) });
        let clear_site = Data::new(Site { issuer, hsts: None });
        let secure_app = {
            let parts = parts.clone();
            move || routes::secure_app(&parts, &secure_site)
        };
        let clear_app = {
            let (parts, site) = (parts.clone(), clear_site.clone());
            move || routes::clear_app(&parts, &site)
        };
        let mut sockets = sockets.https(https, tls.server_config(), secure_app, clear_app.clone())?;
        if let Some(http) = http {
            sockets = sockets.http(http, clear_app)?;
        }
        if let Some(ops) = ops {
            let parts = parts.clone();
            sockets = sockets.ops(ops, move || routes::ops_app(&parts, &clear_site))?;
        }
        let server = sockets.serve();
        let sweeper = actix_web::rt::spawn(sweep(parts.clone(), tls));
        let handle = server.handle();
        let mut running = std::pin::pin!(actix_web::rt::spawn(server));
        // Whether all threads that serve have ended.
        let all_ended = tokio::select! {
            ended = &mut running => ended.map_err(io::Error::other).flatten().map(|()| true),
            () = stop => {
                stopping.store(true, Ordering::Relaxed);
                // Resolves once every answer under way is sent, or the time for that is over.
                match timeout(config.http.shutdown_timeout + STOP_MARGIN, handle.stop(true)).await {
                    Ok(()) => running.await.map_err(io::Error::other).flatten().map(|()| true),
                    Err(_) => Ok(false),
                }
            }
        };
        sweeper.abort();
        let cut_off = connections.cut_off(STOP_MARGIN).await;
        match timeout(config.store_close_timeout, close(&parts, &*store)).await {
            Ok(closed) => closed?,
            Err(_) => return Err(RunError::StoreHangs(config.store_close_timeout.as_secs())),
        }
        match (all_ended?, cut_off) {
            (false, _) => Err(RunError::WorkersHang),
            (true, 0) => Ok(()),
            (true, cut_off) => Err(RunError::CutOff(cut_off)),
        }
    }

    async fn first_start(&self) -> Result<(), StartError> {
        self.parts.administration.ensure_signing_key(self.config.signing_algorithm).await?;
        match self.config.edition {
            Edition::Sandbox => self.register_demos().await?,
            Edition::Serve => self.register_admin().await?,
        }
        if self.config.sample_zones {
            self.parts.parking.seed_samples_if_empty().await?;
        }
        Ok(())
    }

    /// The first client: it registers all others. Its credentials are on disk before it is registered, so
    /// that a crash in between leaves no client whose secret nobody has.
    async fn register_admin(&self) -> Result<(), StartError> {
        if self.parts.clients.count() > 0 {
            return self.update_issuer();
        }
        let unfit = |_| StartError::Setting("the admin client cannot be made".to_owned());
        let no_randomness = |_| StartError::Setting("the system's random source did not answer".to_owned());
        let now = self.parts.clock.now();
        let (secret, kept) =
            Secret::generate(self.parts.clients.digest_key(), &SystemRandom::new(), now).map_err(no_randomness)?;
        let client_id = ClientId::parse("admin").map_err(|fault| StartError::Setting(fault.to_string()))?;
        let registration = Registration {
            client_name: "Administrator of this server".to_owned(),
            scope: Scope::parse(&format!("{READ_ADMIN} {WRITE_ADMIN}")).map_err(unfit)?,
            audience: vec![ADMIN_AUDIENCE.to_owned()],
            token_ttl: self.parts.policy.default_token_ttl_s,
            limits: OPERATOR_LIMITS,
        };
        let credentials = json!({ "client_id": client_id, "client_secret": secret.expose(), "issuer": self.issuer });
        self.write_credentials(ADMIN_CREDENTIALS, &credentials)?;
        self.parts.administration.register(client_id, registration, kept, &Actor::default()).await?;
        Ok(())
    }

    /// The command line finds the server by its credentials file: a changed address goes there too.
    fn update_issuer(&self) -> Result<(), StartError> {
        let Ok(text) = std::fs::read(self.config.data_dir.join(ADMIN_CREDENTIALS)) else { return Ok(()) };
        let Ok(mut credentials) = serde_json::from_slice::<Value>(&text) else { return Ok(()) };
        let issuer = Value::from(self.issuer.as_str());
        if credentials.get("issuer") == Some(&issuer) {
            return Ok(());
        }
        if let Some(members) = credentials.as_object_mut() {
            members.insert("issuer".to_owned(), issuer);
        }
        self.write_credentials(ADMIN_CREDENTIALS, &credentials)
    }

    /// Commands can do without it where the settings are theirs to read, so a full disk does not stop a start.
    fn leave_record(&self) {
        let record = ServerRecord::new(&self.config, self.issuer.clone(), self.addresses());
        if let Err(error) = record.write(&self.config.data_dir) {
            tracing::warn!(%error, "server.json was not written: commands may need --server and --connect");
        }
    }

    async fn register_demos(&self) -> Result<(), StartError> {
        let mut credentials = demo::credentials();
        if let Some(members) = credentials.as_object_mut() {
            members.insert("issuer".to_owned(), self.issuer.clone().into());
        }
        self.write_credentials(DEMO_CREDENTIALS, &credentials)?;
        let now = self.parts.clock.now();
        for demo in demo::DEMOS {
            let client_id = demo.client_id().map_err(|fault| StartError::Setting(fault.to_string()))?;
            if self.parts.clients.get(client_id.as_str()).is_some() {
                continue;
            }
            let registration =
                demo.registration(&self.parts.policy).map_err(|fault| StartError::Setting(fault.to_string()))?;
            let kept = Secret::from_plaintext(self.parts.clients.digest_key(), &demo.secret(), now);
            self.parts.administration.register(client_id, registration, kept, &Actor::default()).await?;
        }
        Ok(())
    }

    fn write_credentials(&self, name: &str, credentials: &Value) -> Result<(), StartError> {
        let path = self.config.data_dir.join(name);
        let text = format!("{credentials:#}\n");
        files::write_private(&path, text.as_bytes()).map_err(|cause| StartError::Folder { path, cause })
    }
}

/// A folder is of one kind of server for good: a sandbox's credentials are known to everybody, and its
/// clients must not be taken over into production.
async fn refuse_other_edition(store: &dyn Store, config: &Config) -> Result<(), StartError> {
    let edition = config.edition.name().to_owned();
    let key = EDITION.key("");
    let first = Txn::new().absent(key.clone()).put(key, EDITION.encode(&edition)?);
    if let Outcome::Committed(_) = store.commit(first).await? {
        return Ok(());
    }
    match EDITION.get(store, "").await? {
        Some((found, _)) if found != edition => {
            let other = config.edition.other().name();
            Err(StartError::OtherEdition(config.data_dir.clone(), other))
        }
        _ => Ok(()),
    }
}

/// Never in the sandbox: it shares its host with whatever else a developer runs.
fn hsts(config: &Config, issuer: &str) -> Option<Hsts> {
    (config.edition == Edition::Serve).then(|| Hsts::new(issuer, config.http.hsts_max_age_s)).flatten()
}

fn connection_limits(config: &Config) -> ConnectionLimits {
    ConnectionLimits {
        workers: config.workers,
        max_connections: config.http.max_connections,
        handshake_timeout: config.http.handshake_timeout,
        request_timeout: config.http.request_timeout,
        keep_alive: config.http.keep_alive,
        shutdown_timeout: config.http.shutdown_timeout,
        ..ConnectionLimits::default()
    }
}

fn bind(config: &Config) -> Result<Ports, StartError> {
    let mut https: Vec<TcpListener> = Vec::new();
    for address in &config.listen {
        // With port 0 the system chooses one, for all addresses the same.
        let chosen = https.first().and_then(|listener| listener.local_addr().ok()).map(|first| first.port());
        let address =
            SocketAddr::new(address.ip(), if address.port() == 0 { chosen.unwrap_or(0) } else { address.port() });
        match listen(address, "--listen") {
            Ok(listener) => https.push(listener),
            // A machine without IPv6 still has the other loopback address.
            Err(StartError::Listen { cause, .. })
                if cause.kind() == io::ErrorKind::AddrNotAvailable && !https.is_empty() =>
            {
                tracing::warn!(%address, "this machine does not have this address: it is left out");
            }
            Err(error) => return Err(error),
        }
    }
    let http = config.http_listen.map(|address| listen(address, "http_listen")).transpose()?;
    let ops = config.ops_listen.map(|address| listen(address, "ops_listen")).transpose()?;
    Ok(Ports { https, http, ops })
}

fn listen(address: SocketAddr, setting: &'static str) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).map_err(|cause| {
        let in_use = cause.kind() == io::ErrorKind::AddrInUse;
        if in_use { StartError::PortInUse { address, setting } } else { StartError::Listen { address, setting, cause } }
    })
}
