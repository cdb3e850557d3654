//! The same process, stopped cleanly, and not started twice.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::SETTINGS;
use crate::gate::Gate;
use crate::process::{AUDIENCE, Site};

const QUOTA: u64 = 1_000;
/// In the middle of a block.
const SPENT: u64 = 37;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_lets_a_request_finish_and_loses_no_unit() {
    let site = Site::new(&SETTINGS);
    let mut process = site.start();
    let gate = Gate::open(&site).await;
    let limits = json!({ "client_name": "Limited", "scope": "read:zones", "daily_quota": QUOTA });
    let registration = gate.request(reqwest::Method::POST, "/admin/clients").bearer_auth(&gate.admin).json(&limits);
    let client = gate.sure(registration).await.json();
    let (client_id, secret) = (client["client_id"].as_str().unwrap(), client["client_secret"].as_str().unwrap());
    let token = gate.sure_token(client_id, secret, AUDIENCE).await;
    let day = gate.sure(gate.get("/oauth2/usage", &token)).await.json()["day"]["resets_at"].clone();
    for _ in 0..SPENT {
        assert_eq!(gate.sure(gate.get_alone("/parking/zones?limit=1", &token)).await.status, 200);
    }

    // A registration of which the server has received only a part when the stop begins.
    let body = r#"{ "client_name": "Last", "scope": "read:zones" }"#;
    let (half, rest) = body.split_at(body.len() / 2);
    let mut stream = site.connect();
    let head = format!(
        "POST /admin/clients HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n",
        gate.admin,
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut go_on).unwrap();
    assert_eq!(String::from_utf8_lossy(&go_on), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(half.as_bytes()).unwrap();
    process.terminate();
    process.wait_for("Stopping");
    stream.write_all(rest.as_bytes()).unwrap();
    let mut answer = String::new();
    // A server that closes without a TLS close_notify has still answered.
    let _closed = stream.read_to_string(&mut answer);
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let (status, complaints) = process.wait();
    assert!(status.success(), "{status}: {}", complaints.join("\n"));

    let _process = site.start();
    let gate = Gate::open(&site).await;
    let body: Value = serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let last = format!("/admin/clients/{}", body["client_id"].as_str().unwrap());
    assert_eq!(gate.sure(gate.get(&last, &gate.admin)).await.status, 200);
    let usage = gate.sure(gate.get("/oauth2/usage", &token)).await.json();
    if usage["day"]["resets_at"] == day {
        assert_eq!((&usage["day"]["used"], &usage["day"]["remaining"]), (&json!(SPENT), &json!(QUOTA - SPENT)));
    }
}

#[test]
fn a_folder_or_a_port_that_is_taken_is_one_line_that_says_what_to_do() {
    let site = Site::new(&SETTINGS);
    let _process = site.start();
    let (code, line) = failure(site.on_another_port());
    assert_eq!(code, Some(1));
    assert!(line.contains(&site.data_dir().display().to_string()) && line.contains("--data-dir"), "{line}");
    let (code, line) = failure(site.in_another_folder());
    assert_eq!(code, Some(1));
    assert!(line.contains(&site.address().to_string()) && line.contains("--listen"), "{line}");
}

fn failure(mut command: Command) -> (Option<i32>, String) {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "", "what is for people goes to standard error");
    let line = String::from_utf8(output.stderr).unwrap();
    assert_eq!(line.lines().count(), 1, "{line}");
    (output.status.code(), line)
}
