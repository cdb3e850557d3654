//! The settings: read once at the start, then plain data.
//!
//! A flag overrides a `BOOMGATE_…` variable, a variable overrides the file, and the file overrides the default. They
//! become one [`Config`] in one step, which reports every fault at once, each with its place. A module here reads
//! one or two sections of the file; settings without a section are read in this one. Nothing below the
//! server's assembly sees a [`Config`], and settings are not read again while the server runs. `data/boomgate.toml`
//! describes them for operators.

mod addresses;
mod cors;
mod edition;
mod environment;
mod fault;
mod http;
mod journal;
mod log;
mod parking;
mod platform;
mod raw;
mod refusals;
mod registration;
mod reports;
mod tls;
mod token_endpoint;
mod warnings;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::Duration;

use self::addresses::Addresses;
pub(crate) use self::addresses::DEFAULT_PORT;
pub use self::edition::Edition;
pub use self::environment::Environment;
pub use self::fault::{ConfigError, Origin, SettingFault};
pub use self::http::Http;
pub use self::journal::Journal;
pub use self::log::{Log, LogFormat};
pub use self::parking::Parking;
pub use self::raw::Setting;
use self::raw::{Finished, Raw};
pub use self::refusals::Refusals;
pub use self::registration::ClientDefaults;
pub(crate) use self::registration::PUBLIC_AUDIENCE;
use self::registration::{read_audiences, read_scopes};
pub use self::reports::Reports;
pub use self::tls::{CertificateFiles, Tls};
pub use self::token_endpoint::{FailedAuthentications, TokenEndpoint};
use crate::files::{self, Reader};
use crate::keys::Algorithm;

/// Every setting, ready to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which server these are for: the command decides, `serve` or `sandbox`.
    pub edition: Edition,
    /// `listen`: the addresses that serve HTTPS, at least one; port 0 takes a free port. By default
    /// `127.0.0.1:8443` and `[::1]:8443`, since `localhost` means either.
    pub listen: Vec<SocketAddr>,
    /// `http_listen`: an address that refuses plain HTTP with an answer; by default none.
    pub http_listen: Option<SocketAddr>,
    /// `ops_listen`: an address that answers `/livez`, `/readyz` and `/metrics` over plain HTTP, to every caller that
    /// can reach it; by default none.
    pub ops_listen: Option<SocketAddr>,
    /// `data_dir`: the folder of everything that the server stores; by default `data` in the working directory.
    pub data_dir: PathBuf,
    /// `issuer`: the server's name in tokens and metadata, without a `/` at its end. `None`, the default, is
    /// `https://localhost:PORT` with the port of the first address in `listen`.
    pub issuer: Option<String>,
    /// `default_audience`: the API set of a token request that names none; by default such a request is refused.
    pub default_audience: Option<String>,
    /// `audiences`: the API sets that clients may be granted, the partner API first. The last is always
    /// [`ADMIN_AUDIENCE`](crate::admission::ADMIN_AUDIENCE).
    pub audiences: Vec<String>,
    /// `scopes`: the scope tokens that clients may be assigned; always with `read:admin`, `write:admin` and
    /// `introspect`.
    pub scopes: BTreeSet<String>,
    /// `signing_algorithm`: how new access tokens are signed; by default ES256, which every JWT library can verify.
    pub signing_algorithm: Algorithm,
    /// `key_rotation_days`: after how many days of signing a key is replaced; by default 30, and 0 is never.
    pub key_rotation_days: u64,
    /// `clients_file`: a file that declares clients, which each start registers and changes; by default none.
    pub clients_file: Option<PathBuf>,
    /// `workers`: threads that serve requests, at least 1; by default, and for 0, as many as the process has cores.
    pub workers: usize,
    /// `store_close_timeout_s`: how long the store may take to close at a stop, after the last request; by default
    /// 15 s. Then the process ends without waiting for it.
    pub store_close_timeout: Duration,
    /// `allow_debugging`: whether a debugger may attach to the server and a crash may leave a core file; by default
    /// not, since both show the signing key.
    pub allow_debugging: bool,
    /// `sample_zones`: whether an empty store gets the sample zones; by default in the sandbox only.
    pub sample_zones: bool,
    /// `console`: whether the server has the pages of the console; by default true.
    pub console: bool,
    /// `static_dir`: a folder from which the files of pages are read for each request, in place of those in the program; by
    /// default none. For who works on them.
    pub static_dir: Option<PathBuf>,
    /// `cors_origins`: pages of which origins may call the partner API from a browser, as browsers send them, or `*` alone; by
    /// default none.
    pub cors_origins: Vec<String>,
    /// `token_cache_entries`: how many verified access tokens are cached; by default 10,000. A token that is not in
    /// the cache costs a check of its signature.
    pub token_cache_entries: usize,
    /// `[token_endpoint]`
    pub token_endpoint: TokenEndpoint,
    /// `[failed_authentications]`
    pub failed_authentications: FailedAuthentications,
    /// `[client_defaults]`
    pub client_defaults: ClientDefaults,
    /// `[parking]`
    pub parking: Parking,
    /// `[refusals]`
    pub refusals: Refusals,
    /// `[reports]`
    pub reports: Reports,
    /// `[tls]`
    pub tls: Tls,
    /// `[http]`
    pub http: Http,
    /// `[log]`
    pub log: Log,
    /// `[journal]`
    pub journal: Journal,
}

/// The settings on the command line.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`: overrides the setting of that name.
    pub listen: Vec<String>,
    /// `--data-dir`: overrides the setting of that name.
    pub data_dir: Option<PathBuf>,
    /// `--config`: the file, in place of the one that `BOOMGATE_CONFIG` names.
    pub file: Option<PathBuf>,
}

impl Config {
    /// Reads the settings of all sources.
    pub fn load(edition: Edition, flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        Self::load_with_origins(edition, flags, environment).map(|(config, _)| config)
    }

    /// The same, with every setting and where it was given, in alphabetical order.
    pub(crate) fn load_with_origins(
        edition: Edition,
        flags: &Flags,
        environment: &Environment,
    ) -> Result<(Self, Vec<Setting>), ConfigError> {
        let (config, settings, error) = Self::load_partly(edition, flags, environment, Reader::Server);
        error.map_or(Ok((config, settings)), Err)
    }

    /// The same for a caller that goes on in spite of faults. A wrong setting has its default, as all have in a file
    /// that cannot be read. Settings in a file that others could change count.
    #[must_use]
    pub(crate) fn load_partly(
        edition: Edition,
        flags: &Flags,
        environment: &Environment,
        reader: Reader,
    ) -> (Self, Vec<Setting>, Option<ConfigError>) {
        let mut raw = Raw::default();
        let mut file_error = None;
        if let Some(path) = flags.file.clone().or_else(|| environment.file()) {
            match files::read_trusted(&path, reader) {
                Ok((text, exposure)) => {
                    raw.add_file(&path, &text);
                    file_error = exposure.map(|exposure| ConfigError::Exposed { path, exposure });
                }
                Err(source) => file_error = Some(ConfigError::Unreadable { path, source }),
            }
        }
        raw.add_variables(environment);
        raw.add_flag("--listen", "listen", &flags.listen);
        if let Some(data_dir) = &flags.data_dir {
            raw.add_single_flag("--data-dir", "data_dir", data_dir.display().to_string());
        }
        let mut config = Self::read(edition, environment, &mut raw);
        if let Some(data_dir) = &flags.data_dir {
            // A path need not be UTF-8.
            config.data_dir.clone_from(data_dir);
        }
        let Finished { faults, settings } = raw.finish();
        let error = file_error.or_else(|| (!faults.is_empty()).then_some(ConfigError::Faults(faults)));
        (config, settings, error)
    }

    /// The defaults of all settings, without a terminal.
    #[must_use]
    pub fn defaults(edition: Edition) -> Self {
        Self::read(edition, &Environment::new([]), &mut Raw::default())
    }

    /// The key of every setting, in alphabetical order.
    #[must_use]
    pub fn keys() -> BTreeSet<&'static str> {
        let mut raw = Raw::default();
        Self::read(Edition::Serve, &Environment::new([]), &mut raw);
        raw.finish().settings.into_iter().map(|setting| setting.key).collect()
    }

    /// Reads every key. A wrong value is a fault in `raw`, and the setting has its default.
    fn read(edition: Edition, environment: &Environment, raw: &mut Raw) -> Self {
        let Addresses { listen, http_listen, ops_listen, issuer } = Addresses::read(edition, raw);
        let (audiences, default_audience) = read_audiences(raw);
        Self {
            edition,
            listen,
            http_listen,
            ops_listen,
            data_dir: read_data_dir(raw),
            issuer,
            default_audience,
            audiences,
            scopes: read_scopes(raw),
            signing_algorithm: read_signing_algorithm(raw),
            key_rotation_days: raw.number("key_rotation_days", 0..=3_650, 30),
            clients_file: raw.path("clients_file", "the path of a TOML or JSON file"),
            workers: read_workers(raw),
            store_close_timeout: raw.seconds("store_close_timeout_s", 1..=3_600, 15),
            allow_debugging: raw.boolean("allow_debugging", false),
            sample_zones: raw.boolean("sample_zones", edition == Edition::Sandbox),
            console: raw.boolean("console", true),
            static_dir: raw.path("static_dir", "the path of a folder, such as \"static\""),
            cors_origins: cors::read(raw),
            token_cache_entries: raw.number("token_cache_entries", 1..=10_000_000, 10_000),
            token_endpoint: TokenEndpoint::read(edition, raw),
            failed_authentications: FailedAuthentications::read(raw),
            client_defaults: ClientDefaults::read(edition, raw),
            parking: Parking::read(raw),
            refusals: Refusals::read(raw),
            reports: Reports::read(edition, raw),
            tls: Tls::read(raw),
            http: Http::read(raw),
            log: Log::read(environment, raw),
            journal: Journal::read(raw),
        }
    }
}

fn read_data_dir(raw: &mut Raw) -> PathBuf {
    const DEFAULT: &str = "data";
    raw.path("data_dir", "the path of a folder").unwrap_or_else(|| {
        raw.set_effective("data_dir", DEFAULT);
        DEFAULT.into()
    })
}

fn read_signing_algorithm(raw: &mut Raw) -> Algorithm {
    let default = ("ES256", Algorithm::Es256);
    raw.text_or("signing_algorithm", "\"ES256\" or \"EdDSA\"", default, |text| match text {
        "ES256" => Some(Algorithm::Es256),
        "EdDSA" => Some(Algorithm::EdDsa),
        _ => None,
    })
}

fn read_workers(raw: &mut Raw) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let workers = raw.number("workers", 0..=512, 0);
    let workers = if workers == 0 { cores } else { workers };
    raw.set_effective("workers", workers);
    workers
}
