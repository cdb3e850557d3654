//! The report of whatever ran against a sandbox, without an exam.

use boomgate::api::exam::{CheckResult, CheckVerdict, Method, Readiness, Report};
use reqwest::header::{ACCEPT, USER_AGENT};

use crate::harness::{Answer, TestServer, WRITER, ZONES, answer, secret};

const REPORT: &str = "/sandbox/report/demo-writer";

async fn asked(server: &TestServer, path: &str, accept: Option<&str>) -> Answer {
    let request = server.request(reqwest::Method::GET, path).bearer_auth(server.control_token());
    answer(accept.iter().fold(request, |request, accept| request.header(ACCEPT, *accept))).await
}

async fn report(server: &TestServer) -> Report {
    let answer = asked(server, REPORT, None).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, "application/json"), "{answer:?}");
    answer.read()
}

fn check<'r>(report: &'r Report, id: &str) -> &'r CheckResult {
    report.checks.iter().find(|check| check.id == id).unwrap()
}

#[tokio::test]
async fn what_a_client_sent_is_judged_and_the_rest_says_how_it_would_be() {
    let server = TestServer::start().await;
    assert_eq!(check(&report(&server).await, "token-reused").verdict, CheckVerdict::NotExercised);
    for _ in 0..4 {
        let token = server.token(WRITER).await;
        assert_eq!(server.get(ZONES, &token).await.status, 200);
    }
    let watched = report(&server).await;
    assert_eq!((watched.method, watched.verdict), (Method::Watched, Readiness::NotReady), "{}", watched.summary);
    let reused = check(&watched, "token-reused");
    assert_eq!(reused.verdict, CheckVerdict::Fail, "{reused:?}");
    assert!(!reused.evidence.is_empty());
    let renewed = check(&watched, "token-renewed-on-401");
    assert_eq!(renewed.verdict, CheckVerdict::NotExercised);
    assert!(renewed.remedy.contains("boomgate exam demo-writer --only token-renewed-on-401"), "{}", renewed.remedy);
    assert!(watched.coverage.operations.contains(&"GET /parking/zones".to_owned()), "{:?}", watched.coverage);
}

#[tokio::test]
async fn another_client_s_requests_are_no_part_of_it() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    assert_eq!(server.get(ZONES, &token).await.status, 200);
    let other = asked(&server, "/sandbox/report/demo-reader", None).await.read::<Report>();
    assert_eq!(other.runs.iter().map(|run| run.requests).sum::<u64>(), 0);
}

#[tokio::test]
async fn it_has_the_form_that_the_caller_names_or_likes() {
    let server = TestServer::start().await;
    let token = server.token(WRITER).await;
    let hostile = "<script>alert(1)</script>/1.0";
    let sent = server.request(reqwest::Method::GET, ZONES).bearer_auth(&token).header(USER_AGENT, hostile);
    assert_eq!(answer(sent).await.status, 200);
    for (ending, accept, media_type, start) in [
        ("", Some("text/html,*/*;q=0.8"), "text/html; charset=utf-8", "<!doctype html>"),
        (".html", Some("application/json"), "text/html; charset=utf-8", "<!doctype html>"),
        (".md", None, "text/markdown; charset=utf-8", "# "),
        ("", Some("text/markdown"), "text/markdown; charset=utf-8", "# "),
        (".xml", None, "application/xml; charset=utf-8", "<?xml "),
        (".json", Some("text/html"), "application/json", "{"),
    ] {
        let answer = asked(&server, &format!("{REPORT}{ending}"), accept).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, media_type), "{ending} {accept:?}");
        let text = String::from_utf8_lossy(&answer.body);
        assert!(text.trim_start().starts_with(start), "{ending} {accept:?}: {text}");
        assert_eq!((answer.header("cache-control"), answer.header("vary")), ("no-store", "Accept"));
        assert!(!text.contains(&token) && !text.contains(&secret(WRITER)));
        if media_type.starts_with("text/html") {
            let policy = answer.header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
            assert!(!text.contains("<script") && text.contains("&lt;script&gt;"));
        }
    }
}

#[tokio::test]
async fn an_unknown_client_has_no_report() {
    let server = TestServer::start().await;
    for path in ["/sandbox/report/demo-writr", "/sandbox/report/demo-writr.html"] {
        let refused = asked(&server, path, None).await;
        assert_eq!((refused.status, refused.problem().as_str()), (404, "not-found"));
        assert!(refused.json()["detail"].as_str().unwrap().contains("Did you mean demo-writer?"), "{refused:?}");
    }
}
