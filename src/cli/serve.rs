//! `boomgate sandbox` and `boomgate serve`: settings in, a running server, until it is told to stop.

use std::path::PathBuf;
use std::sync::Arc;

use actix_web::rt::System;
use anyhow::bail;
use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

use super::{open_files, output, welcome};
use crate::config::{Config, Edition, Environment, Flags};
use crate::server::Server;
use crate::telemetry;
use crate::time::SystemClock;

const EXAMPLES: &str = "Examples:
  boomgate sandbox
  boomgate sandbox --listen localhost:9443 --data-dir /tmp/sandbox
  boomgate serve --config boomgate.toml
  BOOMGATE_WORKERS=2 BOOMGATE_LOG__LEVEL=debug boomgate serve --config boomgate.toml";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(flatten)]
    settings: SettingOptions,
}

/// Where settings come from, beside the environment.
#[derive(Args)]
pub(super) struct SettingOptions {
    /// Where HTTPS is served; may be repeated [default: port 8443 of both loopback addresses]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Vec<String>,
    /// The folder of everything that is kept [default: data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// The settings, TOML [default: what BOOMGATE_CONFIG names, else none]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

impl SettingOptions {
    /// The same, as the configuration reads it.
    pub(super) fn flags(self) -> Flags {
        Flags { listen: self.listen, data_dir: self.data_dir, file: self.config }
    }
}

pub(super) fn sandbox(options: Options, environment: &Environment) -> anyhow::Result<()> {
    start(Edition::Sandbox, options, environment)
}

pub(super) fn serve(options: Options, environment: &Environment) -> anyhow::Result<()> {
    start(Edition::Serve, options, environment)
}

fn start(edition: Edition, options: Options, environment: &Environment) -> anyhow::Result<()> {
    let config = Config::load(edition, &options.settings.flags(), environment)?;
    telemetry::start(&config.log)?;
    open_files::raise(&config);
    System::new().block_on(run(config))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let edition = config.edition;
    let audience = config.audiences.first().cloned().unwrap_or_default();
    let certificate = config.tls.files.as_ref().map(|files| files.certificate.clone());
    let patience_s = config.http.shutdown_timeout.as_secs();
    // Before anybody is told that the server is there: a signal from then on is one to stop.
    let mut signals = Signals::listen()?;
    // What was begun at a start is on disk or it is not: nothing has to be put away.
    let server = tokio::select! {
        opened = Server::open(config, Arc::new(SystemClock::new())) => opened?,
        () = signals.next() => bail!("stopped before it was ready; the next start goes on from there"),
    };
    let text = welcome::text(&welcome::Running {
        edition,
        issuer: server.issuer(),
        audience: &audience,
        ca: server.ca_path(),
        certificate: certificate.as_deref(),
        data_dir: server.data_dir(),
    });
    // A server whose output nobody reads still serves.
    let _unread = output::print(&text);

    let (stop, stopped) = oneshot::channel::<()>();
    let serving = server.run(async move {
        let _told_or_gone = stopped.await;
    });
    tokio::select! {
        ended = serving => Ok(ended?),
        () = async move {
            signals.next().await;
            output::talk(&format!("Stopping: requests under way have {patience_s} s. Once more stops at once."));
            let _ended = stop.send(());
            signals.next().await;
        } => bail!("stopped at once: requests under way were cut off, and quota that was set aside is not returned"),
    }
}

/// SIGTERM and SIGINT.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
