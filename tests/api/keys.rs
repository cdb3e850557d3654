//! Signing keys: how operators change them, and what a resource server sees that has only the JWK Set.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boomgate::keys::Algorithm;
use boomgate::time::{Clock as _, ManualClock, SystemClock};
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
use reqwest::Method;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents};
use rustls::pki_types::pem::PemObject as _;
use serde_json::{Value, json};

use crate::harness::{
    ADMIN, ADMIN_AUDIENCE, AUDIENCE, Answer, READER, TestServer, answer, audit_entries, basic, claims, secret,
};

const PKCS8: &str = include_str!("../keys/rsa-2048-pkcs8.pem");
const PKCS1: &str = include_str!("../keys/rsa-2048-pkcs1.pem");

/// Twice the time for which a client may cache the JWK Set.
const PUBLISHED_FOR: Duration = Duration::from_secs(900);

async fn keys(server: &TestServer) -> Vec<Value> {
    let answer = server.get("/admin/keys", &server.admin_token().await).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "private, no-cache"));
    answer.json()["data"].as_array().unwrap().clone()
}

/// The state of each key, in the order in which they sign.
async fn states(server: &TestServer) -> Vec<String> {
    keys(server).await.iter().map(|key| key["state"].as_str().unwrap().to_owned()).collect()
}

async fn rotate(server: &TestServer, body: &Value) -> Value {
    let answer = server.post_json("/admin/keys/rotate", &server.admin_token().await, body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn import(server: &TestServer, pem: &str) -> Answer {
    let body = json!({ "private_key": pem, "immediately": true });
    server.post_json("/admin/keys/import", &server.admin_token().await, &body).await
}

async fn revoke(server: &TestServer, kid: &str) -> Answer {
    let path = format!("/admin/keys/{kid}");
    answer(server.request(Method::DELETE, &path).bearer_auth(server.admin_token().await)).await
}

fn kid_of(token: &str) -> String {
    decode_header(token).unwrap().kid.unwrap()
}

/// Another party's resource server: it has only the JWK Set, and caches it as long as it may.
struct ResourceServer {
    set: JwkSet,
    read_at: u64,
    max_age: u64,
}

impl ResourceServer {
    async fn start(server: &TestServer) -> Self {
        let answer = answer(server.request(Method::GET, "/.well-known/jwks.json")).await;
        let max_age = answer.header("cache-control").strip_prefix("public, max-age=").unwrap().parse().unwrap();
        let set = serde_json::from_slice(&answer.body).unwrap();
        Self { set, read_at: server.clock.now().get(), max_age }
    }

    /// Whether the cached set verifies the token. An unknown `kid` is no reason to fetch the set again.
    async fn accepts(&mut self, server: &TestServer, token: &str) -> bool {
        if server.clock.now().get() >= self.read_at + self.max_age {
            *self = Self::start(server).await;
        }
        let header = decode_header(token).unwrap();
        let Some(jwk) = self.set.find(&header.kid.unwrap()) else { return false };
        let mut validation = Validation::new(header.alg);
        validation.set_audience(&[AUDIENCE]);
        validation.set_issuer(&[&server.base]);
        // The clock of the test is not that of this process.
        validation.validate_exp = false;
        decode::<Value>(token, &DecodingKey::from_jwk(jwk).unwrap(), &validation).is_ok()
    }
}

#[tokio::test]
async fn a_resource_server_with_only_the_jwk_set_sees_no_failure_over_three_rotations() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let server = TestServer::start_with(|config| config.signing_algorithm = algorithm).await;
        // It fetches the set at the worst moment: just before each new key is published.
        let mut stale = ResourceServer::start(&server).await;
        let mut kids = vec![kid_of(&server.token(READER).await)];
        let mut living: Vec<(u64, String)> = Vec::new();
        for _ in 0..3 {
            rotate(&server, &json!({})).await;
            for _ in 0..19 {
                let now = server.clock.now().get();
                let token = server.token(READER).await;
                if kids.last() != Some(&kid_of(&token)) {
                    kids.push(kid_of(&token));
                }
                living.push((now + 3_600, token));
                living.retain(|(expires_at, _)| *expires_at > now);
                for (_, token) in &living {
                    assert!(stale.accepts(&server, token).await, "{algorithm:?}: rotation {}", kids.len());
                }
                server.clock.advance(Duration::from_secs(60));
            }
            for (_, token) in &living {
                assert_eq!(server.get("/oauth2/usage", token).await.status, 200);
            }
        }
        assert_eq!(kids.len(), 4, "each rotation ends with another key: {kids:?}");
        assert_eq!(states(&server).await, ["verifying", "verifying", "verifying", "signing"]);
    }
}

#[tokio::test]
async fn a_new_key_is_published_at_once_and_signs_a_quarter_of_an_hour_later() {
    let server = TestServer::start().await;
    let old = kid_of(&server.token(READER).await);
    let next = rotate(&server, &json!({})).await;
    let later = server.clock.now().plus(PUBLISHED_FOR.as_secs()).to_string();
    assert_eq!(
        (&next["state"], &next["signs_from"], &next["signs_until"]),
        (&json!("next"), &json!(later), &Value::Null)
    );
    let set = answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
    assert!(set["keys"].as_array().unwrap().iter().any(|key| key["kid"] == next["kid"]));

    server.clock.advance(Duration::from_secs(899));
    assert_eq!(kid_of(&server.token(READER).await), old);
    // A second request is the same rotation.
    assert_eq!(rotate(&server, &json!({})).await, next);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(kid_of(&server.token(READER).await), next["kid"]);
    let first = &keys(&server).await[0];
    assert_eq!(
        (&first["kid"], &first["state"], &first["signs_until"]),
        (&json!(old), &json!("verifying"), &json!(later))
    );
}

#[tokio::test]
async fn an_immediate_rotation_signs_at_once_also_with_a_key_that_waits() {
    let server = TestServer::start().await;
    let second = rotate(&server, &json!({ "immediately": true })).await;
    assert_eq!(second["state"], "signing");
    assert_eq!(kid_of(&server.token(READER).await), second["kid"]);
    let third = rotate(&server, &json!({ "immediately": false })).await;
    assert_eq!(third["state"], "next");
    assert_eq!(rotate(&server, &json!({ "immediately": true })).await["kid"], third["kid"]);
    assert_eq!(kid_of(&server.token(READER).await), third["kid"]);
    assert_eq!(states(&server).await, ["verifying", "verifying", "signing"]);
}

#[tokio::test]
async fn a_rotation_continues_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now().day().before(1).start().plus(43_200)));
    let issuer = |config: &mut boomgate::config::Config| config.issuer = Some("https://api.test".into());
    let server = TestServer::start_in(folder.path(), clock.clone(), issuer).await;
    let token = server.token(READER).await;
    let next = rotate(&server, &json!({})).await;
    let before = keys(&server).await;
    server.stop().await;

    clock.advance(Duration::from_secs(450));
    let server = TestServer::start_in(folder.path(), clock.clone(), issuer).await;
    assert_eq!(keys(&server).await, before);
    assert_eq!(kid_of(&server.token(READER).await), kid_of(&token));
    clock.advance(Duration::from_secs(450));
    assert_eq!(kid_of(&server.token(READER).await), next["kid"]);
    assert_eq!(server.get("/oauth2/usage", &token).await.status, 200);
}

#[tokio::test]
async fn a_server_that_was_stopped_when_a_rotation_was_due_publishes_the_next_key_itself() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now().day().before(60).start()));
    TestServer::start_in(folder.path(), clock.clone(), |_| ()).await.stop().await;
    clock.advance(Duration::from_secs(31 * 86_400));
    let server = TestServer::start_in(folder.path(), clock.clone(), |_| ()).await;
    let published = async {
        loop {
            let set = answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
            if set["keys"].as_array().unwrap().len() == 2 {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), published).await.unwrap();
    assert_eq!(states(&server).await, ["signing", "next"]);
    clock.advance(PUBLISHED_FOR);
    assert_eq!(states(&server).await, ["verifying", "signing"]);
}

#[tokio::test]
async fn another_algorithm_in_the_settings_is_a_rotation_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now().day().before(1).start().plus(43_200)));
    TestServer::start_in(folder.path(), clock.clone(), |_| ()).await.stop().await;
    let server =
        TestServer::start_in(folder.path(), clock.clone(), |config| config.signing_algorithm = Algorithm::EdDsa).await;
    assert_eq!(states(&server).await, ["signing", "next"]);
    assert_eq!(decode_header(&server.token(READER).await).unwrap().alg, jsonwebtoken::Algorithm::ES256);
    clock.advance(PUBLISHED_FOR);
    assert_eq!(decode_header(&server.token(READER).await).unwrap().alg, jsonwebtoken::Algorithm::EdDSA);
}

#[tokio::test]
async fn the_tokens_of_a_revoked_key_are_refused_at_the_next_request_cached_or_not() {
    let server = TestServer::start().await;
    let (seen, unseen) = (server.token(READER).await, server.token(READER).await);
    assert_eq!(server.get("/oauth2/usage", &seen).await.status, 200);
    let stolen = kid_of(&seen);

    let refused = revoke(&server, &stolen).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("rotate first"), "{refused:?}");
    assert_eq!(server.get("/oauth2/usage", &seen).await.status, 200, "a refusal changes nothing");

    rotate(&server, &json!({ "immediately": true })).await;
    let after = server.token(READER).await;
    let done = revoke(&server, &stolen).await;
    assert_eq!((done.status, done.body.len()), (204, 0));
    for token in [&seen, &unseen] {
        let refused = server.get("/oauth2/usage", token).await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "token-invalid"));
    }
    assert_eq!(server.get("/oauth2/usage", &after).await.status, 200);
    let set = answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
    assert!(!set.to_string().contains(&stolen), "{set}");
    assert_eq!(revoke(&server, &stolen).await.status, 404);
}

#[tokio::test]
async fn when_the_key_that_signs_is_revoked_the_waiting_key_signs() {
    let server = TestServer::start().await;
    let signing = kid_of(&server.token(READER).await);
    let next = rotate(&server, &json!({})).await;
    assert_eq!(revoke(&server, &signing).await.status, 204);
    assert_eq!(kid_of(&server.token(READER).await), next["kid"]);
    assert_eq!(states(&server).await, ["signing"]);
}

#[tokio::test]
async fn a_waiting_key_can_be_revoked_and_another_is_created() {
    let server = TestServer::start().await;
    let next = rotate(&server, &json!({})).await;
    assert_eq!(revoke(&server, next["kid"].as_str().unwrap()).await.status, 204);
    assert_eq!(states(&server).await, ["signing"]);
    assert_ne!(rotate(&server, &json!({})).await["kid"], next["kid"]);
}

#[tokio::test]
async fn rotations_at_the_same_time_are_one_rotation() {
    let server = TestServer::start().await;
    let token = server.admin_token().await;
    let body = json!({});
    let rotations = (0..8).map(|_| server.post_json("/admin/keys/rotate", &token, &body));
    let answers = futures_util::future::join_all(rotations).await;
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json(), answers[0].json());
    }
    assert_eq!(states(&server).await, ["signing", "next"]);
}

#[tokio::test]
async fn an_imported_rsa_key_signs_rs256_and_the_jwk_set_verifies_it() {
    let server = TestServer::start().await;
    let imported = import(&server, PKCS1).await;
    assert_eq!(imported.status, 201, "{imported:?}");
    let key = imported.json();
    let kid = key["kid"].as_str().unwrap();
    assert_eq!(imported.header("location"), format!("/admin/keys/{kid}"));
    assert_eq!(server.get(imported.header("location"), &server.admin_token().await).await.json(), key);
    assert_eq!(
        (&key["algorithm"], &key["state"], &key["imported"]),
        (&json!("RS256"), &json!("signing"), &json!(true))
    );
    assert!(!key.to_string().contains("PRIVATE"));

    let token = server.token(READER).await;
    for _ in 0..2 {
        assert_eq!(server.get("/oauth2/usage", &token).await.status, 200);
    }
    let set = answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
    let jwk = set["keys"].as_array().unwrap().iter().find(|jwk| jwk["kid"] == kid).unwrap();
    let members: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"], "nothing private");
    let part = |text: &str| {
        use base64::Engine as _;
        base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text).unwrap()
    };
    let (message, signature) = token.rsplit_once('.').unwrap();
    RsaPublicKeyComponents { n: part(jwk["n"].as_str().unwrap()), e: part(jwk["e"].as_str().unwrap()) }
        .verify(&RSA_PKCS1_2048_8192_SHA256, message.as_bytes(), &part(signature))
        .unwrap();

    let (again, problem) = (import(&server, PKCS8).await, "the same key in another form");
    assert_eq!((again.status, again.problem().as_str()), (409, "conflict"), "{problem}");
    let list = server.get("/admin/keys", &server.admin_token().await).await.json();
    assert_eq!(list["rotates_at"], Value::Null, "only its owner has another such");
}

#[tokio::test]
async fn a_token_is_refused_until_the_time_that_its_nbf_names_and_may_be_revoked_before() {
    // This server writes no nbf. The owner of an imported key may have signed a token with it elsewhere.
    let server = TestServer::start().await;
    assert_eq!(import(&server, PKCS8).await.status, 201);
    let der = rustls::pki_types::PrivatePkcs8KeyDer::from_pem_slice(PKCS8.as_bytes()).unwrap();
    let key = ring::signature::RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).unwrap();
    let genuine = server.token(READER).await;
    let (header, claims) = (genuine.split_once('.').unwrap().0, claims(&genuine));
    let with_nbf = |nbf: Value| {
        let mut claims = claims.clone();
        claims["nbf"] = nbf;
        let signed = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; key.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        key.sign(&ring::signature::RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let now = server.clock.now().get();
    let status = async |token: &str| server.get("/oauth2/usage", token).await.status;
    assert_eq!(status(&with_nbf(json!(now))).await, 200);
    assert_eq!(status(&with_nbf(json!(now - 60))).await, 200);
    let later = with_nbf(json!(now + 60));
    for _ in 0..2 {
        let refused = server.get("/oauth2/usage", &later).await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "token-invalid"));
        assert!(refused.header("www-authenticate").contains("not valid yet"), "{refused:?}");
    }
    for wrong in [json!(null), json!("1"), json!(-1), json!([now])] {
        assert_eq!(status(&with_nbf(wrong.clone())).await, 401, "nbf {wrong}");
    }
    server.clock.advance(Duration::from_secs(60));
    assert_eq!(status(&later).await, 200);

    // It has the jti of the valid token: revoked before its nbf, it never becomes valid.
    let much_later = with_nbf(json!(now + 600));
    let (name, value) = basic(READER, &secret(READER));
    let revocation = server.request(Method::POST, "/oauth2/revoke").header(name, value);
    assert_eq!(answer(revocation.form(&[("token", &much_later)])).await.status, 200);
    server.clock.advance(Duration::from_secs(600));
    assert_eq!(server.get("/oauth2/usage", &much_later).await.problem(), "token-revoked");
}

#[tokio::test]
async fn a_key_that_cannot_sign_is_refused_with_the_reason_and_changes_nothing() {
    let server = TestServer::start().await;
    let ec = include_str!("../keys/ec.pem");
    let cut = PKCS8.replace("-----END PRIVATE KEY-----", "");
    for (body, pointer, says) in [
        (json!({}), "/private_key", "must be a string"),
        (json!({ "private_key": 7 }), "/private_key", "must be a string"),
        (json!({ "private_key": "" }), "/private_key", "no private key in PEM"),
        (json!({ "private_key": "secret" }), "/private_key", "no private key in PEM"),
        (json!({ "private_key": cut }), "/private_key", "PEM"),
        (json!({ "private_key": ec }), "/private_key", "2048 to 4096 bits"),
        (json!({ "private_key": include_str!("../keys/rsa-1024.pem") }), "/private_key", "2048 to 4096 bits"),
        (json!({ "private_key": include_str!("../keys/rsa-encrypted.pem") }), "/private_key", "is encrypted"),
        (json!({ "private_key": PKCS8, "immediately": "yes" }), "/immediately", "must be true or false"),
        (json!({ "private_key": PKCS8, "alg/rithm": "RS256" }), "/alg~1rithm", "is not a member"),
    ] {
        let refused = server.post_json("/admin/keys/import", &server.admin_token().await, &body).await;
        assert_eq!((refused.status, refused.problem().as_str()), (422, "invalid-fields"), "{says}");
        let fault = &refused.json()["errors"][0];
        assert_eq!(fault["pointer"], pointer, "{fault}");
        assert!(fault["detail"].as_str().unwrap().contains(says), "{fault}");
    }
    for (body, status) in [("{", 400), ("[]", 400), (r#"{"immediately": 1}"#, 422), (r#"{"now": true}"#, 422)] {
        let request = server.request(Method::POST, "/admin/keys/rotate").bearer_auth(server.admin_token().await);
        assert_eq!(answer(request.body(body)).await.status, status, "{body}");
    }
    for kid in ["nobody", "..%2Fclients", "%00"] {
        assert_eq!(revoke(&server, kid).await.status, 404, "{kid}");
    }
    assert_eq!(states(&server).await, ["signing"]);

    rotate(&server, &json!({})).await;
    let refused = import(&server, PKCS8).await;
    assert_eq!((refused.status, refused.problem().as_str()), (409, "conflict"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("waits to sign already"), "{refused:?}");
}

#[tokio::test]
async fn a_reader_sees_keys_and_changes_none() {
    let server = TestServer::start().await;
    let reader = server.token_for(ADMIN, ADMIN_AUDIENCE, Some("read:admin")).await;
    let kid = keys(&server).await[0]["kid"].as_str().unwrap().to_owned();
    assert_eq!(server.get("/admin/keys", &reader).await.status, 200);
    for (method, path) in [
        (Method::POST, "/admin/keys/rotate".to_owned()),
        (Method::POST, "/admin/keys/import".to_owned()),
        (Method::DELETE, format!("/admin/keys/{kid}")),
    ] {
        let refused = answer(server.request(method, &path).bearer_auth(&reader)).await;
        assert_eq!((refused.status, refused.problem().as_str()), (403, "insufficient-scope"), "{path}");
    }
    assert_eq!(server.get("/admin/keys", &server.token(READER).await).await.problem(), "token-invalid");
    for (method, path, allow) in [
        (Method::POST, "/admin/keys", "GET, HEAD"),
        (Method::DELETE, "/admin/keys/rotate", "POST"),
        (Method::PUT, "/admin/keys/import", "POST"),
        (Method::PATCH, "/admin/keys/any", "GET, HEAD, DELETE"),
    ] {
        let refused = answer(server.request(method, path).bearer_auth(server.admin_token().await)).await;
        assert_eq!((refused.status, refused.header("allow")), (405, allow), "{path}");
    }
}

#[tokio::test]
async fn every_change_of_a_key_is_in_the_audit_log_and_no_private_key_is() {
    let server = TestServer::start().await;
    let first = kid_of(&server.token(READER).await);
    let imported = import(&server, PKCS8).await.json();
    let next = rotate(&server, &json!({})).await;
    assert_eq!(revoke(&server, &first).await.status, 204);
    let entries = audit_entries(&server.stop().await.unwrap()).await;
    let logged: Vec<_> = entries
        .iter()
        .filter(|entry| entry["action"].as_str().unwrap().starts_with("key_"))
        .map(|entry| (entry["action"].as_str().unwrap(), &entry["subject"], &entry["actor"]))
        .collect();
    for expected in [
        ("key_created", &json!(first), &Value::Null),
        ("key_imported", &imported["kid"], &json!(ADMIN)),
        ("key_created", &next["kid"], &json!(ADMIN)),
        ("key_revoked", &json!(first), &json!(ADMIN)),
    ] {
        assert!(logged.contains(&expected), "{expected:?} is not in {logged:?}");
    }
    assert_eq!(logged.len(), 4);
    assert!(!format!("{entries:?}").contains("PRIVATE"));
}
