//! How often clients may request tokens, and how often an address may fail to authenticate.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::json;

use crate::harness::{AUDIENCE, JSON, READER, TestServer, WRITER, answer, basic, secret, token_request as request};

#[tokio::test]
async fn failures_of_one_client_end_in_429_and_lock_out_no_valid_secret() {
    let server = TestServer::start().await;
    let wrong = json!({ "grant_type": "client_credentials", "client_id": READER, "client_secret": "wrong",
        "audience": AUDIENCE });
    let mut statuses = Vec::new();
    for _ in 0..12 {
        statuses.push(server.token_request(JSON, wrong.to_string()).await.status);
    }
    assert_eq!(statuses, [[401; 10].as_slice(), &[429; 2]].concat());
    let refused = server.token_request(JSON, wrong.to_string()).await;
    assert_eq!((refused.header("retry-after"), &refused.json()["error"]), ("6", &json!("temporarily_unavailable")));
    // The neighbour, and the client itself that another caller tried to be.
    for client_id in [WRITER, READER] {
        assert_eq!(server.token_request(JSON, request(client_id).to_string()).await.status, 200);
    }
    server.clock.advance(std::time::Duration::from_secs(6));
    assert_eq!(server.token_request(JSON, wrong.to_string()).await.status, 401);
}

#[tokio::test]
async fn valid_credentials_pass_whatever_neighbours_at_the_address_do() {
    let server = TestServer::start_with(|config| {
        config.token_endpoint.requests_per_second = 1;
        config.token_endpoint.burst = 3;
        config.failed_authentications.per_minute = 1;
        config.failed_authentications.burst = 1;
    })
    .await;
    let wrong = |client_id: &str| {
        json!({ "grant_type": "client_credentials", "client_id": client_id, "client_secret": "wrong",
            "audience": AUDIENCE, "token": "a" })
    };
    let right = |endpoint: &str| {
        let mut body = request(READER);
        body["token"] = json!("a");
        server.request(Method::POST, endpoint).json(&body)
    };
    for endpoint in ["/shared/access-tokens", "/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] {
        let post = |body: String| server.request(Method::POST, endpoint).body(body);
        for (reason, request) in [
            ("a known client, a wrong secret", post(wrong(READER).to_string())),
            ("an unknown client", post(wrong("nobody").to_string())),
            ("no credentials", post(json!({ "grant_type": "client_credentials", "token": "a" }).to_string())),
            ("a body that cannot be read", post("{".to_owned())),
            ("a body that is too large", post("x".repeat(20_000))),
            ("another media type", post("{}".to_owned()).header(CONTENT_TYPE, "text/plain")),
            ("a compressed body", post("{}".to_owned()).header("content-encoding", "gzip")),
            ("another method", server.request(Method::GET, endpoint)),
            ("a method that HTTP does not have", server.request("KNOCK".parse().unwrap(), endpoint)),
        ] {
            let mut refused = answer(request.try_clone().unwrap()).await;
            for _ in 0..20 {
                if refused.status == 429 {
                    break;
                }
                refused = answer(request.try_clone().unwrap()).await;
            }
            assert_eq!(refused.status, 429, "{endpoint}, {reason}: {refused:?}");
            assert_eq!(refused.json()["error"], "temporarily_unavailable");
            assert!(refused.header("retry-after").parse::<u64>().unwrap() >= 1, "{endpoint}, {reason}");
            assert_ne!(refused.header("x-request-id"), "");
            assert_eq!(answer(right(endpoint)).await.status, 200, "{endpoint}, beside {reason}");
        }
    }
    // At the same time, over one HTTP/2 connection and over several of HTTP/1.1, among many wrong requests.
    for client in [server.client.clone(), server.another_client(false)] {
        let url = format!("{}/oauth2/token", server.base);
        let requests = (0..48).map(|number| {
            let body = if number % 2 == 0 { wrong(READER) } else { request(READER) };
            answer(client.post(&url).json(&body))
        });
        let statuses: Vec<u16> =
            futures_util::future::join_all(requests).await.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 24, "{statuses:?}");
    }
    let metrics = server.get("/metrics", &server.admin_token().await).await;
    let text = String::from_utf8(metrics.body).unwrap();
    let refused = text.lines().find_map(|line| line.strip_prefix("boomgate_token_requests_limited_total "));
    assert!(refused.unwrap().parse::<u64>().unwrap() > 0, "{text}");
}

#[tokio::test]
async fn valid_credentials_in_a_wrong_request_do_not_count_against_their_address() {
    let server = TestServer::start_with(|config| {
        config.token_endpoint.requests_per_second = 1;
        config.token_endpoint.burst = 1;
    })
    .await;
    let (name, value) = basic(READER, &secret(READER));
    for _ in 0..10 {
        for (member, wrong, error) in [
            ("scope", "write:zones", "invalid_scope"),
            ("scope", "a  b", "invalid_scope"),
            ("audience", "elsewhere", "invalid_target"),
            ("grant_type", "password", "unsupported_grant_type"),
            ("grant_type", "", "invalid_request"),
        ] {
            let mut request = request(READER);
            request[member] = json!(wrong);
            let refused = server.token_request(JSON, request.to_string()).await;
            assert_eq!((refused.status, &refused.json()["error"]), (400, &json!(error)), "{member} {wrong:?}");
        }
        for endpoint in ["/oauth2/introspect", "/oauth2/revoke"] {
            let refused =
                answer(server.request(Method::POST, endpoint).header(&name, &value).form(&[("a", "b")])).await;
            assert_eq!(refused.json()["error_description"], "token is missing.", "{endpoint}");
        }
    }
    assert_eq!(server.token_request(JSON, "{".to_owned()).await.status, 400, "the first one that counts");
}

#[tokio::test]
async fn each_client_has_a_limit_of_its_own_at_any_address() {
    let server = TestServer::start_with(|config| {
        config.token_endpoint.client_requests_per_second = 1;
        config.token_endpoint.client_burst = 3;
    })
    .await;
    let ask = async |client_id: &str| server.token_request(JSON, request(client_id).to_string()).await;
    for _ in 0..3 {
        assert_eq!(ask(READER).await.status, 200);
    }
    let refused = ask(READER).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "1"));
    assert_eq!(refused.json()["error"], "temporarily_unavailable");
    assert!(refused.json()["error_description"].as_str().unwrap().contains("expires_in"), "{refused:?}");
    // A wrong secret is still refused, and the neighbour still gets a token.
    let mut wrong = request(READER);
    wrong["client_secret"] = json!("wrong");
    assert_eq!(server.token_request(JSON, wrong.to_string()).await.status, 401);
    assert_eq!(ask(WRITER).await.status, 200);
    let (name, value) = basic(READER, &secret(READER));
    let introspection = server.request(Method::POST, "/oauth2/introspect").header(name, value);
    assert_eq!(answer(introspection.form(&[("token", "a")])).await.status, 200, "the limit is on tokens alone");
    server.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!([ask(READER).await.status, ask(READER).await.status], [200, 429]);
}

#[tokio::test]
async fn a_client_that_is_registered_again_starts_with_all_of_its_limit() {
    let server = TestServer::start_with(|config| {
        config.token_endpoint.client_requests_per_second = 1;
        config.token_endpoint.client_burst = 3;
    })
    .await;
    let ask = async |secret: &str| {
        let mut request = request(READER);
        (request["client_id"], request["client_secret"]) = (json!("again"), json!(secret));
        server.token_request(JSON, request.to_string()).await.status
    };
    let room = json!({ "client_id": "again" });
    let (_, secret) = server.register(room.clone()).await;
    assert_eq!([ask(&secret).await, ask(&secret).await, ask(&secret).await, ask(&secret).await], [200, 200, 200, 429]);
    let admin = server.admin_token().await;
    let deleted = answer(server.request(Method::DELETE, "/admin/clients/again").bearer_auth(admin)).await;
    assert_eq!(deleted.status, 204);
    let (_, secret) = server.register(room).await;
    assert_eq!(ask(&secret).await, 200);
}

/// A wrong request must not show whether a client is registered.
#[tokio::test]
async fn wrong_credentials_get_the_same_answer_in_a_request_that_cannot_be_granted() {
    let server = TestServer::start().await;
    for (member, wrong) in [("grant_type", "password"), ("grant_type", ""), ("scope", "a  b")] {
        let ask = async |client_id: &str| {
            let mut request = json!({ "grant_type": "client_credentials", "client_id": client_id,
                "client_secret": "wrong", "audience": AUDIENCE });
            request[member] = json!(wrong);
            let answer = server.token_request(JSON, request.to_string()).await;
            let mut body = answer.json();
            // It names this one request.
            assert!(body.as_object_mut().unwrap().remove("explanation").is_some());
            (answer.status, body)
        };
        let answers = [ask(READER).await, ask("nobody").await];
        assert_eq!((answers[0].0, &answers[0].1["error"]), (401, &json!("invalid_client")), "{member} {wrong:?}");
        assert_eq!(answers[0], answers[1], "{member} {wrong:?}");
    }
    let unauthenticated = server.token_request(JSON, json!({ "grant_type": "password" }).to_string()).await;
    assert_eq!((unauthenticated.status, &unauthenticated.json()["error"]), (400, &json!("unsupported_grant_type")));
}

#[tokio::test]
async fn one_client_may_revoke_as_often_as_it_may_request_tokens() {
    let server = TestServer::start_with(|config| {
        config.token_endpoint.client_requests_per_second = 1;
        config.token_endpoint.client_burst = 3;
    })
    .await;
    let tokens = [server.token(READER).await, server.token(READER).await, server.token(READER).await];
    assert_eq!(server.token_request(JSON, request(READER).to_string()).await.status, 429);
    // A client can revoke a leaked token, even if it may request no more.
    for token in &tokens {
        assert_eq!(server.about_token("/oauth2/revoke", READER, token).await.status, 200);
        assert_eq!(server.get("/parking/zones", token).await.status, 401);
    }
    for token in [tokens[0].as_str(), "no token"] {
        let refused = server.about_token("/oauth2/revoke", READER, token).await;
        assert_eq!((refused.status, refused.header("retry-after")), (429, "1"), "{token}");
        assert_eq!(refused.json()["error"], "temporarily_unavailable");
        assert!(refused.json()["error_description"].as_str().unwrap().contains("revokes"), "{refused:?}");
    }
    assert_eq!(
        server.about_token("/oauth2/revoke", WRITER, "no token").await.status,
        200,
        "its neighbour has limits of its own"
    );
    assert_eq!(
        server.about_token("/oauth2/introspect", READER, "no token").await.status,
        200,
        "introspection writes nothing"
    );
    server.clock.advance(std::time::Duration::from_secs(1));
    let revoked = [
        server.about_token("/oauth2/revoke", READER, "a").await.status,
        server.about_token("/oauth2/revoke", READER, "a").await.status,
    ];
    assert_eq!(revoked, [200, 429]);
}

#[tokio::test]
async fn an_address_that_tries_more_and_more_clients_reaches_a_limit_at_every_endpoint() {
    let server = TestServer::start().await;
    for endpoint in ["/oauth2/token", "/oauth2/introspect", "/oauth2/revoke"] {
        let mut statuses = Vec::new();
        for number in 0..110 {
            let (name, value) = basic(&format!("nobody-{number}"), "wrong");
            let form = [("grant_type", "client_credentials"), ("token", "a")];
            statuses.push(answer(server.request(Method::POST, endpoint).header(name, value).form(&form)).await.status);
        }
        assert!(statuses.ends_with(&[429; 5]), "{endpoint}: {statuses:?}");
        assert_eq!(server.token_request(JSON, request(READER).to_string()).await.status, 200, "{endpoint}");
        server.clock.advance(std::time::Duration::from_secs(3_600));
    }
}
