//! One value has several spellings: a client can send back what it was shown, and a number counts by its value.

use boomgate::time::Clock as _;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, IF_MATCH};
use serde_json::{Value, json};

use crate::harness::{AUDIENCE, Answer, TestServer, answer};

/// A server, a partner and the token of an administrator.
struct Partner {
    server: TestServer,
    admin: String,
    path: String,
    secret: String,
}

impl Partner {
    async fn register() -> Self {
        let server = TestServer::start().await;
        let (client_id, secret) = server.register(json!({ "client_id": "partner" })).await;
        Self { admin: server.admin_token().await, server, path: format!("/admin/clients/{client_id}"), secret }
    }

    async fn show(&self) -> Answer {
        self.server.get(&self.path, &self.admin).await
    }

    async fn send(&self, method: Method, path: &str, body: String) -> Answer {
        let request = self.server.request(method, path).bearer_auth(&self.admin);
        answer(request.header(CONTENT_TYPE, "application/json").body(body)).await
    }

    async fn patch(&self, body: &Value) -> Answer {
        self.send(Method::PATCH, &self.path, body.to_string()).await
    }
}

#[tokio::test]
async fn a_caller_can_send_back_what_a_client_shows() {
    let partner = Partner::register().await;
    let shown = partner.show().await;
    // To use the secret changes last_used_at of the secret, and not the client.
    partner.server.token_with("partner", &partner.secret, AUDIENCE, None).await;
    assert_ne!(partner.show().await.json()["secrets"], shown.json()["secrets"]);
    let request = partner.server.request(Method::PATCH, &partner.path).bearer_auth(&partner.admin);
    let same = answer(request.header(IF_MATCH, shown.header("etag")).json(&shown.json())).await;
    // The first part of an ETag is the tag of the record.
    let of_record = |answer: &Answer| answer.header("etag").split('.').next().unwrap().to_owned();
    assert_eq!((same.status, of_record(&same)), (200, of_record(&shown)));
    assert_eq!(same.json()["updated_at"], shown.json()["updated_at"]);
    let mut changed = shown.json();
    changed["burst"] = json!(7);
    assert_eq!(partner.patch(&changed).await.json()["burst"], 7);
    for (member, value) in [
        ("client_id", json!("another")),
        ("secrets", json!([])),
        ("created_at", json!("2020-01-01T00:00:00Z")),
        ("retired_secrets", json!(["0123456789abcdef"])),
        ("client_secret", json!("x")),
    ] {
        let mut changed = partner.show().await.json();
        changed[member] = value;
        let refused = partner.patch(&changed).await;
        assert_eq!(refused.status, 422, "{member}");
        let errors = refused.json()["errors"].clone();
        assert_eq!((errors.as_array().unwrap().len(), &errors[0]["pointer"]), (1, &json!(format!("/{member}"))));
        assert!(errors[0]["detail"].as_str().unwrap().contains("cannot be changed so"), "{errors}");
    }
}

#[tokio::test]
async fn whole_numbers_are_equal_however_they_are_written() {
    let partner = Partner::register().await;
    let body = r#"{"burst":5.0,"requests_per_second":1e0,"daily_quota":1E3,"token_ttl":72e2}"#;
    let changed = partner.send(Method::PATCH, &partner.path, body.to_owned()).await.json();
    let numbers = ["burst", "requests_per_second", "daily_quota", "token_ttl"].map(|name| changed[name].to_string());
    assert_eq!(numbers, ["5", "1", "1000", "7200"]);
    assert_eq!(partner.send(Method::PATCH, &partner.path, "{\"burst\":5.5}".to_owned()).await.status, 422);
    let rotation = "{\"previous_expires_in\":6e1}".to_owned();
    assert_eq!(partner.send(Method::POST, &format!("{}/secrets", partner.path), rotation).await.status, 201);
    let exp = partner.server.clock.now().get() + 100;
    let revocation = format!("{{\"jti\":\"00000000-0000-4000-8000-000000000000\",\"exp\":{exp}.0}}");
    assert_eq!(partner.send(Method::POST, "/admin/revocations", revocation).await.status, 200);
}
