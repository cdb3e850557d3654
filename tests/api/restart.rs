//! Every acknowledged change survives a restart, and leased units that were not used are returned.

use std::sync::Arc;
use std::time::Duration;

use boomgate::config::Edition;
use boomgate::time::{Clock as _, ManualClock, SystemClock};
use reqwest::Method;
use serde_json::json;

use crate::harness::{AUDIENCE, READER, TestServer, answer, basic, secret};

#[tokio::test]
async fn clients_keys_revocations_zones_and_quotas_survive_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now().day().before(1).start().plus(43_200)));
    let server =
        TestServer::start_in(folder.path(), clock.clone(), |config| config.issuer = Some("https://api.test".into()))
            .await;
    let (client_id, client_secret) = server.register(json!({ "daily_quota": 1_000 })).await;
    let token = server.token_with(&client_id, &client_secret, AUDIENCE, None).await;
    for _ in 0..7 {
        assert_eq!(server.get("/parking/zones?limit=1", &token).await.status, 200);
    }
    let revoked = server.token(READER).await;
    let (name, value) = basic(READER, &secret(READER));
    answer(server.request(Method::POST, "/oauth2/revoke").header(name, value).form(&[("token", &revoked)])).await;
    let keys = answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
    server.stop().await;

    clock.advance(Duration::from_secs(60));
    let server =
        TestServer::start_in(folder.path(), clock, |config| config.issuer = Some("https://api.test".into())).await;
    let usage = server.get("/oauth2/usage", &token).await.json();
    assert_eq!((&usage["day"]["used"], &usage["day"]["remaining"]), (&json!(7), &json!(993)));
    assert_eq!(server.get("/parking/zones", &token).await.status, 200, "a token outlives the process");
    assert_eq!(server.get("/parking/zones", &revoked).await.problem(), "token-revoked");
    assert_eq!(answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json(), keys);
    assert_eq!(server.token_with(&client_id, &client_secret, AUDIENCE, None).await.split('.').count(), 3);
}

#[tokio::test]
async fn only_their_owner_may_read_files_with_secrets() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = TestServer::start().await;
    let mode = |name: &str| std::fs::metadata(server.data_dir().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("demo-clients.json"), 0o600);
    for folder in ["", "db", "tls"] {
        assert_eq!(mode(folder), 0o700, "{folder}");
    }
}

#[tokio::test]
async fn a_folder_belongs_to_one_kind_of_server_for_ever() {
    // The credentials of a sandbox are public.
    let folder = TestServer::start().await.stop().await.unwrap();
    let refusal = TestServer::refusal(folder.path(), Edition::Serve).await;
    assert!(refusal.ends_with("was made by `boomgate sandbox`: choose another folder with --data-dir"), "{refusal}");
    assert!(!folder.path().join("data/admin-credentials.json").exists());
}

#[tokio::test]
async fn a_folder_or_a_credentials_file_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TestServer::start().await.stop().await.unwrap();
    for (name, loose, right) in
        [("", 0o755, "700"), ("demo-clients.json", 0o604, "600"), ("db", 0o705, "700"), ("tls", 0o701, "700")]
    {
        let path = folder.path().join("data").join(name);
        let permissions = std::fs::metadata(&path).unwrap().permissions();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(loose)).unwrap();
        let refusal = TestServer::refusal(folder.path(), Edition::Sandbox).await;
        assert!(refusal.contains(&format!("chmod {right} ")), "{name}: {refusal}");
        std::fs::set_permissions(&path, permissions).unwrap();
    }
}
