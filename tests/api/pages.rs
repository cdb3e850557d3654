//! What a browser gets: pages with their policy, the files that they load, and links where nothing is; and what a program gets
//! at the same addresses.

use std::io::Read as _;

use boomgate::http::error::ProblemKind;
use reqwest::Method;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, IF_NONE_MATCH};

use crate::harness::{Answer, TestServer, answer};

/// What Chromium sends.
const BROWSER: &str =
    "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8";
const HTML: &str = "text/html; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
    form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types lit-html";
/// Every page that needs no name.
const PAGES: [&str; 6] = ["/", "/console", "/docs", "/guide", "/problems", "/problems/throttled"];

async fn browse(server: &TestServer, path: &str) -> Answer {
    answer(server.request(Method::GET, path).header(ACCEPT, BROWSER)).await
}

async fn fetch(server: &TestServer, path: &str, accept: &str) -> Answer {
    answer(server.request(Method::GET, path).header(ACCEPT, accept)).await
}

fn text(answer: &Answer) -> String {
    String::from_utf8(answer.body.clone()).unwrap()
}

/// The paths of all files that a page loads.
fn loaded(page: &str) -> Vec<String> {
    let parts = page.split(['"', ' ', '>']).filter(|part| part.starts_with("/static/"));
    let files = parts.filter(|path| path.contains('.')).map(str::to_owned);
    files.collect()
}

#[tokio::test]
async fn every_html_answer_says_what_the_page_may_do() {
    let server = TestServer::start().await;
    for path in PAGES.into_iter().chain(["/nowhere", "/guide/nowhere", "/problems/nowhere", "/why/nowhere"]) {
        let page = browse(&server, path).await;
        assert_eq!(page.header("content-type"), HTML, "{path}");
        for (name, value) in [
            ("content-security-policy", POLICY),
            ("cross-origin-opener-policy", "same-origin"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "no-referrer"),
            ("x-content-type-options", "nosniff"),
        ] {
            assert_eq!(page.header(name), value, "{path}");
        }
        assert!(page.header("permissions-policy").contains("camera=()"), "{path}");
        assert_eq!(page.header("set-cookie"), "", "{path}");
        let html = text(&page);
        assert!(!html.contains("<style") && !html.contains(" style=") && !html.contains(" onclick="), "{path}");
        assert!(!html.contains("<script>"), "{path}");
        assert_eq!(html.matches("<h1").count(), usize::from(path != "/console"), "{path}");
    }
}

#[tokio::test]
async fn a_slash_too_many_leads_to_the_page_and_nowhere_else() {
    let server = TestServer::start().await;
    for (path, page) in [("/console/", "/console"), ("/docs/", "/docs"), ("/guide/?q=clock", "/guide?q=clock")] {
        let asked = browse(&server, path).await;
        assert_eq!((asked.status, asked.header("location")), (308, page), "{path}");
    }
    for path in ["//evil.example/", "/nowhere/", "/docs//", "/documents/"] {
        assert_eq!(browse(&server, path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_page_does_not_depend_on_how_its_path_is_written_by_who_asks_first() {
    let (server, other) = (TestServer::start().await, TestServer::start().await);
    browse(&server, "/%63onsole").await;
    let (first, usual) = (text(&browse(&server, "/console").await), text(&browse(&other, "/console").await));
    assert_eq!(first.replace(&server.base, ""), usual.replace(&other.base, ""));
    assert!(first.contains("modulepreload"), "{first}");
}

#[tokio::test]
async fn head_answers_as_get_does() {
    let server = TestServer::start().await;
    let style = loaded(&text(&browse(&server, "/").await)).into_iter().find(|path| path.contains("style.css")).unwrap();
    for path in PAGES.into_iter().chain(["/nowhere", style.as_str(), "/favicon.ico"]) {
        let get = browse(&server, path).await;
        let head = answer(server.request(Method::HEAD, path).header(ACCEPT, BROWSER)).await;
        assert_eq!((head.status, head.body.len()), (get.status, 0), "{path}");
        for name in ["content-type", "etag", "cache-control", "vary", "content-security-policy"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
}

#[tokio::test]
async fn the_navigation_marks_where_one_is() {
    let server = TestServer::start().await;
    for (path, place) in [("/", "/"), ("/console/keys", "/console"), ("/docs", "/docs"), ("/guide/limits", "/guide")] {
        let page = text(&browse(&server, path).await);
        assert_eq!(page.matches("aria-current=\"true\"").count(), 1, "{path}");
        assert!(page.contains(&format!("<a href=\"{place}\" aria-current=\"true\">")), "{path}");
    }
    assert!(!text(&browse(&server, "/nowhere").await).contains("aria-current=\"true\""));
}

#[tokio::test]
async fn a_file_that_pages_load_is_kept_for_ever_and_its_path_changes_with_it() {
    let server = TestServer::start().await;
    let files = loaded(&text(&browse(&server, "/").await));
    assert!(["/style.css", ".js", ".svg"].iter().all(|end| files.iter().any(|file| file.ends_with(end))), "{files:?}");
    for path in &files {
        let file = fetch(&server, path, "*/*").await;
        assert_eq!((file.status, file.header("cache-control")), (200, "public, max-age=31536000, immutable"), "{path}");
        assert_eq!(file.header("vary"), "Accept-Encoding", "{path}");
        let again = answer(server.request(Method::GET, path).header(IF_NONE_MATCH, file.header("etag"))).await;
        assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, file.header("etag")), "{path}");
        let digest = path.split('/').nth(2).unwrap();
        let of_another_version = path.replace(digest, &"0".repeat(digest.len()));
        assert_eq!(fetch(&server, &of_another_version, "*/*").await.problem(), "not-found", "{path}");
    }
    let root = files[0].rsplit_once('/').unwrap().0;
    for path in ["templates/frame.html", "openapi.json", "js/../../Cargo.toml", "vendor/MANIFEST", "js/", "nothing.js"]
    {
        assert_eq!(fetch(&server, &format!("{root}/{path}"), "*/*").await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_compressed_file_is_the_same_file_with_a_tag_of_its_own() {
    let server = TestServer::start().await;
    let files = loaded(&text(&browse(&server, "/").await));
    for path in files.iter().map(String::as_str).chain(PAGES) {
        let coded = async |coding: &str| {
            let request = server.request(Method::GET, path).header(ACCEPT, BROWSER).header(ACCEPT_ENCODING, coding);
            answer(request).await
        };
        let plain = coded("identity").await;
        if plain.body.len() < 200 {
            continue;
        }
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        let (gzip, brotli) = (coded("gzip").await, coded("gzip, br;q=0.9").await);
        let mut unzipped = Vec::new();
        flate2::read::GzDecoder::new(&gzip.body[..]).read_to_end(&mut unzipped).unwrap();
        let mut expanded = Vec::new();
        brotli::Decompressor::new(&brotli.body[..], 4_096).read_to_end(&mut expanded).unwrap();
        assert!(unzipped == plain.body && expanded == plain.body, "{path}");
        assert!(brotli.body.len() < plain.body.len() && gzip.body.len() < plain.body.len(), "{path}");
        assert_eq!((gzip.header("content-encoding"), brotli.header("content-encoding")), ("gzip", "br"), "{path}");
        let tags = [plain.header("etag"), gzip.header("etag"), brotli.header("etag")];
        assert!(tags[0] != tags[1] && tags[1] != tags[2] && tags[0] != tags[2], "{path}: {tags:?}");
        assert_eq!(coded("br;q=0").await.header("content-encoding"), "", "{path}");
    }
}

#[tokio::test]
async fn a_path_without_a_route_is_a_page_in_a_browser_and_a_problem_for_a_program() {
    let server = TestServer::start().await;
    for path in ["/nowhere", "/guide/nowhere", "/guide/sandbox/nowhere", "/problems/nowhere", "/v3/nowhere", "/admin"] {
        let page = browse(&server, path).await;
        assert_eq!((page.status, page.header("content-type")), (404, HTML), "{path}");
        assert_eq!((page.header("cache-control"), page.header("vary")), ("no-store", "Accept"), "{path}");
        assert!(
            text(&page).contains(&format!("<code>{path}</code>")) && text(&page).contains("href=\"/docs\""),
            "{path}"
        );
        for accept in ["*/*", "application/json", "text/plain"] {
            assert_eq!(fetch(&server, path, accept).await.problem(), "not-found", "{path}");
        }
    }
    let hostile = browse(&server, "/%3Cimg%20src=x%3E<script>").await;
    assert_eq!(hostile.status, 404);
    assert!(!text(&hostile).contains("<script>") && !text(&hostile).contains("<img src=x"));
    let other_method = answer(server.request(Method::POST, "/nowhere").header(ACCEPT, BROWSER)).await;
    assert_eq!((other_method.status, other_method.problem().as_str()), (404, "not-found"));
    // What has a route stays as it is, whoever asks.
    let other_method = answer(server.request(Method::POST, "/docs").header(ACCEPT, BROWSER)).await;
    assert_eq!((other_method.status, other_method.problem().as_str()), (405, "method-not-allowed"));
    assert_eq!(browse(&server, "/parking/zones").await.problem(), "token-missing");
}

#[tokio::test]
async fn a_misspelt_path_leads_to_the_page_that_is_meant() {
    let server = TestServer::start().await;
    for (path, meant) in [("/consol", "/console"), ("/problems/trottled", "/problems/throttled")] {
        let page = text(&browse(&server, path).await);
        assert!(page.contains(&format!("Did you mean <a href=\"{meant}\">{meant}</a>?")), "{page}");
    }
    let problem = fetch(&server, "/problems/trottled", "*/*").await.json();
    assert_eq!(problem["detail"], "No kind of problem has this name. Did you mean throttled?");
}

#[tokio::test]
async fn a_problem_s_page_is_html_for_a_browser_and_text_for_a_program_with_the_same_content() {
    let server = TestServer::start().await;
    for kind in ProblemKind::ALL {
        let path = format!("/problems/{}", kind.slug());
        let page = browse(&server, &path).await;
        let plain = fetch(&server, &path, "*/*").await;
        for (answer, media_type) in [(&page, HTML), (&plain, TEXT)] {
            assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{path}");
            assert_eq!(answer.header("vary"), "Accept, Accept-Encoding", "{path}");
            assert_eq!(answer.header("cache-control"), "no-cache", "{path}");
        }
        assert_ne!(page.header("etag"), plain.header("etag"), "{path}");
        let (page, plain) = (text(&page).replace("&#39;", "'"), text(&plain));
        assert!(page.contains(&format!("<h1>{}</h1>", kind.title())) && plain.starts_with(kind.title()), "{path}");
        assert!(page.contains(kind.cause()) && page.contains(kind.remedy()), "{path}");
        // The words, wherever its lines end.
        let words = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(kind.cause()) && words.contains(kind.remedy()), "{path}");
        let status = format!("HTTP/1.1 {}", kind.status());
        assert!(page.contains(&status) && plain.contains(&status), "{path}");
        for related in kind.related() {
            let link = format!("<a href=\"/problems/{}\">{}</a>", related.slug(), related.title());
            assert!(page.contains(&link) && plain.contains(related.title()), "{path}");
        }
        assert!(plain.contains(&format!("{}{path}\n", server.base)), "{path}");
        // Each part of the example is explained: no row is empty.
        assert!(!page.contains("<dd></dd>"), "{path}");
    }
}

#[tokio::test]
async fn the_list_of_problems_has_each_with_its_page() {
    let server = TestServer::start().await;
    let (page, plain) = (text(&browse(&server, "/problems").await), text(&fetch(&server, "/problems", "*/*").await));
    for kind in ProblemKind::ALL {
        let link = format!("<a href=\"/problems/{}\">{}</a>", kind.slug(), kind.title());
        assert!(page.contains(&link), "{kind:?}");
        assert!(plain.lines().any(|line| line.split_whitespace().next() == Some(kind.slug())), "{kind:?}");
    }
}

#[tokio::test]
async fn a_server_without_a_console_has_neither_its_paths_nor_a_link_to_it() {
    let server = TestServer::start_with(|config| config.console = false).await;
    for path in ["/console", "/console/clients", "/console/clients/demo-reader", "/console/clients/demo-reader/edit"] {
        assert_eq!(browse(&server, path).await.status, 404, "{path}");
        let posted = answer(server.request(Method::POST, path)).await;
        assert_eq!((posted.status, posted.problem().as_str()), (404, "not-found"), "{path}");
    }
    for path in ["/", "/docs", "/nowhere"] {
        assert!(!text(&browse(&server, path).await).contains("href=\"/console\""), "{path}");
    }
}

#[tokio::test]
async fn every_address_within_the_console_is_its_one_page() {
    let server = TestServer::start().await;
    let console = browse(&server, "/console").await;
    assert_eq!(console.status, 200);
    for path in ["/console/clients", "/console/clients/demo-reader", "/console/clients/demo-reader/edit?q=%3Cimg%3E"] {
        let answer = browse(&server, path).await;
        assert_eq!((answer.status, text(&answer)), (200, text(&console)), "{path}");
    }
}

#[test]
fn the_credentials_that_the_console_fills_in_are_those_of_every_sandbox() {
    let demo = boomgate::sandbox::demo::DEMOS.iter().find(|demo| demo.client_id == "demo-admin").unwrap();
    let form = include_str!("../../static/js/console/sign-in.js");
    assert!(form.contains(&format!("clientSecret: '{}'", demo.client_secret)), "{}", demo.client_id);
}

#[tokio::test]
async fn the_console_answers_only_where_the_administration_does() {
    let server = TestServer::start_with(|config| config.ops_listen = Some("127.0.0.1:0".parse().unwrap())).await;
    let ops = server.ops.unwrap();
    for path in ["/console", "/", "/static/disk/style.css", "/admin/clients"] {
        let response = reqwest::Client::builder().no_proxy().build().unwrap();
        let response = response.get(format!("http://{ops}{path}")).header(ACCEPT, BROWSER).send().await.unwrap();
        assert_eq!(response.status(), 404, "{path}");
    }
}

#[tokio::test]
async fn the_icon_is_there_beside_an_answer_of_json() {
    let server = TestServer::start().await;
    let icon = fetch(&server, "/favicon.ico", "image/*").await;
    assert_eq!((icon.status, icon.header("content-type")), (200, "image/svg+xml"));
    assert!(text(&icon).starts_with("<svg"));
}

#[tokio::test]
async fn a_folder_in_place_of_the_files_is_read_for_each_request() {
    let folder = tempfile::tempdir().unwrap();
    let style = folder.path().join("style.css");
    std::fs::write(&style, "a{}").unwrap();
    std::fs::write(folder.path().join("secret.css"), "b{}").unwrap();
    let of_folder = folder.path().to_owned();
    let server = TestServer::start_with(|config| config.static_dir = Some(of_folder)).await;
    let loaded = loaded(&text(&browse(&server, "/").await));
    let path = loaded.iter().find(|path| path.ends_with("style.css")).unwrap();
    for content in ["a{}", "a{color:red}"] {
        std::fs::write(&style, content).unwrap();
        let file = fetch(&server, path, "*/*").await;
        assert_eq!((text(&file).as_str(), file.header("cache-control")), (content, "no-store"));
    }
    for other in ["secret.css", "js/../secret.css", "js/%2e%2e/secret.css", "js/nothing.js"] {
        assert_eq!(fetch(&server, &path.replace("style.css", other), "*/*").await.status, 404, "{other}");
    }
}

#[tokio::test]
async fn nothing_of_a_request_is_in_a_page_that_everybody_gets() {
    let server = TestServer::start().await;
    let first = browse(&server, "/problems/throttled?a=<script>").await;
    let second = browse(&server, "/problems/throttled").await;
    assert!(first.body == second.body && first.header("etag") == second.header("etag"));
}
