//! What is logged, and what never is: a real process at the most verbose level, every endpoint, and tokens and secrets
//! wherever a caller could put them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::harness::{ADMIN, ADMIN_AUDIENCE, AUDIENCE, READER, WRITER, answer, basic, secret};
use crate::process::{Process, Site};
use crate::protection::{Call, calls};

const KEY: &str = include_str!("../keys/rsa-2048-pkcs8.pem");

/// All tokens and secrets that no line may have, in every form in which it could be written.
#[derive(Default)]
struct Sensitive(Vec<String>);

impl Sensitive {
    fn token(&mut self, token: &str) {
        self.text(token);
        // The signature alone is enough to make it valid.
        self.text(token.rsplit('.').next().unwrap());
    }

    fn secret(&mut self, client_id: &str, secret: &str) {
        self.text(secret);
        // Without the prefix that every secret has.
        self.text(&secret["bg_secret_".len()..]);
        self.0.push(STANDARD.encode(format!("{client_id}:{secret}")));
    }

    fn text(&mut self, text: &str) {
        self.0.push(text.to_owned());
        self.0.push(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
        self.0.push(STANDARD.encode(text));
        self.0.push(URL_SAFE_NO_PAD.encode(text));
    }

    /// Which of them a line has.
    fn found_in<'s>(&'s self, lines: &'s [String]) -> Vec<(&'s str, &'s str)> {
        let found = |line: &'s String| {
            self.0.iter().filter(|text| line.contains(*text)).map(|text| (text.as_str(), line.as_str()))
        };
        lines.iter().flat_map(found).collect()
    }
}

pub(crate) async fn token(client: &Client, base: &str, client_id: &str, secret: &str, audience: &str) -> String {
    let form = [
        ("grant_type", "client_credentials"),
        ("client_id", client_id),
        ("client_secret", secret),
        ("audience", audience),
    ];
    let answer = answer(client.post(format!("{base}/shared/access-tokens")).form(&form)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

/// A request for each place in which a caller could put the token and the secret.
fn misuses(
    request: &dyn Fn(&str) -> RequestBuilder,
    client_id: &str,
    secret: &str,
    token: &str,
) -> Vec<RequestBuilder> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (header, value) = basic(client_id, secret);
    let mut all = vec![
        request("").bearer_auth(token),
        request("").bearer_auth(secret),
        request("").bearer_auth(token).bearer_auth(token),
        request("").header("authorization", token),
        request("").header(header, value),
        request("").header("x-request-id", secret),
        request("").header("passport-labs-client-trace-id", secret),
        request("").header("cookie", format!("token={token}; secret={secret}")),
        request("").header("traceparent", format!("00-{secret}")),
        request("").header("idempotency-key", secret).bearer_auth(token).body("{}"),
        request("").header("if-match", format!("\"{secret}\"")).bearer_auth(token),
        request("").header("content-type", token).bearer_auth(token).body("{}"),
        request(&format!("?access_token={token}")),
        request(&format!("?client_id={client_id}&client_secret={secret}")),
        request(&format!("?cursor={token}&limit={secret}")).bearer_auth(token),
        request(&format!("?access_token={}&client_secret={}", encoded(token), encoded(secret))),
        request(&format!("/{token}")).bearer_auth(token),
        request(&format!("/{secret}")).bearer_auth(token),
        request(&format!("/{}/{}", encoded(secret), encoded(token))),
    ];
    let members = json!({
        "grant_type": "client_credentials", "client_id": client_id, "client_secret": secret, "token": token,
        "access_token": token, "audience": secret, "scope": token, "client_name": secret, "number": token,
        "jti": secret, "private_key": KEY,
    });
    for signed in [true, false] {
        let request = |suffix: &str| if signed { request(suffix).bearer_auth(token) } else { request(suffix) };
        all.extend([
            request("").json(&members),
            request("").form(&members),
            request("").header("content-type", "text/plain").body(members.to_string()),
            request("").body(format!("{{\"client_secret\": \"{secret}\", \"token\": {token}")),
            request("").body(token.to_owned()),
        ]);
    }
    all
}

#[tokio::test]
async fn no_line_at_any_level_has_a_token_or_a_secret() {
    let site = Site::new(&[
        ("BOOMGATE_LOG__LEVEL", "trace"),
        ("BOOMGATE_LOG__ACCESS", "true"),
        ("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0"),
    ]);
    let process = site.start();
    let (secure, clear) = (site.client(true), Client::builder().no_proxy().build().unwrap());
    let mut sensitive = Sensitive::default();
    for client_id in [READER, WRITER, ADMIN] {
        sensitive.secret(client_id, &secret(client_id));
    }
    for line in KEY.lines().filter(|line| !line.starts_with('-')) {
        sensitive.text(line);
    }

    let admin = token(&secure, &site.base, ADMIN, &secret(ADMIN), ADMIN_AUDIENCE).await;
    sensitive.token(&admin);
    let register = async |scope: &str, audience: &str| {
        let body = json!({
            "client_name": "Driver", "scope": scope, "audience": [audience], "requests_per_second": 10_000,
            "burst": 10_000, "daily_quota": null,
        });
        let request = secure.post(format!("{}/admin/clients", site.base)).bearer_auth(&admin).json(&body);
        let answer = answer(request).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        let text = |member: &str| answer.json()[member].as_str().unwrap().to_owned();
        (text("client_id"), text("client_secret"))
    };

    let mut sent = 0;
    let drivers = [register("read:zones write:zones", AUDIENCE).await, register("read:admin", ADMIN_AUDIENCE).await];
    for (client_id, own) in &drivers {
        sensitive.secret(client_id, own);
    }
    for Call { method, path, .. } in calls() {
        let is_admin = path.starts_with("/admin") || path == "/metrics";
        let (client_id, own) = &drivers[usize::from(is_admin)];
        let audience = if is_admin { ADMIN_AUDIENCE } else { AUDIENCE };
        let token = token(&secure, &site.base, client_id, own, audience).await;
        sensitive.token(&token);
        let over_tls = |suffix: &str| secure.request(method.clone(), format!("{}{path}{suffix}", site.base));
        for request in misuses(&over_tls, client_id, own, &token) {
            answer(request).await;
            sent += 1;
        }
        // A secret as the method: every letter of it is valid there.
        let own_method = Method::from_bytes(own.as_bytes()).unwrap();
        answer(secure.request(own_method, format!("{}{path}", site.base))).await;
        let in_the_clear =
            |suffix: &str| clear.request(method.clone(), format!("http://{}{path}{suffix}", site.address()));
        for request in misuses(&in_the_clear, client_id, own, &token) {
            assert_eq!(answer(request).await.status, 403, "{path}");
            sent += 2;
        }
    }
    // What the server answers itself: another secret, an imported key, the audit log.
    let post = async |path: &str, body: Value| {
        let request = secure.post(format!("{}{path}", site.base)).bearer_auth(&admin).json(&body);
        answer(request).await
    };
    let rotated = post(&format!("/admin/clients/{WRITER}/secrets"), json!({})).await;
    assert_eq!(rotated.status, 201, "{rotated:?}");
    sensitive.secret(WRITER, rotated.json()["client_secret"].as_str().unwrap());
    assert_eq!(post("/admin/keys/import", json!({ "private_key": KEY, "immediately": true })).await.status, 201);
    let rsa = token(&secure, &site.base, READER, &secret(READER), AUDIENCE).await;
    sensitive.token(&rsa);
    assert_eq!(answer(secure.get(format!("{}/parking/zones", site.base)).bearer_auth(&rsa)).await.status, 200);
    // The search finds what it must find.
    let planted = "a-request-id-that-is-meant-to-be-found";
    let request = secure.get(format!("{}/livez?token={rsa}", site.base)).header("x-request-id", planted);
    assert_eq!(answer(request).await.status, 200);

    let lines = ended(process);
    assert_eq!(sensitive.found_in(&lines), Vec::new());
    let control = Sensitive(vec![planted.to_owned()]);
    assert_eq!(control.found_in(&lines).len(), 1, "the search finds what is there");
    let answered = lines.iter().filter(|line| line.contains("\"boomgate::access\"")).count();
    assert!(answered > sent / 2, "{answered} lines of {sent} requests");
    assert!(lines.iter().any(|line| line.contains("\"DEBUG\"")), "the level is as talkative as asked for");
}

#[tokio::test]
async fn with_the_access_log_each_request_is_a_line() {
    let site = Site::new(&[("BOOMGATE_LOG__ACCESS", "true")]);
    let process = site.start();
    let client = site.client(true);
    let token = token(&client, &site.base, READER, &secret(READER), AUDIENCE).await;
    let request = client
        .post(format!("{}/parking/zones?a=secret", site.base))
        .bearer_auth(&token)
        .header("x-request-id", "order-17")
        .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
        .body("{}");
    let refused = answer(request).await;
    assert_eq!(refused.status, 403);

    let lines = ended(process);
    let of_access =
        |line: &String| serde_json::from_str::<Value>(line).ok().filter(|line| line["target"] == "boomgate::access");
    let access: Vec<_> = lines.iter().filter_map(of_access).collect();
    let [issued, logged] = &access[..] else { panic!("two requests, two lines: {lines:#?}") };
    assert_eq!((&issued["path"], &issued["client_id"]), (&json!("/shared/access-tokens"), &json!(READER)));
    assert!(issued["request_id"].as_str().is_some_and(|id| id.len() == 36), "{issued}");
    let expected = json!({
        "level": "INFO", "message": "answered", "method": "POST", "path": "/parking/zones", "status": 403,
        "bytes": refused.body.len(), "client_id": READER, "source": "127.0.0.1", "request_id": "order-17",
        "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736", "target": "boomgate::access",
        "timestamp": logged["timestamp"], "duration_us": logged["duration_us"],
    });
    assert_eq!(*logged, expected);
    assert!(logged["duration_us"].is_u64(), "{logged}");
}

#[tokio::test]
async fn without_the_access_log_no_request_is_a_line() {
    for (level, expected) in [("info", 0), ("debug", 1)] {
        let site = Site::new(&[("BOOMGATE_LOG__LEVEL", level)]);
        let process = site.start();
        let request = site.client(true).get(format!("{}/livez", site.base)).header("x-request-id", "order-17");
        assert_eq!(answer(request).await.status, 200);
        let lines = ended(process);
        assert_eq!(lines.iter().filter(|line| line.contains("order-17")).count(), expected, "{level}: {lines:#?}");
    }
}

#[tokio::test]
async fn each_change_is_a_line_at_info_with_the_action_of_its_audit_entry() {
    let site = Site::new(&[("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0")]);
    let process = site.start();
    let client = site.client(true);
    let admin = token(&client, &site.base, ADMIN, &secret(ADMIN), ADMIN_AUDIENCE).await;
    let send = async |method: Method, path: &str, body: Value| {
        let request = client.request(method, format!("{}/admin{path}", site.base)).bearer_auth(&admin);
        let answer = answer(request.header("x-request-id", "order-17").json(&body)).await;
        assert!(answer.status < 300, "{path}: {answer:?}");
        if answer.body.is_empty() { Value::Null } else { answer.json() }
    };
    let added = send(Method::POST, "/clients", json!({ "client_name": "Curbside", "scope": "read:zones" })).await;
    let client_id = added["client_id"].as_str().unwrap();
    let of_client = format!("/clients/{client_id}");
    let rotated = send(Method::POST, &format!("{of_client}/secrets"), json!({})).await;
    let older = added["secrets"][0]["secret_id"].as_str().unwrap();
    send(Method::DELETE, &format!("{of_client}/secrets/{older}"), json!({})).await;
    send(Method::PATCH, &of_client, json!({ "daily_quota": 5 })).await;
    send(Method::PATCH, &of_client, json!({ "status": "suspended" })).await;
    send(Method::PATCH, &of_client, json!({ "status": "active" })).await;
    send(Method::POST, &format!("{of_client}/revoke-tokens"), json!({})).await;
    send(Method::DELETE, &of_client, json!({})).await;
    send(Method::POST, "/keys/import", json!({ "private_key": KEY })).await;

    let lines = ended(process);
    let mut sensitive = Sensitive::default();
    sensitive.secret(client_id, added["client_secret"].as_str().unwrap());
    sensitive.secret(client_id, rotated["client_secret"].as_str().unwrap());
    assert_eq!(sensitive.found_in(&lines), Vec::new());
    let lines: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let changes: Vec<_> = lines.iter().filter(|line| line["action"].is_string()).collect();
    for line in &changes {
        assert_eq!(
            (&line["level"], &line["actor"], &line["request_id"]),
            (&json!("INFO"), &json!(ADMIN), &json!("order-17")),
            "{line}"
        );
    }
    let actions: Vec<_> = changes.iter().map(|line| line["action"].as_str().unwrap()).collect();
    let expected = [
        "client_registered",
        "secret_rotated",
        "secret_deleted",
        "client_changed",
        "client_suspended",
        "client_resumed",
        "client_tokens_revoked",
        "client_deleted",
        "key_imported",
    ];
    assert_eq!(actions, expected);
    assert!(changes[..8].iter().all(|line| line["subject"] == client_id), "{changes:#?}");
}

/// Stops the process as an operator does; returns its whole log.
fn ended(process: Process) -> Vec<String> {
    process.terminate();
    let (status, lines) = process.wait();
    assert!(status.success(), "{status}");
    lines
}
