//! The settings: read once at the start, then plain data.
//!
//! A flag counts over a `BOOMGATE_…` variable, a variable over the file, the file over the default. They
//! become one [`Config`] in one step, which reports every fault at once, each with its place. This is the
//! only reader of the environment; nothing below the server's assembly sees a [`Config`]. Settings are
//! not read again while the server runs. `data/boomgate.toml` lists them all for people.

mod platform;
mod raw;
mod values;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt;
use std::io::{self, IsTerminal};
use std::net::SocketAddr;
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

pub use self::raw::{Fault, Origin, Setting};
use self::raw::{Finished, Raw};
use self::values::{addresses, audience, collide, host, issuer, log_directives, loopback, signing_algorithm};
use crate::admission::ADMIN_AUDIENCE;
use crate::files::{self, Exposure, Reader};
use crate::http::hsts;
use crate::idempotency::DEFAULT_MAX_KEYS;
use crate::keys::Algorithm;
use crate::oauth::limits::Rate;
use crate::oauth::scope::{INTROSPECT, READ_ADMIN, READ_ZONES, Scope, WRITE_ADMIN, WRITE_ZONES};
use crate::parking::DEFAULT_MAX_ZONES;
use crate::store::MAX_SLOTS;
use crate::text;

/// What a variable's name starts with when it is a setting.
const VARIABLE_PREFIX: &str = "BOOMGATE_";
/// The variable that names the file.
const FILE_VARIABLE: &str = "BOOMGATE_CONFIG";
/// The API set of the partner API, unless `audiences` says otherwise.
pub const PUBLIC_AUDIENCE: &str = "public.api.passportinc.com";
/// The port, unless `listen` says otherwise.
pub const DEFAULT_PORT: u16 = 8443;

/// Which of the two servers runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// `boomgate serve`: production.
    Serve,
    /// `boomgate sandbox`: demo clients with published secrets, so on loopback only.
    Sandbox,
}

impl Edition {
    /// The command that runs it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Sandbox => "sandbox",
        }
    }

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Serve => Self::Sandbox,
            Self::Sandbox => Self::Serve,
        }
    }

    /// How long access tokens may live, in seconds; the sandbox allows short ones, so that a client's
    /// developer sees one expire.
    #[must_use]
    pub const fn token_ttl_s(self) -> RangeInclusive<u64> {
        match self {
            Self::Serve => 3_600..=86_400,
            Self::Sandbox => 1..=86_400,
        }
    }
}

/// Every setting, ready to use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Which server these are for: the command decides, `serve` or `sandbox`.
    pub edition: Edition,
    /// `listen`: the addresses that speak HTTPS, at least one; port 0 takes a free one. By default
    /// `127.0.0.1:8443` and `[::1]:8443`, since `localhost` means either.
    pub listen: Vec<SocketAddr>,
    /// `http_listen`: an address that answers plain HTTP with a refusal; by default none.
    pub http_listen: Option<SocketAddr>,
    /// `ops_listen`: an address that answers `/livez`, `/readyz` and `/metrics` over plain HTTP, to anybody
    /// who reaches it; by default none.
    pub ops_listen: Option<SocketAddr>,
    /// `data_dir`: the folder of everything that is kept; by default `data`, from where the server was
    /// started.
    pub data_dir: PathBuf,
    /// `issuer`: the server's name in tokens and metadata, without a `/` at its end. `None`, the
    /// default, is `https://localhost:PORT` with the port of the first listener, known once it is bound.
    pub issuer: Option<String>,
    /// `default_audience`: the API set of a token request that names none; by default such a request is
    /// refused.
    pub default_audience: Option<String>,
    /// `audiences`: the API sets that clients may be granted, the partner API's own first;
    /// [`ADMIN_AUDIENCE`] is always among them, last.
    pub audiences: Vec<String>,
    /// `scopes`: the scope tokens that clients may be assigned; `read:admin`, `write:admin` and `introspect`
    /// are always among them.
    pub scopes: BTreeSet<String>,
    /// `signing_algorithm`: how new access tokens are signed; by default ES256, which every client of
    /// JWTs can verify.
    pub signing_algorithm: Algorithm,
    /// `key_rotation_days`: after how many days of signing a key is replaced; by default 30, and 0 is never.
    pub key_rotation_days: u64,
    /// `clients_file`: a file that declares clients, made true at each start; by default none.
    pub clients_file: Option<PathBuf>,
    /// `workers`: threads that serve requests, at least 1; by default, and for 0, as many as the
    /// process has cores.
    pub workers: usize,
    /// `store_close_timeout_s`: how long the store may take to close at a stop, once requests have ended; by
    /// default 15 s. After that the process ends all the same.
    pub store_close_timeout: Duration,
    /// `allow_debugging`: whether a debugger may attach to the server and a crash may leave a core file; by
    /// default not, for both show the signing key.
    pub allow_debugging: bool,
    /// `sample_zones`: whether an empty store gets the sample zones; by default in the sandbox only.
    pub sample_zones: bool,
    /// `token_cache_entries`: how many verified access tokens are remembered; by default 10,000. One
    /// that is not remembered costs another check of its signature.
    pub token_cache_entries: usize,
    /// `[token_endpoint]`
    pub token_endpoint: TokenEndpoint,
    /// `[failed_authentications]`
    pub failed_authentications: FailedAuthentications,
    /// `[client_defaults]`
    pub client_defaults: ClientDefaults,
    /// `[parking]`
    pub parking: Parking,
    /// `[tls]`
    pub tls: Tls,
    /// `[http]`
    pub http: Http,
    /// `[log]`
    pub log: Log,
}

/// `[token_endpoint]`: how often one source address may ask without right credentials, and how often one client may
/// ask for tokens with them. Clients keep a token for an hour, so a healthy one is far below both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenEndpoint {
    /// `requests_per_second`: requests of one address that prove no client, those that come back in a second; by
    /// default 10, and 0 is no limit.
    pub requests_per_second: u32,
    /// `burst`: how many of them at once after a rest; by default 20.
    pub burst: u32,
    /// `client_requests_per_second`: token requests of one client, from wherever, those that come back in a second, and
    /// as many revocations; by default 100, and 0 is no limit.
    pub client_requests_per_second: u32,
    /// `client_burst`: how many of them at once after a rest; by default 1,000.
    pub client_burst: u32,
}

/// `[failed_authentications]`: how often one source address may fail to be one client. A right secret
/// is never turned away by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedAuthentications {
    /// `per_minute`: what comes back in a minute; by default 10.
    pub per_minute: u32,
    /// `burst`: how many at once after a rest; by default 10.
    pub burst: u32,
}

/// `[client_defaults]`: what a client gets that is registered without limits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientDefaults {
    /// `token_ttl`: how long its access tokens live, in seconds; by default 3,600.
    pub token_ttl_s: u64,
    /// `requests_per_second`: by default 10; 0.5 is one request in 2 s.
    pub requests_per_second: Rate,
    /// `burst`: how many requests at once after a rest; by default 20.
    pub burst: u32,
    /// `daily_quota`: requests in a UTC day; by default 10,000, and `None`, written `"unlimited"`, is no
    /// quota.
    pub daily_quota: Option<u64>,
}

/// `[parking]`: how much one client may have stored in the sample API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parking {
    /// `max_zones_per_client`: zones that it created and that are still there; by default 10,000.
    pub max_zones_per_client: u32,
    /// `max_idempotency_keys_per_client`: `Idempotency-Key`s of the last 24 hours; by default 10,000.
    pub max_idempotency_keys_per_client: u32,
}

/// `[tls]`: by default a certificate for localhost, made under `DATA_DIR/tls` on the first start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// `certificate` and `private_key`: PEM files, the chain with the server's own certificate first.
    pub files: Option<CertificateFiles>,
    /// `names`: host names and addresses that the certificate made here is for, beside `localhost`,
    /// `127.0.0.1`, `::1` and the machine's own name.
    pub names: Vec<String>,
}

/// Where a certificate and its key are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The chain.
    pub certificate: PathBuf,
    /// The key of the chain's first certificate.
    pub private_key: PathBuf,
}

/// `[http]`: what one connection and one request may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http {
    /// `max_connections`: open connections for each worker; by default 4,000, which the usual limits of
    /// open files allow on a hundred workers. More wait in the system's queue.
    pub max_connections: usize,
    /// `request_timeout_s`: for the head of a request, from the handshake on for the first of a connection; by
    /// default 10 s.
    pub request_timeout: Duration,
    /// `keep_alive_s`: how long a connection may rest between requests; by default 75 s, more than the
    /// 60 s after which usual load balancers drop theirs.
    pub keep_alive: Duration,
    /// `handshake_timeout_s`: from the connection to the end of the TLS handshake; by default 5 s.
    pub handshake_timeout: Duration,
    /// `shutdown_timeout_s`: how long open requests may take after SIGTERM; by default 30 s.
    pub shutdown_timeout: Duration,
    /// `hsts_max_age_s`: how long browsers remember to use HTTPS alone for the issuer's host, in seconds; by
    /// default a year, and 0 is not at all. Never sent for loopback names, names of one label and IP addresses.
    pub hsts_max_age_s: u64,
}

/// `[log]`: what is written to standard error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `format`: by default for people on a terminal, JSON anywhere else.
    pub format: LogFormat,
    /// Whether `format` was given: whoever asks for JSON reads standard output with a machine too.
    pub is_format_given: bool,
    /// `level`: directives of tracing's `EnvFilter`, checked; by default `info`.
    pub level: String,
    /// `access`: whether each request is a line, at `info`; by default false, and without it each is one at
    /// `debug`.
    pub access: bool,
    /// Whether lines for people have colours: not a setting; on a terminal, unless `NO_COLOR` is set.
    pub color: bool,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Pretty,
    /// One JSON object a line, for machines.
    Json,
}

/// What the command line says about settings.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--listen`: in place of the setting of that name.
    pub listen: Vec<String>,
    /// `--data-dir`: in place of the setting of that name.
    pub data_dir: Option<PathBuf>,
    /// `--config`: the file, in place of the one that `BOOMGATE_CONFIG` names.
    pub file: Option<PathBuf>,
}

/// The environment, which a file of declared clients may name any variable of. It may hold secrets, so it
/// does not print.
pub struct Environment {
    variables: BTreeMap<String, OsString>,
    terminal: bool,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, alone(value))));
        Self { variables: variables.collect(), terminal: io::stderr().is_terminal() }
    }

    /// These variables, and no terminal.
    #[must_use]
    pub fn new<'v>(variables: impl IntoIterator<Item = (&'v str, &'v str)>) -> Self {
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), alone(value.into())));
        Self { variables: variables.collect(), terminal: false }
    }

    /// The value of a variable; `None` when it is not set, empty, or not UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name)?.to_str().filter(|value| !value.is_empty())
    }

    /// Whether a person reads standard error.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// The folder that `BOOMGATE_DATA_DIR` names, without blanks around it.
    #[must_use]
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.path("BOOMGATE_DATA_DIR")
    }

    /// What is wrong with a path in a variable that commands read without the settings.
    #[must_use]
    pub fn misread_path(&self) -> Option<String> {
        let wrong = |name: &&str| {
            let value = self.get(name)?.trim();
            text::misread_path(value).map(|why| format!("{name}: {value:?} {why}"))
        };
        ["BOOMGATE_DATA_DIR", FILE_VARIABLE, "BOOMGATE_CLIENT_SECRET_FILE"].iter().find_map(wrong)
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        let value = self.variables.get(name)?;
        let path = value.to_str().map_or_else(|| value.into(), |text| PathBuf::from(text.trim()));
        (!path.as_os_str().is_empty()).then_some(path)
    }
}

/// A variable's value without what stands at its edges: files of variables that were written on Windows end each
/// value with a carriage return, and `export X="$(cat file; echo)"` with a line end.
fn alone(value: OsString) -> OsString {
    match value.to_str() {
        Some(text) => text::value(text).into(),
        None => value,
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read: the caller named the wrong one, or may not.
    #[error("cannot read the settings in {}: {source}; name another file with --config or BOOMGATE_CONFIG", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others could change the file, and so become administrators.
    #[error("the settings in {} cannot be trusted: the file {exposure}", path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Who could change it, and what mends it.
        exposure: Exposure,
    },
    /// Settings that are wrong, at least one.
    #[error("{}", Lines(.0))]
    Faults(Vec<Fault>),
}

struct Lines<'f>(&'f [Fault]);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0 {
            return write!(out, "{only}");
        }
        write!(out, "{} settings are wrong", self.0.len())?;
        self.0.iter().try_for_each(|fault| write!(out, "\n  {fault}"))
    }
}

impl Config {
    /// Reads the settings of all sources.
    pub fn load(edition: Edition, flags: &Flags, environment: &Environment) -> Result<Self, ConfigError> {
        Self::load_with_origins(edition, flags, environment).map(|(config, _)| config)
    }

    /// The same, and beside it every setting with where it was given, in alphabetical order.
    pub fn load_with_origins(
        edition: Edition,
        flags: &Flags,
        environment: &Environment,
    ) -> Result<(Self, Vec<Setting>), ConfigError> {
        let (config, settings, error) = Self::load_partly(edition, flags, environment, Reader::Server);
        error.map_or(Ok((config, settings)), Err)
    }

    /// The same for who has to go on with what can be read: what is wrong, or in a file that cannot be read,
    /// has its default, and the error says so. What is in a file that others could change counts, and the error says
    /// so too.
    #[must_use]
    pub fn load_partly(
        edition: Edition,
        flags: &Flags,
        environment: &Environment,
        reader: Reader,
    ) -> (Self, Vec<Setting>, Option<ConfigError>) {
        let mut raw = Raw::new();
        let mut of_file = None;
        if let Some(path) = flags.file.clone().or_else(|| environment.path(FILE_VARIABLE)) {
            match files::read_trusted(&path, reader) {
                Ok((text, exposure)) => {
                    raw.add_file(&path, &text);
                    of_file = exposure.map(|exposure| ConfigError::Exposed { path, exposure });
                }
                Err(source) => of_file = Some(ConfigError::Unreadable { path, source }),
            }
        }
        raw.add_variables(environment);
        raw.add_flag("--listen", "listen", &flags.listen);
        if let Some(data_dir) = &flags.data_dir {
            raw.add_single_flag("--data-dir", "data_dir", data_dir.display().to_string());
        }
        let mut config = Self::read(edition, environment, &mut raw);
        if let Some(data_dir) = &flags.data_dir {
            // A path need not be text.
            config.data_dir.clone_from(data_dir);
        }
        let Finished { faults, settings } = raw.finish();
        let error = of_file.or_else(|| (!faults.is_empty()).then_some(ConfigError::Faults(faults)));
        (config, settings, error)
    }

    /// What everything is when nothing is set, away from a terminal.
    #[must_use]
    pub fn defaults(edition: Edition) -> Self {
        Self::read(edition, &Environment::new([]), &mut Raw::new())
    }

    /// The key of every setting, in alphabetical order.
    #[must_use]
    pub fn keys() -> BTreeSet<&'static str> {
        let mut raw = Raw::new();
        Self::read(Edition::Serve, &Environment::new([]), &mut raw);
        raw.finish().settings.into_iter().map(|setting| setting.key).collect()
    }

    /// Reads every key there is; what is wrong is a fault in `raw`, and has its default here.
    fn read(edition: Edition, environment: &Environment, raw: &mut Raw) -> Self {
        let listen = read_listen(edition, raw);
        let http_listen = read_http_listen(edition, raw, &listen);
        let ops_listen = read_ops_listen(edition, raw, &listen, http_listen);
        let issuer = read_issuer(raw, &listen);
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
            signing_algorithm: raw.text_or(
                "signing_algorithm",
                "\"ES256\" or \"EdDSA\"",
                ("ES256", Algorithm::Es256),
                signing_algorithm,
            ),
            key_rotation_days: raw.number("key_rotation_days", 0..=3_650, 30),
            clients_file: raw.path("clients_file", "the path of a TOML or JSON file"),
            workers: read_workers(raw),
            store_close_timeout: seconds(raw, "store_close_timeout_s", 1..=3_600, 15),
            allow_debugging: raw.boolean("allow_debugging", false),
            sample_zones: raw.boolean("sample_zones", edition == Edition::Sandbox),
            token_cache_entries: raw.number("token_cache_entries", 1..=10_000_000, 10_000),
            token_endpoint: TokenEndpoint {
                requests_per_second: raw.number("token_endpoint.requests_per_second", 0..=1_000_000, 10),
                burst: raw.number("token_endpoint.burst", 1..=1_000_000, 20),
                client_requests_per_second: raw.number("token_endpoint.client_requests_per_second", 0..=1_000_000, 100),
                client_burst: raw.number("token_endpoint.client_burst", 1..=1_000_000, 1_000),
            },
            failed_authentications: FailedAuthentications {
                per_minute: raw.number("failed_authentications.per_minute", 1..=1_000_000, 10),
                burst: raw.number("failed_authentications.burst", 1..=1_000_000, 10),
            },
            client_defaults: ClientDefaults {
                token_ttl_s: raw.number("client_defaults.token_ttl", edition.token_ttl_s(), 3_600),
                requests_per_second: raw.rate("client_defaults.requests_per_second", 10.into()),
                burst: raw.number("client_defaults.burst", 1..=1_000_000, 20),
                daily_quota: raw.number_or_unlimited("client_defaults.daily_quota", 1..=100_000_000_000, Some(10_000)),
            },
            parking: Parking {
                max_zones_per_client: raw.number("parking.max_zones_per_client", 1..=MAX_SLOTS, DEFAULT_MAX_ZONES),
                max_idempotency_keys_per_client: raw.number(
                    "parking.max_idempotency_keys_per_client",
                    1..=MAX_SLOTS,
                    DEFAULT_MAX_KEYS,
                ),
            },
            tls: read_tls(raw),
            http: Http {
                max_connections: raw.number("http.max_connections", 1..=1_000_000, 4_000),
                request_timeout: seconds(raw, "http.request_timeout_s", 1..=600, 10),
                keep_alive: seconds(raw, "http.keep_alive_s", 1..=3_600, 75),
                handshake_timeout: seconds(raw, "http.handshake_timeout_s", 1..=600, 5),
                shutdown_timeout: seconds(raw, "http.shutdown_timeout_s", 0..=3_600, 30),
                hsts_max_age_s: raw.number("http.hsts_max_age_s", 0..=315_360_000, hsts::DEFAULT_MAX_AGE_S),
            },
            log: read_log(environment, raw),
        }
    }
}

const ADDRESS: &str = "an address and a port such as 127.0.0.1:8443, [::1]:8443 or localhost:8443";

fn read_listen(edition: Edition, raw: &mut Raw) -> Vec<SocketAddr> {
    let Some(named) = raw.list("listen", ADDRESS, addresses) else {
        let listen = loopback(DEFAULT_PORT);
        raw.turns_out("listen", listen.map(|address| address.to_string()).as_slice());
        return listen.to_vec();
    };
    let mut listen: Vec<SocketAddr> = Vec::new();
    for address in named.into_iter().flatten() {
        refuse_beyond_loopback(edition, raw, "listen", address);
        // Port 0 is one free port for all addresses that have it, or the first one's.
        let port = listen.first().map_or(address.port(), SocketAddr::port);
        let bound = if address.port() == 0 { SocketAddr::new(address.ip(), port) } else { address };
        if let Some(other) = listen.iter().find(|other| collide(**other, bound)) {
            raw.fault("listen", twice(*other, address));
        }
        listen.push(address);
    }
    raw.turns_out("listen", listen.iter().map(SocketAddr::to_string).collect::<Vec<_>>());
    listen
}

/// Why one of two sockets has to go.
fn twice(one: SocketAddr, other: SocketAddr) -> String {
    let (wide, narrow) = if other.ip().is_unspecified() && other.ip().is_ipv6() { (other, one) } else { (one, other) };
    if !wide.ip().is_unspecified() || wide.ip() == narrow.ip() {
        return format!("names {narrow} twice");
    }
    let ipv4 = if wide.is_ipv6() && narrow.is_ipv4() { ", of IPv4 too" } else { "" };
    format!("names {narrow} beside {wide}, which is all addresses{ipv4}: leave out {narrow}")
}

fn read_data_dir(raw: &mut Raw) -> PathBuf {
    const DEFAULT: &str = "data";
    raw.path("data_dir", "the path of a folder").unwrap_or_else(|| {
        raw.turns_out("data_dir", DEFAULT);
        DEFAULT.into()
    })
}

fn read_issuer(raw: &mut Raw, listen: &[SocketAddr]) -> Option<String> {
    let named = raw.text("issuer", "https://HOST or https://HOST:PORT, with nothing after it", issuer);
    if named.is_none() {
        // With port 0 it is known once the port is.
        let port = listen.first().map(SocketAddr::port).filter(|port| *port != 0);
        raw.turns_out("issuer", port.map(|port| format!("https://localhost:{port}")));
    }
    named
}

fn read_workers(raw: &mut Raw) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let workers = raw.number("workers", 0..=512, 0);
    let workers = if workers == 0 { cores } else { workers };
    raw.turns_out("workers", workers);
    workers
}

fn read_http_listen(edition: Edition, raw: &mut Raw, listen: &[SocketAddr]) -> Option<SocketAddr> {
    let address = raw.text("http_listen", "an address and a port such as 127.0.0.1:8080", |text| text.parse().ok())?;
    refuse_beyond_loopback(edition, raw, "http_listen", address);
    if let Some(other) = taken(&[("listen", listen)], address) {
        raw.fault("http_listen", format!("must not be {address}, which {other} has: plain HTTP is refused there too"));
    }
    Some(address)
}

fn read_ops_listen(
    edition: Edition,
    raw: &mut Raw,
    listen: &[SocketAddr],
    http_listen: Option<SocketAddr>,
) -> Option<SocketAddr> {
    let address = raw.text("ops_listen", "an address and a port such as 127.0.0.1:9464", |text| text.parse().ok())?;
    refuse_beyond_loopback(edition, raw, "ops_listen", address);
    let others = [("listen", listen), ("http_listen", http_listen.as_slice())];
    if let Some(other) = taken(&others, address) {
        raw.fault("ops_listen", format!("must not be {address}, which {other} has: metrics need a port of their own"));
    }
    Some(address)
}

/// The setting that has this address already; in words, where it has another that includes it.
fn taken(settings: &[(&'static str, &[SocketAddr])], address: SocketAddr) -> Option<String> {
    let mut all = settings.iter().flat_map(|(key, addresses)| addresses.iter().map(move |other| (key, *other)));
    let (key, other) = all.find(|(_, other)| address.port() != 0 && collide(*other, address))?;
    Some(if other == address { (*key).to_owned() } else { format!("{key}, with {other},") })
}

/// The sandbox's secrets are printed in the documentation.
fn refuse_beyond_loopback(edition: Edition, raw: &mut Raw, key: &'static str, address: SocketAddr) {
    if edition == Edition::Sandbox && !address.ip().is_loopback() {
        let detail = format!(
            "must not be {address}: the sandbox has demo secrets that everybody knows, so it answers this machine \
             alone; use 127.0.0.1:{}, or `boomgate serve` for others",
            address.port()
        );
        raw.fault(key, detail);
    }
}

fn read_audiences(raw: &mut Raw) -> (Vec<String>, Option<String>) {
    let named = raw.list("audiences", "1 to 200 visible ASCII characters", audience);
    let mut audiences = named.unwrap_or_else(|| vec![PUBLIC_AUDIENCE.to_owned()]);
    let mut seen = BTreeSet::new();
    if let Some(repeated) = audiences.iter().find(|audience| !seen.insert(audience.as_str())).cloned() {
        raw.fault("audiences", format!("names {repeated} twice"));
    }
    audiences.retain(|audience| audience != ADMIN_AUDIENCE);
    if audiences.is_empty() {
        raw.fault("audiences", format!("must name an API set beside {ADMIN_AUDIENCE}"));
    }
    audiences.push(ADMIN_AUDIENCE.to_owned());
    raw.turns_out("audiences", audiences.as_slice());
    let default_audience = raw.text("default_audience", "1 to 200 visible ASCII characters", audience);
    if default_audience.as_ref().is_some_and(|default| !audiences.contains(default)) {
        raw.fault("default_audience", format!("must be one of: {}", audiences.join(", ")));
    }
    (audiences, default_audience)
}

fn read_scopes(raw: &mut Raw) -> BTreeSet<String> {
    let one_token = |text: &str| Scope::parse(text).is_ok_and(|_| !text.contains(' ')).then(|| text.to_owned());
    let named = raw.list("scopes", "one scope token such as read:zones (RFC 6749 section 3.3)", one_token);
    let named = named.unwrap_or_else(|| [READ_ZONES, WRITE_ZONES].map(str::to_owned).to_vec());
    let always = [INTROSPECT, READ_ADMIN, WRITE_ADMIN].map(str::to_owned);
    let scopes: BTreeSet<String> = named.into_iter().chain(always).collect();
    raw.turns_out("scopes", scopes.iter().cloned().collect::<Vec<_>>());
    scopes
}

fn read_tls(raw: &mut Raw) -> Tls {
    let certificate = raw.path("tls.certificate", "the path of a PEM file");
    let private_key = raw.path("tls.private_key", "the path of a PEM file");
    if raw.is_given("tls.certificate") != raw.is_given("tls.private_key") {
        let (given, other) = if raw.is_given("tls.certificate") {
            ("tls.certificate", "tls.private_key")
        } else {
            ("tls.private_key", "tls.certificate")
        };
        raw.fault(given, format!("needs {other} beside it"));
    }
    let files = certificate.zip(private_key);
    let names = raw.list("tls.names", "a host name or an IP address", host).unwrap_or_default();
    raw.turns_out("tls.names", names.as_slice());
    Tls { files: files.map(|(certificate, private_key)| CertificateFiles { certificate, private_key }), names }
}

fn read_log(environment: &Environment, raw: &mut Raw) -> Log {
    let default = if environment.terminal { ("pretty", LogFormat::Pretty) } else { ("json", LogFormat::Json) };
    let format = raw.text_or("log.format", "\"pretty\" or \"json\"", default, |text| match text {
        "pretty" => Some(LogFormat::Pretty),
        "json" => Some(LogFormat::Json),
        _ => None,
    });
    let expected = "a level such as info, or directives such as info,boomgate=debug";
    let level = raw.text_or("log.level", expected, ("info", "info".to_owned()), log_directives);
    let access = raw.boolean("log.access", false);
    let is_format_given = raw.is_given("log.format");
    Log { format, is_format_given, level, access, color: environment.terminal && environment.get("NO_COLOR").is_none() }
}

fn seconds(raw: &mut Raw, key: &'static str, range: RangeInclusive<u64>, default: u64) -> Duration {
    Duration::from_secs(raw.number(key, range, default))
}
