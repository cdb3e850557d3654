//! The start page: whom it lets its reader act for.

use boomgate::config::Edition;
use boomgate::sandbox::demo::DEMOS;
use reqwest::Method;

use crate::harness::{TestServer, answer};

/// What only a sandbox has: the button that asks for a fault, and the bands of its clock.
const OF_SANDBOXES: [&str; 2] = ["id=\"refuse-503\"", "id=\"bands\""];

async fn page(server: &TestServer) -> String {
    let page = answer(server.request(Method::GET, "/").header("Accept", "text/html,*/*;q=0.8")).await;
    String::from_utf8(page.body).unwrap()
}

#[tokio::test]
async fn the_start_page_of_a_sandbox_offers_each_demo_client() {
    let page = page(&TestServer::start().await).await;
    for demo in DEMOS {
        let option = format!("value=\"{}\" data-secret=\"{}\"", demo.client_id, demo.client_secret);
        assert!(page.contains(&option), "{}", demo.client_id);
    }
    assert!(OF_SANDBOXES.iter().all(|part| page.contains(part)), "{page}");
}

#[tokio::test]
async fn the_start_page_of_a_server_names_no_client_and_no_fault() {
    let server = TestServer::start_with(|config| config.edition = Edition::Serve).await;
    let page = page(&server).await;
    assert!(page.contains("name=\"client_secret\" type=\"password\""), "{page}");
    assert!(DEMOS.iter().all(|demo| !page.contains(demo.client_id) && !page.contains(demo.client_secret)), "{page}");
    assert!(OF_SANDBOXES.iter().all(|part| !page.contains(part)), "{page}");
}

#[tokio::test]
async fn a_secret_never_leaves_the_start_page_in_an_address() {
    let server = TestServer::start().await;
    let page = page(&server).await;
    let forms: Vec<&str> = page.split("<form ").skip(1).filter_map(|form| form.split("</form>").next()).collect();
    assert_eq!(forms.len(), 2);
    for form in forms {
        // Before its script runs, the browser itself would send a form: not as a query, and its button is disabled.
        assert!(form.contains("method=\"post\""), "{form}");
        assert!(form.matches("<button").count() == form.matches("disabled>").count(), "{form}");
    }
}
