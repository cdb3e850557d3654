//! A real server process in a folder of its own, for tests that question, stop or kill one from outside.
//!
//! Shared by test programs that each use a part of it.
#![allow(dead_code, reason = "each test program uses a part of this")]

pub mod shim;

use std::ffi::{OsStr, OsString};
use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::ops::Range;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use boomgate::sandbox::demo::DEMOS;
use reqwest::{Certificate, Client};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;
use uuid::Uuid;

pub const AUDIENCE: &str = "public.api.passportinc.com";
pub const ADMIN_AUDIENCE: &str = "admin.api.boomgate";

/// Below what systems give to outgoing connections: while the server is down, none of ours takes its port,
/// and none connects to itself.
const PORTS: Range<u16> = 20_000..32_000;
/// How long a server may take to say something that a test waits for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A sandbox's folder and port: where it is started, and started again.
pub struct Site {
    pub port: u16,
    pub base: String,
    folder: TempDir,
    variables: Vec<(&'static str, OsString)>,
}

impl Site {
    /// An empty folder, with these settings as environment variables.
    pub fn new(variables: &[(&'static str, &str)]) -> Self {
        let port = free_port();
        Self {
            port,
            base: format!("https://localhost:{port}"),
            folder: tempfile::tempdir().unwrap(),
            variables: variables.iter().map(|(name, value)| (*name, (*value).into())).collect(),
        }
    }

    /// Sets an environment variable of every server that is started from now on.
    pub fn set(&mut self, name: &'static str, value: impl AsRef<OsStr>) {
        self.variables.push((name, value.as_ref().to_owned()));
    }

    /// The folder that the data folder is in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where another server would listen, on the same folder.
    pub fn on_another_port(&self) -> Command {
        self.command(free_port(), &self.data_dir())
    }

    /// A server on the same port, with an empty folder inside this one.
    pub fn in_another_folder(&self) -> Command {
        self.command(self.port, &self.folder.path().join("another"))
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn ca_path(&self) -> PathBuf {
        self.data_dir().join("tls/ca.pem")
    }

    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// Starts a server; it may not be ready yet.
    pub fn spawn(&self) -> Process {
        Process::of(self.command(self.port, &self.data_dir()))
    }

    /// Starts a server and waits until it says that it is there.
    pub fn start(&self) -> Process {
        let mut process = self.spawn();
        process.ready();
        process
    }

    /// Starts a server as `nohup` does, and waits until it says that it is there.
    pub fn start_ignoring_hangups(&self) -> Process {
        let server = self.command(self.port, &self.data_dir());
        let mut shell = Command::new("sh");
        shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\""]).arg(server.get_program()).args(server.get_args());
        for (name, value) in server.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let mut process = Process::of(shell);
        process.ready();
        process
    }

    /// Starts a server whose standard error goes there; it may not be ready yet.
    pub fn spawn_with_log(&self, log: impl Into<Stdio>) -> Process {
        let mut command = self.command(self.port, &self.data_dir());
        Process::started(command.stdout(Stdio::piped()).stderr(log).spawn().unwrap())
    }

    /// Starts a server whose standard output goes there; it may not be ready yet.
    pub fn spawn_with_output(&self, output: impl Into<Stdio>) -> Process {
        let mut command = self.command(self.port, &self.data_dir());
        Process::started(command.stdout(output).stderr(Stdio::piped()).spawn().unwrap())
    }

    /// A TLS connection to the server, to speak on by hand.
    pub fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.ca_path()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_root_certificates(roots).with_no_client_auth();
        let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
        StreamOwned::new(connection, TcpStream::connect(self.address()).unwrap())
    }

    /// A request that the server has read the head of, and of whose body it waits for the rest.
    pub fn request_under_way(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let mut stream = self.connect();
        let head = "POST /shared/access-tokens HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
                    Content-Length: 100\r\nExpect: 100-continue\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
        stream.read_exact(&mut go_on).unwrap();
        assert_eq!(String::from_utf8_lossy(&go_on), "HTTP/1.1 100 Continue\r\n\r\n");
        stream
    }

    /// A client that trusts the server's CA. Its connections are its own.
    pub fn client(&self, http2: bool) -> Client {
        // From the second time on it is in place.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let ca = Certificate::from_pem(&std::fs::read(self.ca_path()).unwrap()).unwrap();
        let client = Client::builder()
            .tls_built_in_root_certs(false)
            .add_root_certificate(ca)
            .resolve("localhost", self.address())
            .redirect(reqwest::redirect::Policy::none())
            .timeout(PATIENCE)
            .no_proxy();
        if http2 { client } else { client.http1_only() }.build().unwrap()
    }

    fn command(&self, port: u16, data_dir: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_boomgate"));
        let settings_of_others = std::env::vars_os().map(|(name, _)| name);
        for name in settings_of_others.filter(|name| name.to_string_lossy().starts_with("BOOMGATE_")) {
            command.env_remove(name);
        }
        command
            .args(["sandbox", "--listen", &format!("127.0.0.1:{port}"), "--data-dir"])
            .arg(data_dir)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }
}

/// The secret of a demo client, as the documentation has it.
pub fn demo_secret(client_id: &str) -> &'static str {
    DEMOS.iter().find(|demo| demo.client_id == client_id).unwrap().client_secret
}

/// A server that was started here. It is killed when this is dropped.
pub struct Process {
    child: Child,
    /// Empty when it goes elsewhere, as standard error below.
    stdout: Box<dyn BufRead>,
    stderr: Receiver<String>,
    complaints: Vec<String>,
}

impl Process {
    fn of(mut command: Command) -> Self {
        Self::started(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap())
    }

    fn started(mut child: Child) -> Self {
        let stdout: Box<dyn BufRead> = match child.stdout.take() {
            Some(stdout) => Box::new(BufReader::new(stdout)),
            None => Box::new(io::empty()),
        };
        let (said, stderr) = channel();
        if let Some(lines) = child.stderr.take().map(|stderr| BufReader::new(stderr).lines()) {
            // Ends with the process.
            std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| said.send(line)));
        }
        Self { child, stdout, stderr, complaints: Vec::new() }
    }

    /// Waits for the first line of the start-up text: from then on connections are taken.
    pub fn ready(&mut self) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            let status = self.child.wait().unwrap();
            panic!("the server did not start, {status}: {}", self.rest_of_stderr().join("\n"));
        }
    }

    /// Waits for a line on standard error that has these words.
    pub fn wait_for(&mut self, words: &str) {
        loop {
            let line = self.stderr.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("{words:?} was never said"));
            let found = line.contains(words);
            self.complaints.push(line);
            if found {
                return;
            }
        }
    }

    /// Its number.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// SIGKILL.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// The signal of this name.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &pid]).status().unwrap().success());
    }

    /// Sends signals of this name until the process has ended: it passes over those that come too soon.
    #[allow(clippy::disallowed_methods, reason = "the process lives by the system's clock")]
    pub fn signal_until_it_ends(&mut self, name: &str) {
        let start = std::time::Instant::now();
        while self.child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < PATIENCE, "it goes on");
            self.signal(name);
        }
    }

    /// Its memory that is in RAM, in bytes.
    pub fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1_024
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.id())).unwrap().count()
    }

    /// Waits for its end; the lines that it wrote to standard error are the second part.
    pub fn wait(mut self) -> (ExitStatus, Vec<String>) {
        let status = self.child.wait().unwrap();
        (status, self.rest_of_stderr())
    }

    /// The same for an end that comes within `limit`; else this is a failure.
    pub fn end_within(mut self, limit: Duration) -> (ExitStatus, Vec<String>) {
        let pid = self.id().to_string();
        let (ended, end) = channel::<()>();
        let watch = std::thread::spawn(move || {
            if end.recv_timeout(limit) == Err(RecvTimeoutError::Timeout) {
                let _ended = Command::new("sh").args(["-c", "kill -KILL \"$0\"", &pid]).status();
            }
        });
        let status = self.child.wait().unwrap();
        drop(ended);
        watch.join().unwrap();
        assert_ne!(status.signal(), Some(9), "it did not end within {limit:?}");
        (status, self.rest_of_stderr())
    }

    /// What it wrote to standard output after what was read of it.
    pub fn rest_of_stdout(&mut self) -> String {
        let mut text = String::new();
        self.stdout.read_to_string(&mut text).unwrap();
        text
    }

    fn rest_of_stderr(&mut self) -> Vec<String> {
        let mut lines = std::mem::take(&mut self.complaints);
        // Ends when the thread that reads has ended.
        lines.extend(self.stderr.iter());
        lines
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            let mut text = String::new();
            let _unread = self.stdout.read_to_string(&mut text);
            eprintln!("what the server had said to standard error:\n{}", self.rest_of_stderr().join("\n"));
        }
    }
}

fn free_port() -> u16 {
    let [high, low, ..] = Uuid::new_v4().into_bytes();
    let start = usize::from(u16::from_be_bytes([high, low]));
    let ports = PORTS.cycle().skip(start % PORTS.len()).take(PORTS.len());
    let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.into_iter().find(free).expect("a free port")
}
