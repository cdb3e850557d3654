//! The page behind an answer: where a body leads to it, what it shows, and what a sandbox does not record.

use boomgate::api::sandbox::request::ExplainedAnswer;
use boomgate::config::Edition;
use reqwest::Method;
use reqwest::header::HOST;
use serde_json::{Value, json};

use crate::harness::{Answer, READER, TestServer, ZONES, answer, secret};

async fn open(server: &TestServer, path: &str) -> Answer {
    answer(server.request(Method::GET, path).header("Accept", "text/html,*/*;q=0.8")).await
}

/// What the page has for its script.
fn data(page: &Answer) -> ExplainedAnswer {
    let html = text(page);
    let attribute = html.split("data-explanation=\"").nth(1).and_then(|rest| rest.split('"').next());
    let json = attribute.unwrap_or_else(|| panic!("{html}"));
    let json = [("&#34;", "\""), ("&#39;", "'"), ("&#60;", "<"), ("&#62;", ">"), ("&#38;", "&")]
        .iter()
        .fold(json.to_owned(), |json, (escaped, letter)| json.replace(escaped, letter));
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// The path of a page of this server.
fn path<'a>(server: &TestServer, address: &'a Value) -> &'a str {
    address.as_str().unwrap().strip_prefix(server.base.as_str()).unwrap()
}

#[tokio::test]
async fn a_refusal_of_a_sandbox_leads_to_the_page_that_explains_it() {
    let server = TestServer::start().await;
    let token = server.token(READER).await;
    let refused = server.post_json(ZONES, &token, &json!({})).await;
    assert_eq!(refused.problem(), "insufficient-scope");
    let explanation = format!("{}/why/{}", server.base, refused.header("x-request-id"));
    assert_eq!(refused.json()["explanation"], explanation);

    let page = open(&server, path(&server, &refused.json()["explanation"])).await;
    assert_eq!((page.status, page.header("cache-control")), (200, "no-store"));
    assert!(page.header("content-security-policy").contains("require-trusted-types-for"), "{page:?}");
    let data = data(&page);
    assert_eq!((data.request_id.as_str(), data.status), (refused.header("x-request-id"), Some(403)));
    assert_eq!((data.client.as_deref(), data.reason.as_deref()), (Some(READER), Some("insufficient-scope")));
    assert_eq!(data.detail.unwrap(), refused.json()["detail"].as_str().unwrap());
    assert!(!data.explanation.passed && data.explanation.nearest.len() == 1);
    // Without its script it says the same.
    let html = text(&page);
    for said in
        ["Why a request was refused", "The check of the scope refused it", "write:zones", "It would have passed"]
    {
        assert!(html.contains(said), "{said}: {html}");
    }
}

#[tokio::test]
async fn an_oauth_error_leads_there_too_and_no_page_has_the_secret() {
    let server = TestServer::start().await;
    let wrong = format!("{}x", secret(READER));
    let body = json!({ "grant_type": "client_credentials", "client_id": READER, "client_secret": wrong });
    let refused = server.token_request("application/json", body.to_string()).await;
    assert_eq!(refused.status, 401);
    let page = open(&server, path(&server, &refused.json()["explanation"])).await;
    let data = data(&page);
    assert_eq!((data.reason.as_deref(), data.client.as_deref()), (Some("invalid_client"), Some(READER)));
    assert!(text(&page).contains("href=\"/problems/invalid-client\""), "{page:?}");
    assert!(!text(&page).contains(&wrong), "{page:?}");
}

#[tokio::test]
async fn an_id_is_text_whatever_it_is() {
    let server = TestServer::start().await;
    for id in
        ["<img/src=x/onerror=alert(1)>", "\"><script>alert(1)</script>", "order-17/\"retry\"?a=b#c", "%2e%2e/'&amp;"]
    {
        let refused = answer(server.request(Method::GET, ZONES).header("X-Request-Id", id)).await;
        assert_eq!(refused.header("x-request-id"), id);
        let page = open(&server, path(&server, &refused.json()["explanation"])).await;
        assert_eq!(page.status, 200, "{id}: {page:?}");
        assert_eq!(data(&page).request_id, id);
        assert!(!text(&page).contains("<img/") && !text(&page).contains("<script>alert"), "{id}: {page:?}");
    }
    // No page can be at such a segment, which a browser takes away: the request gets another id.
    for id in [".", ".."] {
        let refused = answer(server.request(Method::GET, ZONES).header("X-Request-Id", id)).await;
        assert_ne!(refused.header("x-request-id"), id);
        assert_eq!(open(&server, path(&server, &refused.json()["explanation"])).await.status, 200, "{id}");
    }
}

#[tokio::test]
async fn an_id_that_the_sandbox_does_not_remember_is_a_page_in_a_browser_and_a_problem_for_a_program() {
    let server = TestServer::start_with(|config| config.journal.requests = 3).await;
    let token = server.token(READER).await;
    let first = server.get("/parking/zones/none", &token).await;
    let address = first.json()["explanation"].clone();
    assert_eq!(open(&server, path(&server, &address)).await.status, 200);
    for _ in 0..3 {
        assert_eq!(server.get(ZONES, &token).await.status, 200);
    }
    let gone = open(&server, path(&server, &address)).await;
    assert_eq!((gone.status, gone.header("content-type")), (404, "text/html; charset=utf-8"));
    assert!(text(&gone).contains("the last 3 requests at most"), "{}", text(&gone));
    let hostile = text(&open(&server, "/why/%3Cscript%3Ealert(1)").await);
    assert!(hostile.contains("&#60;script&#62;alert(1)"), "{hostile}");
    let for_programs = answer(server.request(Method::GET, path(&server, &address))).await;
    assert_eq!((for_programs.status, for_programs.problem().as_str()), (404, "not-found"));
}

#[tokio::test]
async fn a_refusal_is_explained_although_the_journal_had_to_make_room() {
    let server = TestServer::start_with(|config| config.journal.requests = 1).await;
    let token = server.token(READER).await;
    let refused = server.post_json(ZONES, &token, &json!({})).await;
    assert_eq!(server.get(ZONES, &token).await.status, 200);
    let page = open(&server, path(&server, &refused.json()["explanation"])).await;
    let data = data(&page);
    assert_eq!((data.client.as_deref(), data.status), (Some(READER), Some(403)));
}

#[tokio::test]
async fn no_page_is_for_a_name_that_another_site_has_made_resolve_to_this_machine() {
    let server = TestServer::start().await;
    let refused = answer(server.request(Method::GET, ZONES)).await;
    let address = refused.json()["explanation"].as_str().unwrap().to_owned();
    let client = server.another_client(false);
    let rebound = client.get(&address).header("Accept", "text/html");
    let rebound = answer(rebound.header(HOST, format!("evil.example:{}", server.address.port()))).await;
    assert_eq!(rebound.status, 404);
    // A link in a mail or a chat opens it all the same.
    let linked = client.get(&address).header("Sec-Fetch-Site", "cross-site").header("Accept", "text/html");
    assert_eq!(answer(linked).await.status, 200);
}

#[tokio::test]
async fn production_has_no_explanation_and_its_page_is_the_same_for_every_id() {
    let server = TestServer::start_with(|config| config.edition = Edition::Serve).await;
    let refused = answer(server.request(Method::GET, ZONES)).await;
    assert_eq!(refused.problem(), "token-missing");
    assert_eq!(refused.json().get("explanation"), None);
    let known = open(&server, &format!("/why/{}", refused.header("x-request-id"))).await;
    let unknown = open(&server, "/why/nobody").await;
    assert_eq!((known.status, &known.body), (200, &unknown.body));
    assert!(!text(&known).contains("data-explanation"), "{known:?}");
}

#[tokio::test]
async fn what_a_browser_loads_is_neither_recorded_nor_disturbed_nor_limited() {
    let server = TestServer::start().await;
    let fault = json!({ "effect": { "status": 503 } });
    let added = server.control(Method::POST, "/sandbox/faults", Some(&fault)).await;
    assert_eq!(added.status, 201, "{added:?}");
    assert_eq!(answer(server.request(Method::GET, ZONES)).await.status, 503);
    let before = server.control(Method::GET, "/sandbox/requests", None).await.json()["last"].clone();
    for page in ["/", "/console", "/console/clients/curbside", "/docs", "/guide", "/problems", "/problems/throttled"] {
        let opened = open(&server, page).await;
        assert_eq!((opened.status, opened.header("ratelimit")), (200, ""), "{page}: {opened:?}");
    }
    let html = text(&open(&server, "/").await);
    let style = html.split("href=\"").find(|rest| rest.contains("style.css")).unwrap().split('"').next().unwrap();
    assert_eq!(open(&server, style).await.status, 200);
    assert_eq!(open(&server, "/why/nobody").await.status, 404);
    let journal = server.control(Method::GET, "/sandbox/requests", None).await;
    assert_eq!(journal.json()["last"], before, "{journal:?}");
}
