//! A session of chromedriver: `WebDriver` (W3C) is JSON over HTTP on loopback.
//!
//! Its Chromium has an empty profile, trusts one certificate authority, and reaches no other machine. It ends with the
//! session, also in a panic.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How Chromium runs without a screen, as root, and without a word to any other machine.
const ARGUMENTS: [&str; 12] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    // Whatever is not on this machine does not exist.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
    "--window-size=1440,900",
];

pub(crate) struct Session {
    agent: ureq::Agent,
    driver: Child,
    url: String,
    /// The home folder, with the list of trusted certificates.
    _home: TempDir,
}

impl Session {
    /// Opens a Chromium that trusts the authority whose certificate is in this file.
    pub(crate) fn open(ca_file: &Path) -> Self {
        let home = tempfile::tempdir().unwrap();
        trust(ca_file, home.path());
        let (driver, port) = driver(home.path());
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let mut session = Self { agent, driver, url: format!("http://127.0.0.1:{port}/session"), _home: home };
        let started = session.post(
            "",
            &json!({ "capabilities": { "alwaysMatch": {
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": ARGUMENTS },
            "timeouts": { "script": 20_000, "pageLoad": 20_000 },
        } } }),
        );
        let id = started["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {started}"));
        session.url = format!("{}/{id}", session.url);
        session
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        self.try_post(path, body).unwrap_or_else(|error| panic!("the browser says: {error}"))
    }

    /// The error is what the driver says of a command that it could not carry out.
    pub(crate) fn try_post(&self, path: &str, body: &Value) -> Result<Value, String> {
        value(&mut self.agent.post(format!("{}{path}", self.url)).send_json(body).unwrap())
    }

    pub(crate) fn get(&self, path: &str) -> Result<Value, String> {
        value(&mut self.agent.get(format!("{}{path}", self.url)).call().unwrap())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // chromedriver alone ends its Chromium.
        let _closed = self.agent.delete(&self.url).call();
        let _ended = (self.driver.kill(), self.driver.wait());
    }
}

fn value(response: &mut ureq::http::Response<ureq::Body>) -> Result<Value, String> {
    let mut answer: Value = response.body_mut().with_config().limit(64 << 20).read_json().unwrap();
    let value = answer["value"].take();
    match (value["error"].as_str(), value["message"].as_str()) {
        (Some(error), Some(message)) if !response.status().is_success() => Err(format!("{error}: {message}")),
        _ => Ok(value),
    }
}

/// A driver, and its port. Another process may be quicker to take the port that it chose: then it ends, and the next one
/// is started.
fn driver(home: &Path) -> (Child, u16) {
    for _ in 0..5 {
        let mut chromedriver = Command::new("chromedriver");
        chromedriver.arg("--port=0").env("HOME", home).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut driver = chromedriver.spawn().expect("chromedriver: run `make interop-setup`");
        if let Some(port) = port(&mut driver) {
            return (driver, port);
        }
        driver.wait().unwrap();
    }
    panic!("chromedriver did not start");
}

/// Waits for the line with the port of a driver; `None` if it ends without one.
fn port(driver: &mut Child) -> Option<u16> {
    let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
    let port = lines.find_map(|line| {
        let line = line.unwrap();
        let (_, port) = line.split_once("started successfully on port ")?;
        Some(port.trim_end_matches('.').parse().unwrap())
    });
    // Whatever it writes later, somebody reads.
    std::thread::spawn(move || lines.for_each(drop));
    port
}

/// Trusts the certificate authority of a server, by the command that the server prints.
fn trust(ca_file: &Path, home: &Path) {
    let database = home.join(".pki/nssdb");
    std::fs::create_dir_all(&database).unwrap();
    let database = format!("sql:{}", database.display());
    let mut certutil = Command::new("certutil");
    certutil.args(["-d", &database, "-A", "-t", "C,,", "-n", "boomgate", "-i"]).arg(ca_file);
    assert!(certutil.status().expect("certutil: run `make interop-setup`").success());
}
