//! Plain HTTP is refused, also on the TLS port, and the tokens in it are revoked: docs/architecture.md#only-https.

use std::net::SocketAddr;

use boomgate::config::Edition;
use reqwest::{Certificate, Client};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::{Answer, READER, TestServer, WRITER, answer, audit_entries, basic, secret};

async fn in_the_clear(address: SocketAddr, path: &str, token: Option<&str>) -> Answer {
    let request = Client::builder().no_proxy().build().unwrap().get(format!("http://{address}{path}"));
    answer(match token {
        Some(token) => request.bearer_auth(token),
        None => request,
    })
    .await
}

#[tokio::test]
async fn plain_http_on_the_tls_port_is_403_and_names_the_https_address() {
    let server = TestServer::start().await;
    for path in ["/parking/zones", "/shared/access-tokens", "/", "/.well-known/jwks.json", "/%F0%9F%85%BF?x=1"] {
        let answer = in_the_clear(server.address, path, None).await;
        assert_eq!((answer.status, answer.problem().as_str()), (403, "https-required"), "{path}");
        let address = format!("{}{}", server.base, path.split('?').next().unwrap());
        assert_eq!(answer.json()["detail"], format!("Use {address}."));
        assert_eq!(answer.header("location"), "", "never a redirect");
        assert_eq!(answer.header("strict-transport-security"), "", "RFC 6797 section 7.2");
    }
    assert_eq!(server.get("/parking/zones", &server.token(READER).await).await.status, 200);
}

#[tokio::test]
async fn the_optional_port_for_plain_http_answers_the_same() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let server = TestServer::start_with(|config| config.http_listen = Some(address)).await;
    let answer = in_the_clear(address, "/parking/zones", None).await;
    assert_eq!((answer.status, answer.problem().as_str()), (403, "https-required"));
    assert!(answer.json()["detail"].as_str().unwrap().contains(&server.base));
}

#[tokio::test]
async fn a_token_that_came_over_plain_http_is_revoked() {
    let server = TestServer::start().await;
    for in_query in [false, true] {
        let token = server.token(READER).await;
        assert_eq!(server.get("/parking/zones", &token).await.status, 200);
        let answer = if in_query {
            in_the_clear(server.address, &format!("/parking/zones?access_token={token}"), None).await
        } else {
            in_the_clear(server.address, "/parking/zones", Some(&token)).await
        };
        assert_eq!(answer.status, 403);
        assert!(answer.json()["detail"].as_str().unwrap().ends_with("has been revoked."));
        assert!(!String::from_utf8_lossy(&answer.body).contains(&token));
        let refused = server.get("/parking/zones", &token).await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "token-revoked"));
    }
    let request = Client::new().get(format!("http://{}/parking/zones", server.address));
    let (name, value) = basic(READER, &secret(READER));
    assert_eq!(answer(request.header(name, value)).await.status, 403);
    assert_eq!(in_the_clear(server.address, "/", Some("forged")).await.status, 403);

    let entries = audit_entries(&server.stop().await.unwrap()).await;
    let count = |action: &str| entries.iter().filter(|entry| entry["action"] == action).count();
    assert_eq!((count("token_burned"), count("secret_exposed")), (2, 1));
}

#[tokio::test]
async fn a_token_in_a_body_over_plain_http_is_revoked_and_a_secret_is_logged() {
    let server = TestServer::start().await;
    let url = |path: &str| format!("http://{}{path}", server.address);
    for path in ["/oauth2/revoke", "/parking/zones"] {
        let token = server.token(READER).await;
        let member = if path == "/oauth2/revoke" { "token" } else { "access_token" };
        let request = Client::new().post(url(path)).form(&[(member, token.as_str())]);
        assert_eq!(answer(request).await.problem(), "https-required");
        assert_eq!(server.get("/parking/zones", &token).await.problem(), "token-revoked", "{path}");
    }
    let documented =
        json!({ "grant_type": "client_credentials", "client_id": READER, "client_secret": secret(READER) });
    assert_eq!(answer(Client::new().post(url("/shared/access-tokens")).json(&documented)).await.status, 403);
    let query = format!("/shared/access-tokens?client_id={WRITER}&client_secret={}", secret(WRITER));
    assert_eq!(answer(Client::new().post(url(&query))).await.status, 403);
    // A body that is too large or not a form is refused too.
    assert_eq!(answer(Client::new().post(url("/")).body(vec![b'x'; 40_000])).await.status, 403);

    let entries = audit_entries(&server.stop().await.unwrap()).await;
    let mut exposed: Vec<_> = entries
        .iter()
        .filter(|entry| entry["action"] == "secret_exposed")
        .map(|entry| entry["subject"].to_string())
        .collect();
    exposed.sort();
    assert_eq!(exposed, [format!("\"{READER}\""), format!("\"{WRITER}\"")]);
}

#[tokio::test]
async fn a_token_over_plain_http_is_revoked_however_malformed_the_request_is() {
    let server = TestServer::start().await;
    let url = |path: &str| format!("http://{}{path}", server.address);
    let client = Client::builder().no_proxy().build().unwrap();
    for (place, make) in [
        (
            "behind another in the query",
            &(|token: &str| client.get(url(&format!("/?access_token=x&access_token={token}")))),
        ),
        ("behind another in the body", &|token: &str| {
            client
                .post(url("/"))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(format!("token=x&token={token}"))
        }),
        ("in a body of another type", &|token: &str| client.post(url("/")).body(format!("<token>{token}</token>"))),
        ("before what does not belong there", &|token: &str| {
            client.get(url("/")).header("authorization", format!("Bearer {token}, Bearer x"))
        }),
        ("under another scheme", &|token: &str| {
            client.get(url("/")).header("authorization", format!("Token token=\"{token}\""))
        }),
        ("in a field of the caller's own", &|token: &str| client.get(url("/")).header("x-access-token", token)),
    ] as [(&str, &dyn Fn(&str) -> reqwest::RequestBuilder); 6]
    {
        let token = server.token(READER).await;
        assert_eq!(answer(make(&token)).await.problem(), "https-required", "{place}");
        assert_eq!(server.get("/parking/zones", &token).await.problem(), "token-revoked", "{place}");
    }
    // Only some tokens are checked, and a text that only looks like a token does no harm.
    let forged = "eyJhbGciOiJFUzI1NiJ9.e30.AA ".repeat(500);
    assert_eq!(answer(client.post(url("/")).body(forged)).await.problem(), "https-required");
}

#[tokio::test]
async fn a_public_server_sends_hsts_for_its_name_and_not_for_localhost() {
    let server = TestServer::start_with(|config| {
        config.edition = Edition::Serve;
        config.issuer = Some("https://gate.example.com".to_owned());
        config.tls.names = vec!["gate.example.com".to_owned()];
    })
    .await;
    let ca = std::fs::read(server.data_dir().join("tls/ca.pem")).unwrap();
    for http2 in [true, false] {
        let client = Client::builder()
            .add_root_certificate(Certificate::from_pem(&ca).unwrap())
            .resolve("gate.example.com", server.address)
            .resolve("localhost", server.address)
            .no_proxy();
        let client = if http2 { client } else { client.http1_only() }.build().unwrap();
        for (host, sent) in [("gate.example.com", "max-age=31536000"), ("localhost", ""), ("127.0.0.1", "")] {
            for path in ["/parking/zones", "/.well-known/jwks.json", "/nowhere"] {
                let url = format!("https://{host}:{}{path}", server.address.port());
                let answer = answer(client.get(url)).await;
                assert_eq!(answer.header("strict-transport-security"), sent, "{host}{path}, HTTP/2: {http2}");
            }
        }
    }
}

#[tokio::test]
async fn hsts_is_off_by_setting_and_for_names_that_other_servers_share() {
    let of_gate = Some("https://gate.example.com".to_owned());
    for (edition, issuer, hsts_max_age_s) in
        [(Edition::Serve, of_gate.clone(), 0), (Edition::Serve, None, 60), (Edition::Sandbox, of_gate, 60)]
    {
        let server = TestServer::start_with(|config| {
            (config.edition, config.issuer) = (edition, issuer);
            config.http.hsts_max_age_s = hsts_max_age_s;
        })
        .await;
        let client = server.another_client(false);
        let request = client.get(format!("{}/.well-known/jwks.json", server.base)).header("host", "gate.example.com");
        assert_eq!(answer(request).await.header("strict-transport-security"), "", "{edition:?}");
    }
}

#[tokio::test]
async fn bytes_that_are_neither_tls_nor_http_harm_no_other_connection() {
    let server = TestServer::start().await;
    for bytes in [
        b"\x00\x01\x02\x03\r\n\r\n".as_slice(),
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT localhost:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /\r\n\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"\x80\x2e\x01\x00\x02",
    ] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut said = Vec::new();
        // Whatever the server answers, the connection ends.
        let _ = tokio::time::timeout(std::time::Duration::from_secs(20), stream.read_to_end(&mut said))
            .await
            .expect("the connection ends");
    }
    let token = server.token(READER).await;
    assert_eq!(server.get("/parking/zones", &token).await.status, 200);
    assert_eq!(server.get("/oauth2/usage", &token).await.json()["day"]["used"], json!(1));
}
