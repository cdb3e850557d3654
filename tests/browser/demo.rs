//! The demonstration: two minutes in a browser, and no terminal.

use crate::browser::Browser;
use crate::site::Site;
use crate::tasks::{arrives_at, is_answered, is_refused_at, register, sign_in};

/// What the new client may send in a day: one request that is let through, one without the scope for it, and no third.
const REQUESTS_PER_DAY: u32 = 2;

#[test]
fn two_minutes_show_a_client_its_token_its_refusals_their_reasons_and_the_next_day() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);

    // The operator registers a client that may send little, and takes its secret.
    sign_in(&browser, "/console", "Clients");
    let partner = register(&browser, "Harbour Parking", REQUESTS_PER_DAY);
    browser.click("Open Harbour Parking");
    arrives_at(&browser, "Harbour Parking");

    // The partner gets a token with it, and calls the API.
    browser.click("Try it");
    browser.pick("Another");
    browser.fill("client_id", &partner.client_id);
    browser.fill("client_secret", &partner.client_secret);
    browser.click("Get a token");
    is_answered(&browser, "/oauth2/token", 200);
    browser.sees_in("#token", "read:zones");
    browser.click("Send");
    is_answered(&browser, "/parking/zones", 200);
    browser.sees("Every gate let it through.");

    // It has no scope to write, and says so.
    browser.choose("Operation", "Create a zone");
    browser.wait("a body for the new zone", "return document.getElementById('body').value");
    browser.click("Send");
    is_answered(&browser, "/parking/zones", 403);
    is_refused_at(&browser, "Scope");
    browser.sees_in(".verdict", "write:zones");

    // The day's requests are used up.
    browser.choose("Operation", "List zones");
    browser.wait("no body", "return document.getElementById('body-field').hidden");
    browser.click("Send");
    is_answered(&browser, "/parking/zones", 429);
    is_refused_at(&browser, "Quota");
    browser.sees_in(".nearest", "00:00");

    // The page of this refusal, to send to somebody, says the same.
    let why = browser.run("return document.querySelector('a[href^=\"/why/\"]').pathname");
    let tab = browser.open_tab();
    browser.go(why.as_str().unwrap());
    is_refused_at(&browser, "Quota");
    browser.go_to_tab(&tab);

    // Time is dragged past midnight, and the client works again, with a new token.
    browser.run("document.getElementById('bands').scrollIntoView()");
    browser.sees_element(".handle");
    browser.drag_to_the_right(".handle");
    browser.sees_in(".foreseen", "quota");
    browser.drop_there();
    browser.sees_in("#clock", "ahead");
    browser.click("Send");
    is_answered(&browser, "/parking/zones", 401);
    is_refused_at(&browser, "Token");
    browser.click("Get a new token and send again");
    is_answered(&browser, "/parking/zones", 200);
    browser.sees("Every gate let it through.");
    browser.expect_refusals();
}
