//! `/parking/zones` and `/shared/zones`: the sample API that the gate guards.
//!
//! Reads a request into what [`crate::parking`] asks for, and its answer into HTTP: query, media type,
//! preconditions (RFC 9110 section 13), idempotency key. No rule about zones is here.

#![allow(clippy::unused_async, reason = "actix asks for async handlers, whether they wait or not")]

use actix_web::http::StatusCode;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, LOCATION};
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use crate::http::authorized::{Authorized, ReadZones, WriteZones};
use crate::http::body::{JSON, read_json, read_merge_patch};
use crate::http::conditional::{self, PRIVATE, condition, with_body};
use crate::http::error::{Problem, ProblemKind, sentence};
use crate::http::idempotency_key::{IDEMPOTENT_REPLAYED, idempotency_key};
use crate::idempotency::Attempt;
use crate::oauth::document::Document;
use crate::parking::{ListRequest, Page, Parking, ParkingError};

pub(super) async fn list(
    _caller: Authorized<ReadZones>,
    request: HttpRequest,
    parking: Data<Parking>,
) -> Result<HttpResponse, Problem> {
    let page = parking.list(&ListRequest::parse(request.query_string())?);
    let mut response = HttpResponse::with_body(StatusCode::OK, page_body(&page));
    response.headers_mut().append(CONTENT_TYPE, JSON);
    response.headers_mut().append(CACHE_CONTROL, PRIVATE);
    Ok(response.map_into_boxed_body())
}

pub(super) async fn show(
    _caller: Authorized<ReadZones>,
    request: HttpRequest,
    parking: Data<Parking>,
) -> Result<HttpResponse, Problem> {
    let found = parking.get(zone_id(&request)?).ok_or(ParkingError::NotFound)?;
    conditional::read(&request, found.etag(), found.body())
}

/// Preconditions are not looked at: they are about the list, which has no states to name.
pub(super) async fn create(
    caller: Authorized<WriteZones>,
    request: HttpRequest,
    parking: Data<Parking>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let key = idempotency_key(&request)?;
    let body = read_json(&request, payload).await?;
    let client_id = caller.client_id();
    let attempt = key.map(|key| Attempt::new(client_id, key).sent_as(request.path(), &body));
    let created = parking.create(&parse(&body)?, request.path(), client_id, attempt.as_ref()).await?;
    let mut response = with_body(StatusCode::CREATED, created.etag, created.body);
    let location = HeaderValue::try_from(created.location).map_err(|_| Problem::not_found())?;
    response.headers_mut().insert(LOCATION, location);
    if created.replayed {
        response.headers_mut().insert(IDEMPOTENT_REPLAYED, HeaderValue::from_static("true"));
    }
    Ok(response)
}

pub(super) async fn replace(
    _caller: Authorized<WriteZones>,
    request: HttpRequest,
    parking: Data<Parking>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let id = zone_id(&request)?;
    let body = parse(&read_json(&request, payload).await?)?;
    let changed = parking.replace(id, &body, &condition(&request)).await?;
    Ok(with_body(StatusCode::OK, changed.etag(), changed.body()))
}

pub(super) async fn merge(
    _caller: Authorized<WriteZones>,
    request: HttpRequest,
    parking: Data<Parking>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let id = zone_id(&request)?;
    let patch = parse(&read_merge_patch(&request, payload).await?)?;
    let changed = parking.merge(id, &patch, &condition(&request)).await?;
    Ok(with_body(StatusCode::OK, changed.etag(), changed.body()))
}

pub(super) async fn delete(
    _caller: Authorized<WriteZones>,
    request: HttpRequest,
    parking: Data<Parking>,
) -> Result<HttpResponse, Problem> {
    parking.delete(zone_id(&request)?, &condition(&request)).await?;
    Ok(HttpResponse::new(StatusCode::NO_CONTENT))
}

/// The id in the path: hyphenated, its letters of either case (RFC 9562 section 4).
fn zone_id(request: &HttpRequest) -> Result<Uuid, Problem> {
    let path = request.match_info();
    let id = path.get("id").or_else(|| path.unprocessed().strip_prefix('/'));
    let id = id.filter(|id| id.len() == uuid::fmt::Hyphenated::LENGTH);
    id.and_then(|id| Uuid::parse_str(id).ok()).ok_or_else(|| ParkingError::NotFound.into())
}

/// The document that a body is. Whoever reads it says what it must hold.
fn parse(body: &[u8]) -> Result<Document, Problem> {
    let expected = "Send a zone as one JSON object, such as {\"number\": \"1203\", \"name\": \"Quay\"}.";
    Document::parse(body)
        .map_err(|fault| Problem::new(ProblemKind::MalformedBody, format!("{} {expected}", sentence(&fault))))
}

/// `{"data": […], "next_cursor": …}`, put together from what each zone's own answer is.
fn page_body(page: &Page) -> Vec<u8> {
    let length: usize = page.zones.iter().map(|zone| zone.json().len() + 1).sum();
    let mut body = Vec::with_capacity(length + 96);
    body.extend_from_slice(b"{\"data\":[");
    for (index, zone) in page.zones.iter().enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(zone.json());
    }
    body.extend_from_slice(b"],\"next_cursor\":");
    match page.next {
        Some(cursor) => body.extend_from_slice(format!("\"{cursor}\"").as_bytes()),
        None => body.extend_from_slice(b"null"),
    }
    body.extend_from_slice(b"}\n");
    body
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use actix_web::App;
    use actix_web::dev::Service;
    use actix_web::http::Method;
    use actix_web::test::{TestRequest, init_service, read_body};
    use actix_web::web::Bytes;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::admission::{Admission, Reason};
    use crate::clients::{Client, Clients, Status};
    use crate::http::response::{ResponseHeaders, Site};
    use crate::http::router;
    use crate::http::source_limit::SourceLimit;
    use crate::keys::{Algorithm, Keys};
    use crate::oauth::credentials::ClientId;
    use crate::oauth::limits::Limits;
    use crate::oauth::scope::Scope;
    use crate::oauth::token_epoch::TokenEpoch;
    use crate::quota::Quota;
    use crate::revocation::Revocation;
    use crate::store::{MemoryStore, Outcome, Store};
    use crate::time::{ManualClock, UnixSeconds};
    use crate::tokens::Tokens;

    const AUDIENCE: &str = "public.api.example";
    const ZONE: &str = r#"{"number": "1", "name": "Quay", "operator_id": "quays", "session_type": "space",
        "location": {"latitude": 1.25, "longitude": 103.75}}"#;

    /// The gate in front of the routes, over a store that forgets.
    struct Gate {
        store: Arc<dyn Store>,
        admission: Data<Admission>,
        parking: Data<Parking>,
        tokens: [String; 2],
    }

    /// What came back.
    #[derive(Debug)]
    struct Answer {
        status: u16,
        headers: actix_web::http::header::HeaderMap,
        body: Bytes,
    }

    impl Gate {
        async fn open() -> Self {
            let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
            let now = UnixSeconds::parse("2026-03-01T12:00:00Z").unwrap();
            let clock = Arc::new(ManualClock::new(now));
            let keys = Keys::with_one(store.clone(), Algorithm::Es256, now).await;
            let clients = Clients::open(store.clone()).await.unwrap();
            let client = Client {
                client_id: ClientId::parse("client-1").unwrap(),
                client_name: "Client".to_owned(),
                scope: Scope::parse("read:zones write:zones").unwrap(),
                audience: vec![AUDIENCE.to_owned()].into(),
                token_ttl: 3_600,
                limits: Limits { requests_per_second: 1_000.into(), burst: 1_000, daily_quota: None, enforce: false },
                status: Status::Active,
                secrets: vec![],
                retired_secrets: Vec::new(),
                declared: false,
                tokens_valid_from: now,
                token_epoch: TokenEpoch::default(),
                created_at: now,
                updated_at: now,
            };
            let Outcome::Committed(revision) = store.commit(clients.register(&client).unwrap()).await.unwrap() else {
                panic!("the client is not registered");
            };
            clients.wait_for(revision).await;
            let tokens = Arc::new(Tokens::new(Arc::new(keys), clock.clone(), "https://here".to_owned()));
            let issue = |scope| tokens.issue(&client, AUDIENCE, Scope::parse(scope).unwrap()).unwrap().access_token;
            let issued = [issue("read:zones write:zones"), issue("read:zones")];
            let admission = Admission::new(
                tokens,
                16,
                Arc::new(Revocation::open(store.clone()).await.unwrap()),
                Arc::new(clients),
                Quota::open(store.clone(), clock.clone()),
                clock.clone(),
                AUDIENCE.to_owned(),
            );
            let parking = Data::new(Parking::open(store.clone(), clock).await.unwrap());
            Self { store, admission: Data::new(admission), parking, tokens: issued }
        }

        /// Sends a request with the token that may do everything, unless the headers bring another.
        async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
            let site = Data::new(Site { issuer: "https://here".to_owned(), hsts: None });
            let limit = SourceLimit::new(0, 1).unwrap();
            let app = App::new()
                .app_data(site.clone())
                .app_data(self.admission.clone())
                .app_data(self.parking.clone())
                .configure(|config| router::over_tls(config, &self.parking, &limit))
                .wrap(ResponseHeaders::new(&site, &Arc::default(), "https"));
            let app = init_service(app).await;
            let mut request = TestRequest::default()
                .method(Method::from_bytes(method.as_bytes()).unwrap())
                .uri(path)
                .set_payload(body.into());
            if !headers.iter().any(|(name, _)| *name == "authorization") {
                request = request.insert_header(("authorization", format!("Bearer {}", self.tokens[0])));
            }
            for header in headers {
                request = request.append_header(*header);
            }
            let response = app.call(request.to_request()).await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            Answer { status, headers, body: read_body(response).await }
        }

        async fn get(&self, path: &str) -> Answer {
            self.send("GET", path, &[], "").await
        }

        async fn create(&self, number: &str) -> (String, String) {
            let body = ZONE.replace("\"1\"", &format!("{number:?}"));
            let answer = self.send("POST", "/parking/zones", &[], body).await;
            assert_eq!(answer.status, 201, "{answer:?}");
            (answer.header("location"), answer.header("etag"))
        }
    }

    impl Answer {
        fn header(&self, name: &str) -> String {
            self.headers.get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
        }

        fn json(&self) -> Json {
            serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("{self:?}"))
        }

        /// The last segment of a problem's type.
        fn problem(&self) -> String {
            assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
            self.json()["type"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
        }
    }

    #[actix_web::test]
    async fn a_zone_goes_through_its_life_over_http() {
        let gate = Gate::open().await;
        let created = gate.send("POST", "/v3/shared/zones", &[], ZONE).await;
        assert_eq!((created.status, created.header("content-type").as_str()), (201, "application/json"));
        let location = created.header("location");
        let id = created.json()["id"].as_str().unwrap().to_owned();
        assert_eq!(location, format!("/v3/shared/zones/{id}"), "as it was called");

        let shown = gate.get(&location).await;
        assert_eq!((shown.status, shown.header("etag")), (200, created.header("etag")));
        assert_eq!(shown.body, created.body);
        assert_eq!(gate.get(&format!("/parking/zones/{id}")).await.body, shown.body);

        let etag = created.header("etag");
        let patch = r#"{"approx_space_count": 5}"#;
        let patched = gate.send("PATCH", &location, &[("if-match", &etag)], patch).await;
        assert_eq!((patched.status, patched.json()["approx_space_count"].clone()), (200, json!(5)));
        let stale = gate.send("PUT", &location, &[("if-match", &etag)], ZONE).await;
        assert_eq!((stale.status, stale.problem().as_str()), (412, "precondition-failed"));
        // What a GET gave can be sent back as it is.
        let back = gate.send("PUT", &location, &[("if-match", &patched.header("etag"))], patched.body.clone()).await;
        assert_eq!((back.status, back.header("etag")), (200, patched.header("etag")));

        let deleted = gate.send("DELETE", &location, &[], "").await;
        assert_eq!((deleted.status, deleted.body.len()), (204, 0));
        for (method, body) in [("GET", ""), ("HEAD", ""), ("PUT", ZONE), ("PATCH", "{}"), ("DELETE", "")] {
            let gone = gate.send(method, &location, &[], body).await;
            assert_eq!((gone.status, gone.problem().as_str()), (404, "not-found"), "{method}");
        }
    }

    #[actix_web::test]
    async fn preconditions_answer_304_and_412() {
        let gate = Gate::open().await;
        let (location, etag) = gate.create("1").await;
        let weak = format!("W/{etag}");
        for (method, name, value, status) in [
            ("GET", "if-none-match", etag.as_str(), 304),
            ("HEAD", "if-none-match", &etag, 304),
            ("GET", "if-none-match", &weak, 304),
            ("GET", "if-none-match", "*", 304),
            ("GET", "if-none-match", "\"other\"", 200),
            ("GET", "if-none-match", "unquoted", 200),
            ("GET", "if-match", &etag, 200),
            ("GET", "if-match", "\"other\"", 412),
            ("PUT", "if-none-match", "*", 412),
            ("PUT", "if-none-match", &etag, 412),
            ("PUT", "if-none-match", "\"other\"", 200),
            ("PUT", "if-match", "*", 200),
            ("PUT", "if-match", &weak, 412),
            ("PUT", "if-match", "unquoted", 412),
            ("PATCH", "if-match", "", 412),
            ("DELETE", "if-match", "\"other\"", 412),
        ] {
            let body = if method == "PUT" { ZONE } else { "{}" };
            let answer = gate.send(method, &location, &[(name, value)], body).await;
            assert_eq!(answer.status, status, "{method} {name}: {value}");
            if status == 304 {
                assert_eq!((answer.body.len(), answer.header("etag")), (0, etag.clone()));
            }
        }
        // Where there is no zone, 404 comes before any precondition (RFC 9110, section 13.2.1).
        let nowhere = gate.send("PUT", &format!("/parking/zones/{}", Uuid::nil()), &[("if-match", "*")], ZONE).await;
        assert_eq!(nowhere.status, 404);
    }

    #[actix_web::test]
    async fn a_list_is_narrowed_and_walked() {
        let gate = Gate::open().await;
        gate.parking.seed_samples_if_empty().await.unwrap();
        let mut path = "/shared/zones?operator_id=lindenau-mobil&limit=10".to_owned();
        let mut sizes = Vec::new();
        loop {
            let answer = gate.get(&path).await;
            assert_eq!(answer.status, 200);
            let page = answer.json();
            let zones = page["data"].as_array().unwrap();
            assert!(zones.iter().all(|zone| zone["operator_id"] == "lindenau-mobil"));
            sizes.push(zones.len());
            let Some(cursor) = page["next_cursor"].as_str() else { break };
            path = format!("/shared/zones?operator_id=lindenau-mobil&limit=10&cursor={cursor}");
        }
        assert_eq!(sizes, [10, 10, 2]);
        assert_eq!(gate.get("/parking/zones").await.json()["data"].as_array().unwrap().len(), 25);
        assert_eq!(gate.get("/parking/zones?number=none").await.body, "{\"data\":[],\"next_cursor\":null}\n");
        let alien = path.replace("/shared/zones?operator_id=lindenau-mobil&", "/shared/zones?");
        for (path, problem) in [
            (alien.as_str(), "invalid-cursor"),
            ("/parking/zones?cursor=%F0%9F%92%A9", "invalid-cursor"),
            ("/parking/zones?limit=0", "malformed-query"),
            ("/parking/zones?limit=5&limit=5", "malformed-query"),
            ("/parking/zones?latitude=1", "malformed-query"),
            ("/parking/zones?page=2", "malformed-query"),
        ] {
            let answer = gate.get(path).await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, problem), "{path}");
        }
    }

    #[actix_web::test]
    async fn a_body_is_json_by_its_media_type_or_by_what_stands_for_it() {
        let gate = Gate::open().await;
        let (location, _) = gate.create("0").await;
        let patched = "{\"name\": \"Pier\"}";
        for (method, content_type, body, status) in [
            ("POST", None, ZONE, 201),
            ("POST", Some("application/json"), ZONE, 201),
            ("POST", Some("Application/JSON;charset=utf-8"), ZONE, 201),
            ("POST", Some("application/vnd.zone+json"), ZONE, 201),
            ("POST", Some("application/x-www-form-urlencoded"), ZONE, 201),
            ("POST", Some("application/x-www-form-urlencoded"), "number=1", 400),
            ("POST", Some("application/x-www-form-urlencoded"), "", 400),
            ("POST", Some("text/plain"), ZONE, 415),
            ("POST", Some("multipart/form-data; boundary=x"), ZONE, 415),
            ("PATCH", Some("application/merge-patch+json"), patched, 200),
            ("PATCH", Some("application/json"), patched, 200),
            ("PATCH", None, patched, 200),
            ("PATCH", Some("application/json-patch+json"), "[]", 415),
        ] {
            let headers: Vec<_> = content_type.iter().map(|value| ("content-type", *value)).collect();
            let path = if method == "POST" { "/parking/zones" } else { &location };
            let answer = gate.send(method, path, &headers, body).await;
            assert_eq!(answer.status, status, "{method} {content_type:?} {body:.12}");
            match (status, method) {
                (201, _) => _ = gate.send("DELETE", &answer.header("location"), &[], "").await,
                (415, "POST") => assert_eq!(answer.header("accept"), "application/json"),
                (415, _) => assert!(answer.header("accept-patch").starts_with("application/merge-patch+json")),
                _ => (),
            }
        }
        let zipped = gate.send("POST", "/parking/zones", &[("content-encoding", "gzip")], ZONE).await;
        assert_eq!((zipped.status, zipped.header("accept-encoding").as_str()), (415, "identity"));
        let twice = [("content-type", "application/json"), ("content-type", "text/plain")];
        assert_eq!(gate.send("POST", "/parking/zones", &twice, ZONE).await.status, 415);
    }

    #[actix_web::test]
    async fn a_hostile_body_gets_its_documented_answer() {
        let gate = Gate::open().await;
        let (location, _) = gate.create("0").await;
        for (body, status, problem) in [
            (b"".to_vec(), 400, "malformed-body"),
            (b"{".to_vec(), 400, "malformed-body"),
            (b"{\"number\": NaN}".to_vec(), 400, "malformed-body"),
            (b"{\"number\": 1e999}".to_vec(), 400, "malformed-body"),
            (b"{\"name\": \"\xFF\"}".to_vec(), 400, "malformed-body"),
            (b"{\"name\": \"a\", \"name\": \"b\"}".to_vec(), 400, "malformed-body"),
            (b"[".repeat(60_000), 400, "malformed-body"),
            (b"[]".to_vec(), 422, "invalid-fields"),
            (b"null".to_vec(), 422, "invalid-fields"),
            (b"{\"number\": 1}".to_vec(), 422, "invalid-fields"),
            (b"{\"colour\": \"red\"}".to_vec(), 422, "invalid-fields"),
            (vec![b' '; 64 * 1_024 + 1], 413, "payload-too-large"),
            (vec![b'{'; 10 * 1_024 * 1_024], 413, "payload-too-large"),
        ] {
            for (method, path) in [("POST", "/parking/zones"), ("PUT", &location), ("PATCH", &location)] {
                let start = body[..body.len().min(20)].escape_ascii().to_string();
                let answer = gate.send(method, path, &[], body.clone()).await;
                assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{method} {start}");
            }
        }
        let wrong = gate.send("POST", "/parking/zones", &[], r#"{"number": 1, "nmae": "x"}"#).await.json();
        assert_eq!(wrong["errors"][0], json!({"pointer": "/nmae", "detail": "is not a member: did you mean name?"}));
        assert_eq!(wrong["detail"], "/nmae is not a member: did you mean name? And 5 more: see errors.");
    }

    #[actix_web::test]
    async fn a_number_that_is_taken_answers_409_and_names_its_zone() {
        let gate = Gate::open().await;
        let (location, _) = gate.create("1").await;
        let (other, _) = gate.create("2").await;
        for (method, path, body) in
            [("POST", "/parking/zones", ZONE), ("PUT", &other, ZONE), ("PATCH", &other, "{\"number\":\"1\"}")]
        {
            let answer = gate.send(method, path, &[], body).await;
            assert_eq!((answer.status, answer.problem().as_str()), (409, "conflict"), "{method}");
            let id = location.rsplit('/').next().unwrap();
            assert!(answer.json()["detail"].as_str().unwrap().contains(id), "{answer:?}");
        }
    }

    #[actix_web::test]
    async fn an_idempotency_key_gives_the_first_answer_again() {
        let gate = Gate::open().await;
        let key = [("idempotency-key", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"")];
        let first = gate.send("POST", "/parking/zones", &key, ZONE).await;
        let again = gate.send("POST", "/parking/zones", &key, ZONE).await;
        assert_eq!((first.status, first.header("idempotent-replayed").as_str()), (201, ""));
        assert_eq!((again.status, again.header("idempotent-replayed").as_str()), (201, "true"));
        for name in ["location", "etag", "content-type"] {
            assert_eq!(again.header(name), first.header(name));
        }
        assert_eq!(again.body, first.body);
        let reused = gate.send("POST", "/parking/zones", &key, ZONE.replace("Quay", "Pier")).await;
        assert_eq!((reused.status, reused.problem().as_str()), (422, "idempotency-key-reused"));
        let long = "k".repeat(256);
        let twice = [("idempotency-key", "a"), ("idempotency-key", "a")];
        for headers in
            [&[("idempotency-key", "")][..], &[("idempotency-key", "a b")], &[("idempotency-key", &long)], &twice]
        {
            let answer = gate.send("POST", "/parking/zones", headers, ZONE).await;
            assert_eq!((answer.status, answer.problem().as_str()), (400, "idempotency-key-invalid"), "{headers:?}");
        }
    }

    #[actix_web::test]
    async fn only_what_the_routes_name_is_allowed() {
        let gate = Gate::open().await;
        let (location, _) = gate.create("1").await;
        for (path, methods, allow) in [
            ("/parking/zones", ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"], "GET, HEAD, POST"),
            (&location, ["POST", "OPTIONS", "TRACE", "CONNECT", "LINK"], "GET, HEAD, PUT, PATCH, DELETE"),
        ] {
            for method in methods {
                let answer = gate.send(method, path, &[], "").await;
                assert_eq!((answer.status, answer.header("allow").as_str()), (405, allow), "{method} {path}");
            }
        }
        let id = location.rsplit('/').next().unwrap();
        let simple = id.replace('-', "");
        for id in [
            "x",
            "zones",
            "x-zones",
            "%00",
            "..%2F..",
            &simple,
            &format!("{{{id}}}"),
            &format!("urn:uuid:{id}"),
            &"9".repeat(4_000),
        ] {
            let id = id.replace('{', "%7B").replace('}', "%7D");
            assert_eq!(gate.get(&format!("/parking/zones/{id}")).await.status, 404, "{id}");
        }
        assert_eq!(gate.get(&format!("/parking/zones/{}", id.to_uppercase())).await.status, 200);
        // RFC 3986, section 6.2.2.2: the same addresses.
        for path in ["/parking/zone%73".to_owned(), location.replace('-', "%2D"), location.replace("zones", "%7aones")]
        {
            assert_eq!(gate.get(&path).await.status, 200, "{path}");
        }
        assert_eq!(gate.get("/parking/zones/").await.status, 404);
    }

    #[actix_web::test]
    async fn nothing_is_reached_without_the_right() {
        let gate = Gate::open().await;
        let (location, _) = gate.create("1").await;
        let read_only = format!("Bearer {}", gate.tokens[1]);
        for (method, path, status) in [
            ("GET", "/parking/zones", 200),
            ("HEAD", "/parking/zones", 200),
            ("POST", "/parking/zones", 403),
            ("GET", &location, 200),
            ("HEAD", &location, 200),
            ("PUT", &location, 403),
            ("PATCH", &location, 403),
            ("DELETE", &location, 403),
        ] {
            assert_eq!(
                gate.send(method, path, &[("authorization", &read_only)], ZONE).await.status,
                status,
                "{method}"
            );
            let nobody = gate.send(method, path, &[("authorization", "Bearer")], ZONE).await;
            assert_eq!(nobody.status, 401, "{method} {path}");
        }
    }

    #[actix_web::test]
    async fn a_store_that_does_not_answer_is_503_for_changes_alone() {
        let gate = Gate::open().await;
        let (location, _) = gate.create("1").await;
        gate.store.close().await.unwrap();
        let refused = gate.send("POST", "/parking/zones", &[], ZONE.replace("\"1\"", "\"2\"")).await;
        assert_eq!((refused.status, refused.header("retry-after").as_str()), (503, "1"));
        assert_eq!(refused.problem(), "unavailable");
        assert_eq!(gate.get(&location).await.status, 200);
    }

    #[tokio::test]
    async fn a_quota_that_cannot_be_asked_is_503_and_counted_as_such() {
        let gate = Gate::open().await;
        gate.store.close().await.unwrap();
        assert_eq!(gate.get("/parking/zones").await.status, 503);
        let denied = gate.admission.decisions().denied.totals().filter(|(_, count)| *count > 0);
        assert_eq!(denied.collect::<Vec<_>>(), [(Reason::StoreUnavailable, 1)]);
    }
}
