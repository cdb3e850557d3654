//! `POST /shared/access-tokens` and `POST /oauth2/token`: RFC 6749 section 4.4 and docs/architecture.md#the-token-endpoint.

use boomgate::time::Clock as _;
use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};

use crate::harness::{
    ADMIN, ADMIN_AUDIENCE, AUDIENCE, JSON, READER, TestServer, WRITER, answer, audit_entries, basic, claims, secret,
    token_request as request,
};

const FORM: &str = "application/x-www-form-urlencoded";

fn form(client_id: &str) -> String {
    format!(
        "grant_type=client_credentials&client_id={client_id}&client_secret={}&audience={AUDIENCE}",
        secret(client_id)
    )
}

#[tokio::test]
async fn the_documented_request_gets_the_documented_answer() {
    let server = TestServer::start().await;
    let answer = server.token_request(JSON, request(WRITER).to_string()).await;
    assert_eq!(answer.status, 200);
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), ("no-store", "no-cache"));
    assert_eq!(answer.header("content-type"), JSON);
    let body = answer.json();
    let now = server.clock.now();
    assert_eq!(body["token_type"], "Bearer");
    assert_eq!(body["expires_in"], 3_600);
    assert_eq!(body["expires_at"], now.plus(3_600).to_string());
    assert_eq!(body["scope"], "read:zones write:zones");
    assert_eq!(body.as_object().unwrap().len(), 5);

    let claims = claims(body["access_token"].as_str().unwrap());
    assert_eq!(claims["iss"], server.base);
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(WRITER), &json!(WRITER)));
    assert_eq!((&claims["aud"], &claims["scope"]), (&json!(AUDIENCE), &body["scope"]));
    assert_eq!((claims["iat"].as_u64(), claims["exp"].as_u64()), (Some(now.get()), Some(now.get() + 3_600)));
}

#[tokio::test]
async fn the_standard_endpoint_has_no_expires_at() {
    let server = TestServer::start().await;
    for path in ["/oauth2/token", "/v3/oauth2/token"] {
        let answer = answer(server.request(Method::POST, path).header(CONTENT_TYPE, FORM).body(form(READER))).await;
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json().get("expires_at"), None);
        assert_eq!(answer.json()["expires_in"], 3_600);
    }
}

#[tokio::test]
async fn every_way_to_send_a_token_request_works() {
    let server = TestServer::start().await;
    let json = request(READER).to_string();
    let url = "/shared/access-tokens";
    let basic_form = format!("grant_type=client_credentials&audience={AUDIENCE}");
    let post = |path: &str| server.request(Method::POST, path);
    let (name, value) = basic(READER, &secret(READER));
    let mut resource = request(READER);
    resource["resource"] = resource["audience"].take();
    for (request, reason) in [
        (post(url).header(CONTENT_TYPE, JSON).body(json.clone()), "JSON"),
        (post(url).body(json.clone()), "JSON without a media type"),
        (post(url).header(CONTENT_TYPE, FORM).body(format!("\n {json}")), "JSON under curl's own media type"),
        (post(url).header(CONTENT_TYPE, FORM).body(form(READER)), "a form"),
        (post(url).header(CONTENT_TYPE, FORM).header(name, value).body(basic_form), "Basic"),
        (post(url).header(CONTENT_TYPE, JSON).body(resource.to_string()), "resource for audience"),
        (post("/v3/shared/access-tokens").header(CONTENT_TYPE, JSON).body(json), "under /v3"),
    ] {
        let answer = answer(request).await;
        assert_eq!(answer.status, 200, "{reason}: {answer:?}");
        assert_eq!(server.get("/parking/zones", answer.json()["access_token"].as_str().unwrap()).await.status, 200);
    }
}

#[tokio::test]
async fn scope_may_only_narrow_what_was_assigned() {
    let server = TestServer::start().await;
    let mut narrowed = request(WRITER);
    narrowed["scope"] = json!("read:zones");
    let answer = server.token_request(JSON, narrowed.to_string()).await;
    assert_eq!((answer.status, &answer.json()["scope"]), (200, &json!("read:zones")));
    for scope in ["read:zones write:zones", "read:admin", "read:everything"] {
        let mut widened = request(READER);
        widened["scope"] = json!(scope);
        let answer = server.token_request(JSON, widened.to_string()).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_scope")), "{scope}");
    }
}

#[tokio::test]
async fn every_malformed_request_gets_its_error_of_rfc_6749() {
    let server = TestServer::start().await;
    let without = |member: &str| {
        let mut body = request(READER);
        body.as_object_mut().unwrap().remove(member);
        body.to_string()
    };
    let with = |member: &str, value: Value| {
        let mut body = request(READER);
        body[member] = value;
        body.to_string()
    };
    let deep = format!("{{\"a\":{}", "[".repeat(10_000));
    for (content_type, body, status, error, reason) in [
        (JSON, String::new(), 400, "invalid_request", "an empty body"),
        (JSON, "{".to_owned(), 400, "invalid_request", "half a document"),
        (JSON, "[]".to_owned(), 400, "invalid_request", "not an object"),
        (JSON, "null".to_owned(), 400, "invalid_request", "null"),
        (JSON, deep, 400, "invalid_request", "nested too deep"),
        (JSON, format!("{}{}", request(READER), "{}"), 400, "invalid_request", "two documents"),
        (JSON, without("grant_type"), 400, "invalid_request", "no grant_type"),
        (JSON, with("grant_type", json!("password")), 400, "unsupported_grant_type", "another grant"),
        (JSON, with("grant_type", json!(1)), 400, "invalid_request", "a number"),
        (JSON, without("audience"), 400, "invalid_request", "no audience"),
        (JSON, with("audience", json!("other.api")), 400, "invalid_target", "an unknown audience"),
        (JSON, with("audience", json!("admin.api.boomgate")), 400, "invalid_target", "an audience of others"),
        (JSON, with("resource", json!("other.api")), 400, "invalid_target", "two targets"),
        (JSON, with("scope", json!("read:zones  write:zones")), 400, "invalid_scope", "two spaces"),
        (JSON, with("scope", json!(["read:zones"])), 400, "invalid_request", "an array"),
        (JSON, without("client_id"), 401, "invalid_client", "no client_id"),
        (JSON, without("client_secret"), 401, "invalid_client", "no secret"),
        (JSON, with("client_id", json!("nobody")), 401, "invalid_client", "an unknown client"),
        (JSON, with("client_id", json!("a\u{0}b\n")), 401, "invalid_client", "control characters"),
        (JSON, with("client_id", json!("x".repeat(9_000))), 401, "invalid_client", "a long client_id"),
        (JSON, with("client_secret", json!("wrong")), 401, "invalid_client", "a wrong secret"),
        (JSON, with("client_secret", json!("x".repeat(9_000))), 401, "invalid_client", "a long secret"),
        (JSON, "{\"scope\":\"a\",\"scope\":\"b\"}".to_owned(), 400, "invalid_request", "a member twice"),
        (JSON, format!("{{\"a\":\"{}\"}}", "x".repeat(20_000)), 413, "invalid_request", "too large"),
        (FORM, format!("{}&scope=a&scope=b", form(READER)), 400, "invalid_request", "a parameter twice"),
        (FORM, "%FF=%FF&grant_type".to_owned(), 400, "invalid_request", "not UTF-8"),
        ("text/plain", request(READER).to_string(), 415, "invalid_request", "another media type"),
        ("multipart/form-data; boundary=x", "--x--".to_owned(), 415, "invalid_request", "multipart"),
    ] {
        let answer = server.token_request(content_type, body).await;
        let body = answer.json();
        assert_eq!((answer.status, &body["error"]), (status, &json!(error)), "{reason}");
        assert!(body["error_description"].as_str().is_some_and(|text| text.is_ascii() && text.len() > 5), "{body}");
        let page = body["error_uri"].as_str().unwrap();
        assert!(page.starts_with(&format!("{}/problems/", server.base)), "{body}");
        assert!(body["explanation"].as_str().unwrap().starts_with(&format!("{}/why/", server.base)), "{body}");
        assert_eq!(body.as_object().unwrap().len(), 4, "{body}");
        assert_eq!((answer.header("cache-control"), answer.header("content-type")), ("no-store", JSON), "{reason}");
        // RFC 9110 section 15.5.2: each 401 has a challenge, also to credentials that came in the body.
        let challenge = if status == 401 { "Basic realm=\"token endpoint\", charset=\"UTF-8\"" } else { "" };
        assert_eq!(answer.header("www-authenticate"), challenge, "{reason}");
    }
    let not_utf8 = server.token_request(JSON, b"{\"grant_type\":\"\xFF\"}".to_vec()).await;
    assert_eq!((not_utf8.status, &not_utf8.json()["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn a_body_without_a_clear_media_type_is_415() {
    let server = TestServer::start().await;
    for (name, value, said) in [
        ("content-type", FORM, "Send application/json or application/x-www-form-urlencoded."),
        ("content-encoding", "gzip", "Send the body without a Content-Encoding."),
    ] {
        let asked = server.request(Method::POST, "/shared/access-tokens").header("content-type", JSON);
        let refused = answer(asked.header(name, value).body(request(READER).to_string())).await;
        assert_eq!((refused.status, &refused.json()["error_description"]), (415, &json!(said)));
    }
    let plain = server.request(Method::POST, "/shared/access-tokens").header("content-encoding", "Identity");
    assert_eq!(answer(plain.body(request(READER).to_string())).await.status, 200);
}

#[tokio::test]
async fn an_error_names_the_parameter_that_is_wrong() {
    let server = TestServer::start().await;
    let twice = server.token_request(FORM, format!("{}&client_id=a", form(READER))).await;
    assert_eq!(twice.json()["error_description"], "client_id is there more than once.");
    let number = server.token_request(JSON, json!({ "audience": 1 }).to_string()).await;
    assert_eq!(number.json()["error_description"], "audience is not a string.");
    for (body, place) in [
        ("{\n  grant_type: 1}", "line 2 column 3"),
        ("", "line 1 column 1"),
        (" \n", "line 1 column 1"),
        ("{\n", "line 2 column 1"),
    ] {
        let broken = server.token_request(JSON, body).await;
        let expected = format!(
            "The body is not one JSON object of strings: {place} is not as it must be. Send an object such as \
             {{\"grant_type\": \"client_credentials\"}}."
        );
        assert_eq!(broken.json()["error_description"], expected, "{body:?}");
        // Without a media type, the body is JSON.
        let untyped = answer(server.request(Method::POST, "/oauth2/token").body(body)).await;
        assert_eq!(untyped.json()["error_description"], expected, "{body:?}");
    }
}

#[tokio::test]
async fn other_methods_are_named_in_allow() {
    let server = TestServer::start().await;
    for path in ["/shared/access-tokens", "/oauth2/token", "/oauth2/revoke", "/oauth2/introspect"] {
        for method in [Method::GET, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
            let answer = answer(server.request(method.clone(), path)).await;
            assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{method} {path}");
            assert_eq!(answer.json()["error"], "invalid_request");
        }
    }
}

#[tokio::test]
async fn a_failed_basic_authentication_is_challenged_with_basic() {
    let server = TestServer::start().await;
    let form = format!("grant_type=client_credentials&audience={AUDIENCE}");
    for authorization in [basic(READER, "wrong").1, "Basic !!!".to_owned(), "Bearer abc".to_owned()] {
        let request = server.request(Method::POST, "/oauth2/token").header(CONTENT_TYPE, FORM);
        let answer = answer(request.header(AUTHORIZATION, &authorization).body(form.clone())).await;
        assert_eq!((answer.status, &answer.json()["error"]), (401, &json!("invalid_client")), "{authorization}");
        assert!(answer.header("www-authenticate").starts_with("Basic realm="));
    }
}

#[tokio::test]
async fn two_authentications_at_once_are_refused() {
    let server = TestServer::start().await;
    let (name, value) = basic(READER, &secret(READER));
    let request = server.request(Method::POST, "/oauth2/token").header(CONTENT_TYPE, FORM).body(form(READER));
    let answer = answer(request.header(name, value)).await;
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")));
}

#[tokio::test]
async fn a_secret_in_the_query_string_is_refused_and_the_audit_log_has_it() {
    let server = TestServer::start().await;
    let query = format!("/shared/access-tokens?{}", form(READER));
    for method in [Method::POST, Method::GET] {
        let answer = answer(server.request(method, &query)).await;
        assert!(matches!(answer.status, 400), "{answer:?}");
        assert_eq!(answer.json()["error"], "invalid_request");
        assert!(!String::from_utf8_lossy(&answer.body).contains(&secret(READER)));
    }
    let wrong = "/shared/access-tokens?client_id=demo-reader&client_secret=wrong";
    assert_eq!(answer(server.request(Method::POST, wrong)).await.status, 400);

    let folder = server.stop().await.unwrap();
    let entries = audit_entries(&folder).await;
    let exposed: Vec<_> = entries.iter().filter(|entry| entry["action"] == "secret_exposed").collect();
    assert_eq!(exposed.len(), 1, "once an hour, and only for a right secret: {exposed:?}");
    assert_eq!((&exposed[0]["subject"], &exposed[0]["source"]), (&json!(READER), &json!("127.0.0.1")));
}

#[tokio::test]
async fn without_an_audience_the_default_of_the_settings_applies() {
    let server = TestServer::start_with(|config| config.default_audience = Some(AUDIENCE.to_owned())).await;
    let mut body = request(READER);
    body.as_object_mut().unwrap().remove("audience");
    assert_eq!(server.token_request(JSON, body.to_string()).await.status, 200);
}

#[tokio::test]
async fn an_unknown_client_and_a_wrong_secret_are_the_same_answer() {
    let server = TestServer::start().await;
    let mut answers = Vec::new();
    for (client_id, secret) in [(READER, "wrong"), ("nobody", "wrong")] {
        let body = json!({ "grant_type": "client_credentials", "client_id": client_id, "client_secret": secret,
            "audience": AUDIENCE });
        let mut answer = server.token_request(JSON, body.to_string()).await;
        let mut body = answer.json();
        // It names this one request, as the sandbox does with each.
        assert!(body.as_object_mut().unwrap().remove("explanation").is_some());
        answer.headers.remove("x-request-id");
        answer.headers.remove("date");
        answers.push((answer.status, answer.headers, body));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn of_several_resources_the_token_is_for_one_that_the_client_was_granted() {
    let server = TestServer::start().await;
    let base = &server.base;
    let here = format!("{base}/");
    let (form, json) = (form(READER).replace(&format!("&audience={AUDIENCE}"), ""), request(READER));
    let granted = Ok(AUDIENCE);
    let refused = Err("invalid_target");
    for (audience, resources, outcome, reason) in [
        (None, vec![AUDIENCE], granted, "one, by its name"),
        (None, vec![base.as_str()], granted, "one, by its address"),
        (None, vec![here.as_str()], granted, "its address with the slash of an empty path"),
        (None, vec!["https://other.example", AUDIENCE], granted, "an unknown one before it"),
        (None, vec![AUDIENCE, "https://other.example"], granted, "an unknown one after it"),
        (None, vec!["admin.api.boomgate", base.as_str()], granted, "one that was not granted before it"),
        (None, vec![AUDIENCE, AUDIENCE], granted, "the same twice"),
        (None, vec!["https://other.example", "https://third.example"], refused, "two unknown ones"),
        (None, vec!["admin.api.boomgate"], refused, "one that was not granted"),
        (None, vec!["https://other.example#fragment"], refused, "with a fragment"),
        (Some(AUDIENCE), vec!["https://other.example", AUDIENCE], granted, "audience chooses one of them"),
        (Some(AUDIENCE), vec![base.as_str()], granted, "two names of one API"),
        (Some(AUDIENCE), vec!["https://other.example"], refused, "audience is none of them"),
        (
            Some("admin.api.boomgate"),
            vec![AUDIENCE, "admin.api.boomgate"],
            refused,
            "audience chooses, and is not granted",
        ),
    ] {
        let mut encoded = form_urlencoded::Serializer::new(form.clone());
        let mut members = json.clone();
        members.as_object_mut().unwrap().remove("audience");
        if let Some(audience) = audience {
            encoded.append_pair("audience", audience);
            members["audience"] = json!(audience);
        }
        encoded.extend_pairs(resources.iter().map(|resource| ("resource", resource)));
        members["resource"] = json!(resources);
        for issued in
            [server.token_request(FORM, encoded.finish()).await, server.token_request(JSON, members.to_string()).await]
        {
            let body = issued.json();
            match outcome {
                Ok(audience) => assert_eq!(claims(body["access_token"].as_str().unwrap())["aud"], audience, "{reason}"),
                Err(error) => assert_eq!((issued.status, &body["error"]), (400, &json!(error)), "{reason}"),
            }
        }
    }
    for repeated in ["audience=a&audience=a", "scope=a&scope=b", "grant_type=client_credentials"] {
        let answer = server.token_request(FORM, format!("{form}&resource={AUDIENCE}&resource=b&{repeated}")).await;
        assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{repeated}");
    }
    let none = server.token_request(FORM, format!("{form}&resource=&resource=")).await;
    assert_eq!(none.json()["error_description"].as_str().unwrap().split(' ').next(), Some("audience"), "{none:?}");
}

#[tokio::test]
async fn a_secret_with_any_characters_authenticates_its_client_encoded_or_not() {
    let server = TestServer::start().await;
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    for (number, chosen) in [
        "q7Z+d1sX0fUu3kT9yB/4mW2vR8pLhN6e=",
        "q7Z%2Bd1sX0fUu3kT9yB%zz4mW2vR8pL%",
        "q7Z%FF+d1sX0fUu3kT9yB:4mW2vR8pLhN",
        "q7Z++%41%d1sX0fUu3kT9yB4mW2vR8pLh",
    ]
    .into_iter()
    .enumerate()
    {
        let client_id = format!("spelt-{number}");
        let body = json!({ "client_id": client_id, "client_secret": chosen, "client_name": client_id,
            "scope": "read:zones" });
        assert_eq!(server.post_json("/admin/clients", &server.admin_token().await, &body).await.status, 201);
        let form = format!("grant_type=client_credentials&audience={AUDIENCE}");
        let by_basic = |secret: &str| {
            let (name, value) = basic(&client_id, secret);
            server
                .request(Method::POST, "/oauth2/token")
                .header(CONTENT_TYPE, FORM)
                .header(name, value)
                .body(form.clone())
        };
        let by_form = |secret: &str| {
            let body = format!("{form}&client_id={client_id}&client_secret={secret}");
            server.request(Method::POST, "/oauth2/token").header(CONTENT_TYPE, FORM).body(body)
        };
        for (request, reason) in [
            (by_basic(chosen), "as curl -u sends it"),
            (by_basic(&encode(chosen)), "as RFC 6749 has it"),
            (by_form(chosen), "as curl -d sends it"),
            (by_form(&encode(chosen)), "as curl --data-urlencode sends it"),
            (by_basic(&format!("{chosen}\n")), "with the line end of its file"),
            (by_form(&encode(&format!("{chosen}\r\n"))), "with the line end of its file"),
        ] {
            assert_eq!(answer(request).await.status, 200, "{chosen} {reason}");
        }
        let encoded_twice = encode(&encode(chosen));
        let changed = format!("{chosen}+");
        for wrong in [encoded_twice.as_str(), changed.as_str(), &chosen.replace('%', " ").replace('+', "")] {
            assert_eq!(answer(by_basic(wrong)).await.status, 401, "{chosen} as {wrong}");
        }
    }
}

#[tokio::test]
async fn a_token_can_be_signed_with_ed25519() {
    let server = TestServer::start_with(|config| config.signing_algorithm = boomgate::keys::Algorithm::EdDsa).await;
    let token = server.token(READER).await;
    assert_eq!(server.get("/parking/zones", &token).await.status, 200);
    let keys = answer(server.request(Method::GET, "/.well-known/jwks.json")).await.json();
    assert_eq!((&keys["keys"][0]["crv"], &keys["keys"][0]["alg"]), (&json!("Ed25519"), &json!("EdDSA")));
}

#[tokio::test]
async fn the_resource_of_this_server_is_its_partner_api() {
    // RFC 9728 section 2 names the resource; RFC 8707 has clients send that name.
    let server = TestServer::start().await;
    let metadata = answer(server.request(Method::GET, "/.well-known/oauth-protected-resource")).await.json();
    let mut body = request(READER);
    body.as_object_mut().unwrap().remove("audience");
    body["resource"] = metadata["resource"].clone();
    let issued = server.token_request(JSON, body.to_string()).await;
    assert_eq!(issued.status, 200, "{issued:?}");
    let token = issued.json()["access_token"].as_str().unwrap().to_owned();
    assert_eq!(claims(&token)["aud"], AUDIENCE);
    assert_eq!(server.get("/parking/zones", &token).await.status, 200);
}

#[tokio::test]
async fn each_resource_in_the_metadata_is_a_target_of_its_own_api() {
    let server = TestServer::start().await;
    let metadata = answer(server.request(Method::GET, "/.well-known/oauth-authorization-server")).await.json();
    let resources = metadata["protected_resources"].as_array().unwrap();
    assert!(resources.len() > 5, "{resources:?}");
    for resource in resources {
        // URL libraries write a slash after a host.
        for written in [resource.as_str().unwrap().to_owned(), format!("{}/", resource.as_str().unwrap())] {
            let is_admin = written.contains("/admin") || written.contains("/metrics");
            let (client_id, audience) = if is_admin { (ADMIN, ADMIN_AUDIENCE) } else { (READER, AUDIENCE) };
            let mut body = request(client_id);
            body.as_object_mut().unwrap().remove("audience");
            body["resource"] = json!(written);
            let issued = server.token_request(JSON, body.to_string()).await;
            assert_eq!(issued.status, 200, "{written}: {issued:?}");
            assert_eq!(claims(issued.json()["access_token"].as_str().unwrap())["aud"], audience, "{written}");
            if is_admin {
                // To name the resource gives no right that the client was not granted.
                body["client_id"] = json!(READER);
                body["client_secret"] = json!(secret(READER));
                let refused = server.token_request(JSON, body.to_string()).await;
                assert_eq!((refused.status, &refused.json()["error"]), (400, &json!("invalid_target")), "{written}");
            }
        }
    }
}

#[tokio::test]
async fn a_secret_in_the_query_string_is_refused_wherever_clients_authenticate() {
    let server = TestServer::start().await;
    let query = form(READER);
    for endpoint in ["/oauth2/revoke", "/oauth2/introspect"] {
        let (name, value) = basic(READER, &secret(READER));
        let request = server.request(Method::POST, &format!("{endpoint}?{query}")).header(name, value);
        assert_eq!(answer(request.form(&[("token", "a")])).await.status, 400, "{endpoint}");
    }
    let query = form(WRITER);
    let by_another_method = answer(server.request(Method::GET, &format!("/oauth2/revoke?{query}"))).await;
    assert_eq!((by_another_method.status, &by_another_method.json()["error"]), (400, &json!("invalid_request")));
    let entries = audit_entries(&server.stop().await.unwrap()).await;
    let exposed = entries.iter().filter(|entry| entry["action"] == "secret_exposed");
    let mut exposed: Vec<_> = exposed.map(|entry| entry["subject"].as_str().unwrap()).collect();
    // Entries of one second have no order.
    exposed.sort_unstable();
    assert_eq!(exposed, [READER, WRITER]);
}
