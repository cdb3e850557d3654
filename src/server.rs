//! Assembly: configuration in, a running server out.
//!
//! [`Server::open`] does everything that can fail at a start (ports, folder, certificates, keys), and a failure is one
//! line that says what to do. [`Server::run`] serves until it is stopped; then it waits for requests under way, returns
//! unspent quota and closes the store.

mod app;
mod bind;
pub mod check;
pub(crate) mod checkup;
mod declared;
mod error;
mod first_start;
mod host_metrics;
mod installation;
mod observer;
mod parts;
mod record;
mod sampler;
mod seed;
mod upkeep;

use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actix_web::web::Data;
use tokio::time::timeout;

use self::bind::Listeners;
use self::check::{Checked, check, tls_settings};
pub use self::error::{RunError, StartError};
use self::first_start::{claim_for_edition, first_start};
use self::host_metrics::HostMetrics;
use self::installation::installation;
use self::observer::observer;
use self::parts::{Parts, assemble};
pub use self::record::ServerRecord;
use self::sampler::sample;
use self::seed::Seed;
use self::upkeep::{close, sweep};
use crate::config::{Config, Edition};
use crate::files;
use crate::http::hsts::Hsts;
use crate::http::response::Site;
use crate::listener::{ConnectionLimits, Sockets};
use crate::sandbox::Sandbox;
use crate::sandbox::peer_user::OwnAddresses;
use crate::store::{SledStore, Store, StoreError, TimedStore};
use crate::time::{Clock as _, SharedClock, SystemClock};
use crate::tls::Tls;

/// How much longer than `http.shutdown_timeout_s` the threads that serve may take to end.
const STOP_MARGIN: Duration = Duration::from_secs(2);
/// The file in the data folder that a server locks for the time that it uses the folder.
const LOCK: &str = "lock";

/// A server that is ready to run: it holds its ports, its folder and its keys.
pub struct Server {
    config: Config,
    issuer: String,
    listeners: Listeners,
    sockets: Sockets,
    tls: Arc<Tls>,
    store: Arc<TimedStore>,
    stopping: Arc<AtomicBool>,
    parts: Parts,
    folder_lock: File,
}

impl Server {
    /// Takes the ports, opens the data folder, and creates what a first start needs. Must be called on the runtime on
    /// which [`run`](Self::run) is called afterwards.
    pub async fn open(config: Config, clock: SharedClock) -> Result<Self, StartError> {
        Self::open_over(config, clock, |dir| Ok(Arc::new(SledStore::open(dir)?))).await
    }

    /// The same, over the store that `open_store` opens for a folder. That store need not use the folder.
    pub async fn open_over(
        config: Config,
        clock: SharedClock,
        open_store: impl FnOnce(&Path) -> Result<Arc<dyn Store>, StoreError>,
    ) -> Result<Self, StartError> {
        // Clients judge a certificate by their own clock, so a sandbox that moves its clock must not move this one.
        let real_clock = Arc::new(SystemClock::new());
        let Checked { faults, warnings, declared } = check(&config, real_clock.now());
        if let Some(fault) = faults.into_iter().next() {
            return Err(fault);
        }
        for warning in warnings {
            tracing::warn!("{warning}");
        }
        let listeners = Listeners::bind(&config)?;
        let port = listeners.https_addresses().next().map_or(0, |address| address.port());
        let issuer = config.issuer.clone().unwrap_or_else(|| format!("https://localhost:{port}"));
        files::make_folder(&config.data_dir)
            .map_err(|cause| StartError::Folder { path: config.data_dir.clone(), cause })?;

        let store = Arc::new(TimedStore::new(open_store(&config.data_dir.join("db"))?));
        let folder_lock = lock_folder(&config.data_dir)?;
        let tls = Arc::new(Tls::open(tls_settings(&config), real_clock)?);
        claim_for_edition(&*store, &config).await?;
        let sockets = Sockets::new(connection_limits(&config));
        let stopping = Arc::<AtomicBool>::default();
        let host = HostMetrics { tls: tls.clone(), connections: sockets.connections() };
        let mut parts = assemble(&config, &issuer, store.clone(), clock.clone(), host, stopping.clone()).await?;
        parts.own_addresses = Data::new(OwnAddresses(listeners.https_addresses().collect()));
        parts.installation = Some(Data::new(installation(&config, &issuer, &*store, &tls)));
        first_start(&parts, &config, &issuer).await?;
        if let Some(declared) = &declared {
            declared::register(&parts, &issuer, declared).await?;
        }
        if let Some(sandbox) = &parts.sandbox {
            let host = HostMetrics { tls: tls.clone(), connections: sockets.connections() };
            let seed = Seed::new(&config, &issuer, declared, clock, host, &*store).await?;
            parts.gate_state = Some(seed.gate_state(&parts, sandbox, store.clone()));
        }
        let server = Self { config, issuer, listeners, sockets, tls, store, stopping, parts, folder_lock };
        server.leave_record();
        Ok(server)
    }

    /// The issuer identifier: the address that clients use.
    #[must_use]
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The certificate of the local CA, which clients have to trust; `None` with a certificate from files.
    #[must_use]
    pub fn ca_path(&self) -> Option<&Path> {
        self.tls.ca_path()
    }

    /// The data folder.
    #[must_use]
    pub fn data_dir(&self) -> &Path {
        &self.config.data_dir
    }

    /// The addresses that serve HTTPS.
    #[must_use]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.https_addresses().collect()
    }

    /// The address for probes and metrics over plain HTTP, if there is one.
    #[must_use]
    pub fn ops_address(&self) -> Option<SocketAddr> {
        self.listeners.ops.as_ref().and_then(|listener| listener.local_addr().ok())
    }

    /// What the user of a sandbox controls; `None` in production.
    #[must_use]
    pub fn sandbox(&self) -> Option<&Sandbox> {
        self.parts.sandbox.as_deref().map(|sandbox| &**sandbox)
    }

    /// Serves until `stop` is ready. Then waits for requests under way, returns unspent quota and closes the store;
    /// each of these is bounded in time, whatever hangs.
    pub async fn run(self, stop: impl Future<Output = ()>) -> Result<(), RunError> {
        let Self { config, issuer, listeners, sockets, tls, store, stopping, parts, folder_lock: _folder_lock } = self;
        let connections = sockets.connections();
        let secure_site = Data::new(Site { issuer: issuer.clone(), hsts: hsts(&config, &issuer) });
        let plain_site = Data::new(Site { issuer, hsts: None });
        let sockets = serve_apps(listeners, sockets, &parts, &tls, &secure_site, &plain_site)?;
        let server = sockets.serve();
        let sweeper = actix_web::rt::spawn(sweep(parts.clone(), tls));
        let sampler = actix_web::rt::spawn(sample(parts.activity.clone()));
        let handle = server.handle();
        let mut running = std::pin::pin!(actix_web::rt::spawn(server));
        // Whether all threads that serve have ended.
        let all_ended = tokio::select! {
            ended = &mut running => ended.map_err(io::Error::other).flatten().map(|()| true),
            () = stop => {
                stopping.store(true, Ordering::Relaxed);
                // Who follows the journal would follow it until the time for a stop is over.
                parts.sandbox.iter().for_each(|sandbox| sandbox.journal.close());
                // Resolves once every answer under way is sent, or the time for that is over.
                match timeout(config.http.shutdown_timeout + STOP_MARGIN, handle.stop(true)).await {
                    Ok(()) => running.await.map_err(io::Error::other).flatten().map(|()| true),
                    Err(_) => Ok(false),
                }
            }
        };
        sweeper.abort();
        sampler.abort();
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

    /// Commands that may read the settings can do without the record, so a full disk does not stop a start.
    fn leave_record(&self) {
        let record = ServerRecord::new(&self.config, self.issuer.clone(), self.addresses());
        if let Err(error) = record.write(&self.config.data_dir) {
            tracing::warn!(%error, "server.json was not written: commands may need --server and --connect");
        }
    }
}

/// Keeps other servers out of the data folder. A store in a folder has a lock of its own; one in memory has none, and its
/// server has files in the folder too.
fn lock_folder(data_dir: &Path) -> Result<File, StartError> {
    let lock = files::try_lock(&data_dir.join(LOCK));
    let lock = lock.map_err(|cause| StartError::Folder { path: data_dir.to_owned(), cause })?;
    Ok(lock.ok_or_else(|| StoreError::Held(data_dir.display().to_string().into()))?)
}

/// Gives each port its app.
fn serve_apps(
    listeners: Listeners,
    sockets: Sockets,
    parts: &Parts,
    tls: &Tls,
    secure_site: &Data<Site>,
    plain_site: &Data<Site>,
) -> io::Result<Sockets> {
    let Listeners { https, http, ops } = listeners;
    let secure_app = {
        let (parts, site) = (parts.clone(), secure_site.clone());
        move || app::secure_app(&parts, &site)
    };
    let sandbox_app = parts.sandbox.clone().map(|sandbox| {
        let (parts, site) = (parts.clone(), secure_site.clone());
        move || app::sandbox_app(&parts, &site, &sandbox)
    });
    let plain_app = {
        let (parts, site) = (parts.clone(), plain_site.clone());
        move || app::plain_http_app(&parts, &site)
    };
    let ops_app = {
        let (parts, site) = (parts.clone(), plain_site.clone());
        move || app::ops_app(&parts, &site)
    };
    let sockets = match &parts.sandbox {
        Some(sandbox) => sockets.observed_by(observer(&sandbox.journal.connections)),
        None => sockets,
    };
    let mut sockets = match sandbox_app {
        Some(sandbox_app) => sockets.https(https, tls.server_config(), sandbox_app, plain_app.clone())?,
        None => sockets.https(https, tls.server_config(), secure_app, plain_app.clone())?,
    };
    if let Some(http) = http {
        sockets = sockets.http(http, plain_app)?;
    }
    if let Some(ops) = ops {
        sockets = sockets.ops(ops, ops_app)?;
    }
    Ok(sockets)
}

/// Never in the sandbox: its host serves other programs of a developer too.
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
