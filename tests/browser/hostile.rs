//! Names that a client, or a partner, may have chosen to harm whoever looks at them: they stay text, wherever they are shown.

use serde_json::json;

use crate::browser::{Browser, keys};
use crate::site::Site;
use crate::tasks::{administer, arrives_at, follow, sign_in};

const MARKUP: &str = "<img src=x onerror=alert(1)>";
const RIGHT_TO_LEFT: &str = "موقف السيارات";

/// Fails if a name became an element, or a script ran: a dialog of the browser would fail the next command, too.
#[track_caller]
fn stays_text(browser: &Browser<'_>, place: &str) {
    let found = browser.run("return document.querySelectorAll('img[src=x], [onerror]').length");
    assert_eq!(found, json!(0), "{place}");
    assert_eq!(browser.run("return document.documentElement.scrollWidth > innerWidth"), json!(false), "{place}");
}

#[test]
fn a_hostile_name_stays_text_wherever_the_console_shows_it() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    let long = format!("{}ß", "n".repeat(199));
    sign_in(&browser, "/console", "Clients");
    let register = |id: &str, name: &str| {
        administer(
            &browser,
            "POST",
            "/admin/clients",
            &json!({ "client_id": id, "client_name": name, "scope": "read:zones" }),
        )
    };
    register("markup", MARKUP);
    register("long", &long);
    register("rtl", RIGHT_TO_LEFT);
    browser.click("Refresh");
    for name in [MARKUP, &long, RIGHT_TO_LEFT] {
        browser.sees_in("table.clients bdi", name);
    }
    stays_text(&browser, "the table");
    browser.look(320, false);
    stays_text(&browser, "the table on a telephone");
    browser.fill("Search clients", MARKUP);
    browser.sees("1 of 7 clients");
    stays_text(&browser, "the search");

    for (id, name) in [("markup", MARKUP), ("long", &*long), ("rtl", RIGHT_TO_LEFT)] {
        follow(&browser, &format!("/console/clients/{id}"), name);
        browser.sees_in("#facts ~ dl", id);
        stays_text(&browser, id);
        browser.click("Delete");
        browser.sees_in("dialog", name);
        stays_text(&browser, "the dialog");
        browser.press(keys::ESCAPE);
        follow(&browser, &format!("/console/clients/{id}/edit"), &format!("Edit {name}"));
        stays_text(&browser, "the form");
    }
}

#[test]
fn a_name_that_would_turn_the_text_around_it_is_refused_and_shown_as_what_it_is() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    sign_in(&browser, "/console/register", "Register a client");
    browser.fill("Name", "\u{202E}gpj.exe");
    browser.click("Register");
    browser.has_focus("Name");
    browser.sees_in("#e-client_name", "U+202E");
    browser.fill("Name", &"n".repeat(201));
    browser.click("Register");
    browser.sees_in("#e-client_name", "200");
    browser.look(320, false);
    stays_text(&browser, "the form");
    browser.expect_refusals();
}

#[test]
fn a_hostile_request_stays_text_in_audit_refusals_journal_and_why() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    browser.go("/");
    // Whoever sends a request chooses its path, its query, its id, and the client that it names.
    browser.run_async(
        // A browser that may send credentials asks a person for them, when a 401 offers Basic.
        "const send = (path, options) => fetch(path, { ...options, credentials: 'omit' }).then((answer) => answer.text());
         const id = (name) => ({ 'X-Request-Id': name });
         const markup = '<img src=x onerror=alert(1)>';
         await send(`/parking/zones/${encodeURIComponent(markup)}?name=${encodeURIComponent(markup)}`, { headers: id('path') });
         await send('/oauth2/token', { method: 'POST', headers: id('named'),
           body: new URLSearchParams({ grant_type: 'client_credentials', client_id: 'markup.img', client_secret: markup }) });
         await send('/oauth2/token', { method: 'POST', headers: { ...id('turned'), 'Content-Type': 'application/json' },
           body: JSON.stringify({ grant_type: 'client_credentials', client_id: '\\u202egpj.exe', client_secret: markup }) });
         return true",
    );
    sign_in(&browser, "/console/refusals", "Refusals");
    browser.sees_in("table.refusals", "/parking/zones/");
    browser.click_on("table.refusals button");
    browser.sees_element("table.refusals .gates");
    stays_text(&browser, "refusals");
    follow(&browser, "/console/audit?subject=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", "Audit log");
    stays_text(&browser, "a filter from the address");
    follow(&browser, "/console/clients?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E", "Clients");
    browser.sees(MARKUP);
    stays_text(&browser, "a search from the address");
    follow(&browser, "/console/requests/path", "Requests");
    browser.sees_in(".detail", "/parking/zones/");
    stays_text(&browser, "the journal");
    browser.click("Journal");
    browser.sees_in(".drawer", "/parking/zones/");
    stays_text(&browser, "the drawer");
    for path in ["/why/path", "/why/named", "/why/turned"] {
        browser.go(path);
        browser.sees_element("h1");
        stays_text(&browser, path);
    }
    for path in [
        "/why/%3Cimg%20src%3Dx%3E",
        "/guide?q=%3Cimg%20src%3Dx%3E",
        "/%3Cimg%20src%3Dx%3E",
        "/console/clients/%3Cimg%20src%3Dx%3E",
    ] {
        browser.go(path);
        browser.sees_element("h1");
        stays_text(&browser, path);
    }
    arrives_at(&browser, "Sign in");
    browser.expect_refusals();
}
