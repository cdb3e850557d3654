//! Probes and metrics: docs/architecture.md#operations.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use boomgate::admission::Reason;
use boomgate::audit::Action;
use boomgate::counts::Label;
use boomgate::oauth::error::ErrorCode;
use boomgate::time::{Clock as _, ManualClock, SystemClock};
use reqwest::{Client, Method};
use serde_json::json;

use crate::harness::{
    ADMIN_AUDIENCE, AUDIENCE, Answer, LIMITED, READER, TestServer, WRITER, ZONES, answer, jwt_part, secret,
    with_altered_signature,
};
use crate::protection::calls;

async fn start_with_ops() -> TestServer {
    TestServer::start_with(|config| config.ops_listen = Some("127.0.0.1:0".parse().unwrap())).await
}

async fn ops(address: SocketAddr, method: Method, path: &str) -> Answer {
    let client = Client::builder().no_proxy().build().unwrap();
    answer(client.request(method, format!("http://{address}{path}"))).await
}

/// Every sample, without the fraction of its value.
async fn samples(server: &TestServer) -> BTreeMap<String, u64> {
    let answer = ops(server.ops.unwrap(), Method::GET, "/metrics").await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    assert_eq!(answer.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    let text = String::from_utf8(answer.body).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ').unwrap();
        let whole = value.split_once('.').map_or(value, |(whole, _)| whole);
        (name.to_owned(), whole.parse().unwrap_or_else(|_| panic!("{line}")))
    };
    lines.map(sample).collect()
}

/// How much each counter that starts with `prefix` has grown.
async fn grown(server: &TestServer, before: &BTreeMap<String, u64>, prefix: &str) -> Vec<(String, u64)> {
    let after = samples(server).await;
    let of_prefix = after.into_iter().filter(|(name, _)| name.starts_with(prefix));
    let growth = of_prefix.map(|(name, value)| (name.clone(), value - before.get(&name).copied().unwrap_or(0)));
    growth.filter(|(_, by)| *by != 0).collect()
}

#[tokio::test]
async fn every_counter_exists_from_the_start() {
    let server = start_with_ops().await;
    let samples = samples(&server).await;
    let labelled = |metric: &str, label: &str, values: Vec<&str>| -> Vec<String> {
        values.iter().map(|value| format!("{metric}{{{label}=\"{value}\"}}")).collect()
    };
    let names = |all: &[Reason]| all.iter().map(|value| value.name()).collect();
    let denied = labelled("boomgate_requests_denied_total", "reason", names(Reason::ALL));
    let codes = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
    let refused = labelled("boomgate_tokens_refused_total", "error", codes);
    for name in denied.iter().chain(&refused) {
        assert_eq!(samples[name], 0, "{name}");
    }
    for action in Action::ALL {
        let at_first_start = [(Action::ClientRegistered, 4), (Action::KeyCreated, 1)];
        let expected = at_first_start.iter().find(|(made, _)| made == action).map_or(0, |(_, count)| *count);
        let name = format!("boomgate_audit_entries_total{{action=\"{}\"}}", action.name());
        assert_eq!(samples[&name], expected, "{name}");
    }
    for name in [
        "boomgate_requests_admitted_total",
        "boomgate_tokens_issued_total",
        "boomgate_token_requests_limited_total",
        "boomgate_client_authentications_failed_total",
        "boomgate_token_lookups_total{result=\"hit\"}",
        "boomgate_quota_blocks_leased_total",
        "boomgate_quota_leases_failed_total",
        "boomgate_store_commits_total{outcome=\"failed\"}",
        "boomgate_connections_total{protocol=\"timed_out\"}",
    ] {
        assert_eq!(samples[name], 0, "{name}");
    }
    assert_eq!((samples["boomgate_clients"], samples["boomgate_zones"] >= 60), (4, true));
    assert!(samples["boomgate_certificate_expiry_timestamp_seconds"] > SystemClock::new().now().get());
    assert!(samples["process_resident_memory_bytes"] > 1_000_000 && samples["process_open_fds"] > 3);
}

#[tokio::test]
async fn the_page_about_metrics_names_every_metric() {
    let server = start_with_ops().await;
    let text = String::from_utf8(ops(server.ops.unwrap(), Method::GET, "/metrics").await.body).unwrap();
    let (_, section) = include_str!("../../docs/observability.md").split_once("## Metrics\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let named = |name: &&str| section.contains(&format!("`{name}`")) || name.starts_with("boomgate_quota_");
    let families = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next());
    let (ours, others): (Vec<_>, Vec<_>) = families.partition(|name| !name.starts_with("process_"));
    let unnamed: Vec<_> = ours.into_iter().filter(|name| !named(name)).collect();
    assert_eq!((unnamed, others.len()), (Vec::<&str>::new(), 6));
}

#[tokio::test]
async fn every_reason_for_a_denial_has_a_counter_of_its_own() {
    let server = start_with_ops().await;
    let admin = server.admin_token().await;
    let patch = async |client_id: &str, body: serde_json::Value| {
        let request = server.request(Method::PATCH, &format!("/admin/clients/{client_id}")).bearer_auth(&admin);
        let answer = answer(request.json(&body)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    };
    let new_client = async |members: serde_json::Value| {
        let (client_id, secret) = server.register(members).await;
        let token = server.token_with(&client_id, &secret, AUDIENCE, None).await;
        (client_id, token)
    };
    let good = server.token(READER).await;
    let [_, payload, signature]: [&str; 3] = good.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut other_key = jwt_part(&good, 0);
    other_key["kid"] = json!("another");
    let other_key = URL_SAFE_NO_PAD.encode(other_key.to_string());

    let revoked = server.token(WRITER).await;
    let revocation = server.request(Method::POST, "/oauth2/revoke").form(&[
        ("client_id", WRITER),
        ("client_secret", &secret(WRITER)),
        ("token", &revoked),
    ]);
    assert_eq!(answer(revocation).await.status, 200);
    let both = json!({ "audience": [AUDIENCE, ADMIN_AUDIENCE] });
    let (withdrawn_id, withdrawn) = new_client(both).await;
    patch(&withdrawn_id, json!({ "audience": [ADMIN_AUDIENCE] })).await;
    let (suspended_id, suspended) = new_client(json!({})).await;
    patch(&suspended_id, json!({ "status": "suspended" })).await;
    let (deleted_id, deleted) = new_client(json!({})).await;
    let deletion = server.request(Method::DELETE, &format!("/admin/clients/{deleted_id}")).bearer_auth(&admin);
    assert_eq!(answer(deletion).await.status, 204);
    let throttled = server.token(LIMITED).await;
    for _ in 0..2 {
        assert_eq!(server.get(ZONES, &throttled).await.status, 200);
    }
    let (_, spent) = new_client(json!({ "daily_quota": 1 })).await;
    assert_eq!(server.get(ZONES, &spent).await.status, 200);

    let cases = [
        ("token_malformed", 401, Method::GET, "forged".to_owned()),
        ("unknown_key", 401, Method::GET, format!("{other_key}.{payload}.{signature}")),
        ("bad_signature", 401, Method::GET, with_altered_signature(&good)),
        ("wrong_audience", 401, Method::GET, admin.clone()),
        ("token_revoked", 401, Method::GET, revoked),
        ("audience_withdrawn", 401, Method::GET, withdrawn),
        ("client_suspended", 401, Method::GET, suspended),
        ("client_unknown", 401, Method::GET, deleted),
        ("throttled", 429, Method::GET, throttled),
        ("quota_exceeded", 429, Method::GET, spent),
        ("insufficient_scope", 403, Method::POST, good.clone()),
    ];
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    let moved = async |reason: &'static str, status: u16, request: reqwest::RequestBuilder| {
        let before = samples(&server).await;
        let answer = answer(request).await;
        assert_eq!(answer.status, status, "{reason}: {answer:?}");
        let expected = vec![(format!("boomgate_requests_denied_total{{reason=\"{reason}\"}}"), 1)];
        assert_eq!(grown(&server, &before, "boomgate_requests_").await, expected);
        reason
    };
    for (reason, status, method, token) in cases {
        seen.insert(moved(reason, status, server.request(method, ZONES).bearer_auth(token)).await);
    }
    seen.insert(moved("token_missing", 401, server.request(Method::GET, ZONES)).await);
    // The endpoint for the usage of the caller is behind the gate too.
    let misplaced = server.request(Method::GET, &format!("/oauth2/usage?access_token={good}"));
    seen.insert(moved("token_misplaced", 400, misplaced).await);
    server.clock.advance(Duration::from_secs(3_601));
    seen.insert(moved("token_expired", 401, server.request(Method::GET, ZONES).bearer_auth(&good)).await);
    // Those that need another issuer, an imported key or a store that does not answer have tests of their own.
    seen.extend(["wrong_issuer", "token_not_yet_valid", "store_unavailable"]);
    assert_eq!(seen, Reason::ALL.iter().map(|reason| reason.name()).collect());
}

#[tokio::test]
async fn a_token_of_another_issuer_is_counted_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(SystemClock::new().now()));
    let start = async |issuer: &str| {
        let issuer = Some(issuer.to_owned());
        TestServer::start_in(folder.path(), clock.clone(), |config| {
            config.issuer = issuer;
            config.ops_listen = Some("127.0.0.1:0".parse().unwrap());
        })
        .await
    };
    let before = start("https://before.example").await;
    let token = before.token(READER).await;
    before.stop().await;
    let server = start("https://after.example").await;
    assert_eq!(server.get(ZONES, &token).await.status, 401);
    assert_eq!(samples(&server).await["boomgate_requests_denied_total{reason=\"wrong_issuer\"}"], 1);
}

#[tokio::test]
async fn token_requests_are_counted_by_their_answer() {
    let server = start_with_ops().await;
    let before = samples(&server).await;
    for _ in 0..3 {
        server.token(READER).await;
    }
    let (reader, own) = (format!("client_id={READER}"), secret(READER));
    for (error, body) in [
        ("invalid_request", "{".to_owned()),
        ("invalid_client", format!("grant_type=client_credentials&{reader}&client_secret=no&audience={AUDIENCE}")),
        ("unsupported_grant_type", format!("grant_type=password&{reader}&client_secret={own}")),
        ("invalid_target", format!("grant_type=client_credentials&{reader}&client_secret={own}&audience=other")),
        (
            "invalid_scope",
            format!("grant_type=client_credentials&{reader}&client_secret={own}&audience={AUDIENCE}&scope=write:zones"),
        ),
    ] {
        let answer = server.token_request("application/x-www-form-urlencoded", body).await;
        assert_eq!(answer.json()["error"], error);
    }
    let mut counted = grown(&server, &before, "boomgate_tokens_").await;
    counted.extend(grown(&server, &before, "boomgate_client_auth").await);
    let expected = [
        ("boomgate_tokens_issued_total", 3),
        ("boomgate_tokens_refused_total{error=\"invalid_client\"}", 1),
        ("boomgate_tokens_refused_total{error=\"invalid_request\"}", 1),
        ("boomgate_tokens_refused_total{error=\"invalid_scope\"}", 1),
        ("boomgate_tokens_refused_total{error=\"invalid_target\"}", 1),
        ("boomgate_tokens_refused_total{error=\"unsupported_grant_type\"}", 1),
        ("boomgate_client_authentications_failed_total", 1),
    ];
    assert_eq!(counted, expected.map(|(name, by)| (name.to_owned(), by)));
}

#[tokio::test]
async fn requests_are_timed_by_the_pattern_of_their_route() {
    let server = start_with_ops().await;
    let token = server.token(WRITER).await;
    let page = server.get("/parking/zones?limit=2", &token).await.json();
    for zone in page["data"].as_array().unwrap() {
        let path = format!("/v3/parking/zones/{}", zone["id"].as_str().unwrap());
        assert_eq!(server.get(&path, &token).await.status, 200);
        assert_eq!(answer(server.request(Method::TRACE, &path).bearer_auth(&token)).await.status, 405);
    }
    let samples = samples(&server).await;
    let count = |labels: &str| samples.get(&format!("http_server_request_duration_seconds_count{{{labels}}}")).copied();
    let labels = |method: &str, route: &str, status: u16| {
        format!(
            "http_request_method=\"{method}\",http_route=\"{route}\",http_response_status_code=\"{status}\",\
             url_scheme=\"https\""
        )
    };
    assert_eq!(count(&labels("POST", "/shared/access-tokens", 200)), Some(1));
    assert_eq!(count(&labels("GET", "/parking/zones", 200)), Some(1));
    assert_eq!(count(&labels("GET", "/v3/parking/zones/{id}", 200)), Some(2));
    assert_eq!(count(&labels("TRACE", "/v3/parking/zones/{id}", 405)), Some(2));
    let all = format!(
        "http_server_request_duration_seconds_bucket{{{},le=\"+Inf\"}}",
        labels("GET", "/v3/parking/zones/{id}", 200)
    );
    assert_eq!(samples[&all], 2);
}

#[tokio::test]
async fn made_up_paths_and_methods_make_no_series() {
    let server = start_with_ops().await;
    let token = server.token_with_room().await;
    let unknown = async |number: u32| {
        let nowhere = format!("/nowhere/{number}?{number}={number}");
        assert_eq!(server.get(&nowhere, &token).await.status, 404);
        let zone = format!("/parking/zones/00000000-0000-4000-8000-{number:012}");
        assert_eq!(server.get(&zone, &token).await.status, 404);
        let method = Method::from_bytes(format!("M{number}").as_bytes()).unwrap();
        assert_eq!(answer(server.request(method, ZONES).bearer_auth(&token)).await.status, 405);
    };
    // Each worker must have had each kind once.
    for number in 0..20 {
        unknown(number).await;
        samples(&server).await;
    }
    let before: BTreeSet<String> = samples(&server).await.into_keys().collect();
    for number in 20..520 {
        unknown(number).await;
    }
    let after: BTreeSet<String> = samples(&server).await.into_keys().collect();
    assert_eq!(after.difference(&before).collect::<Vec<_>>(), Vec::<&String>::new());
    let counted = samples(&server).await;
    let without_route = "http_server_request_duration_seconds_count{http_request_method=\"GET\",\
                         http_response_status_code=\"404\",url_scheme=\"https\"}";
    let other_method = "http_server_request_duration_seconds_count{http_request_method=\"_OTHER\",\
                        http_route=\"/parking/zones\",http_response_status_code=\"405\",url_scheme=\"https\"}";
    assert_eq!((counted[without_route], counted[other_method]), (520, 520));
}

#[tokio::test]
async fn metrics_over_https_need_the_right_to_read_the_administration() {
    let server = TestServer::start().await;
    let (client_id, secret) = server.register(json!({ "scope": "write:admin", "audience": [ADMIN_AUDIENCE] })).await;
    let writer = server.token_with(&client_id, &secret, ADMIN_AUDIENCE, None).await;
    let refused = server.get("/metrics", &writer).await;
    assert_eq!((refused.status, refused.problem().as_str()), (403, "insufficient-scope"));
    let partner = server.get("/metrics", &server.token(READER).await).await;
    assert_eq!((partner.status, partner.problem().as_str()), (401, "token-invalid"));
    let answer = server.get("/metrics", &server.admin_token().await).await;
    assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
    let text = String::from_utf8(answer.body).unwrap();
    assert!(text.contains("\nboomgate_requests_denied_total{reason=\"insufficient_scope\"} 1\n"), "{text}");
    assert!(!text.contains(&client_id), "no label grows with clients");
}

#[tokio::test]
async fn probes_are_public_and_without_limits() {
    let server = TestServer::start().await;
    for (path, text) in [
        ("/livez", "ok"),
        ("/readyz", "ok"),
        ("/livez?verbose", "[+]ping ok\nlivez check passed\n"),
        (
            "/readyz?verbose",
            "[+]store ok\n[+]signing-key ok\n[+]certificate ok\n[+]not-stopping ok\nreadyz check passed\n",
        ),
    ] {
        for _ in 0..40 {
            let answer = answer(server.request(Method::GET, path)).await;
            assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"), "{path}");
            assert_eq!(String::from_utf8(answer.body).unwrap(), text);
        }
    }
}

#[tokio::test]
async fn the_port_for_operators_has_three_paths_and_no_more() {
    let server = start_with_ops().await;
    let address = server.ops.unwrap();
    let open = ["/livez", "/readyz", "/metrics"];
    for path in open {
        let answer = ops(address, Method::GET, path).await;
        assert_eq!((answer.status, answer.header("strict-transport-security")), (200, ""), "{path}");
        assert_eq!(ops(address, Method::POST, path).await.status, 405, "{path}");
        assert_eq!(ops(address, Method::HEAD, path).await.body, b"", "{path}");
    }
    for call in calls().into_iter().filter(|call| !open.contains(&call.path.as_str())) {
        let answer = ops(address, call.method.clone(), &call.path).await;
        assert_eq!(answer.status, 404, "{} {}", call.method, call.path);
    }
    // A token that is sent there is not revoked, because the port needs none; the port for TLS still refuses plain HTTP.
    assert_eq!(ops(server.address, Method::GET, "/metrics").await.status, 403);
}
