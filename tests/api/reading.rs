//! What people read in a browser: the API reference at `/docs` and the guide at `/guide`.

use std::collections::{BTreeMap, BTreeSet};

use boomgate::config::Edition;
use reqwest::Method;
use serde_json::Value;

use crate::harness::{Answer, TestServer, answer};

async fn open(server: &TestServer, path: &str) -> Answer {
    answer(server.request(Method::GET, path).header("Accept", "text/html,*/*;q=0.8")).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// The values of an attribute.
fn values<'h>(html: &'h str, attribute: &str) -> impl Iterator<Item = &'h str> {
    let attribute = format!(" {attribute}=\"");
    html.match_indices(&attribute)
        .map(|(at, found)| html[at + found.len()..].split('"').next().unwrap())
        .collect::<Vec<_>>()
        .into_iter()
}

fn ids(html: &str) -> BTreeSet<&str> {
    values(html, "id").collect()
}

#[tokio::test]
async fn the_reference_has_a_place_for_every_operation_and_every_schema_of_the_document() {
    let server = TestServer::start().await;
    let html = text(&open(&server, "/docs").await);
    let ids = ids(&html);
    let document: Value = answer(server.request(Method::GET, "/openapi.json")).await.json();
    let methods = document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    let operations: Vec<&str> = methods.filter_map(|operation| operation["operationId"].as_str()).collect();
    assert!(operations.len() > 60, "{operations:?}");
    for id in operations {
        assert!(ids.contains(id), "{id} has no place");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(ids.contains(format!("schema-{name}").as_str()), "{name} has no place");
    }
    for name in document["components"]["headers"].as_object().unwrap().keys() {
        assert!(ids.contains(format!("field-{name}").as_str()), "{name} has no place");
    }
    assert_eq!(ids.len(), values(&html, "id").count(), "an id is there twice");
}

#[tokio::test]
async fn every_link_of_the_reference_and_of_the_guide_leads_somewhere() {
    let server = TestServer::start().await;
    let mut pages = BTreeMap::new();
    let mut waiting = vec!["/docs".to_owned(), "/guide".to_owned(), "/guide?q=token".to_owned()];
    let mut links = BTreeSet::new();
    while let Some(path) = waiting.pop() {
        let page = open(&server, &path).await;
        assert_eq!(page.status, 200, "{path}");
        let html = text(&page);
        for link in values(&html, "href").chain(values(&html, "src")).filter(|link| !link.starts_with("https://")) {
            let (to, anchor) = link.split_once('#').unwrap_or((link, ""));
            let to = if to.is_empty() { path.as_str() } else { to };
            links.insert((to.to_owned(), anchor.to_owned()));
            let is_page = to.starts_with("/guide") && !to.contains('.');
            if is_page && !pages.contains_key(to) && !waiting.iter().any(|waiting| waiting == to) {
                waiting.push(to.to_owned());
            }
        }
        pages.insert(path, html);
    }
    assert!(pages.len() > 35, "{:?}", pages.keys());
    for (path, anchor) in links {
        if let Some(html) = pages.get(&path) {
            assert!(anchor.is_empty() || ids(html).contains(anchor.as_str()), "{path}#{anchor}");
        } else {
            let linked = open(&server, &path).await;
            assert!(linked.status == 200 && anchor.is_empty(), "{path}#{anchor}: {}", linked.status);
        }
    }
}

#[tokio::test]
async fn pages_to_read_have_the_fields_of_every_page() {
    let server = TestServer::start().await;
    let start = open(&server, "/").await;
    for path in ["/docs", "/guide", "/guide/settings", "/guide/exam/ci", "/guide?q=quota", "/guide/gate.svg"] {
        let page = open(&server, path).await;
        for field in ["content-security-policy", "referrer-policy", "cross-origin-opener-policy", "permissions-policy"]
        {
            assert_eq!(page.header(field), start.header(field), "{path}: {field}");
        }
        assert_eq!(page.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_page_that_the_guide_does_not_have_is_not_found() {
    let server = TestServer::start().await;
    for path in
        ["/guide/setings", "/guide/sandbox/nothing", "/guide/..%2F..%2FCargo.toml", "/guide/README", "/guide/no.svg"]
    {
        let problem = answer(server.request(Method::GET, path)).await;
        assert_eq!((problem.status, &*problem.problem()), (404, "not-found"), "{path}");
        let page = open(&server, path).await;
        assert!(page.status == 404 && page.header("content-type").starts_with("text/html"), "{path}: {page:?}");
    }
    assert!(text(&open(&server, "/guide/setings").await).contains("\"/guide/settings\""));
}

#[tokio::test]
async fn a_search_shows_whatever_it_is_asked_for_as_text() {
    let server = TestServer::start().await;
    let found = text(&open(&server, "/guide?q=quota+per+day").await);
    assert!(found.contains("<mark>quota</mark>") && found.contains("/guide/limits#requests-per-day"), "{found}");
    let long = "a".repeat(4_000);
    for query in ["<script>alert(1)</script>", "\"><img src=x onerror=alert(1)>", "%00", "%FF%FE", "a%00b", &long] {
        let page =
            open(&server, &format!("/guide?q={}", query.replace('<', "%3C").replace('>', "%3E").replace('"', "%22")))
                .await;
        let html = text(&page);
        assert_eq!(page.status, 200, "{query}");
        assert!(!html.contains("<script>") && !html.contains("<img src=x") && !html.contains('\0'), "{html}");
        assert!(html.len() < 30_000, "{query}: {}", html.len());
    }
    assert!(text(&open(&server, "/guide?q=%3Cscript%3E").await).contains("“&#60;script&#62;”"));
}

#[tokio::test]
async fn only_the_reference_of_a_sandbox_has_the_demo_clients() {
    let sandbox = TestServer::start().await;
    let html = text(&open(&sandbox, "/docs").await);
    assert!(html.contains("data-secret=\"bg_secret_demo") && html.contains("--cacert data/tls/ca.pem"));
    let serve = TestServer::start_with(|config| config.edition = Edition::Serve).await;
    let html = text(&open(&serve, "/docs").await);
    assert!(html.contains("id=\"listZones\"") && !html.contains("bg_secret_demo") && !html.contains("--cacert"));
    assert!(html.contains(&format!("{}/parking/zones", serve.base)));
}
