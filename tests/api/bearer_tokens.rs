//! Access tokens that are wrong in every way that an attacker could try.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use reqwest::header::AUTHORIZATION;
use ring::hmac;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::time::Duration;

use crate::harness::{ADMIN, ADMIN_AUDIENCE, AUDIENCE, READER, TestServer, WRITER, ZONES, answer, claims, jwt_part};

fn encode(json: &Value) -> String {
    URL_SAFE_NO_PAD.encode(json.to_string())
}

#[tokio::test]
async fn every_forged_token_is_refused() {
    let server = TestServer::start().await;
    let genuine = server.token(WRITER).await;
    let (header, claims) = (jwt_part(&genuine, 0), claims(&genuine));
    let keys = answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
    let public_key = &keys["keys"][0];

    let with = |member: &str, value: Value| {
        let mut changed = header.clone();
        changed[member] = value;
        changed
    };
    let random = SystemRandom::new();
    let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
    let stranger = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.as_ref(), &random).unwrap();
    let by_stranger = |header: &Value, claims: &Value| {
        let signed = format!("{}.{}", encode(header), encode(claims));
        let signature = stranger.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    };
    let by_hmac = |secret: &[u8]| {
        let signed = format!("{}.{}", encode(&with("alg", json!("HS256"))), encode(&claims));
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    };
    let unsigned = |alg: &str| format!("{}.{}.", encode(&with("alg", json!(alg))), encode(&claims));
    let own_key = json!({ "kty": "EC", "crv": "P-256", "use": "sig",
        "x": URL_SAFE_NO_PAD.encode(&stranger.public_key().as_ref()[1..33]),
        "y": URL_SAFE_NO_PAD.encode(&stranger.public_key().as_ref()[33..]) });
    let x = URL_SAFE_NO_PAD.decode(public_key["x"].as_str().unwrap()).unwrap();
    let y = URL_SAFE_NO_PAD.decode(public_key["y"].as_str().unwrap()).unwrap();
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    let (head, signature) = genuine.rsplit_once('.').unwrap();
    let mut widened = claims.clone();
    widened["scope"] = json!("read:admin write:admin read:zones write:zones");
    let expired = {
        let mut claims = claims.clone();
        claims["exp"] = json!(1);
        claims
    };

    for (token, reason) in [
        (unsigned("none"), "alg none"),
        (unsigned("None"), "alg None"),
        (unsigned("ES256"), "no signature"),
        (by_hmac(&point), "HS256 with the public key's point"),
        (by_hmac(public_key.to_string().as_bytes()), "HS256 with the public JWK"),
        (by_stranger(&header, &claims), "another key under our kid"),
        (by_stranger(&with("kid", json!("unknown")), &claims), "an unknown kid"),
        (by_stranger(&with("kid", json!("../../../etc/passwd")), &claims), "a kid with a path"),
        (by_stranger(&with("kid", json!("' OR 1=1 --")), &claims), "a kid with SQL"),
        (by_stranger(&with("kid", json!("x".repeat(4_000))), &claims), "a long kid"),
        (by_stranger(&with("jwk", own_key.clone()), &claims), "a key of its own in jwk"),
        (by_stranger(&with("jku", json!("https://localhost:1/jwks.json")), &claims), "jku"),
        (by_stranger(&with("x5u", json!("https://localhost:1/cert.pem")), &claims), "x5u"),
        (by_stranger(&with("x5c", json!(["AAAA"])), &claims), "x5c"),
        (by_stranger(&with("typ", json!("JWT")), &claims), "another typ"),
        (by_stranger(&with("crit", json!(["exp"])), &claims), "crit"),
        (by_stranger(&header, &expired), "expired and forged"),
        (format!("{}.{}.{signature}", encode(&header), encode(&widened)), "a wider scope under our signature"),
        (format!("{head}.{}", &signature[..signature.len() - 2]), "a short signature"),
        (format!("{genuine}AAAA"), "trailing bytes"),
        (format!("{genuine}.AAAA"), "four parts"),
        (format!("{genuine}=="), "padding"),
        ("a.b.c".to_owned(), "no JWT"),
        ("....".to_owned(), "dots"),
        (encode(&header), "one part"),
    ] {
        let answer = server.get(ZONES, &token).await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "token-invalid"), "{reason}");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_token\", error_description="), "{reason}");
        assert_eq!(answer.header("ratelimit"), "", "{reason}: no client was authenticated");
    }
    assert_eq!(server.get(ZONES, &genuine).await.status, 200);
}

#[tokio::test]
async fn an_unreadable_authorization_is_refused_and_never_a_500() {
    let server = TestServer::start().await;
    for (value, status, kind) in [
        ("Bearer", 401, "token-invalid"),
        ("Bearer a b", 401, "token-invalid"),
        ("Basic YTpi", 401, "token-missing"),
        ("token abc", 401, "token-missing"),
        ("Digest username=\"a\"", 401, "token-missing"),
    ] {
        let value = reqwest::header::HeaderValue::from_str(value).unwrap();
        let answer = answer(server.request(Method::GET, ZONES).header(AUTHORIZATION, value.clone())).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, kind), "{value:?}");
    }
    let long = "A".repeat(9_000);
    assert_eq!(server.get(ZONES, &long).await.problem(), "token-invalid");
    let huge = "A".repeat(100_000);
    let request = server.another_client(false).get(format!("{}{ZONES}", server.base)).bearer_auth(&huge);
    assert_eq!(answer(request).await.problem(), "token-invalid");
}

#[tokio::test]
async fn a_token_in_the_wrong_place_or_twice_is_a_bad_request() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    let in_query = format!("{ZONES}?access_token={token}");
    let twice = server.request(Method::GET, ZONES).bearer_auth(&token).header(AUTHORIZATION, "Bearer other");
    for (request, reason) in [
        (server.request(Method::GET, &in_query), "in the query alone"),
        (server.request(Method::GET, &in_query).bearer_auth(&token), "in the query too"),
        (twice, "two headers"),
    ] {
        let answer = answer(request).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, "token-misplaced"), "{reason}");
        assert!(answer.header("www-authenticate").contains("error=\"invalid_request\""), "{reason}");
    }
}

#[tokio::test]
async fn the_scheme_is_case_insensitive() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    for scheme in ["bearer", "BEARER", "BeArEr"] {
        let request = server.request(Method::GET, ZONES).header(AUTHORIZATION, format!("{scheme} {token}"));
        assert_eq!(answer(request).await.status, 200, "{scheme}");
    }
}

#[tokio::test]
async fn an_expired_token_has_a_kind_of_its_own_and_a_new_one_works() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    server.clock.advance(Duration::from_secs(3_599));
    assert_eq!(server.get(ZONES, &token).await.status, 200);
    server.clock.advance(Duration::from_secs(1));
    let answer = server.get(ZONES, &token).await;
    assert_eq!((answer.status, answer.problem().as_str()), (401, "token-expired"));
    assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
    assert!(answer.header("www-authenticate").contains("expired"));
    assert_eq!(server.get(ZONES, &server.token(READER).await).await.status, 200);
}

#[tokio::test]
async fn a_token_is_valid_only_for_its_own_audience() {
    let server = TestServer::start().await;
    let admin = server.token_for(ADMIN, ADMIN_AUDIENCE, None).await;
    let public = server.token_for(ADMIN, AUDIENCE, None).await;
    for (path, wrong, right) in [(ZONES, &admin, &public), ("/admin/clients", &public, &admin)] {
        let answer = server.get(path, wrong).await;
        assert_eq!((answer.status, answer.problem().as_str()), (401, "token-invalid"), "{path}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("audience"));
        assert_eq!(server.get(path, right).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_missing_scope_is_403_and_the_challenge_names_it() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    let answer = server.post_json(ZONES, &token, &json!({})).await;
    assert_eq!((answer.status, answer.problem().as_str()), (403, "insufficient-scope"));
    let challenge = answer.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\"") && challenge.ends_with("scope=\"write:zones\""));
    assert_ne!(answer.header("ratelimit"), "", "the caller was authenticated");
    let narrowed = server.token_for(WRITER, AUDIENCE, Some("read:zones")).await;
    assert_eq!(server.post_json(ZONES, &narrowed, &json!({})).await.status, 403);
    let writes_only = server.token_for(WRITER, AUDIENCE, Some("write:zones")).await;
    assert_eq!(server.get(ZONES, &writes_only).await.status, 403);
}
