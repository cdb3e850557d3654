//! Every error that the OpenAPI document names is produced here, as the document says: its status, its media type, its kind,
//! and its fields. That the document names every error is not tested here: the judges in `tests/interop` find answers that
//! it leaves out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use boomgate::http::openapi::document;
use boomgate::store::{MemoryStore, Store};
use futures_util::future::join_all;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{
    ADMIN, ADMIN_AUDIENCE, AUDIENCE, Answer, LIMITED, READER, TestServer, WRITER, answer, claims, secret,
};

const REFUSED: &str = "refused";
const NO_UUID: &str = "00000000-0000-4000-8000-000000000000";
const RSA: &str = include_str!("../keys/rsa-2048-pkcs8.pem");
const SCOPE: &str = "read:zones write:zones read:admin write:admin introspect";

/// An error of an operation, as the document has it.
#[derive(Clone, Debug)]
struct Documented {
    /// Without the suffix that it has at an alias.
    id: String,
    method: Method,
    path: String,
    status: u16,
    kind: String,
    media_type: String,
    /// An example of a body that it takes.
    body: String,
    /// The fields that only some answers of its operation have.
    fields: Vec<&'static str>,
}

/// Every error of every operation at every path.
fn documented() -> Vec<Documented> {
    let document = serde_json::to_value(document("")).unwrap();
    let mut errors = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(_, part)| part.get("responses").is_some())
        {
            for (status, response) in operation["responses"].as_object().unwrap() {
                let Some(name) = response["$ref"].as_str().and_then(|name| name.rsplit('/').next()) else { continue };
                let response = &document["components"]["responses"][name];
                let named = ["Retry-After", "WWW-Authenticate"].into_iter();
                let fields = named.filter(|name| response["headers"].get(name).is_some()).collect::<Vec<_>>();
                let content = operation["requestBody"]["content"].as_object();
                let body =
                    content.and_then(|content| content.values().next()).map(|content| content["example"].to_string());
                for (media_type, content) in response["content"].as_object().unwrap() {
                    for kind in content["examples"].as_object().unwrap().keys() {
                        errors.push(Documented {
                            id: operation["operationId"].as_str().unwrap().trim_end_matches("Shared").to_owned(),
                            method: method.to_uppercase().parse().unwrap(),
                            path: path.clone(),
                            status: status.parse().unwrap(),
                            kind: kind.clone(),
                            media_type: media_type.clone(),
                            body: body.clone().unwrap_or_default(),
                            fields: fields.clone(),
                        });
                    }
                }
            }
        }
    }
    errors
}

/// A server, and who calls it.
struct Site {
    server: TestServer,
    http1: Client,
    tokens: Tokens,
    client_id: String,
    secret_id: String,
    zone: String,
    kid: String,
    /// Of the client, and of the one whose token it is.
    passports: [String; 2],
}

/// A token for each API.
#[derive(Default)]
struct Tokens {
    partner: String,
    admin: String,
}

impl Tokens {
    /// Of a new client with these members.
    async fn new(server: &TestServer, members: Value) -> Self {
        let mut client = json!({ "scope": SCOPE, "audience": [AUDIENCE, ADMIN_AUDIENCE], "requests_per_second": 10_000,
            "burst": 10_000, "daily_quota": null });
        client.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        let (client_id, secret) = server.register(client).await;
        let token = async |audience| server.token_with(&client_id, &secret, audience, None).await;
        Self { partner: token(AUDIENCE).await, admin: token(ADMIN_AUDIENCE).await }
    }

    fn of(&self, path: &str) -> &str {
        if path.starts_with("/admin") || path == "/metrics" { &self.admin } else { &self.partner }
    }
}

impl Site {
    /// With paths of this client.
    async fn new(server: TestServer, tokens: Tokens, client_id: String) -> Self {
        let admin = server.admin_token().await;
        let client = server.get(&format!("/admin/clients/{client_id}"), &admin).await.json();
        let keys = server.get("/admin/keys", &admin).await.json();
        let zones = server.get("/parking/zones", &server.token(WRITER).await).await.json();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        // A request that was refused, of the client whose token reads it.
        let refused = server.request(Method::GET, "/admin/keys").bearer_auth(&tokens.partner);
        assert_eq!(answer(refused.header("x-request-id", REFUSED)).await.status, 401);
        let owner = text(&claims(&tokens.partner)["sub"]);
        let passports = [passport(&server, &client_id).await, passport(&server, &owner).await];
        Self {
            http1: server.another_client(false),
            passports,
            client_id,
            secret_id: text(&client["secrets"][0]["secret_id"]),
            zone: text(&zones["data"][0]["id"]),
            kid: text(&keys["data"][0]["kid"]),
            tokens,
            server,
        }
    }

    fn path(&self, path: &str) -> String {
        path.replace("{id}", &self.zone)
            .replace("{client_id}", &self.client_id)
            .replace("{secret_id}", &self.secret_id)
            .replace("{kid}", &self.kid)
            .replace("{kind}", "conflict")
            .replace("{request_id}", REFUSED)
    }

    /// A request that is right but for what the change does to it.
    async fn send(&self, error: &Documented, change: impl FnOnce(&mut Request)) -> Answer {
        let mut request = Request {
            method: error.method.clone(),
            path: self.path(&error.path),
            headers: BTreeMap::new(),
            body: error.body.clone(),
        };
        if !is_oauth(&error.id) {
            request.headers.insert("authorization", format!("Bearer {}", self.tokens.of(&error.path)));
            request.headers.insert("content-type", "application/json".to_owned());
        }
        change(&mut request);
        let url = format!("{}{}", self.server.base, request.path);
        let builder = self.http1.request(request.method, url).body(request.body);
        answer(request.headers.into_iter().fold(builder, |builder, (name, value)| builder.header(name, value))).await
    }

    /// The same to an OAuth endpoint: a form with these parameters in place of those that are right.
    async fn send_form(&self, error: &Documented, client_id: &str, parameters: &[(&str, &str)]) -> Answer {
        let secret = secret(client_id);
        let token = self.tokens.partner.as_str();
        let mut form = vec![("client_id", client_id), ("client_secret", &secret)];
        if error.path.contains("token") {
            form.extend([("grant_type", "client_credentials"), ("audience", AUDIENCE)]);
        } else {
            form.push(("token", token));
        }
        form.retain(|(name, _)| parameters.iter().all(|(other, _)| other != name));
        form.extend(parameters);
        answer(self.server.request(Method::POST, &error.path).form(&form)).await
    }

    /// Sends bytes after the head of the request, and reads until the server closes.
    async fn send_raw(&self, error: &Documented, framing: &str, body: &str) -> Answer {
        let _already = rustls::crypto::ring::default_provider().install_default();
        let ca = self.server.data_dir().join("tls/ca.pem");
        let mut roots = rustls::RootCertStore::empty();
        roots.add(rustls::pki_types::CertificateDer::from_pem_file(ca).unwrap()).unwrap();
        let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
        let stream = TcpStream::connect(self.server.address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(ServerName::try_from("localhost").unwrap(), stream).await.unwrap();
        let Documented { method, path, .. } = error;
        let (path, token) = (self.path(path), self.tokens.of(path));
        let token = if is_oauth(&error.id) { String::new() } else { format!("Authorization: Bearer {token}\r\n") };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\n{token}Content-Type: application/json\r\n{framing}\r\n\
             Connection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        // A server that has answered may close without TLS's own goodbye.
        let _end = stream.read_to_end(&mut read).await;
        let text = String::from_utf8(read).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{error:?}: {text}"));
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).unwrap().parse().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        Answer { status, headers, body: body.as_bytes().to_vec() }
    }
}

/// A passport that counts for this client.
async fn passport(server: &TestServer, client_id: &str) -> String {
    let report = json!({ "sub": client_id, "profile": { "name": "default" }, "verdict": "ready", "exam_at": 0,
        "report_sha256": "0".repeat(64), "boomgate_version": "0.1.0" });
    let signed = server.post_json("/admin/reports/sign", &server.admin_token().await, &report).await;
    assert_eq!(signed.status, 201, "{signed:?}");
    signed.json()["passport"].as_str().unwrap().to_owned()
}

struct Request {
    method: Method,
    path: String,
    headers: BTreeMap<&'static str, String>,
    body: String,
}

impl Request {
    fn bearer(&mut self, token: &str) {
        self.headers.insert("authorization", format!("Bearer {token}"));
    }
}

fn is_oauth(id: &str) -> bool {
    ["issueToken", "issueStandardToken", "revokeToken", "introspectToken"].contains(&id)
}

/// Three servers: one that works, one whose limits are reached at once, one whose store does not answer.
struct Provoker {
    site: Site,
    tight: Site,
    broken: Site,
    unscoped: Tokens,
    expired: Tokens,
    revoked: Tokens,
    throttled: Tokens,
    spent: Tokens,
}

impl Provoker {
    async fn new() -> Self {
        let server = TestServer::start().await;
        let expired = Tokens::new(&server, json!({})).await;
        server.clock.advance(Duration::from_secs(7_200));
        let tokens = Tokens::new(&server, json!({})).await;
        let revoked = Tokens::new(&server, json!({})).await;
        for token in [&revoked.partner, &revoked.admin] {
            let done = server.post_json("/admin/revocations", &tokens.admin, &json!({ "token": token })).await;
            assert_eq!(done.status, 200, "{done:?}");
        }
        let unscoped = Tokens::new(&server, json!({ "scope": "introspect" })).await;
        let throttled = Tokens::new(&server, json!({ "requests_per_second": 0.001, "burst": 1 })).await;
        let spent = Tokens::new(&server, json!({ "daily_quota": 1 })).await;
        for used in [&throttled, &spent] {
            assert_eq!(server.get("/parking/zones", &used.partner).await.status, 200);
        }
        // An administrator may always send 20 requests at once.
        for _ in 0..20 {
            assert_eq!(server.get("/admin/clients", &throttled.admin).await.status, 200);
        }

        let tight = TestServer::start_with(|config| {
            config.parking.max_zones_per_client = 0;
            config.parking.max_idempotency_keys_per_client = 0;
            config.token_endpoint.requests_per_second = 1;
            config.token_endpoint.burst = 1;
        })
        .await;
        let admin = tight.admin_token().await;
        // Its one administrator, with one secret and one key: none of them can be deleted.
        let partner = tight.token(WRITER).await;
        let tight = Site::new(tight, Tokens { partner, admin }, ADMIN.to_owned()).await;
        let anonymous = tight.server.request(Method::POST, "/oauth2/token").body("grant_type=x");
        assert_eq!(answer(anonymous).await.status, 400);

        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let broken = TestServer::start_over(store.clone()).await;
        let with_quota = Tokens::new(&broken, json!({ "daily_quota": 100_000 })).await;
        let broken = Site::new(broken, with_quota, READER.to_owned()).await;
        store.close().await.unwrap();

        let (client_id, _) = server.register(json!({})).await;
        let site = Site::new(server, tokens, client_id).await;
        Self { site, tight, broken, unscoped, expired, revoked, throttled, spent }
    }

    #[allow(clippy::too_many_lines, reason = "a table: one row for each kind")]
    async fn provoke(&self, error: &Documented) -> Answer {
        let Self { site, tight, broken, .. } = self;
        let with = async |tokens: &Tokens| site.send(error, |request| request.bearer(tokens.of(&error.path))).await;
        let body = async |body: &str| site.send(error, |request| request.body = body.into()).await;
        let query = async |query: &str| site.send(error, |request| request.path += query).await;
        let header = async |name, value: &str| {
            site.send(error, |request| _ = request.headers.insert(name, value.to_owned())).await
        };
        let oauth = async |parameters: &[(&str, &str)]| site.send_form(error, READER, parameters).await;
        match (error.kind.as_str(), is_oauth(&error.id)) {
            ("token-missing", _) => site.send(error, |request| _ = request.headers.remove("authorization")).await,
            ("token-invalid", _) => header("authorization", "Bearer forged").await,
            ("token-expired", _) => with(&self.expired).await,
            ("token-revoked", _) => with(&self.revoked).await,
            ("token-misplaced", _) => query("?access_token=a").await,
            ("insufficient-scope", _) => with(&self.unscoped).await,
            ("throttled", _) => with(&self.throttled).await,
            ("quota-exceeded", _) => with(&self.spent).await,
            // Its framing, and its host.
            ("malformed-request", true) if error.media_type == "application/json" => {
                site.send_raw(error, "Transfer-Encoding: chunked", "x\r\n").await
            }
            ("malformed-request", _) => header("host", "a b").await,
            ("malformed-body", _) => body("{").await,
            ("malformed-query", _) => query("?limit=0&days=0").await,
            ("invalid-cursor", _) => query("?cursor=AAAA").await,
            ("invalid-fields", _) => body("{\"a\": 1}").await,
            ("payload-too-large", _) => body(&" ".repeat(100_000)).await,
            ("request-timeout", _) => site.send_raw(error, "Content-Length: 100", "{").await,
            ("unsupported-media-type", _) => header("content-type", "text/plain").await,
            ("precondition-failed", _) => header("if-match", "\"another\"").await,
            ("not-found", _) => self.not_found(error).await,
            ("conflict", _) => self.conflict(error).await,
            ("too-many-zones", _) => {
                tight.send(error, |request| request.body = request.body.replace("1203", "a new number")).await
            }
            ("too-many-idempotency-keys", _) => {
                tight.send(error, |request| _ = request.headers.insert("idempotency-key", NO_UUID.to_owned())).await
            }
            ("idempotency-key-invalid", _) => header("idempotency-key", "").await,
            ("idempotency-key-reused", _) => {
                let first = header("idempotency-key", NO_UUID).await;
                assert!([201, 422].contains(&first.status), "{first:?}");
                let other = |request: &mut Request| {
                    request.headers.insert("idempotency-key", NO_UUID.to_owned());
                    request.body = request.body.replace("Quay", "Pier").replace("Curbside", "Another");
                };
                site.send(error, other).await
            }
            ("unavailable", true) => {
                let query = format!("?client_id={READER}&client_secret={}", secret(READER));
                broken.send(error, |request| request.path += &query).await
            }
            ("unavailable", false) => {
                let body = match error.id.as_str() {
                    "importKey" => Some(json!({ "private_key": RSA })),
                    "revokeAnyToken" => Some(json!({ "token": broken.tokens.partner })),
                    "presentReport" => Some(json!({ "passport": broken.passports[0] })),
                    "presentOwnReport" => Some(json!({ "passport": broken.passports[1] })),
                    "checkSecrets" => Some(json!({ "secrets": [{ "client_id": READER, "client_secret": "a" }] })),
                    _ => None,
                };
                broken
                    .send(error, |request| request.body = body.map_or(request.body.clone(), |body| body.to_string()))
                    .await
            }
            ("unsupported-response-type", _) => site.send(error, |_| ()).await,
            ("invalid-request", _) => oauth(&[("token", "a"), ("token", "b"), ("scope", "a"), ("scope", "a")]).await,
            ("invalid-client", _) => oauth(&[("client_secret", "wrong")]).await,
            ("unsupported-grant-type", _) => oauth(&[("grant_type", "password")]).await,
            ("invalid-scope", _) => oauth(&[("scope", "write:everything")]).await,
            ("invalid-target", _) => oauth(&[("audience", "another.api")]).await,
            ("unauthorized-client", _) if error.id == "revokeToken" => oauth(&[]).await,
            ("unauthorized-client", _) => {
                let suspended = json!({ "status": "suspended" });
                let path = format!("{}/admin/clients/{LIMITED}", site.server.base);
                let admin = site.server.admin_token().await;
                let request = site.http1.patch(path).bearer_auth(admin).json(&suspended);
                let done = answer(request).await;
                assert_eq!(done.status, 200, "{done:?}");
                site.send_form(error, LIMITED, &[]).await
            }
            ("too-many-token-requests", _) => {
                let mut answer = tight.send(error, |request| request.body = "grant_type=x".into()).await;
                // This limit has a clock of its own, which goes on while a busy machine runs this test.
                for _ in 0..20 {
                    if answer.status != 400 {
                        break;
                    }
                    answer = tight.send(error, |request| request.body = "grant_type=x".into()).await;
                }
                answer
            }
            (kind, _) => panic!("this test does not know how {kind} comes about: {error:?}"),
        }
    }

    async fn not_found(&self, error: &Documented) -> Answer {
        let nowhere = error.path.replace("{id}", NO_UUID).replace("{client_id}", "nobody").replace("{kid}", "none");
        let nowhere =
            nowhere.replace("{request_id}", NO_UUID).replace("{secret_id}", NO_UUID).replace("{kind}", "none");
        self.site.send(error, |request| request.path = nowhere).await
    }

    async fn conflict(&self, error: &Documented) -> Answer {
        let Self { site, tight, .. } = self;
        match error.id.as_str() {
            "createZone" | "importKey" | "rotateSecret" => {
                let again = |request: &mut Request| {
                    if error.id == "importKey" {
                        request.body = json!({ "private_key": RSA, "immediately": true }).to_string();
                    }
                };
                site.send(error, again).await;
                site.send(error, again).await
            }
            "replaceZone" | "updateZone" => {
                let token = &site.tokens.partner;
                let zones = site.server.get("/parking/zones?operator_id=lindenau-mobil&limit=2", token).await.json();
                let path = error.path.replace("{id}", zones["data"][0]["id"].as_str().unwrap());
                let other = zones["data"][1].to_string();
                let body = match error.id.as_str() {
                    "updateZone" => json!({ "number": zones["data"][1]["number"] }).to_string(),
                    _ => without_read_only(&other),
                };
                site.send(error, |request| (request.path, request.body) = (path, body)).await
            }
            "registerClient" => {
                let body = json!({ "client_id": READER, "client_name": "Another", "scope": "read:zones" }).to_string();
                site.send(error, |request| request.body = body).await
            }
            "updateClient" => tight.send(error, |request| request.body = "{\"status\":\"suspended\"}".into()).await,
            "deleteClient" | "deleteSecret" | "revokeKey" => tight.send(error, |_| ()).await,
            id => panic!("this test does not know the conflict of {id}"),
        }
    }
}

/// A zone as a request has it.
fn without_read_only(zone: &str) -> String {
    let mut zone: Value = serde_json::from_str(zone).unwrap();
    for member in ["id", "created_at", "updated_at"] {
        zone.as_object_mut().unwrap().remove(member);
    }
    zone.to_string()
}

/// The kind of an answer: the page that it leads to; "" if it leads to none.
fn kind_of(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let page = body["documentation"].as_str().or(body["error_uri"].as_str()).unwrap_or_default();
    page.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn every_documented_error_is_produced_as_the_document_says() {
    let provoker = Provoker::new().await;
    let errors = documented();
    // What takes the server's own time goes on at once; all else in the order of the document.
    let (slow, quick): (Vec<_>, Vec<_>) = errors.iter().partition(|error| error.kind == "request-timeout");
    let slow = join_all(slow.iter().map(async |error| (*error, provoker.provoke(error).await)));
    let in_order = async {
        let mut answers = Vec::new();
        for error in quick {
            answers.push((error, provoker.provoke(error).await));
        }
        answers
    };
    let (slow, in_order) = tokio::join!(slow, in_order);
    let mut wrong = Vec::new();
    for (error, answer) in slow.iter().chain(&in_order) {
        let lacking = error.fields.iter().find(|name| answer.header(name).is_empty());
        let is_optional = error.status == 400 && error.kind != "token-misplaced";
        let got = (answer.status, answer.header("content-type"), kind_of(answer));
        let expected = (error.status, error.media_type.as_str(), error.kind.clone());
        if got != expected || (lacking.is_some() && !is_optional) {
            wrong.push(format!("{error:?}: {got:?}, without {lacking:?}: {}", String::from_utf8_lossy(&answer.body)));
        }
    }
    assert_eq!(wrong, Vec::<String>::new(), "{} of {} are wrong", wrong.len(), errors.len());
    let kinds: BTreeMap<_, usize> = errors.iter().fold(BTreeMap::new(), |mut kinds, error| {
        *kinds.entry((error.status, &error.kind)).or_default() += 1;
        kinds
    });
    println!("{} documented errors of {} kinds: all of them were produced", errors.len(), kinds.len());
}
