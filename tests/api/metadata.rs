//! The documents from which clients configure themselves, and the pages about problems.

use boomgate::http::error::{Problem, ProblemKind};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{AUDIENCE, READER, TestServer, answer, secret};
use crate::protection::calls;

async fn get(server: &TestServer, path: &str) -> Value {
    let answer = answer(server.request(Method::GET, path)).await;
    assert_eq!(answer.status, 200, "{path}");
    assert!(answer.header("cache-control").starts_with("public, max-age="), "{path}");
    answer.json()
}

/// The path of every resource of this server (RFC 9728), and the scope tokens that it uses.
const RESOURCES: [(&str, &[&str]); 14] = [
    ("", &["read:zones", "write:zones"]),
    ("/v3", &["read:zones", "write:zones"]),
    ("/parking/zones", &["read:zones", "write:zones"]),
    ("/shared/zones", &["read:zones", "write:zones"]),
    ("/v3/parking/zones", &["read:zones", "write:zones"]),
    ("/v3/shared/zones", &["read:zones", "write:zones"]),
    ("/oauth2/usage", &["read:zones", "write:zones"]),
    ("/v3/oauth2/usage", &["read:zones", "write:zones"]),
    ("/oauth2/report", &["read:zones", "write:zones"]),
    ("/v3/oauth2/report", &["read:zones", "write:zones"]),
    ("/oauth2/refusals", &["read:zones", "write:zones"]),
    ("/v3/oauth2/refusals", &["read:zones", "write:zones"]),
    ("/admin", &["read:admin", "write:admin"]),
    ("/metrics", &["read:admin", "write:admin"]),
];

#[tokio::test]
async fn the_authorization_server_describes_itself() {
    let server = TestServer::start().await;
    let base = &server.base;
    let methods = json!(["client_secret_basic", "client_secret_post"]);
    let mut expected = json!({
        "issuer": base,
        "authorization_endpoint": format!("{base}/oauth2/authorize"),
        "token_endpoint": format!("{base}/oauth2/token"),
        "jwks_uri": format!("{base}/.well-known/jwks.json"),
        "revocation_endpoint": format!("{base}/oauth2/revoke"),
        "introspection_endpoint": format!("{base}/oauth2/introspect"),
        "grant_types_supported": ["client_credentials"],
        "response_types_supported": ["none"],
        "token_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_methods_supported": methods,
        "scopes_supported": ["introspect", "read:admin", "read:zones", "write:admin", "write:zones"],
        "protected_resources": RESOURCES.map(|(path, _)| format!("{base}{path}")),
    });
    assert_eq!(get(&server, "/.well-known/oauth-authorization-server").await, expected);
    // What OpenID Connect Discovery also requires; without a list of scopes, because openid is not among them.
    let members = expected.as_object_mut().unwrap();
    members.remove("scopes_supported");
    members.insert("subject_types_supported".to_owned(), json!(["public"]));
    members.insert("id_token_signing_alg_values_supported".to_owned(), json!(["ES256", "EdDSA", "RS256"]));
    members.insert("request_uri_parameter_supported".to_owned(), json!(false));
    assert_eq!(get(&server, "/.well-known/openid-configuration").await, expected);
    // RFC 8414 section 3.2: "Claims with zero elements MUST be omitted from the response."
    assert!(expected.as_object().unwrap().values().all(|value| *value != json!([])), "{expected}");
}

#[tokio::test]
async fn the_authorization_endpoint_says_that_there_is_no_sign_in() {
    let server = TestServer::start().await;
    let asked = "/oauth2/authorize?response_type=code&client_id=demo-reader&redirect_uri=https%3A%2F%2Fevil.example";
    let refused = answer(server.request(Method::GET, asked)).await;
    assert_eq!((refused.status, refused.problem().as_str()), (400, "unsupported-response-type"));
    assert_eq!(refused.json()["error"], "unsupported_response_type");
    assert_eq!((refused.header("location"), refused.header("www-authenticate")), ("", ""), "it stays here");
}

#[tokio::test]
async fn each_protected_resource_has_metadata_of_its_own() {
    let server = TestServer::start().await;
    let base = &server.base;
    for (path, scopes) in RESOURCES {
        let name = if scopes.contains(&"read:admin") { "Administration" } else { "Partner API" };
        let metadata = get(&server, &format!("/.well-known/oauth-protected-resource{path}")).await;
        let expected = json!({
            "resource": format!("{base}{path}"),
            "resource_name": name,
            "authorization_servers": [base],
            "scopes_supported": scopes,
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(metadata, expected, "{path}");
    }
    for path in ["/nowhere", "/admin/clients", "/livez", "/"] {
        let path = format!("/.well-known/oauth-protected-resource{path}");
        assert_eq!(answer(server.request(Method::GET, &path)).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_challenge_names_the_metadata_of_the_resource_in_the_request() {
    let server = TestServer::start().await;
    for (path, resource) in [
        ("/parking/zones", "/parking/zones"),
        ("/v3/shared/zones/00000000-0000-4000-8000-000000000000", "/v3/shared/zones"),
        ("/v3/oauth2/usage", "/v3/oauth2/usage"),
        ("/admin/clients?limit=1", "/admin"),
        ("/%61dmin/clients", "/admin"),
        ("/metrics", "/metrics"),
    ] {
        let refused = answer(server.request(Method::GET, path)).await;
        let (_, address) = refused.header("www-authenticate").split_once("resource_metadata=\"").unwrap();
        let address = address.split('"').next().unwrap().strip_prefix(server.base.as_str()).unwrap();
        let metadata = get(&server, address).await;
        assert_eq!(metadata["resource"], format!("{}{resource}", server.base), "{path}");
    }
    // RFC 6750 section 3: the scope that the request needs, so that a client requests no more.
    for (method, path, scope) in [
        (Method::GET, "/parking/zones", Some("read:zones")),
        (Method::POST, "/v3/shared/zones", Some("write:zones")),
        (Method::GET, "/admin/clients", Some("read:admin")),
        (Method::DELETE, "/admin/clients/demo-reader", Some("write:admin")),
        (Method::GET, "/metrics", Some("read:admin")),
        (Method::GET, "/oauth2/usage", None),
    ] {
        for token in ["", "wrong"] {
            let refused = answer(server.request(method.clone(), path).bearer_auth(token)).await;
            let named =
                refused.header("www-authenticate").split_once("scope=\"").map(|(_, rest)| rest.trim_end_matches('"'));
            assert_eq!((refused.status, named), (401, scope), "{path}");
        }
    }
    // A token for the other API and one without the scope get the same challenge.
    let wrong = server.get("/admin/clients", &server.token(READER).await).await;
    let challenge = format!("resource_metadata=\"{}/.well-known/oauth-protected-resource/admin\"", server.base);
    assert!(wrong.header("www-authenticate").contains(&challenge), "{wrong:?}");
}

#[tokio::test]
async fn pages_of_any_origin_may_read_the_metadata_and_no_other_answer() {
    let server = TestServer::start().await;
    let allowed = "access-control-allow-origin";
    let ask = |method: Method, path: &str| {
        let request = server.request(method, path).header("origin", "https://app.example");
        request
            .header("access-control-request-method", "GET")
            .header("access-control-request-headers", "mcp-protocol-version")
    };
    let resources = RESOURCES.map(|(path, _)| format!("/.well-known/oauth-protected-resource{path}"));
    let documents = ["oauth-authorization-server", "openid-configuration", "jwks.json"];
    let documents = documents.map(|name| format!("/.well-known/{name}"));
    for path in documents.iter().chain(&resources).chain([&"/openapi.json".to_owned()]) {
        for method in [Method::GET, Method::HEAD] {
            let read = answer(ask(method, path)).await;
            assert_eq!((read.status, read.header(allowed)), (200, "*"), "{path}");
        }
        let preflight = answer(ask(Method::OPTIONS, path)).await;
        assert_eq!((preflight.status, preflight.header(allowed), preflight.body.len()), (204, "*", 0), "{path}");
        assert_eq!(preflight.header("access-control-allow-methods"), "GET, HEAD, OPTIONS");
        assert_eq!(preflight.header("access-control-allow-headers"), "*");
        let other = answer(ask(Method::POST, path)).await;
        assert_eq!((other.status, other.header("allow")), (405, "GET, HEAD, OPTIONS"), "{path}");
    }
    let token = server.token(READER).await;
    for call in calls().iter().filter(|call| !call.allow.contains("OPTIONS")) {
        let path = &call.path;
        for method in [call.method.clone(), Method::OPTIONS] {
            assert_eq!(answer(ask(method, path).bearer_auth(&token)).await.header(allowed), "", "{path}");
        }
    }
}

#[tokio::test]
async fn the_jwk_set_has_the_public_key_and_nothing_private() {
    let server = TestServer::start().await;
    let set = get(&server, "/.well-known/jwks.json").await;
    let key = set["keys"][0].as_object().unwrap();
    let members: Vec<_> = key.keys().map(String::as_str).collect();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&json!("EC"), &json!("P-256"), &json!("ES256"), &json!("sig"))
    );
    assert_eq!(set["keys"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn every_problem_links_to_the_page_of_exactly_its_kind() {
    let server = TestServer::start().await;
    for kind in ProblemKind::ALL {
        let problem: Value =
            serde_json::from_slice(&Problem::new(kind, "detail").body(&server.base, "id", None)).unwrap();
        let documentation = problem["documentation"].as_str().unwrap();
        assert_eq!(documentation, format!("{}/problems/{}", server.base, kind.slug()), "{kind:?}");
        let is_limit = [ProblemKind::Throttled, ProblemKind::QuotaExceeded].contains(&kind);
        assert_eq!(problem["type"] != documentation, is_limit, "{problem}");
        let page = answer(server.request(Method::GET, documentation.strip_prefix(server.base.as_str()).unwrap())).await;
        assert_eq!((page.status, page.header("content-type")), (200, "text/plain; charset=utf-8"), "{kind:?}");
        assert!(String::from_utf8(page.body).unwrap().starts_with(kind.title()), "{kind:?}");
    }
    assert_eq!(answer(server.request(Method::GET, "/problems/none")).await.problem(), "not-found");
}

#[tokio::test]
async fn a_throttled_client_reads_about_the_throttle_and_not_about_the_quota() {
    let server = TestServer::start().await;
    let members = json!({ "requests_per_second": 1, "burst": 1, "daily_quota": 1 });
    let (client_id, secret) = server.register(members).await;
    let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
    assert_eq!(server.get("/parking/zones", &token).await.status, 200);
    for (slug, policy, title) in [
        ("throttled", "second", "Too many requests per second"),
        ("quota-exceeded", "day", "The daily quota is used up"),
    ] {
        let refused = server.get("/parking/zones", &token).await;
        assert_eq!((refused.status, refused.problem().as_str()), (429, "quota-exceeded"));
        let problem = refused.json();
        assert_eq!((&problem["violated-policies"], &problem["title"]), (&json!([policy]), &json!(title)));
        let documentation = format!("{}/problems/{slug}", server.base);
        assert_eq!(problem["documentation"], documentation);
        let page = answer(server.request(Method::GET, &format!("/problems/{slug}"))).await;
        assert!(String::from_utf8(page.body).unwrap().starts_with(title), "{slug}");
        server.clock.advance(std::time::Duration::from_secs(5));
    }
}

#[tokio::test]
async fn an_oauth_error_links_to_a_page_of_its_own_kind() {
    let server = TestServer::start_with(|config| config.failed_authentications.burst = 4).await;
    let secret = secret(READER);
    let credentials = format!("client_id={READER}&client_secret={secret}&audience={AUDIENCE}");
    let granted = format!("grant_type=client_credentials&{credentials}");
    let wrong = "grant_type=client_credentials&client_id=nobody&client_secret=wrong";
    for (status, body, slug) in [
        (400, "grant_type=client_credentials&scope=a&scope=b", "invalid-request"),
        (401, wrong, "invalid-client"),
        (400, &format!("grant_type=password&{credentials}"), "unsupported-grant-type"),
        (400, &format!("{granted}&scope=write:zones"), "invalid-scope"),
        (400, &granted.replace(AUDIENCE, "other"), "invalid-target"),
        (413, &"a".repeat(20_000), "payload-too-large"),
    ] {
        let refused = server.token_request("application/x-www-form-urlencoded", body.to_owned()).await;
        assert_eq!((refused.status, &refused.json()["error_uri"]), (status, &page(&server, slug)), "{refused:?}");
    }
    let mut last = None;
    for _ in 0..8 {
        last = Some(server.token_request("application/x-www-form-urlencoded", wrong).await);
    }
    let refused = last.unwrap();
    assert_eq!((refused.status, &refused.json()["error_uri"]), (429, &page(&server, "too-many-token-requests")));
    let not_post = answer(server.request(Method::GET, "/oauth2/token")).await;
    assert_eq!((not_post.status, &not_post.json()["error_uri"]), (405, &page(&server, "method-not-allowed")));
    let media_type = server.token_request("text/plain", "{}").await;
    assert_eq!((media_type.status, &media_type.json()["error_uri"]), (415, &page(&server, "unsupported-media-type")));
}

fn page(server: &TestServer, slug: &str) -> Value {
    json!(format!("{}/problems/{slug}", server.base))
}

#[tokio::test]
async fn other_methods_and_unknown_paths_are_problems() {
    let server = TestServer::start().await;
    for path in ["/problems/not-found", "/oauth2/usage", "/oauth2/authorize"] {
        let answer = answer(server.request(Method::POST, path)).await;
        assert_eq!((answer.status, answer.header("allow")), (405, "GET, HEAD"), "{path}");
        assert_eq!(answer.problem(), "method-not-allowed");
    }
    let token = server.token(READER).await;
    for path in
        ["/nowhere", "/v3", "/v3/", "/v2/parking/zones", "/parking", "/admin", "/parking/zones/", "//parking/zones"]
    {
        let answer = server.get(path, &token).await;
        assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"), "{path}");
    }
    let head = answer(server.request(Method::HEAD, "/.well-known/jwks.json")).await;
    assert_eq!((head.status, head.body.len()), (200, 0));
}

#[tokio::test]
async fn the_openapi_document_is_of_this_server_and_is_read_once() {
    let server = TestServer::start().await;
    let first = answer(server.request(Method::GET, "/openapi.json")).await;
    assert_eq!((first.status, first.header("content-type")), (200, "application/json"));
    assert_eq!(
        (first.header("cache-control"), first.header("access-control-allow-origin")),
        ("public, max-age=300", "*")
    );
    let document = first.json();
    assert_eq!((&document["openapi"], &document["servers"]), (&json!("3.1.0"), &json!([{ "url": server.base }])));
    let versioned = &document["paths"]["/parking/zones"]["servers"];
    assert_eq!(versioned, &json!([{ "url": server.base }, { "url": format!("{}/v3", server.base) }]));
    let flow = &document["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"];
    assert_eq!(flow["tokenUrl"], json!(format!("{}/oauth2/token", server.base)));

    let again = server.request(Method::GET, "/openapi.json").header("if-none-match", first.header("etag"));
    let again = answer(again).await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, first.header("etag")));
}
