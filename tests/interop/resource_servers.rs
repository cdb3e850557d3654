//! Resource servers of somebody else's: stock libraries that know the JWK Set and nothing else of this server.
//!
//! The server runs in this process, on a clock that the test moves; each resource server is a process of
//! its own, and is told the time with each token. They keep the set for as long as they do by default,
//! which for jose is longer than `Cache-Control` says.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use boomgate::time::Clock as _;
use futures_util::future::join_all;
use jsonwebtoken::decode_header;
use reqwest::Method;
use serde_json::json;

use crate::harness::{AUDIENCE, READER, TestServer, answer};
use crate::scripts::installed;

/// How many ask for a token at the same time.
const CLIENTS: usize = 8;
/// Minutes from one rotation to the next: longer than a new key waits, and no multiple of what is kept.
const MINUTES: usize = 18;

#[tokio::test]
async fn stock_resource_servers_see_no_failure_over_three_rotations_under_load() {
    let server = TestServer::start().await;
    let mut resource_servers = [ResourceServer::python(&server), ResourceServer::node(&server)];
    let first = server.token(READER).await;
    for resource_server in &mut resource_servers {
        // They read the set at the worst moment: just before the next key is in it.
        assert_eq!(resource_server.verdict(&server, &first), GENUINE, "{}", resource_server.name);
    }

    let mut kids = vec![kid_of(&first)];
    let mut living = vec![first];
    for rotation in 1..=3 {
        for minute in 0..MINUTES {
            let tokens = join_all((0..CLIENTS).map(|_| server.token(READER)));
            // It goes on while tokens are asked for.
            let (tokens, ()) = tokio::join!(tokens, async {
                if minute == 0 {
                    rotate(&server).await;
                }
            });
            // Those of before are asked about again now and then: no more than an hour old, all of them.
            for token in tokens.iter().chain(living.iter().step_by(CLIENTS)) {
                for resource_server in &mut resource_servers {
                    let verdict = resource_server.verdict(&server, token);
                    let name = resource_server.name;
                    assert_eq!(verdict, GENUINE, "{name}, in minute {minute} after rotation {rotation}");
                }
            }
            living.extend(tokens);
            server.clock.advance(Duration::from_secs(60));
        }
        kids.push(kid_of(living.last().unwrap()));
    }
    kids.dedup();
    assert_eq!(kids.len(), 4, "each rotation ends with another key: {kids:?}");

    // The revoked key's tokens are refused here at once, and there as soon as the set is read again.
    let of_key = |kid: &String| living.iter().rfind(|token| kid_of(token) == *kid).unwrap();
    let (revoked, kept) = (of_key(&kids[2]), of_key(&kids[3]));
    assert_eq!(server.get("/oauth2/usage", revoked).await.status, 200);
    let path = format!("/admin/keys/{}", kids[2]);
    let done = answer(server.request(Method::DELETE, &path).bearer_auth(server.admin_token().await)).await;
    assert_eq!(done.status, 204);
    let refused = server.get("/oauth2/usage", revoked).await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "token-invalid"));
    assert_eq!(server.get("/oauth2/usage", kept).await.status, 200);
    server.clock.advance(Duration::from_secs(900));
    for resource_server in &mut resource_servers {
        assert_eq!(resource_server.verdict(&server, revoked), "of an unknown key", "{}", resource_server.name);
        assert_eq!(resource_server.verdict(&server, kept), GENUINE, "{}", resource_server.name);
    }
}

async fn rotate(server: &TestServer) {
    let rotated = server.post_json("/admin/keys/rotate", &server.admin_token().await, &json!({})).await;
    assert_eq!(rotated.status, 200, "{rotated:?}");
}

/// What a resource server says of a token that it accepts, if it had the key when the token came.
const GENUINE: &str = "genuine";

/// A process that verifies one token after the other.
struct ResourceServer {
    name: &'static str,
    child: Child,
    tokens: ChildStdin,
    verdicts: Lines<BufReader<ChildStdout>>,
}

impl ResourceServer {
    fn python(server: &TestServer) -> Self {
        let python = installed("target/interop/venv").join("bin/python");
        Self::start("PyJWKClient", server, &python, "python/resource_server.py")
    }

    fn node(server: &TestServer) -> Self {
        installed("tests/interop/node_modules");
        Self::start("jose", server, Path::new("node"), "node/resource_server.mjs")
    }

    fn start(name: &'static str, server: &TestServer, program: &Path, script: &str) -> Self {
        let ca = server.data_dir().join("tls/ca.pem");
        let mut child = Command::new(program)
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(script))
            .env("BASE", &server.base)
            .env("AUDIENCE", AUDIENCE)
            .env("SSL_CERT_FILE", &ca)
            .env("NODE_EXTRA_CA_CERTS", &ca)
            // Its timers that can be set are new, and it says so.
            .env("NODE_NO_WARNINGS", "1")
            .env("NO_PROXY", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        let tokens = child.stdin.take().unwrap();
        let verdicts = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { name, child, tokens, verdicts }
    }

    /// What it says of the token at the server's time.
    fn verdict(&mut self, server: &TestServer, token: &str) -> String {
        let line = json!({ "now": server.clock.now().get(), "token": token });
        writeln!(self.tokens, "{line}").unwrap();
        self.verdicts.next().unwrap_or_else(|| panic!("{} has ended", self.name)).unwrap()
    }
}

impl Drop for ResourceServer {
    fn drop(&mut self) {
        // Fails when it has ended already.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

fn kid_of(token: &str) -> String {
    decode_header(token).unwrap().kid.unwrap()
}
