//! A client's test that starts a sandbox of its own. It needs reqwest, `serde_json`, tokio, and `boomgate` on the path.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use reqwest::{Certificate, Client};
use serde_json::{Value, json};

const SANDBOX: [&str; 6] = ["sandbox", "--in-memory", "--listen", "127.0.0.1:0", "--ready-json", "--exit-with-stdin"];

/// A sandbox. It stops when its standard input ends, which also happens if this process is killed.
struct Sandbox {
    process: Child,
    ready: Value,
}

impl Sandbox {
    fn start() -> Self {
        let mut command = Command::new(option_env!("CARGO_BIN_EXE_boomgate").unwrap_or("boomgate"));
        let mut process = command.args(SANDBOX).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, ready: serde_json::from_str(&line).unwrap() }
    }

    fn text(&self, pointer: &str) -> &str {
        self.ready.pointer(pointer).and_then(Value::as_str).unwrap_or_else(|| panic!("{pointer} in {}", self.ready))
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Closes standard input first.
        self.process.wait().unwrap();
    }
}

#[tokio::test]
async fn a_token_expires_and_the_next_one_is_accepted() {
    // Needed only where reqwest is built without a provider of cryptography, as here.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let sandbox = Sandbox::start();
    let ca = Certificate::from_pem(&std::fs::read(sandbox.text("/ca_file")).unwrap()).unwrap();
    let http = Client::builder().add_root_certificate(ca).no_proxy().build().unwrap();
    let grant = json!({
        "grant_type": "client_credentials",
        "audience": sandbox.text("/audience"),
        "client_id": "demo-writer",
        "client_secret": sandbox.text("/clients/demo-writer/client_secret"),
    });
    let new_token = async || {
        let answer = http.post(sandbox.text("/token_url")).json(&grant).send().await.unwrap();
        answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    };
    let url = sandbox.text("/url");
    let list_zones = async |token: &str| {
        let answer = http.get(format!("{url}/parking/zones?limit=1")).bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    let token = new_token().await;
    assert_eq!(list_zones(&token).await.0, 200);

    let trouble = http.post(format!("{url}/sandbox/troubles/token-expires")).json(&json!({ "client": "demo-writer" }));
    trouble.bearer_auth(sandbox.text("/sandbox_token")).send().await.unwrap().error_for_status().unwrap();
    let (status, problem) = list_zones(&token).await;
    assert_eq!((status, problem["error"].as_str()), (401, Some("invalid_token")));

    assert_eq!(list_zones(&new_token().await).await.0, 200);
}
