//! What goes wrong while a page is open: the server stops, a token ends, somebody else is quicker, the clock jumps, and
//! addresses that lead nowhere. Nothing that somebody typed is lost.

use serde_json::json;

use crate::browser::{Browser, keys};
use crate::site::Site;
use crate::tasks::{LIMITED, administer, arrives_at, control, follow, get_token, is_answered, sign_in, sign_in_here};

const SILENT: &str = "The server does not answer.";

#[test]
fn a_page_says_that_the_server_is_down_and_goes_on_when_it_is_back() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    browser.go("/");
    get_token(&browser, LIMITED);
    let start = browser.open_tab();
    sign_in(&browser, "/console/clients", "Clients");
    follow(&browser, "/console/register", "Register a client");
    browser.fill("Name", "Written before the stop");
    site.stop();

    browser.click("Register");
    browser.sees(SILENT);
    browser.sees("it registers one client, even if it got the first request");
    let console = browser.open_tab();
    browser.go_to_tab(&start);
    browser.click("Send");
    browser.sees(SILENT);

    site.start_again();
    browser.no_longer_sees(SILENT);
    browser.click("Send");
    is_answered(&browser, "/parking/zones", 200);
    browser.go_to_tab(&console);
    browser.no_longer_sees(SILENT);
    browser.click("Register");
    browser.sees("The client is registered");
    browser.expect_silence();
}

#[test]
fn a_token_that_ends_in_the_middle_of_work_loses_nothing_that_was_typed() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    sign_in(&browser, "/console/register", "Register a client");
    browser.fill("Name", "Typed before the token ended");
    control(&browser, "POST", "/sandbox/clock/advance", &json!({ "by": "25h" }));

    browser.click("Register");
    browser.sees("Sign in again");
    // Who closes the dialog finds the form as it was, and a way back in.
    browser.press(keys::ESCAPE);
    browser.sees_in(".banner", "has ended");
    let typed = "return document.getElementById('f-client_name').value";
    assert_eq!(browser.run(typed), json!("Typed before the token ended"));
    browser.click("Sign in again");
    sign_in_here(&browser);
    browser.sees("The client is registered");
    browser.click("Copy the secret");
    browser.sees_in("a.button", "Typed before the token ended");
    browser.expect_refusals();
}

#[test]
fn two_consoles_that_edit_one_client_see_both_versions_and_lose_neither() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    let edit = "/console/clients/demo-reader/edit";
    sign_in(&browser, edit, "Edit Demo: reads zones");
    browser.fill("Name", "Mine");
    let mine = browser.open_tab();
    sign_in(&browser, edit, "Edit Demo: reads zones");
    browser.fill("Name", "Theirs");
    browser.fill("Burst", "7");
    browser.click("Save");
    arrives_at(&browser, "Theirs");

    browser.go_to_tab(&mine);
    browser.click("Save");
    browser.has_focus("Changed meanwhile");
    for version in ["Demo: reads zones", "Theirs", "Mine", "7 at once"] {
        browser.sees_in("table.versions", version);
    }
    browser.click("Keep mine");
    arrives_at(&browser, "Mine");
    let saved = administer(&browser, "GET", "/admin/clients/demo-reader", &json!(null));
    assert_eq!((&saved["client_name"], &saved["burst"]), (&json!("Mine"), &json!(7)));

    // Once more, and theirs is taken.
    follow(&browser, edit, "Edit Mine");
    browser.fill("Name", "Mine again");
    administer(&browser, "PATCH", "/admin/clients/demo-reader", &json!({ "client_name": "Theirs again" }));
    browser.click("Save");
    browser.has_focus("Changed meanwhile");
    browser.click("Take theirs");
    arrives_at(&browser, "Edit Theirs again");
    browser.expect_refusals();
}

#[test]
fn the_back_button_and_reload_lead_where_one_was() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    sign_in(&browser, "/console", "Clients");
    browser.click("Demo: reads zones");
    arrives_at(&browser, "Demo: reads zones");
    browser.click("Edit");
    arrives_at(&browser, "Edit Demo: reads zones");
    browser.fill("Name", "Not saved");

    // A form that was changed is not left without a question.
    browser.back();
    browser.sees_in("dialog", "Leave this view?");
    browser.click("Stay here");
    assert_eq!(browser.path(), "/console/clients/demo-reader/edit");
    assert_eq!(browser.run("return document.getElementById('f-client_name').value"), json!("Not saved"));
    browser.back();
    browser.sees_in("dialog", "Leave this view?");
    browser.click("Leave");
    arrives_at(&browser, "Demo: reads zones");
    assert_eq!(browser.path(), "/console/clients/demo-reader");
    browser.back();
    arrives_at(&browser, "Clients");

    // The token is in the memory of the page alone; the address still says which view it was.
    follow(&browser, "/console/clients/demo-limited", "Demo: 2 requests a second, 20 a day");
    browser.reload();
    arrives_at(&browser, "Sign in");
    sign_in_here(&browser);
    arrives_at(&browser, "Demo: 2 requests a second, 20 a day");
    assert_eq!(browser.run("return [localStorage.length, sessionStorage.length, document.cookie]"), json!([0, 0, ""]));
}

#[test]
fn an_address_that_leads_nowhere_says_so_and_leads_on() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    let nowhere = [
        ("/problems/nonsense", "No page has this address"),
        ("/guide/nonsense", "No page has this address"),
        ("/why/nonsense", "No request has this id"),
        ("/nowhere", "No page has this address"),
        ("/console/nowhere", "No such view"),
    ];
    for (path, heading) in nowhere {
        browser.go(path);
        arrives_at(&browser, heading);
        browser.sees_element("main a[href^='/']");
    }
    sign_in(&browser, "/console/clients/nobody", "nobody");
    browser.sees("No such client");
    follow(&browser, "/console/clients/nobody/edit", "Edit nobody");
    browser.sees_in("[role=alert]", "No client");
    follow(&browser, "/console/requests/nonsense", "Requests");
    browser.sees_in(".detail [role=alert]", "no request with this id");
    browser.expect_refusals();
}

#[test]
fn the_clock_may_jump_while_a_form_is_open() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    sign_in(&browser, "/console/clients/demo-reader/edit", "Edit Demo: reads zones");
    browser.fill("Burst", "7");
    control(&browser, "POST", "/sandbox/clock/advance", &json!({ "by": "5m" }));
    browser.click("Save");
    arrives_at(&browser, "Demo: reads zones");
    browser.sees("is changed");

    browser.go("/");
    get_token(&browser, LIMITED);
    control(&browser, "POST", "/sandbox/clock/advance", &json!({ "by": "25h" }));
    browser.sees_in("#token", "expired");
    browser.click("Get a new token");
    browser.no_longer_sees("The token has expired");
}

#[test]
fn an_outage_is_shown_where_it_is_met_with_the_request_and_a_way_to_try_again() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    sign_in(&browser, "/console/clients", "Clients");
    let rule = json!({ "name": "outage", "match": { "path": "/admin/*" }, "effect": { "problem": "unavailable" } });
    control(&browser, "POST", "/sandbox/faults", &rule);
    browser.click("Keys");
    arrives_at(&browser, "Keys");
    browser.sees_in("[role=alert]", "Request");
    browser.sees_in("[role=alert]", "What 503 means here");
    control(&browser, "DELETE", "/sandbox/faults", &json!(null));
    browser.click("Try again");
    browser.sees("signs");
    browser.expect_refusals();
}
