//! `/admin/clients/{client_id}` and below, and `/admin/revocations`: change, rotate, suspend, revoke,
//! delete, while the server runs. docs/architecture.md#registration-and-administration.

use std::sync::Arc;
use std::time::Duration;

use boomgate::time::{Clock as _, ManualClock, UnixSeconds};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, IF_MATCH};
use serde_json::{Value, json};

use crate::harness::{
    ADMIN, ADMIN_AUDIENCE, AUDIENCE, Answer, READER, TestServer, WRITER, answer, audit_entries, basic, claims, secret,
};

/// A server, a partner with limits that no test reaches, and the token of an administrator.
struct Partner {
    server: TestServer,
    admin: String,
    client_id: String,
    secret: String,
}

impl Partner {
    async fn register() -> Self {
        let server = TestServer::start().await;
        let room = json!({ "requests_per_second": 1_000, "burst": 1_000, "daily_quota": 1_000 });
        let (client_id, secret) = server.register(room).await;
        Self { admin: server.admin_token().await, server, client_id, secret }
    }

    fn path(&self, below: &str) -> String {
        format!("/admin/clients/{}{below}", self.client_id)
    }

    async fn send(&self, method: Method, below: &str, body: &Value) -> Answer {
        send(&self.server, &self.admin, method, &self.path(below), body).await
    }

    async fn patch(&self, body: Value) -> Answer {
        self.send(Method::PATCH, "", &body).await
    }

    async fn token(&self) -> String {
        self.server.token_with(&self.client_id, &self.secret, AUDIENCE, None).await
    }

    async fn zones(&self, token: &str) -> Answer {
        self.server.get("/parking/zones", token).await
    }

    /// Whether the partner gets a token with this secret.
    async fn works(&self, secret: &str) -> bool {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.client_id),
            ("client_secret", secret),
            ("audience", AUDIENCE),
        ];
        let answer = answer(self.server.request(Method::POST, "/shared/access-tokens").form(&form)).await;
        assert!([200, 401].contains(&answer.status), "{answer:?}");
        answer.status == 200
    }
}

async fn send(server: &TestServer, token: &str, method: Method, path: &str, body: &Value) -> Answer {
    answer(server.request(method, path).bearer_auth(token).json(body)).await
}

fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_else(|| panic!("{member} of {value}"))
}

fn pointers(answer: &Answer) -> Vec<Value> {
    answer.json()["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].clone()).collect()
}

#[tokio::test]
async fn a_changed_limit_applies_to_the_next_request() {
    let partner = Partner::register().await;
    let token = partner.token().await;
    assert_eq!(partner.zones(&token).await.status, 200);
    let before = partner.server.get(&partner.path(""), &partner.admin).await;
    partner.server.clock.advance(Duration::from_secs(5));
    let changed = partner.patch(json!({ "daily_quota": 1, "burst": 50, "client_name": "Kerb" })).await;
    assert_eq!((changed.status, changed.header("cache-control")), (200, "no-store"));
    let client = changed.json();
    assert_eq!(
        (&client["daily_quota"], &client["burst"], &client["client_name"]),
        (&json!(1), &json!(50), &json!("Kerb"))
    );
    assert_eq!((&client["requests_per_second"], &client["scope"]), (&json!(1_000), &before.json()["scope"]));
    assert_ne!(changed.header("etag"), before.header("etag"));
    assert!(text(&client, "updated_at") > text(&client, "created_at"));
    let shown = partner.server.get(&partner.path(""), &partner.admin).await;
    assert_eq!((shown.json(), shown.header("etag")), (client, changed.header("etag")));

    let refused = partner.zones(&token).await;
    assert_eq!((refused.status, refused.problem().as_str()), (429, "quota-exceeded"));
    partner.patch(json!({ "enforce": false })).await;
    let counted = partner.zones(&token).await;
    assert_eq!(counted.status, 200, "it is counted and reported, but not refused");
    assert!(counted.header("ratelimit").contains("\"day\";r=0"), "{}", counted.header("ratelimit"));
    partner.patch(json!({ "enforce": true, "daily_quota": null })).await;
    assert_eq!(partner.zones(&token).await.status, 200);
}

#[tokio::test]
async fn a_narrowed_scope_or_audience_applies_to_tokens_that_are_issued_already() {
    let partner = Partner::register().await;
    let token = partner.token().await;
    partner.patch(json!({ "scope": "write:zones" })).await;
    let refused = partner.zones(&token).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "insufficient-scope"));
    let (name, value) = basic(&partner.client_id, &partner.secret);
    let asked = partner.server.request(Method::POST, "/oauth2/introspect").header(name, value);
    assert_eq!(answer(asked.form(&[("token", &token)])).await.json()["scope"], "write:zones");
    partner.patch(json!({ "scope": "read:zones write:zones" })).await;
    assert_eq!(partner.zones(&token).await.status, 200);
    partner.patch(json!({ "audience": [ADMIN_AUDIENCE] })).await;
    let refused = partner.zones(&token).await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "token-invalid"));
}

#[tokio::test]
async fn a_suspended_client_is_refused_at_once_and_a_resumed_one_admitted_at_once() {
    let partner = Partner::register().await;
    let token = partner.token().await;
    for _ in 0..2 {
        // Entries of one second have no order.
        partner.server.clock.advance(Duration::from_secs(1));
        assert_eq!(partner.patch(json!({ "status": "suspended" })).await.json()["status"], "suspended");
        assert_eq!(partner.zones(&token).await.status, 401);
    }
    partner.server.clock.advance(Duration::from_secs(1));
    assert_eq!(partner.patch(json!({ "status": "active" })).await.json()["status"], "active");
    assert_eq!(partner.zones(&token).await.status, 200);
    let client_id = partner.client_id.clone();
    let entries = audit_entries(&partner.server.stop().await.unwrap()).await;
    let of_client = entries.iter().filter(|entry| entry["subject"] == client_id);
    let actions: Vec<_> = of_client.map(|entry| text(entry, "action")).collect();
    // To set the value that it has already is no change, and makes no entry.
    assert_eq!(actions, ["client_registered", "client_suspended", "client_resumed"]);
}

#[tokio::test]
async fn every_fault_of_a_patch_is_named_and_nothing_changes() {
    let partner = Partner::register().await;
    let before = partner.server.get(&partner.path(""), &partner.admin).await;
    let hostile = json!({ "client_name": "x".repeat(10_000), "scope": "read:everything", "burst": 0, "daily_quota":
        1_000_000_000_000_u64, "token_ttl": 86_401, "client_id": "mine", "secrets": [], "sattus": "active" });
    let refused = partner.patch(hostile).await;
    assert_eq!((refused.status, refused.problem().as_str()), (422, "invalid-fields"));
    let expected =
        ["/client_id", "/secrets", "/sattus", "/client_name", "/scope", "/token_ttl", "/burst", "/daily_quota"];
    assert_eq!(pointers(&refused), expected);
    let after = partner.server.get(&partner.path(""), &partner.admin).await;
    assert_eq!((after.json(), after.header("etag")), (before.json(), before.header("etag")));

    let request = |content_type: &str, body: &'static str| {
        let request = partner.server.request(Method::PATCH, &partner.path("")).bearer_auth(&partner.admin);
        answer(request.header(CONTENT_TYPE, content_type).body(body))
    };
    assert_eq!(request("text/plain", "{}").await.problem(), "unsupported-media-type");
    assert_eq!(request("application/json", "[]").await.problem(), "malformed-body");
    assert_eq!(request("application/merge-patch+json", "{\"burst\": 3}").await.json()["burst"], 3);
    let unknown = send(&partner.server, &partner.admin, Method::PATCH, "/admin/clients/nobody", &json!({})).await;
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "not-found"));
}

#[tokio::test]
async fn a_stale_if_match_changes_nothing() {
    let partner = Partner::register().await;
    let with_tag = |method: Method, tag: &str, body: &Value| {
        let request = partner.server.request(method, &partner.path("")).bearer_auth(&partner.admin);
        answer(request.header(IF_MATCH, tag).json(body))
    };
    let first = partner.server.get(&partner.path(""), &partner.admin).await;
    let changed = with_tag(Method::PATCH, first.header("etag"), &json!({ "burst": 5 })).await;
    assert_eq!(changed.status, 200);
    for tag in [first.header("etag"), "nonsense", &format!("W/{}", changed.header("etag"))] {
        for method in [Method::PATCH, Method::DELETE] {
            let refused = with_tag(method, tag, &json!({ "burst": 6 })).await;
            assert_eq!((refused.status, refused.problem().as_str()), (412, "precondition-failed"), "{tag}");
        }
    }
    // To use the secret does not change the client.
    assert!(partner.works(&partner.secret).await);
    assert_eq!(with_tag(Method::PATCH, changed.header("etag"), &json!({ "burst": 6 })).await.status, 200);
    assert_eq!(with_tag(Method::DELETE, "*", &json!({})).await.status, 204);
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_made() {
    let partner = Partner::register().await;
    let changes = [json!({ "burst": 7 }), json!({ "requests_per_second": 8 }), json!({ "daily_quota": 9 })]
        .into_iter()
        .chain([json!({ "client_name": "Ten" }), json!({ "token_ttl": 7_200 }), json!({ "enforce": false })]);
    let answers = futures_util::future::join_all(changes.map(|change| partner.patch(change))).await;
    assert!(answers.iter().all(|answer| answer.status == 200), "{answers:?}");
    let client = partner.server.get(&partner.path(""), &partner.admin).await.json();
    let limits = [&client["burst"], &client["requests_per_second"], &client["daily_quota"], &client["token_ttl"]];
    assert_eq!(limits, [&json!(7), &json!(8), &json!(9), &json!(7_200)]);
    assert_eq!((&client["client_name"], &client["enforce"]), (&json!("Ten"), &json!(false)));
}

#[tokio::test]
async fn a_client_is_deleted_with_its_tokens_and_its_usage() {
    let partner = Partner::register().await;
    let token = partner.token().await;
    assert_eq!(partner.zones(&token).await.status, 200);
    let deleted = partner.send(Method::DELETE, "", &json!({})).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    let refused = partner.zones(&token).await;
    assert_eq!((refused.status, refused.problem().as_str()), (401, "token-invalid"));
    assert!(!partner.works(&partner.secret).await);
    for (method, below) in
        [(Method::GET, ""), (Method::DELETE, ""), (Method::GET, "/usage"), (Method::POST, "/secrets")]
    {
        assert_eq!(partner.send(method, below, &json!({})).await.problem(), "not-found", "{below}");
    }
    let client_id = partner.client_id.clone();
    let folder = partner.server.stop().await.unwrap();
    let store = boomgate::store::SledStore::open(&folder.path().join("data/db")).unwrap();
    for prefix in ["quota/", "clients/", "secret-uses/"] {
        let stored = boomgate::store::Store::scan(&store, prefix.as_bytes(), None, 1_000).await.unwrap();
        assert!(!format!("{stored:?}").contains(&client_id), "{prefix}");
    }
}

#[tokio::test]
async fn the_last_administrator_cannot_be_removed() {
    let server = TestServer::start().await;
    let admin = server.admin_token().await;
    let path = format!("/admin/clients/{ADMIN}");
    for (method, body) in [
        (Method::DELETE, json!({})),
        (Method::PATCH, json!({ "status": "suspended" })),
        (Method::PATCH, json!({ "scope": "read:admin" })),
        (Method::PATCH, json!({ "audience": [AUDIENCE] })),
    ] {
        let refused = send(&server, &admin, method, &path, &body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"), "{body}");
        assert!(text(&refused.json(), "detail").contains("register another administrator first"), "{body}");
    }
    assert_eq!(send(&server, &admin, Method::PATCH, &path, &json!({ "burst": 900 })).await.status, 200);
    // Nor can its only secret without an end: after the others have ended, no one could create another.
    let rotated = send(&server, &admin, Method::POST, &format!("{path}/secrets"), &json!({})).await.json();
    let staying = rotated["secrets"].as_array().unwrap().iter().find(|secret| secret["expires_at"].is_null()).unwrap();
    let refused =
        send(&server, &admin, Method::DELETE, &format!("{path}/secrets/{}", text(staying, "secret_id")), &json!({}))
            .await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"));
    let other = json!({ "scope": "read:admin write:admin", "audience": [ADMIN_AUDIENCE], "burst": 100 });
    let (other_id, other_secret) = server.register(other).await;
    let other = server.token_with(&other_id, &other_secret, ADMIN_AUDIENCE, None).await;
    // Of two administrators that delete each other at the same time, one is left.
    let other_path = format!("/admin/clients/{other_id}");
    let nothing = json!({});
    let (one, two) = tokio::join!(
        send(&server, &admin, Method::DELETE, &other_path, &nothing),
        send(&server, &other, Method::DELETE, &path, &nothing),
    );
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses[0], 204, "{statuses:?}");
    assert!([401, 409].contains(&statuses[1]), "{statuses:?}");
    let left = if one.status == 204 { (&admin, &path) } else { (&other, &other_path) };
    assert_eq!(send(&server, left.0, Method::DELETE, left.1, &json!({})).await.status, 409);
}

#[tokio::test]
async fn a_rotated_secret_overlaps_with_the_one_before() {
    let partner = Partner::register().await;
    let rotated = partner.send(Method::POST, "/secrets", &json!({ "previous_expires_in": 3_600 })).await;
    assert_eq!((rotated.status, rotated.header("cache-control")), (201, "no-store"));
    let client = rotated.json();
    let new = text(&client, "client_secret").to_owned();
    let secrets = client["secrets"].as_array().unwrap();
    assert_eq!(secrets.len(), 2);
    assert_eq!(secrets[1]["secret_id"], client["secret_id"]);
    assert_eq!(secrets[0]["expires_at"], partner.server.clock.now().plus(3_600).to_string());
    assert_eq!(secrets[1]["expires_at"], Value::Null);
    assert!(partner.works(&partner.secret).await && partner.works(&new).await);

    let third = partner.send(Method::POST, "/secrets", &json!({})).await;
    assert_eq!((third.status, third.problem().as_str()), (409, "conflict"));
    assert!(text(&third.json(), "detail").contains(text(&secrets[0], "secret_id")), "it names the older one");

    partner.server.clock.advance(Duration::from_secs(3_600));
    assert!(!partner.works(&partner.secret).await && partner.works(&new).await);
    // Without a body the default applies. The secret that has ended is forgotten.
    let path = partner.path("/secrets");
    let admin = partner.server.admin_token().await;
    let next = answer(partner.server.request(Method::POST, &path).bearer_auth(&admin)).await;
    let next = next.json();
    assert_eq!(next["secrets"].as_array().unwrap().len(), 2);
    assert_eq!(next["secrets"][0]["expires_at"], partner.server.clock.now().plus(86_400).to_string());
    let newest = text(&next, "client_secret").to_owned();
    let at_once = send(&partner.server, &admin, Method::POST, &path, &json!({ "previous_expires_in": 0 })).await;
    assert_eq!(at_once.json()["secrets"].as_array().unwrap().len(), 1);
    assert!(!partner.works(&new).await && !partner.works(&newest).await, "0 ends those before at once");

    for (body, expected) in [
        (json!({ "previous_expires_in": -1 }), vec!["/previous_expires_in"]),
        (json!({ "previous_expires_in": 2_592_001 }), vec!["/previous_expires_in"]),
        (json!({ "previous_expires_in": "1h", "secret/": 1 }), vec!["/secret~1", "/previous_expires_in"]),
    ] {
        let refused = send(&partner.server, &admin, Method::POST, &path, &body).await;
        assert_eq!((refused.status, pointers(&refused)), (422, expected.into_iter().map(Value::from).collect()));
    }
}

#[tokio::test]
async fn a_secret_can_be_deleted_but_not_the_last() {
    let partner = Partner::register().await;
    let rotated = partner.send(Method::POST, "/secrets", &json!({})).await.json();
    let (old, new) = (text(&rotated["secrets"][0], "secret_id"), text(&rotated, "secret_id"));
    assert_eq!(partner.send(Method::DELETE, &format!("/secrets/{old}"), &json!({})).await.status, 204);
    assert!(!partner.works(&partner.secret).await && partner.works(text(&rotated, "client_secret")).await);
    let refused = partner.send(Method::DELETE, &format!("/secrets/{new}"), &json!({})).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"));
    for unknown in [old, "nonsense"] {
        let refused = partner.send(Method::DELETE, &format!("/secrets/{unknown}"), &json!({})).await;
        assert_eq!((refused.status, refused.problem().as_str()), (404, "not-found"));
    }
}

#[tokio::test]
async fn each_secret_shows_when_it_was_last_used_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(UnixSeconds::parse("2026-03-01T12:00:00Z").unwrap()));
    let server = TestServer::start_in(folder.path(), clock.clone(), |_| ()).await;
    let last_used = async |server: &TestServer| {
        let admin = server.admin_token().await;
        server.get(&format!("/admin/clients/{READER}"), &admin).await.json()["secrets"][0]["last_used_at"].clone()
    };
    assert_eq!(last_used(&server).await, Value::Null);
    for hour in ["12", "13"] {
        server.token(READER).await;
        assert_eq!(last_used(&server).await, format!("2026-03-01T{hour}:00:00Z"));
        clock.advance(Duration::from_secs(3_600));
    }
    server.stop().await;
    let server = TestServer::start_in(folder.path(), clock, |_| ()).await;
    assert_eq!(last_used(&server).await, "2026-03-01T13:00:00Z");
    let admin = server.admin_token().await;
    let writer = server.get(&format!("/admin/clients/{WRITER}"), &admin).await.json();
    assert_eq!(writer["secrets"][0]["last_used_at"], Value::Null);
    server.stop().await;
}

#[tokio::test]
async fn revoke_tokens_revokes_every_token_issued_before_it_and_none_issued_after() {
    let partner = Partner::register().await;
    // Twice in one second: the clock does not move.
    for _ in 0..2 {
        let (seen, unseen) = (partner.token().await, partner.token().await);
        assert_eq!(partner.zones(&seen).await.status, 200, "a token that is remembered as genuine");
        assert_eq!(partner.send(Method::POST, "/revoke-tokens", &json!({})).await.status, 200);
        for token in [&seen, &unseen] {
            let refused = partner.zones(token).await;
            assert_eq!((refused.status, refused.problem().as_str()), (401, "token-revoked"));
        }
        assert_eq!(partner.zones(&partner.token().await).await.status, 200, "in the same second");
    }
    let token = partner.token().await;
    partner.server.clock.advance(Duration::from_secs(3_599));
    assert_eq!(partner.zones(&token).await.status, 200);
    partner.server.clock.advance(Duration::from_secs(1));
    assert_eq!(partner.zones(&token).await.problem(), "token-expired", "it does not live longer for it");
    assert_eq!(partner.server.get("/parking/zones", &partner.server.token(READER).await).await.status, 200);
}

#[tokio::test]
async fn an_operator_revokes_one_token_by_the_token_or_by_its_jti() {
    let partner = Partner::register().await;
    let server = &partner.server;
    let revoke = |body: Value| {
        let request = server.request(Method::POST, "/admin/revocations").bearer_auth(&partner.admin);
        answer(request.json(&body))
    };
    let (one, two, three) = (partner.token().await, partner.token().await, partner.token().await);
    let revoked = revoke(json!({ "token": one })).await;
    assert_eq!((revoked.status, &revoked.json()["jti"]), (200, &claims(&one)["jti"]));
    assert_eq!(revoke(json!({ "token": one })).await.status, 200, "once more changes nothing");
    let (jti, exp) = (claims(&two)["jti"].clone(), claims(&two)["exp"].clone());
    assert_eq!(revoke(json!({ "jti": jti, "exp": exp })).await.status, 200);
    for (token, status) in [(&one, 401), (&two, 401), (&three, 200)] {
        assert_eq!(partner.zones(token).await.status, status);
    }
    let now = server.clock.now().get();
    for (body, expected) in [
        (json!({}), vec!["/jti", "/exp"]),
        (json!({ "jti": "x", "exp": now }), vec!["/jti", "/exp"]),
        (json!({ "jti": jti, "exp": now + 86_401 }), vec!["/exp"]),
        (json!({ "jti": jti, "exp": exp, "why": "" }), vec!["/why"]),
        (json!({ "token": "a.b.c" }), vec!["/token"]),
        (json!({ "token": 1, "jti": jti }), vec!["/jti", "/token"]),
    ] {
        let refused = revoke(body.clone()).await;
        assert_eq!((refused.status, refused.problem().as_str()), (422, "invalid-fields"), "{body}");
        assert_eq!(pointers(&refused), expected, "{body}");
    }
}

#[tokio::test]
async fn usage_shows_today_and_the_days_before() {
    let partner = Partner::register().await;
    for used in [3, 0, 2] {
        let token = partner.token().await;
        for _ in 0..used {
            assert_eq!(partner.zones(&token).await.status, 200);
        }
        partner.server.clock.advance(Duration::from_secs(86_400));
    }
    let token = partner.token().await;
    partner.zones(&token).await;
    let admin = partner.server.admin_token().await;
    let usage = partner.server.get(&partner.path("/usage?days=5"), &admin).await.json();
    let today = partner.server.clock.now().day();
    assert_eq!(
        usage["today"],
        json!({ "day": today.to_string(), "quota": 1_000, "used": 1, "remaining": 999, "resets_at": today.end() })
    );
    let expected =
        [2, 0, 3, 0].iter().zip(1..).map(|(used, back)| json!({ "day": today.before(back).to_string(), "used": used }));
    assert_eq!(usage["days_before"], Value::Array(expected.collect()));
    let by_default = partner.server.get(&partner.path("/usage"), &admin).await.json();
    assert_eq!(by_default["days_before"].as_array().unwrap().len(), 29);
    for query in ["days=0", "days=91", "days=x", "dyas=3"] {
        let refused = partner.server.get(&partner.path(&format!("/usage?{query}")), &admin).await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "malformed-query"), "{query}");
    }
}

#[tokio::test]
async fn a_list_is_searched_by_a_part_of_a_name_or_an_id() {
    let server = TestServer::start().await;
    for name in ["Curbside Éast", "curbside west", "Kerb"] {
        server.register(json!({ "client_name": name })).await;
    }
    let admin = server.admin_token().await;
    let search = async |query: &str| {
        let page = server.get(&format!("/admin/clients?{query}"), &admin).await.json();
        let mut names: Vec<_> =
            page["data"].as_array().unwrap().iter().map(|client| text(client, "client_name").to_owned()).collect();
        names.sort();
        (names, page["next_cursor"].clone())
    };
    assert_eq!(search("q=CURBSIDE").await, (vec!["Curbside Éast".to_owned(), "curbside west".to_owned()], Value::Null));
    assert_eq!(search("q=%C3%A9ast").await.0, ["Curbside Éast"]);
    assert_eq!(search("q=emo-rea").await.0.len(), 1);
    assert_eq!(search("q=nobody").await.0.len(), 0);
    let (first, cursor) = search("q=curbside&limit=1").await;
    let cursor = cursor.as_str().unwrap();
    let (second, _) = search(&format!("q=curbside&limit=1&cursor={cursor}")).await;
    assert_ne!(first, second);
    for query in [format!("cursor={cursor}"), format!("q=kerb&cursor={cursor}")] {
        let refused = server.get(&format!("/admin/clients?{query}"), &admin).await;
        assert_eq!((refused.status, refused.problem().as_str()), (400, "invalid-cursor"), "{query}");
    }
    let long = server.get(&format!("/admin/clients?q={}", "x".repeat(201)), &admin).await;
    assert_eq!(long.problem(), "malformed-query");
}

#[tokio::test]
async fn a_reader_changes_nothing_and_a_partner_has_no_access() {
    let server = TestServer::start().await;
    let reads = server.token_for(ADMIN, ADMIN_AUDIENCE, Some("read:admin")).await;
    let partner = server.token(WRITER).await;
    let path = |below: &str| format!("/admin/clients/{READER}{below}");
    let secret_path = path("/secrets/00000000-0000-4000-8000-000000000000");
    for (method, path) in [
        (Method::PATCH, path("")),
        (Method::DELETE, path("")),
        (Method::POST, path("/secrets")),
        (Method::DELETE, secret_path),
        (Method::POST, path("/revoke-tokens")),
        (Method::POST, "/admin/revocations".to_owned()),
    ] {
        let body = json!({ "status": "suspended" });
        assert_eq!(send(&server, &reads, method.clone(), &path, &body).await.status, 403, "{method} {path}");
        assert_eq!(send(&server, &partner, method.clone(), &path, &body).await.status, 401, "{method} {path}");
    }
    assert_eq!(server.get(&path("/usage"), &reads).await.status, 200);
    assert_eq!(server.token_with(READER, &secret(READER), AUDIENCE, None).await.split('.').count(), 3);
}
