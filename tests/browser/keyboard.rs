//! The main job of each page by keyboard alone. A key that leads nowhere, or a focus that is lost, fails a test.

use crate::browser::{Browser, keys};
use crate::site::Site;
use crate::tasks::{arrives_at, is_answered};

#[test]
fn a_keyboard_gets_a_token_calls_and_reads_why() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    browser.go("/");
    browser.tab_to("Skip to the content");
    browser.press(keys::ENTER);
    browser.tab_to("demo-reader");
    browser.press(keys::DOWN);
    browser.tab_to("Get a token");
    browser.press(keys::ENTER);
    is_answered(&browser, "/oauth2/token", 200);
    browser.tab_to("Send");
    browser.press(keys::ENTER);
    is_answered(&browser, "/parking/zones", 200);
    // The parts of the answer are tabs: the arrow keys go from one to the next.
    browser.tab_to("Answer");
    browser.press(keys::RIGHT);
    browser.has_focus("Request");
    browser.sees_in("[role=tabpanel]", "Authorization: Bearer");
    browser.tab_to("Show token and secret");
    assert!(browser.text(".headline").contains("demo-writer"), "the arrow key chose the next client");
}

#[test]
fn a_keyboard_signs_in_registers_a_client_and_opens_the_drawer() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    browser.go("/console");
    browser.tab_to("Fill in demo-admin");
    browser.press(keys::SPACE);
    browser.has_focus("Sign in");
    browser.press(keys::ENTER);
    arrives_at(&browser, "Clients");
    browser.has_focus("Clients");
    browser.tab_to("Register a client");
    browser.press(keys::ENTER);
    browser.has_focus("Register a client");
    browser.tab_to("Name");
    browser.press("Quay");
    browser.press(keys::ENTER);
    browser.has_focus("The client is registered");
    browser.tab_to("Copy the secret");
    browser.press(keys::ENTER);
    browser.sees("Copied.");
    browser.tab_to("All clients");
    browser.press(keys::ENTER);
    browser.has_focus("Clients");
    browser.press("/");
    browser.press("Quay");
    browser.sees("1 of 5 clients");
    browser.tab_to("Refresh");
    browser.press("~");
    browser.sees_element(".drawer");
    browser.has_focus("Path or request id");
    browser.press(keys::ESCAPE);
    browser.has_focus("Refresh");
    assert_eq!(browser.path(), "/console/clients?q=Quay");
}

#[test]
fn a_keyboard_moves_the_clock() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    // Else it goes on while somebody presses keys.
    site.call(&["clock", "freeze"]);
    browser.go("/console/clock");
    browser.sees_element(".handle");
    browser.tab_to("Time of the sandbox");
    browser.press(&keys::RIGHT.repeat(3));
    browser.sees_in(".foreseen", "3 min");
    browser.press(keys::LEFT);
    browser.sees_in(".foreseen", "2 min");
    browser.press(keys::ESCAPE);
    browser.sees_in(".foreseen", "Drag the time");
    browser.press(keys::END);
    browser.sees_in(".foreseen", "00:00");
    browser.press(keys::ENTER);
    browser.wait(
        "the next day",
        "return document.querySelector('.handle').getAttribute('aria-valuetext').includes('T00:00')",
    );
    assert!(site.call(&["clock", "show"]).contains("T00:00"), "{}", site.call(&["clock", "show"]));
}

#[test]
fn a_keyboard_skips_to_the_reference_and_searches_the_guide() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    browser.go("/docs");
    browser.press(keys::TAB);
    browser.has_focus("Skip to the content");
    browser.press(keys::ENTER);
    assert_eq!(browser.path(), "/docs#main");
    // A link of the index leads to an operation; the next keys begin there.
    browser.go("/docs#listZones");
    browser.tab_to("Try it");
    browser.press(keys::ENTER);
    browser.has_focus("Path");
    browser.press(keys::ENTER);
    is_answered(&browser, "/parking/zones", 200);

    browser.go("/guide");
    browser.tab_to("Search the guide");
    browser.press("quota midnight");
    browser.press(keys::ENTER);
    arrives_at(&browser, "Results for “quota midnight”");
    browser.sees_element(".hits a");
}
