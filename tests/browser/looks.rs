//! Every page and every view, in its main states: axe-core finds nothing, and nothing is wider than the window, on a
//! telephone as on a desk, in the dark as in the light. `make screenshots` writes a picture of each look.

use std::ffi::OsString;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use crate::browser::{Browser, Rules, keys};
use crate::site::Site;
use crate::tasks::{
    LIMITED, administer, arrives_at, control, follow, get_token, is_answered, is_refused_at, register, sign_in,
};

/// Widths in pixels.
const NARROWEST: u32 = 320;
const TELEPHONE: u32 = 390;
const DESK: u32 = 1440;

/// The id of no request.
const NO_REQUEST: &str = "6f1c0a0e-0000-4000-8000-000000000000";

/// Looks at one scene after the other, and remembers what is wrong.
pub(crate) struct Looks<'s> {
    pub(crate) browser: Browser<'s>,
    folder: Option<OsString>,
    found: Vec<String>,
}

impl<'s> Looks<'s> {
    pub(crate) fn open(site: &'s Site) -> Self {
        let folder = std::env::var_os("BOOMGATE_SCREENSHOTS");
        if let Some(folder) = &folder {
            std::fs::create_dir_all(folder).unwrap();
        }
        Self { browser: Browser::open(site), folder, found: Vec::new() }
    }

    /// Looks at what is shown now. `scene` is the name of its pictures.
    pub(crate) fn at(&mut self, scene: &str) {
        let looks = [(DESK, false, Rules::All), (DESK, true, Rules::Colors), (NARROWEST, false, Rules::All)];
        for (width, is_dark, rules) in looks {
            self.browser.look(width, is_dark);
            let found = self.browser.axe(rules).into_iter().chain(self.too_wide());
            let dark = if is_dark { ", dark" } else { "" };
            let found: Vec<String> = found.map(|line| format!("{scene}, {width} px{dark}: {line}")).collect();
            self.found.extend(found);
        }
        self.take_pictures(scene);
        self.browser.look(DESK, false);
    }

    fn too_wide(&self) -> Option<String> {
        self.browser.too_wide().map(|what| format!("wider than the window: {what}"))
    }

    fn take_pictures(&self, scene: &str) {
        let Some(folder) = &self.folder else { return };
        for (width, is_dark) in [(TELEPHONE, false), (TELEPHONE, true), (DESK, false), (DESK, true)] {
            self.browser.look(width, is_dark);
            self.browser.run("scrollTo(0, 0)");
            let picture = STANDARD.decode(self.browser.screenshot()).unwrap();
            let theme = if is_dark { "dark" } else { "light" };
            std::fs::write(Path::new(folder).join(format!("{scene}-{width}-{theme}.png")), picture).unwrap();
        }
    }

    /// The end: nothing was found. Requests that were refused belong to the scenes.
    pub(crate) fn end(self) {
        self.browser.expect_refusals();
        assert!(self.found.is_empty(), "{:#?}", self.found);
    }
}

#[test]
fn the_start_page_looks_right_whatever_was_answered() {
    let site = Site::sandbox();
    let mut look = Looks::open(&site);
    look.browser.go("/");
    look.browser.sees("UTC");
    look.at("start");
    get_token(&look.browser, LIMITED);
    look.browser.sees("Every gate let it through.");
    look.at("start-token");
    look.browser.click("Send");
    is_answered(&look.browser, "/parking/zones", 200);
    look.browser.click("The same in code");
    look.at("start-code");
    look.browser.choose("Operation", "Create a zone");
    look.browser.click("Send");
    is_answered(&look.browser, "/parking/zones", 403);
    is_refused_at(&look.browser, "Scope");
    look.browser.run("for (const more of document.querySelectorAll('details')) more.open = true");
    look.at("start-refused");
    look.browser.run("document.getElementById('bands').scrollIntoView()");
    look.browser.sees_element("#bands .handle");
    look.browser.run("for (const more of document.querySelectorAll('#bands details')) more.open = true");
    look.at("start-bands");
    look.end();
}

#[test]
fn what_is_read_looks_right() {
    let site = Site::sandbox();
    let mut look = Looks::open(&site);
    look.browser.go("/");
    look.browser.click_on("#refuse-secret");
    is_answered(&look.browser, "/oauth2/token", 401);
    let refusal = look.browser.run("return document.querySelector('a[href^=\"/why/\"]').pathname");
    look.browser.expect_refusals();
    let refusal = refusal.as_str().unwrap().to_owned();
    let no_request = format!("/why/{NO_REQUEST}");
    let pages = [
        ("guide", "/guide"),
        ("guide-page", "/guide/sandbox/faults"),
        ("guide-search", "/guide?q=token"),
        ("guide-search-nothing", "/guide?q=zeppelin"),
        ("problems", "/problems"),
        ("problem", "/problems/throttled"),
        ("why", &refusal),
        ("why-unknown", &no_request),
        ("not-found", "/parkin"),
    ];
    for (scene, path) in pages {
        look.browser.go(path);
        look.browser.sees_element("h1");
        look.at(scene);
    }
    look.end();
}

#[test]
fn the_reference_looks_right() {
    let site = Site::sandbox();
    let mut look = Looks::open(&site);
    look.browser.go("/docs");
    look.browser.look(NARROWEST, false);
    assert_eq!(look.browser.too_wide(), None);
    // One template makes all operations and another one all schemas. A few of them stand for all: axe-core is slow.
    look.browser.run(
        "for (const one of document.querySelectorAll('.operation:not(#issueToken, #listZones, #createZone), .schema:not(#schema-Zone)')) one.remove()",
    );
    look.at("reference");
    look.browser.click_on("#listZones .try");
    look.browser.click("Send");
    is_answered(&look.browser, "/parking/zones", 200);
    look.at("reference-tried");
    look.end();
}

#[test]
fn the_clients_of_the_console_look_right() {
    let site = Site::sandbox();
    let mut look = Looks::open(&site);
    look.browser.go("/console");
    arrives_at(&look.browser, "Sign in");
    look.at("console-sign-in");
    sign_in(&look.browser, "/console", "Clients");
    look.browser.sees_in("table.clients", "demo-limited");
    look.at("console-clients");
    register(&look.browser, "Harbour Parking", 1_000);
    look.at("console-secret");
    follow(&look.browser, "/console/register", "Register a client");
    look.browser.click("Register");
    look.browser.sees_element("[aria-invalid=true]");
    look.at("console-register");
    // Else the page asks whether to leave the form.
    look.browser.go("/console/clients?q=nobody");
    crate::tasks::sign_in_here(&look.browser);
    look.browser.sees("Show all clients");
    look.at("console-clients-none");
    look.end();
}

#[test]
fn one_client_of_the_console_looks_right() {
    let site = Site::sandbox();
    let mut look = Looks::open(&site);
    look.browser.go("/");
    get_token(&look.browser, LIMITED);
    look.browser.click_on("#refuse-429");
    is_refused_at(&look.browser, "Throttle");
    sign_in(&look.browser, "/console/clients/demo-limited", "Demo: 2 requests a second, 20 a day");
    look.browser.sees("throttled");
    look.at("console-client");
    for (scene, button) in [("console-suspend", "Suspend"), ("console-delete", "Delete"), ("console-rotate", "Rotate")]
    {
        look.browser.click(button);
        look.browser.sees_element("dialog[open]");
        look.at(scene);
        look.browser.press(keys::ESCAPE);
    }
    follow(&look.browser, "/console/clients/demo-limited/edit", "Edit Demo: 2 requests a second, 20 a day");
    look.browser.fill("Requests per day", "5");
    look.browser.sees_in(".preview", "Requests per day");
    look.at("console-edit");
    look.end();
}

#[test]
fn what_goes_wrong_in_the_console_looks_right() {
    let site = Site::sandbox();
    let mut look = Looks::open(&site);
    sign_in(&look.browser, "/console/clients/demo-reader/edit", "Edit Demo: reads zones");
    look.browser.fill("Name", "Mine");
    administer(&look.browser, "PATCH", "/admin/clients/demo-reader", &json!({ "client_name": "Theirs" }));
    look.browser.click("Save");
    look.browser.sees("Changed meanwhile");
    look.at("console-conflict");
    control(&look.browser, "POST", "/sandbox/clock/advance", &json!({ "by": "25h" }));
    look.browser.click("Keep mine");
    look.browser.sees("Sign in again");
    look.at("console-ended");
    site.stop();
    look.browser.click("Fill in demo-admin");
    look.browser.click("Sign in");
    look.browser.sees("The server does not answer.");
    look.at("console-silent");
    look.browser.expect_silence();
    look.end();
}

#[test]
fn the_gate_in_the_console_looks_right() {
    let site = Site::sandbox();
    let mut look = Looks::open(&site);
    look.browser.go("/");
    look.browser.click_on("#refuse-403");
    is_answered(&look.browser, "/parking/zones", 403);
    sign_in(&look.browser, "/console/keys", "Keys");
    look.browser.sees("signs");
    look.at("console-keys");
    administer(&look.browser, "PATCH", "/admin/clients/demo-reader", &json!({ "client_name": "Reads" }));
    follow(&look.browser, "/console/audit", "Audit log");
    look.browser.sees_element("table.audit tbody tr");
    look.at("console-audit");
    follow(&look.browser, "/console/refusals", "Refusals");
    look.browser.sees_element("table.refusals tbody tr");
    look.browser.click_on("table.refusals button");
    is_refused_at(&look.browser, "Scope");
    look.at("console-refusals");
    follow(&look.browser, "/console/health", "Health");
    look.browser.sees_element("table.findings tbody tr");
    look.at("console-health");
    follow(&look.browser, "/console/nowhere", "No such view");
    look.at("console-no-view");
    look.end();
}

#[test]
fn the_sandbox_in_the_console_looks_right() {
    let site = Site::sandbox();
    let mut look = Looks::open(&site);
    look.browser.go("/");
    look.browser.click_on("#refuse-403");
    is_answered(&look.browser, "/parking/zones", 403);
    let effect = json!({ "problem": "unavailable" });
    let rule = json!({ "name": "maintenance", "match": { "client": "demo-reader" }, "times": 3, "effect": effect });
    control(&look.browser, "POST", "/sandbox/faults", &rule);
    control(&look.browser, "PUT", "/sandbox/snapshots/before", &json!({}));
    look.browser.go("/console/clock");
    look.browser.sees_element(".handle");
    look.at("console-clock");
    follow(&look.browser, "/console/troubles", "Troubles");
    look.browser.sees("quota-exhausted");
    look.at("console-troubles");
    follow(&look.browser, "/console/faults", "Faults");
    look.browser.sees("maintenance");
    look.at("console-faults");
    follow(&look.browser, "/console/snapshots", "Snapshots");
    look.browser.sees("before");
    look.at("console-snapshots");
    follow(&look.browser, "/console/reports", "Exam reports");
    look.browser.sees("Coverage");
    look.at("console-reports");
    look.end();
}

#[test]
fn the_requests_of_a_sandbox_look_right() {
    let site = Site::sandbox();
    let mut look = Looks::open(&site);
    look.browser.go("/");
    look.browser.click_on("#refuse-403");
    is_answered(&look.browser, "/parking/zones", 403);
    look.browser.go("/console/requests");
    look.browser.sees_in("table.requests", "POST /parking/zones");
    look.at("console-requests");
    look.browser.click("POST /parking/zones");
    is_refused_at(&look.browser, "Scope");
    look.at("console-request");
    follow(&look.browser, "/console/snapshots", "Snapshots");
    look.browser.click("Journal");
    look.browser.sees_in(".drawer", "POST /parking/zones");
    look.at("console-drawer");
    look.browser.click("POST /parking/zones");
    is_refused_at(&look.browser, "Scope");
    look.at("console-drawer-request");
    look.end();
}
