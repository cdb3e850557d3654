//! `/parking/zones` over HTTPS: the contract of the sample API (docs/architecture.md#the-sample-api), and hostile requests.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

use crate::harness::{ADMIN_AUDIENCE, AUDIENCE, Answer, READER, TestServer, WRITER, ZONES, answer};

pub(crate) fn zone(number: &str) -> Value {
    json!({
        "number": number, "name": "Harbour Street", "operator_id": "op-harbour", "session_type": "vehicle",
        "location": { "latitude": 47.1, "longitude": 8.2 },
    })
}

async fn send(
    server: &TestServer,
    method: Method,
    path: &str,
    token: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
) -> Answer {
    let request = server.request(method, path).bearer_auth(token).body(body);
    answer(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

#[tokio::test]
async fn the_documented_post_works_without_a_content_type() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    for (path, number) in [(ZONES, "1"), ("/v3/parking/zones", "2"), ("/shared/zones", "3"), ("/v3/shared/zones", "4")]
    {
        let body = zone(number).to_string().into_bytes();
        let created = send(&server, Method::POST, path, &token, &[("Cache-Control", "no-cache")], body).await;
        assert_eq!(created.status, 201, "{created:?}");
        assert!(created.header("location").starts_with(&format!("{path}/")), "{created:?}");
        let shown = server.get(created.header("location"), &token).await;
        assert_eq!((shown.status, shown.json()), (200, created.json()));
        assert_eq!(shown.header("etag"), created.header("etag"));
    }
}

#[tokio::test]
async fn clients_find_zones_by_operator_number_and_place() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    let count = |page: &Answer| page.json()["data"].as_array().unwrap().len();
    let by_operator = server.get("/v3/shared/zones?operator_id=harbour-parking&limit=100", &token).await;
    let zones = by_operator.json();
    assert!(count(&by_operator) >= 10);
    assert!(zones["data"].as_array().unwrap().iter().all(|zone| zone["operator_id"] == "harbour-parking"));
    let first = &zones["data"][0];
    for name in ["number", "zone_number"] {
        let query = format!("{ZONES}?operator_id=harbour-parking&{name}={}", first["number"].as_str().unwrap());
        assert_eq!(server.get(&query, &token).await.json()["data"], json!([first]), "{name}");
    }
    let place = &first["location"];
    let near = |radius: u32| {
        format!("{ZONES}?latitude={}&longitude={}&radius={radius}&limit=100", place["latitude"], place["longitude"])
    };
    let (close, far) = (server.get(&near(200), &token).await, server.get(&near(20_000), &token).await);
    assert!(count(&close) >= 1 && count(&close) < count(&far), "{} {}", count(&close), count(&far));
    assert_eq!(answer(server.request(Method::HEAD, ZONES).bearer_auth(&token)).await.status, 200);
}

#[tokio::test]
async fn the_cursor_leads_through_every_zone_once() {
    let server = TestServer::start().await;
    let token = server.token_with_room().await;
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{ZONES}?limit=7{next}"), &token).await.json();
        seen.extend(page["data"].as_array().unwrap().iter().map(|zone| zone["id"].to_string()));
        match page["next_cursor"].as_str() {
            Some(cursor) => next = format!("&cursor={cursor}"),
            None => break,
        }
    }
    let distinct: std::collections::BTreeSet<_> = seen.iter().collect();
    assert!(seen.len() >= 60 && distinct.len() == seen.len(), "{} {}", seen.len(), distinct.len());
    let other_list = server.get(&format!("{ZONES}?operator_id=harbour-parking{next}"), &token).await;
    assert_eq!(other_list.problem(), "invalid-cursor");
}

#[tokio::test]
async fn every_hostile_query_is_a_problem_that_names_the_parameter() {
    let server = TestServer::start().await;
    let token = server.token_with_room().await;
    for (query, kind) in [
        ("limit=0", "malformed-query"),
        ("limit=101", "malformed-query"),
        ("limit=-1", "malformed-query"),
        ("limit=1e1", "malformed-query"),
        ("limit=1&limit=1", "malformed-query"),
        ("unknown=1", "malformed-query"),
        ("latitude=1", "malformed-query"),
        ("latitude=1&longitude=1", "malformed-query"),
        ("latitude=NaN&longitude=1&radius=1", "malformed-query"),
        ("latitude=inf&longitude=1&radius=1", "malformed-query"),
        ("latitude=91&longitude=1&radius=1", "malformed-query"),
        ("latitude=1&longitude=1&radius=-1", "malformed-query"),
        ("latitude=1&longitude=1&radius=1e99", "malformed-query"),
        ("operator_id=%00", "malformed-query"),
        ("operator_id=%FF", "malformed-query"),
        ("number=1&zone_number=2", "malformed-query"),
        ("cursor=", "invalid-cursor"),
        ("cursor=!!!", "invalid-cursor"),
        ("cursor=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "invalid-cursor"),
        (&format!("cursor={}", "A".repeat(5_000)), "invalid-cursor"),
    ] {
        let answer = server.get(&format!("{ZONES}?{query}"), &token).await;
        assert_eq!((answer.status, answer.problem().as_str()), (400, kind), "{query:.60}");
    }
    for (query, detail) in [
        ("limit=0", "limit must be a whole number from 1 to 100."),
        ("Limit=1", "\"Limit\" is not a parameter of this list: did you mean limit?"),
        ("cursor=x", "cursor is not one that this list, with these filters, has answered."),
    ] {
        assert_eq!(server.get(&format!("{ZONES}?{query}"), &token).await.json()["detail"], detail);
    }
    for id in ["x", "00000000-0000-4000-8000-000000000000", "..%2f..%2fetc", "%00", "{id}", &"a".repeat(3_000)] {
        let answer = server.get(&format!("{ZONES}/{id}"), &token).await;
        assert_eq!((answer.status, answer.problem().as_str()), (404, "not-found"), "{id:.40}");
    }
}

#[tokio::test]
async fn every_hostile_body_is_a_problem_and_changes_nothing() {
    let server = TestServer::start().await;
    let token = server.token_with_room().await;
    let with = |member: &str, value: Value| {
        let mut zone = zone("77");
        zone[member] = value;
        zone.to_string().into_bytes()
    };
    let text = |text: &str| text.as_bytes().to_vec();
    let before = server.get(&format!("{ZONES}?limit=100"), &token).await.json();
    for (body, status, kind, reason) in [
        (text(""), 400, "malformed-body", "empty"),
        (text("{"), 400, "malformed-body", "half"),
        (text("null"), 422, "invalid-fields", "null"),
        (text("[]"), 422, "invalid-fields", "an array"),
        (text("{}{}"), 400, "malformed-body", "two documents"),
        (text("{\"number\": NaN}"), 400, "malformed-body", "NaN"),
        (text("{\"number\": 1e999}"), 400, "malformed-body", "a number out of range"),
        (text("{\"number\":\"1\",\"number\":\"2\"}"), 400, "malformed-body", "a member twice"),
        (b"{\"name\":\"\xFF\"}".to_vec(), 400, "malformed-body", "not UTF-8"),
        (text(&"[".repeat(30_000)), 400, "malformed-body", "deep nesting"),
        (vec![b' '; 70_000], 413, "payload-too-large", "too large"),
        (vec![b'x'; 10_000_000], 413, "payload-too-large", "10 MB"),
        (with("number", json!(1)), 422, "invalid-fields", "a number for a text"),
        (with("number", json!("")), 422, "invalid-fields", "an empty number"),
        (with("name", json!("a\u{0}b")), 422, "invalid-fields", "a control character"),
        (with("name", json!("x".repeat(10_000))), 422, "invalid-fields", "a long name"),
        (with("location", json!({ "latitude": 91, "longitude": 0 })), 422, "invalid-fields", "beyond the pole"),
        (with("location", json!("here")), 422, "invalid-fields", "a text for a place"),
        (with("session_type", json!("bicycle")), 422, "invalid-fields", "an unknown type"),
        (with("approx_space_count", json!(-1)), 422, "invalid-fields", "a negative count"),
        (with("settings", json!({ "grace_time": 1e9 })), 422, "invalid-fields", "a long grace"),
        (with("unknown", json!(1)), 422, "invalid-fields", "an unknown member"),
        (with("id", json!("x")), 422, "invalid-fields", "a read-only member"),
    ] {
        let answer = send(&server, Method::POST, ZONES, &token, &[("content-type", "application/json")], body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (status, kind), "{reason}");
        if status == 422 {
            assert!(!answer.json()["errors"].as_array().unwrap().is_empty(), "{reason}");
        }
    }
    for content_type in ["text/plain", "application/xml", "multipart/form-data"] {
        let body = zone("78").to_string().into_bytes();
        let answer = send(&server, Method::POST, ZONES, &token, &[("content-type", content_type)], body).await;
        assert_eq!((answer.status, answer.problem().as_str()), (415, "unsupported-media-type"), "{content_type}");
    }
    assert_eq!(server.get(&format!("{ZONES}?limit=100"), &token).await.json(), before);
}

#[tokio::test]
async fn a_change_to_a_zone_that_another_caller_changed_is_refused() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    let created = server.post_json(ZONES, &token, &zone("5")).await;
    let (path, first) = (created.header("location").to_owned(), created.header("etag").to_owned());
    let send_patch = |etag: String, name: &str| {
        let body = json!({ "name": name, "approx_space_count": 12 });
        let request = server.request(Method::PATCH, &path).bearer_auth(&token).header("If-Match", etag);
        answer(request.header(CONTENT_TYPE, "application/merge-patch+json").body(body.to_string()))
    };
    let changed = send_patch(first.clone(), "Quay 1").await;
    assert_eq!((changed.status, &changed.json()["name"]), (200, &json!("Quay 1")));
    let refused = send_patch(first.clone(), "Quay 2").await;
    assert_eq!((refused.status, refused.problem().as_str()), (412, "precondition-failed"));

    let etag = changed.header("etag").to_owned();
    let unchanged = answer(server.request(Method::GET, &path).bearer_auth(&token).header("If-None-Match", &etag)).await;
    assert_eq!((unchanged.status, unchanged.header("etag"), unchanged.body.len()), (304, etag.as_str(), 0));
    let conflict = server.post_json(ZONES, &token, &zone("5")).await;
    assert_eq!((conflict.status, conflict.problem().as_str()), (409, "conflict"));
    let put = answer(server.request(Method::PUT, &path).bearer_auth(&token).json(&zone("6"))).await;
    assert_eq!((put.status, &put.json()["number"]), (200, &json!("6")));
    let deleted = answer(server.request(Method::DELETE, &path).bearer_auth(&token)).await;
    assert_eq!((deleted.status, deleted.body.len()), (204, 0));
    assert_eq!(server.get(&path, &token).await.status, 404);
}

#[tokio::test]
async fn an_idempotency_key_makes_a_post_safe_to_send_again() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    let key = [("idempotency-key", "6f1e2b0a")];
    let body = || zone("9").to_string().into_bytes();
    let first = send(&server, Method::POST, ZONES, &token, &key, body()).await;
    let again = send(&server, Method::POST, ZONES, &token, &key, body()).await;
    assert_eq!((first.status, again.status), (201, 201));
    assert_eq!((again.json(), again.header("location")), (first.json(), first.header("location")));
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    let other = send(&server, Method::POST, ZONES, &token, &key, zone("10").to_string().into_bytes()).await;
    assert_eq!((other.status, other.problem().as_str()), (422, "idempotency-key-reused"));
    let long = "k".repeat(256);
    let unfit = send(&server, Method::POST, ZONES, &token, &[("idempotency-key", &long)], body()).await;
    assert_eq!((unfit.status, unfit.problem().as_str()), (400, "idempotency-key-invalid"));
    // Other clients have keys of their own, and after a day the server forgets the key.
    let (other_id, secret) = server.register(json!({})).await;
    let other_token = server.token_with(&other_id, &secret, AUDIENCE, None).await;
    assert_eq!(send(&server, Method::POST, ZONES, &other_token, &key, body()).await.status, 409);
    server.clock.advance(std::time::Duration::from_secs(86_401));
    let token = server.token(WRITER).await;
    assert_eq!(send(&server, Method::POST, ZONES, &token, &key, body()).await.status, 409);
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_with_the_place_and_what_is_expected() {
    let server = TestServer::start().await;
    let limits = json!({ "requests_per_second": 10_000, "burst": 10_000, "daily_quota": null,
        "scope": "read:admin write:admin", "audience": [ADMIN_AUDIENCE] });
    let (client_id, secret) = server.register(limits).await;
    let admin = server.token_with(&client_id, &secret, ADMIN_AUDIENCE, None).await;
    let writer = server.token_with_room().await;
    // The media type that curl names by itself for -d '...' and -d ''; other tools name none.
    let form = Some("application/x-www-form-urlencoded");
    for (body, at) in [
        ("...", "expected value at line 1 column 1"),
        ("", "it is empty at line 1 column 1"),
        (" \n", "it is empty at line 1 column 1"),
        ("{\n \"number\": }", "expected value at line 2 column 12"),
        ("number=1203", "expected ident at line 1 column 3"),
    ] {
        for content_type in [form, None, Some("application/json")] {
            for (method, path, token) in [
                (Method::POST, ZONES, &writer),
                (Method::PUT, "/v3/shared/zones/00000000-0000-4000-8000-000000000000", &writer),
                (Method::PATCH, "/parking/zones/00000000-0000-4000-8000-000000000000", &writer),
                (Method::POST, "/admin/clients", &admin),
                (Method::PATCH, "/admin/clients/demo-reader", &admin),
                (Method::POST, "/admin/revocations", &admin),
                (Method::POST, "/admin/keys/import", &admin),
            ] {
                let headers: Vec<_> = content_type.iter().map(|value| ("content-type", *value)).collect();
                let refused = send(&server, method, path, token, &headers, body.into()).await;
                assert_eq!((refused.status, refused.problem().as_str()), (400, "malformed-body"), "{path} {body:?}");
                let detail = refused.json()["detail"].as_str().unwrap().to_owned();
                assert!(detail.starts_with(&format!("The body is not JSON: {at}. Send ")), "{path}: {detail}");
                assert!(detail.contains("JSON object, such as {"), "{detail}");
            }
        }
    }
}

#[tokio::test]
async fn the_same_zone_in_another_spelling_is_the_same_request() {
    let server = TestServer::start().await;
    let token = server.token_with_room().await;
    let key = [("idempotency-key", "in-other-words"), ("content-type", "application/json")];
    let first = br#"{"number":"9","name":"Caf\u00e9","operator_id":"op","session_type":"space","location":{"latitude":47.0,"longitude":0},"approx_space_count":12}"#;
    let first = send(&server, Method::POST, ZONES, &token, &key, first.to_vec()).await;
    assert_eq!(first.status, 201, "{first:?}");
    let other = "{ \"location\": {\"longitude\": -0.0, \"latitude\": 4.7e1}, \"approx_space_count\": 1.2e1,\n \"settings\": {},\"session_type\":\"space\",\"operator_id\":\"o\\u0070\",\"name\":\"Cafe\u{301}\",\"number\":\"９\"}";
    for path in [ZONES, "/v3/parking/zones", "/shared/zones", "/v3/shared/zones"] {
        let again = send(&server, Method::POST, path, &token, &key, other.as_bytes().to_vec()).await;
        assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"), "{path}: {again:?}");
        assert_eq!(
            (again.body.as_slice(), again.header("location")),
            (first.body.as_slice(), first.header("location"))
        );
    }
    let another = other.replace("1.2e1", "13");
    let reused = send(&server, Method::POST, ZONES, &token, &key, another.into_bytes()).await;
    assert_eq!(reused.problem(), "idempotency-key-reused");
    let path = first.header("location");
    let merge = br#"{"approx_space_count": 2.0, "settings": {"grace_time": 5e0}}"#.to_vec();
    let patched = send(&server, Method::PATCH, path, &token, &[], merge).await.json();
    assert_eq!((&patched["approx_space_count"], &patched["settings"]["grace_time"]), (&json!(2), &json!(5)));
}

#[tokio::test]
async fn a_client_creates_exactly_as_many_zones_as_it_may_have_at_once_and_after_a_restart() {
    let bounded = |config: &mut boomgate::config::Config| config.parking.max_zones_per_client = 25;
    let server = TestServer::start_with(bounded).await;
    let limits = json!({ "client_id": "builder", "requests_per_second": 10_000, "burst": 10_000, "daily_quota": null });
    let (_, secret) = server.register(limits.clone()).await;
    let token = server.token_with("builder", &secret, AUDIENCE, None).await;
    let create = async |number: usize| server.post_json(ZONES, &token, &zone(&format!("n-{number}"))).await;
    let answers = futures_util::future::join_all((0..40).map(create)).await;
    let created: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(created.len(), 25);
    let refused = answers.iter().find(|answer| answer.status != 201).unwrap();
    assert_eq!((refused.status, refused.problem().as_str()), (409, "too-many-zones"));
    assert!(refused.json()["detail"].as_str().unwrap().contains("has created 25 zones"), "{refused:?}");
    assert!(answers.iter().all(|answer| [201, 409].contains(&answer.status)));

    // A zone counts for the client that created it, whichever client changes or deletes it.
    let writer = server.token(WRITER).await;
    assert_eq!(server.post_json(ZONES, &writer, &zone("n-writer")).await.status, 201);
    let path = created[0].header("location").to_owned();
    assert_eq!(answer(server.request(Method::PUT, &path).bearer_auth(&writer).json(&zone("n-99"))).await.status, 200);
    assert_eq!(create(100).await.status, 409);
    assert_eq!(answer(server.request(Method::DELETE, &path).bearer_auth(&writer)).await.status, 204);
    assert_eq!((create(101).await.status, create(102).await.status), (201, 409));

    let (clock, folder) = (server.clock.clone(), server.stop().await.unwrap());
    let server = TestServer::start_in(folder.path(), clock, bounded).await;
    let token = server.token_with("builder", &secret, AUDIENCE, None).await;
    assert_eq!(server.post_json(ZONES, &token, &zone("n-103")).await.problem(), "too-many-zones");
}

#[tokio::test]
async fn everything_that_a_client_stored_is_deleted_with_it() {
    let server = TestServer::start().await;
    let room = json!({ "client_id": "again", "requests_per_second": 10_000, "burst": 10_000 });
    let (_, secret) = server.register(room.clone()).await;
    let token = server.token_with("again", &secret, AUDIENCE, None).await;
    let key = [("idempotency-key", "the-same")];
    let body = || zone("once").to_string().into_bytes();
    let first = send(&server, Method::POST, ZONES, &token, &key, body()).await;
    for number in 0..140 {
        assert_eq!(server.post_json(ZONES, &token, &zone(&number.to_string())).await.status, 201);
    }
    let of_another = server.post_json(ZONES, &server.token(WRITER).await, &zone("another")).await;
    let admin = server.admin_token().await;
    let deleted = server.request(Method::DELETE, "/admin/clients/again").bearer_auth(&admin);
    assert_eq!(answer(deleted).await.status, 204);
    let reader = server.token_with_room().await;
    assert_eq!(server.get(first.header("location"), &reader).await.status, 404);
    let left = server.get(&format!("{ZONES}?operator_id=op-harbour&limit=100"), &reader).await.json();
    assert_eq!(left["data"], json!([of_another.json()]));

    let (_, secret) = server.register(room).await;
    let token = server.token_with("again", &secret, AUDIENCE, None).await;
    let anew = send(&server, Method::POST, ZONES, &token, &key, body()).await;
    assert_eq!((anew.status, anew.header("idempotent-replayed")), (201, ""));
    assert_ne!(anew.header("location"), first.header("location"));
    let folder = server.stop().await.unwrap();
    let store = boomgate::store::SledStore::open(&folder.path().join("data/db")).unwrap();
    for (prefix, count) in [
        ("zone-slots/again/", 1),
        ("idempotency/again/", 1),
        ("idempotency-slots/again/", 1),
        ("deleted-clients/", 0),
        ("zone-owners/", 2),
    ] {
        let stored = boomgate::store::Store::scan(&store, prefix.as_bytes(), None, 1_000).await.unwrap();
        assert_eq!(stored.len(), count, "{prefix}");
    }
}

#[tokio::test]
async fn a_client_has_a_bounded_number_of_idempotency_keys() {
    let server = TestServer::start_with(|config| config.parking.max_idempotency_keys_per_client = 3).await;
    let token = server.token_with_room().await;
    let create = async |key: usize| {
        let (key, number) = (format!("key-{key}"), format!("k-{key}"));
        send(&server, Method::POST, ZONES, &token, &[("idempotency-key", &key)], zone(&number).to_string().into_bytes())
            .await
    };
    let answers = futures_util::future::join_all((0..9).map(create)).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 3);
    let (index, refused) = answers.iter().enumerate().find(|(_, answer)| answer.status != 201).unwrap();
    assert_eq!((refused.status, refused.problem().as_str()), (409, "too-many-idempotency-keys"));
    let remembered = answers.iter().position(|answer| answer.status == 201).unwrap();
    assert_eq!(create(remembered).await.header("idempotent-replayed"), "true", "a remembered key is served");
    assert_eq!(
        server.post_json(ZONES, &token, &zone("without")).await.status,
        201,
        "and so is a request without a key"
    );
    assert_eq!(create(index).await.status, 409);
}
