//! How the server is, as an operator sees it in the console, and what doctor would say.

use std::fs::{Permissions, set_permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use boomgate::api::health::{Finding, Health, Outcome};
use boomgate::config::Edition;
use boomgate::store::{MemoryStore, Store};

use crate::harness::TestServer;

async fn health(server: &TestServer, token: &str) -> Health {
    let answer = server.get("/admin/health", token).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.read()
}

fn finding<'h>(health: &'h Health, check: &str) -> &'h Finding {
    let found = health.findings.iter().find(|finding| finding.check == check);
    found.unwrap_or_else(|| panic!("{check}: {:?}", health.findings))
}

#[tokio::test]
async fn an_operator_sees_how_the_server_is_and_what_doctor_finds() {
    let server = TestServer::start().await;
    let health = health(&server, &server.admin_token().await).await;
    assert_eq!((health.edition.as_str(), &health.issuer, health.clients), ("sandbox", &server.base, 4));
    assert_eq!(health.version, env!("CARGO_PKG_VERSION"));
    assert!(health.readiness.len() == 4 && health.readiness.iter().all(|check| check.passes), "{health:?}");
    assert!(health.store.is_lasting && health.store.read_ms.is_some(), "{health:?}");
    assert!(health.certificate.renews_itself && health.certificate.names.contains(&"localhost".to_owned()));
    // By the machine's clock: the one of the sandbox stands at noon of yesterday.
    assert!(health.certificate.not_after > health.now && health.started_at <= health.now, "{health:?}");
    for check in ["clock", "secret files", "authority", "certificate"] {
        assert_eq!(finding(&health, check).outcome, Outcome::Ok, "{:?}", finding(&health, check));
    }
}

#[tokio::test]
async fn what_would_refuse_the_next_start_is_a_finding_while_the_server_runs() {
    let server = TestServer::start_with(|config| config.edition = Edition::Serve).await;
    let credentials = server.data_dir().join("admin-credentials.json");
    let admin: serde_json::Value = serde_json::from_slice(&std::fs::read(&credentials).unwrap()).unwrap();
    let [client_id, secret] = ["client_id", "client_secret"].map(|name| admin[name].as_str().unwrap());
    let token = server.token_with(client_id, secret, crate::harness::ADMIN_AUDIENCE, None).await;
    set_permissions(&credentials, Permissions::from_mode(0o644)).unwrap();
    let health = health(&server, &token).await;
    assert_eq!(health.edition, "serve");
    for check in ["secret files", "next start"] {
        let Finding { outcome, detail, .. } = finding(&health, check);
        assert!(*outcome == Outcome::Fail && detail.contains("admin-credentials.json"), "{health:?}");
    }
    assert!(!format!("{health:?}").contains(secret));
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_said_and_no_readiness() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let server = TestServer::start_over(store.clone()).await;
    let token = server.admin_token().await;
    // It leases the units of later requests.
    assert!(!health(&server, &token).await.store.is_lasting);
    store.close().await.unwrap();
    let health = health(&server, &token).await;
    assert_eq!(health.store.read_ms, None);
    let failed: Vec<_> = health.readiness.iter().filter(|check| !check.passes).map(|check| &check.check).collect();
    assert_eq!(failed, ["store"]);
}
