//! The pages of a server that is for real: no demo clients, no sandbox, its own administrator.

use crate::browser::Browser;
use crate::looks::Looks;
use crate::site::Site;
use crate::tasks::{arrives_at, is_answered, is_refused_at, register};

#[test]
fn an_administrator_registers_a_client_and_the_client_tries_it() {
    let site = Site::serve();
    let mut look = Looks::open(&site);
    let (client_id, client_secret) = site.administrator();
    look.browser.go("/console");
    arrives_at(&look.browser, "Sign in");
    assert!(!look.browser.shown().contains("demo"), "{}", look.browser.shown());
    look.at("serve-sign-in");
    look.browser.fill("client_id", &client_id);
    look.browser.fill("client_secret", &client_secret);
    look.browser.click("Sign in");
    arrives_at(&look.browser, "Clients");
    let partner = register(&look.browser, "Harbour Parking", 100);

    look.browser.click("Try it");
    look.browser.sees_element("#get-token");
    assert!(!look.browser.shown().contains("demo"), "{}", look.browser.shown());
    look.at("serve-start");
    look.browser.fill("client_id", &partner.client_id);
    look.browser.fill("client_secret", &partner.client_secret);
    look.browser.click("Get a token");
    is_answered(&look.browser, "/oauth2/token", 200);
    look.browser.click_on("#refuse-404");
    is_answered(&look.browser, "/parking/zones/", 404);
    look.browser.click_on("#refuse-401");
    is_answered(&look.browser, "/parking/zones", 401);

    // No token proves whose request this was, so its client does not read why; the operator does.
    look.browser.sees("only the operator may read more");
    look.browser.run("location.assign(document.querySelector('a[href^=\"/why/\"]').pathname)");
    arrives_at(&look.browser, "Why a request was refused");
    look.at("serve-why");
    look.browser.pick("an operator");
    look.browser.fill("client_id", &client_id);
    look.browser.fill("client_secret", &client_secret);
    look.browser.click("Say why");
    is_refused_at(&look.browser, "Token");
    look.end();
}

#[test]
fn an_operator_sees_the_refusals_of_a_real_server_in_the_drawer() {
    let site = Site::serve();
    let browser = Browser::open(&site);
    let (client_id, client_secret) = site.administrator();
    browser.go("/console/health");
    browser.fill("client_id", &client_id);
    browser.fill("client_secret", "not-the-secret-of-this-administrator");
    browser.click("Sign in");
    browser.sees_in("[role=alert]", "Request");
    browser.fill("client_secret", &client_secret);
    browser.click("Sign in");
    arrives_at(&browser, "Health");
    browser.sees_element("table.findings tbody tr");
    browser.press("~");
    browser.sees_in(".drawer", "POST /oauth2/token");
    browser.click("POST /oauth2/token");
    browser.sees_element(".drawer .gates");
    assert!(!browser.shown().contains("Snapshots"), "a real server has no views of a sandbox");
    browser.expect_refusals();
}

#[test]
fn a_server_without_a_console_has_no_page_and_no_link_of_it() {
    let site = Site::start("serve", &[("BOOMGATE_CONSOLE", "false")]);
    let browser = Browser::open(&site);
    for path in ["/", "/docs", "/guide", "/problems", "/nowhere"] {
        browser.go(path);
        assert_eq!(browser.run("return document.querySelectorAll('a[href^=\"/console\"]').length"), 0, "{path}");
    }
    browser.go("/console");
    arrives_at(&browser, "No page has this address");
    browser.expect_refusals();
}
