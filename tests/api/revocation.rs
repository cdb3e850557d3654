//! `POST /oauth2/revoke` (RFC 7009) and `POST /oauth2/introspect` (RFC 7662).

use boomgate::time::{Clock as _, UnixSeconds};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{ADMIN, ADMIN_AUDIENCE, AUDIENCE, READER, TestServer, WRITER, answer, basic, claims};

#[tokio::test]
async fn a_revoked_token_is_refused_from_the_next_request_on() {
    let server = TestServer::start().await;
    let (token, other) = (server.token(READER).await, server.token(READER).await);
    assert_eq!(server.get("/parking/zones", &token).await.status, 200);
    for _ in 0..2 {
        let answer = server.about_token("/oauth2/revoke", READER, &token).await;
        assert_eq!((answer.status, answer.body.len()), (200, 0));
        let refused = server.get("/parking/zones", &token).await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "token-revoked"));
        assert!(refused.header("www-authenticate").contains("revoked"));
    }
    assert_eq!(server.get("/parking/zones", &other).await.status, 200);
}

#[tokio::test]
async fn a_client_revokes_only_its_own_tokens() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    for client_id in [WRITER, ADMIN] {
        let answer = server.about_token("/v3/oauth2/revoke", client_id, &token).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("unauthorized_client")));
    }
    assert_eq!(server.get("/parking/zones", &token).await.status, 200);
}

#[tokio::test]
async fn a_token_that_was_revoked_while_its_client_had_no_audience_stays_revoked_when_the_client_gets_it_back() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    let audience = async |audience: &str| {
        let change = server.request(Method::PATCH, &format!("/admin/clients/{READER}"));
        let change = change.bearer_auth(server.admin_token().await).json(&json!({ "audience": [audience] }));
        assert_eq!(answer(change).await.status, 200);
    };
    audience(ADMIN_AUDIENCE).await;
    assert_eq!(server.get("/parking/zones", &token).await.problem(), "token-invalid");
    assert_eq!(server.about_token("/oauth2/revoke", READER, &token).await.status, 200);
    audience(AUDIENCE).await;
    assert_eq!(server.get("/parking/zones", &token).await.problem(), "token-revoked");
    assert_eq!(server.get("/parking/zones", &server.token(READER).await).await.status, 200);
}

#[tokio::test]
async fn to_revoke_a_text_that_is_no_token_is_no_error() {
    // RFC 7009 section 2.2: "invalid tokens do not cause an error response".
    let server = TestServer::start().await;
    for token in ["nonsense", "a.b.c"] {
        assert_eq!(server.about_token("/oauth2/revoke", READER, token).await.status, 200);
    }
    let no_token = server.about_token("/oauth2/revoke", READER, "").await;
    assert_eq!((no_token.status, &no_token.json()["error"]), (400, &json!("invalid_request")));
    let (name, value) = basic(READER, "wrong");
    let wrong = server.request(Method::POST, "/oauth2/revoke").header(name, value).form(&[("token", "a")]);
    let refused = answer(wrong).await;
    assert_eq!((refused.status, &refused.json()["error"]), (401, &json!("invalid_client")));
}

#[tokio::test]
async fn introspection_shows_the_content_of_the_token() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    for client_id in [READER, ADMIN] {
        let answer = server.about_token("/oauth2/introspect", client_id, &token).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
        let introspection = answer.json();
        assert_eq!((&introspection["active"], &introspection["token_type"]), (&json!(true), &json!("Bearer")));
        assert_eq!((&introspection["client_id"], &introspection["sub"]), (&json!(READER), &json!(READER)));
        assert_eq!((&introspection["aud"], &introspection["iss"]), (&json!(AUDIENCE), &json!(server.base)));
        assert_eq!(introspection["scope"], "read:zones");
        assert_eq!(introspection["exp"].as_u64().unwrap() - introspection["iat"].as_u64().unwrap(), 3_600);
    }
}

#[tokio::test]
async fn a_token_that_is_not_valid_or_of_another_client_is_not_active() {
    let server = TestServer::start().await;
    let inactive: Value = json!({ "active": false });
    let token = server.token(READER).await;
    assert_eq!(server.about_token("/oauth2/introspect", WRITER, &token).await.json(), inactive);
    assert_eq!(server.about_token("/oauth2/introspect", READER, "nonsense").await.json(), inactive);
    server.about_token("/oauth2/revoke", READER, &token).await;
    assert_eq!(server.about_token("/oauth2/introspect", READER, &token).await.json(), inactive);
    let token = server.token(READER).await;
    server.clock.advance(std::time::Duration::from_secs(3_600));
    assert_eq!(server.about_token("/oauth2/introspect", READER, &token).await.json(), inactive);
}

#[tokio::test]
async fn to_introspect_tokens_of_others_needs_a_scope_and_its_audience() {
    let server = TestServer::start().await;
    let partners = server.token(READER).await;
    let admins = server.admin_token().await;
    let other = ["public.api.passportinc.com", ADMIN_AUDIENCE];
    for (scope, audience, sees) in [
        // A resource server sees the tokens for its own API set.
        ("introspect", &other[..1], [true, false]),
        ("introspect read:zones", &other[..1], [true, false]),
        ("introspect", &other[1..], [false, true]),
        ("introspect", &other[..], [true, true]),
        // An administrator sees all.
        ("read:admin", &other[1..], [true, true]),
        // The scope without its audience gives no right, nor does another scope with it.
        ("read:admin", &other[..1], [false, false]),
        ("read:admin write:admin read:zones", &other[..1], [false, false]),
        ("write:admin", &other[1..], [false, false]),
        ("read:zones write:zones", &other[..], [false, false]),
    ] {
        let (client_id, client_secret) = server.register(json!({ "scope": scope, "audience": audience })).await;
        let ask = async |endpoint: &str, token: &str| {
            let (name, value) = basic(&client_id, &client_secret);
            answer(server.request(Method::POST, endpoint).header(name, value).form(&[("token", token)])).await
        };
        for (token, client, sees) in [(&partners, READER, sees[0]), (&admins, ADMIN, sees[1])] {
            let introspection = ask("/oauth2/introspect", token).await.json();
            let expected = if sees { json!(client) } else { Value::Null };
            assert_eq!(
                (&introspection["active"], &introspection["client_id"]),
                (&json!(sees), &expected),
                "{scope} {audience:?} {client}"
            );
            assert!(sees || introspection == json!({ "active": false }), "{introspection}");
            // The right to introspect a token is no right to revoke it.
            let revoked = ask("/oauth2/revoke", token).await;
            assert_eq!((revoked.status, &revoked.json()["error"]), (400, &json!("unauthorized_client")), "{scope}");
        }
        let own = server.token_with(&client_id, &client_secret, audience[0], None).await;
        assert_eq!(ask("/oauth2/introspect", &own).await.json()["active"], true, "its own: {scope}");
        // The scope gives no other right.
        if scope == "introspect" {
            for path in ["/parking/zones", "/admin/clients", "/metrics"] {
                assert!([401, 403].contains(&server.get(path, &own).await.status), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn a_right_to_introspect_ends_when_the_scope_is_taken_away() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    let (client_id, client_secret) = server.register(json!({ "scope": "introspect read:zones" })).await;
    let sees = async || {
        let (name, value) = basic(&client_id, &client_secret);
        let asked = server.request(Method::POST, "/oauth2/introspect").header(name, value).form(&[("token", &token)]);
        answer(asked).await.json()["active"] == true
    };
    assert!(sees().await);
    let change = server.request(Method::PATCH, &format!("/admin/clients/{client_id}"));
    let change = change.bearer_auth(server.admin_token().await).json(&json!({ "scope": "read:zones" }));
    assert_eq!(answer(change).await.status, 200);
    assert!(!sees().await);
}

#[tokio::test]
async fn revoke_tokens_never_revokes_later_tokens_however_often_it_is_called_and_whatever_the_clock_does() {
    let server = TestServer::start().await;
    let room = json!({ "client_id": "curbside", "requests_per_second": 1_000, "burst": 1_000 });
    let (_, secret) = server.register(room).await;
    let (clock, admin) = (&server.clock, server.admin_token().await);
    let token = async || server.token_with("curbside", &secret, AUDIENCE, None).await;
    let revoke = async || server.post_json("/admin/clients/curbside/revoke-tokens", &admin, &json!({})).await;
    let issued_at = |token: &str| claims(token)["iat"].as_u64().unwrap();
    let mut dead = Vec::new();
    for number in 0..30 {
        dead.push(token().await);
        assert_eq!(revoke().await.json()["tokens_valid_from"], clock.now().to_string());
        let alive = token().await;
        assert_eq!(issued_at(&alive), clock.now().get(), "after {number} revocations");
        assert_eq!(server.get("/parking/zones", &alive).await.status, 200);
        // The token was issued in a later second than the revocation that revokes it.
        if number % 10 == 9 {
            clock.set_wall(UnixSeconds::new(clock.now().get() - 3_600));
        }
        dead.push(alive);
    }
    assert_eq!(revoke().await.status, 200);
    let alive = token().await;
    for token in &dead {
        assert_eq!(server.get("/parking/zones", token).await.problem(), "token-revoked");
    }
    assert_eq!(server.get("/parking/zones", &alive).await.status, 200);
}
