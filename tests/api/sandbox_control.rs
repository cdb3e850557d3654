//! Who may control a sandbox: whoever has its token, and no web page.

use std::os::unix::fs::PermissionsExt as _;

use boomgate::config::Edition;
use boomgate::http::routes::{Place, table};
use reqwest::Method;
use reqwest::header::{HOST, ORIGIN};

use crate::harness::{Answer, TestServer, answer};

const CLOCK: &str = "/sandbox/clock";

#[tokio::test]
async fn the_control_token_is_in_a_private_file_and_stays_across_restarts() {
    let server = TestServer::start().await;
    let path = server.data_dir().join("sandbox-token");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let (token, clock) = (server.control_token(), server.clock.clone());
    let folder = server.stop().await.unwrap();
    let restarted = TestServer::start_in(folder.path(), clock, |_| ()).await;
    assert_eq!(restarted.control_token(), token);
    assert_eq!(restarted.get(CLOCK, &token).await.status, 200);
}

#[tokio::test]
async fn no_other_token_controls_a_sandbox() {
    let server = TestServer::start().await;
    let refused = |answer: &Answer| {
        assert_eq!((answer.status, answer.problem().as_str()), (401, "control-token-required"), "{answer:?}");
        assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"boomgate sandbox\"");
        assert_eq!(answer.header("ratelimit"), "", "nothing is spent of any limit");
    };
    refused(&answer(server.request(Method::GET, CLOCK)).await);
    let another = format!("bg_sandbox_{}", "0".repeat(64));
    for token in [server.admin_token().await, another, "x".to_owned()] {
        refused(&server.get(CLOCK, &token).await);
    }
    let right = server.control_token();
    refused(&answer(server.request(Method::GET, &format!("{CLOCK}?access_token={right}"))).await);
    refused(&server.get(CLOCK, &right[..right.len() - 1]).await);
    assert_eq!(server.get("/admin/clients", &right).await.status, 401, "it is no access token");
}

#[tokio::test]
async fn a_web_page_of_another_site_cannot_control_a_sandbox() {
    let server = TestServer::start().await;
    let token = server.control_token();
    for http2 in [false, true] {
        let client = server.another_client(http2);
        let get = || client.get(format!("{}{CLOCK}", server.base)).bearer_auth(&token);
        let own = server.base.clone();
        assert_eq!(answer(get().header(ORIGIN, own)).await.status, 200);
        for foreign in ["https://evil.example", "null", "https://localhost:3000"] {
            let refused = answer(get().header(ORIGIN, foreign)).await;
            assert_eq!((refused.status, refused.problem().as_str()), (403, "foreign-request"), "{foreign}");
        }
        for (site, status) in [("none", 200), ("same-origin", 200), ("same-site", 403), ("cross-site", 403)] {
            let answered = answer(get().header("Sec-Fetch-Site", site)).await;
            assert_eq!(answered.status, status, "{site}");
            assert!(status == 200 || answered.problem() == "foreign-request", "{answered:?}");
        }
    }
    // A name of the page's own that resolves to this machine.
    let client = server.another_client(false);
    let rebound = client.get(format!("{}{CLOCK}", server.base)).bearer_auth(&token);
    let rebound = answer(rebound.header(HOST, format!("evil.example:{}", server.address.port()))).await;
    assert_eq!((rebound.status, rebound.problem().as_str()), (403, "foreign-request"));
}

#[tokio::test]
async fn a_sandbox_has_its_control_and_a_production_server_has_nothing_there() {
    let sandbox = TestServer::start().await;
    let shown = sandbox.control(Method::GET, CLOCK, None).await;
    assert_eq!((shown.status, shown.header("cache-control")), (200, "no-store"));
    assert_eq!(shown.json()["now"], shown.json()["real_now"]);
    assert_eq!(sandbox.control(Method::PUT, CLOCK, None).await.header("allow"), "GET, HEAD");

    let production = TestServer::start_with(|config| config.edition = Edition::Serve).await;
    let token = sandbox.control_token();
    for route in table().iter().filter(|route| route.place() == Place::Sandbox) {
        for operation in route.operations() {
            let method: Method = operation.method.as_str().parse().unwrap();
            let asked = production.request(method, &route.paths()[0]).bearer_auth(&token);
            assert_eq!(answer(asked).await.problem(), "not-found", "{} {:?}", operation.method, route.paths());
        }
    }
    assert!(!production.data_dir().join("sandbox-token").exists());
}

const CONTROL_TOKEN: &str = "/sandbox/control-token";

#[tokio::test]
#[cfg(target_os = "linux")]
async fn a_page_of_the_sandbox_gets_the_control_token_from_a_browser_of_the_user_who_runs_it() {
    let server = TestServer::start().await;
    for http2 in [false, true] {
        let client = server.another_client(http2);
        let get = || client.get(format!("{}{CONTROL_TOKEN}", server.base));
        for request in [get(), get().header("Sec-Fetch-Site", "same-origin").header(ORIGIN, &server.base)] {
            let given = answer(request).await;
            assert_eq!((given.status, given.header("cache-control")), (200, "no-store"), "{given:?}");
            assert_eq!(given.json(), serde_json::json!({ "control_token": server.control_token() }));
            assert_eq!(given.header("access-control-allow-origin"), "", "no other page may read it");
        }
    }
    let journal = server.control(Method::GET, "/sandbox/requests", None).await;
    assert_eq!(journal.json()["last"], 0, "no journal has it: {journal:?}");
}

#[tokio::test]
async fn nobody_else_gets_the_control_token_without_having_it() {
    let server = TestServer::start().await;
    let client = server.another_client(false);
    let get = || client.get(format!("{}{CONTROL_TOKEN}", server.base));
    for (name, value, why) in [
        ("Origin", "https://evil.example", "a page of another site"),
        ("Origin", "null", "a page in a sandboxed frame"),
        ("Origin", "https://localhost:3000", "a page of another program of this machine"),
        ("Sec-Fetch-Site", "cross-site", "a page of another site"),
        ("Sec-Fetch-Site", "same-site", "a page of another program of this machine"),
        ("Sec-Fetch-Site", "none", "a tab that anybody may look at"),
        ("Host", "evil.example", "a name that resolves to this machine"),
    ] {
        let refused = answer(get().header(name, value)).await;
        assert_eq!((refused.status, refused.problem().as_str()), (403, "foreign-request"), "{name}: {value}, {why}");
        assert!(!String::from_utf8_lossy(&refused.body).contains("bg_sandbox_"), "{refused:?}");
    }
    for proxy in ["Forwarded", "X-Forwarded-For", "X-Real-IP", "Via"] {
        let refused = answer(get().header(proxy, "192.0.2.1")).await;
        assert_eq!((refused.status, refused.problem().as_str()), (401, "control-token-required"), "{proxy}");
        assert_eq!(refused.header("www-authenticate"), "Bearer realm=\"boomgate sandbox\"");
    }
}
