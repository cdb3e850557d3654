//! A page in a Chromium, as a person sees and uses it.
//!
//! Things on a page are named as a person would: a button by its text, a field by its label. Every wait has an end, and
//! whatever a page writes to its console is a failure, unless a test says that it provoked just this.

use std::cell::RefCell;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::site::Site;
use crate::webdriver::Session;

/// How long a page may take to show what a test waits for.
const PATIENCE: Duration = Duration::from_secs(20);
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";
const BUTTONS: &str = "button, a[href], summary, [role=button], [role=tab], [role=menuitem], input[type=submit]";
const FIELDS: &str = "input, select, textarea, [role=slider]";

/// A line that a page wrote to its console; a violation of the page's policy is one.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) level: String,
    pub(crate) source: String,
    pub(crate) text: String,
}

impl Message {
    /// Whether Chromium logs by it that the server refused a request.
    fn is_refusal(&self) -> bool {
        let status = self.text.split_once("Failed to load resource: the server responded with a status of ");
        self.is_of_network() && status.is_some_and(|(_, status)| status.starts_with('4') || status.starts_with("503"))
    }

    /// Whether Chromium logs by it that the server did not answer.
    fn is_silence(&self) -> bool {
        self.is_of_network() && self.text.contains("Failed to load resource: net::ERR_")
    }

    fn is_of_network(&self) -> bool {
        self.level == "SEVERE" && self.source == "network"
    }
}

/// What axe-core looks for.
#[derive(Clone, Copy)]
pub(crate) enum Rules {
    All,
    /// Of the looks of a page, the dark one differs from the light one in its colours alone.
    Colors,
}

/// A browser with an empty profile, on a site whose certificate it trusts.
pub(crate) struct Browser<'s> {
    site: &'s Site,
    session: Session,
    messages: RefCell<Vec<Message>>,
}

impl<'s> Browser<'s> {
    pub(crate) fn open(site: &'s Site) -> Self {
        let browser = Self { site, session: Session::open(site.ca_file()), messages: RefCell::default() };
        let permissions = json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"] });
        browser.cdp("Browser.grantPermissions", &permissions);
        browser.look(1440, false);
        browser
    }

    /// Asks Chromium itself (the `DevTools` protocol).
    pub(crate) fn cdp(&self, command: &str, params: &Value) -> Value {
        self.session.post("/goog/cdp/execute", &json!({ "cmd": command, "params": params }))
    }

    // Pages.

    pub(crate) fn go(&self, path: &str) {
        self.session.post("/url", &json!({ "url": format!("{}{path}", self.site.url()) }));
    }

    pub(crate) fn reload(&self) {
        self.session.post("/refresh", &json!({}));
    }

    pub(crate) fn back(&self) {
        self.session.post("/back", &json!({}));
    }

    /// The path of the page, with its query and fragment.
    pub(crate) fn path(&self) -> String {
        self.run("return location.pathname + location.search + location.hash").as_str().unwrap().to_owned()
    }

    /// Opens another tab, and goes there. Returns the tab from which it went.
    pub(crate) fn open_tab(&self) -> String {
        let before = self.session.get("/window").unwrap().as_str().unwrap().to_owned();
        let opened = self.session.post("/window/new", &json!({ "type": "tab" }));
        self.go_to_tab(opened["handle"].as_str().unwrap());
        self.look(1440, false);
        before
    }

    pub(crate) fn go_to_tab(&self, tab: &str) {
        // The lines of its console are read as those of the tab that one is in.
        self.read_log();
        self.session.post("/window", &json!({ "handle": tab }));
    }

    /// Sets the width of the window, and whether the page is dark. Nothing moves by itself.
    pub(crate) fn look(&self, width: u32, is_dark: bool) {
        let metrics = json!({ "width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false });
        self.cdp("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if is_dark { "dark" } else { "light" };
        let features = json!({ "features": [
            { "name": "prefers-color-scheme", "value": scheme },
            { "name": "prefers-reduced-motion", "value": "reduce" },
        ] });
        self.cdp("Emulation.setEmulatedMedia", &features);
    }

    /// The whole page as a PNG, in base64.
    pub(crate) fn screenshot(&self) -> String {
        let shot = self.cdp("Page.captureScreenshot", &json!({ "format": "png", "captureBeyondViewport": true }));
        shot["data"].as_str().unwrap().to_owned()
    }

    // Scripts.

    #[track_caller]
    pub(crate) fn run(&self, script: &str) -> Value {
        self.try_run(script).unwrap_or_else(|error| panic!("the browser says: {error}"))
    }

    fn try_run(&self, script: &str) -> Result<Value, String> {
        self.session.try_post("/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Runs a script that ends with `await`s; its last statement is `return …`.
    #[track_caller]
    pub(crate) fn run_async(&self, script: &str) -> Value {
        let script = format!(
            "const done = arguments[0]; (async () => {{ {script} }})().then(done, (error) => done({{ thrown: `${{error}}` }}))"
        );
        let value = self.session.post("/execute/async", &json!({ "script": script, "args": [] }));
        assert!(value["thrown"].is_null(), "a script threw {}", value["thrown"]);
        value
    }

    /// Waits until a script returns something that counts as true, and returns it.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, script: &str) -> Value {
        let started = Instant::now();
        loop {
            // While the page is left for another one, a script has no page.
            let value = self.try_run(script);
            let is_there = match &value {
                Ok(Value::Null | Value::Bool(false)) | Err(_) => false,
                Ok(value) => *value != json!("") && *value != json!(0),
            };
            if is_there {
                return value.unwrap();
            }
            let fault = value.err().unwrap_or_default();
            assert!(started.elapsed() < PATIENCE, "{what} did not come. {fault}\nThe page shows:\n{}", self.shown());
            pause();
        }
    }

    /// Waits until the page shows this text.
    #[track_caller]
    pub(crate) fn sees(&self, text: &str) {
        self.wait(&format!("“{text}”"), &format!("return document.body.innerText.includes({})", json!(text)));
    }

    /// Waits until the page no longer shows this text.
    #[track_caller]
    pub(crate) fn no_longer_sees(&self, text: &str) {
        let script = format!("return !document.body.innerText.includes({})", json!(text));
        self.wait(&format!("an end of “{text}”"), &script);
    }

    /// Waits until an element of this selector shows this text.
    #[track_caller]
    pub(crate) fn sees_in(&self, selector: &str, text: &str) {
        let script = format!(
            "return [...document.querySelectorAll({})].some((e) => e.checkVisibility() && e.innerText.includes({}))",
            json!(selector),
            json!(text)
        );
        self.wait(&format!("“{text}” in {selector}"), &script);
    }

    /// Waits until the page has an element of this selector that can be seen.
    #[track_caller]
    pub(crate) fn sees_element(&self, selector: &str) {
        let script =
            format!("return [...document.querySelectorAll({})].some((e) => e.checkVisibility())", json!(selector));
        self.wait(selector, &script);
    }

    /// What a person reads on the page.
    pub(crate) fn shown(&self) -> String {
        let text = self.try_run("return document.body.innerText").unwrap_or_default();
        text.as_str().unwrap_or_default().to_owned()
    }

    /// Waits for the element of a selector, and returns what a person reads in it.
    #[track_caller]
    pub(crate) fn text(&self, selector: &str) -> String {
        let script = format!("return document.querySelector({})?.innerText", json!(selector));
        self.wait(selector, &script).as_str().unwrap().to_owned()
    }

    /// The name of what has the focus.
    pub(crate) fn focused(&self) -> String {
        let name = self.run(&format!("{NAMES} return nameOf(document.activeElement)"));
        name.as_str().unwrap().to_owned()
    }

    /// Waits until this has the focus: a button by its text, a field by its label, a heading by its text.
    #[track_caller]
    pub(crate) fn has_focus(&self, name: &str) {
        let script = format!("{NAMES} return nameOf(document.activeElement) === {}", json!(name));
        self.wait(&format!("the focus on “{name}”"), &script);
    }

    // What a person does.

    /// Clicks the button, the link or the tab that has this text or label.
    #[track_caller]
    pub(crate) fn click(&self, name: &str) {
        self.act(name, &named(BUTTONS, name), "click", &json!({}));
    }

    /// Clicks the element of a selector.
    #[track_caller]
    pub(crate) fn click_on(&self, selector: &str) {
        self.act(selector, &format!("return document.querySelector({})", json!(selector)), "click", &json!({}));
    }

    /// Ticks the box, or picks the radio button, with this label.
    #[track_caller]
    pub(crate) fn pick(&self, label: &str) {
        let script =
            format!("const field = (() => {{ {} }})(); return field?.labels[0] ?? field", named(FIELDS, label));
        self.act(label, &script, "click", &json!({}));
    }

    /// Empties the field with this label, and types into it.
    #[track_caller]
    pub(crate) fn fill(&self, label: &str, text: &str) {
        let script = named(FIELDS, label);
        self.act(label, &script, "clear", &json!({}));
        self.act(label, &script, "value", &json!({ "text": text }));
    }

    /// Chooses the option with this text in the list with this label.
    #[track_caller]
    pub(crate) fn choose(&self, label: &str, option: &str) {
        let list = self.element(label, &named(FIELDS, label));
        let script = "const [list, text] = arguments; const option = [...list.options].find((o) => o.text.trim().includes(text)); \
            if (!option) return false; list.value = option.value; \
            list.dispatchEvent(new Event('input', { bubbles: true })); list.dispatchEvent(new Event('change', { bubbles: true })); return true";
        let chosen =
            self.session.post("/execute/sync", &json!({ "script": script, "args": [{ ELEMENT: list }, option] }));
        assert_eq!(chosen, Value::Bool(true), "{label} has no option {option}");
    }

    /// Presses keys, one after the other, wherever the focus is. Those without a letter are in [`keys`].
    pub(crate) fn press(&self, keys: &str) {
        let strokes = keys.chars().flat_map(|key| {
            let key = key.to_string();
            [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })]
        });
        let strokes: Vec<Value> = strokes.collect();
        self.session.post("/actions", &json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": strokes }] }));
    }

    /// Presses Tab until the focus is on a button, link or field whose name begins so. Nobody with a keyboard gets there else.
    #[track_caller]
    pub(crate) fn tab_to(&self, name: &str) {
        for _ in 0..200 {
            self.press(keys::TAB);
            if self.focused().starts_with(name) {
                return;
            }
        }
        panic!("no Tab leads to “{name}”; the page shows:\n{}", self.shown());
    }

    /// Presses the mouse in the middle of an element, and moves it to the right edge of the window. It stays pressed.
    pub(crate) fn drag_to_the_right(&self, selector: &str) {
        let script = format!(
            "const e = document.querySelector({}); e.scrollIntoView({{ block: 'center' }}); const box = e.getBoundingClientRect();
             return [box.left + box.width / 2, box.top + box.height / 2, innerWidth - 2]",
            json!(selector)
        );
        let at = self.wait(selector, &script);
        let [from, y, to] = [0, 1, 2].map(|index| at[index].as_f64().unwrap());
        let move_to = |x: f64| json!({ "type": "pointerMove", "duration": 0, "x": x.round(), "y": y.round() });
        let mut actions = vec![move_to(from), json!({ "type": "pointerDown", "button": 0 })];
        actions.extend([0.25, 0.5, 0.75, 1.0].map(|part| move_to(from + (to - from) * part)));
        self.point(&actions);
    }

    /// Lets the mouse go.
    pub(crate) fn drop_there(&self) {
        self.point(&[json!({ "type": "pointerUp", "button": 0 })]);
    }

    fn point(&self, actions: &[Value]) {
        let mouse =
            json!({ "type": "pointer", "id": "mouse", "parameters": { "pointerType": "mouse" }, "actions": actions });
        self.session.post("/actions", &json!({ "actions": [mouse] }));
    }

    /// Does something to an element: again if the page drew it anew meanwhile, or something lay above it.
    #[track_caller]
    fn act(&self, what: &str, script: &str, action: &str, body: &Value) {
        let started = Instant::now();
        loop {
            let element = self.element(what, script);
            let Err(error) = self.session.try_post(&format!("/element/{element}/{action}"), body) else { return };
            assert!(started.elapsed() < PATIENCE, "{what}: {error}");
            pause();
        }
    }

    #[track_caller]
    fn element(&self, what: &str, script: &str) -> String {
        self.wait(what, script)[ELEMENT].as_str().unwrap_or_else(|| panic!("{what} is no element")).to_owned()
    }

    // What it finds wrong.

    /// What axe-core finds, of every impact but the least: a line for each rule, and the elements.
    pub(crate) fn axe(&self, rules: Rules) -> Vec<String> {
        if self.run("return typeof window.axe") != "object" {
            let axe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/node_modules/axe-core/axe.min.js");
            let axe = std::fs::read_to_string(axe).expect("axe-core: run `make interop-setup`");
            self.run(&format!("{axe}; window.axe = axe;"));
        }
        let only = match rules {
            Rules::All => "",
            Rules::Colors => ", runOnly: ['color-contrast']",
        };
        let found = self.run_async(&format!(
            "await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
             const found = await axe.run({{ resultTypes: ['violations']{only} }});
             return found.violations.filter((v) => v.impact !== 'minor').map((v) =>
               `${{v.impact}} ${{v.id}}: ${{v.nodes.map((n) => `${{n.target}} ${{n.failureSummary}}`).join('; ')}}`)"
        ));
        let found = found.as_array().unwrap_or_else(|| panic!("axe did not run: {found}"));
        found.iter().map(|line| line.as_str().unwrap().to_owned()).collect()
    }

    /// What makes the page wider than the window.
    pub(crate) fn too_wide(&self) -> Option<String> {
        let script = "if (document.documentElement.scrollWidth <= innerWidth) return null;
            const outermost = [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1);
            return outermost.slice(0, 5).map((e) => `${e.tagName}.${e.className.baseVal ?? e.className}`).join(', ')";
        self.run(script).as_str().map(str::to_owned)
    }

    /// The test has provoked refusals: takes the lines by which Chromium logs them, and leaves any other.
    pub(crate) fn expect_refusals(&self) {
        self.read_log();
        self.messages.borrow_mut().retain(|message| !message.is_refusal());
    }

    /// The test has stopped the server: takes the lines by which Chromium logs that it did not answer.
    pub(crate) fn expect_silence(&self) {
        self.read_log();
        self.messages.borrow_mut().retain(|message| !message.is_silence());
    }

    fn read_log(&self) {
        let lines = self.session.post("/se/log", &json!({ "type": "browser" }));
        let lines = lines.as_array().into_iter().flatten();
        let lines = lines.map(|line| {
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
            Message { level: text("level"), source: text("source"), text: text("message") }
        });
        self.messages.borrow_mut().extend(lines);
    }
}

impl Drop for Browser<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.read_log();
            let messages = self.messages.take();
            assert!(messages.is_empty(), "the page wrote to the console: {messages:#?}");
        }
    }
}

/// Keys without a letter, as `WebDriver` names them.
pub(crate) mod keys {
    pub(crate) const TAB: &str = "\u{E004}";
    pub(crate) const ENTER: &str = "\u{E007}";
    pub(crate) const ESCAPE: &str = "\u{E00C}";
    pub(crate) const SPACE: &str = " ";
    pub(crate) const LEFT: &str = "\u{E012}";
    pub(crate) const RIGHT: &str = "\u{E014}";
    pub(crate) const DOWN: &str = "\u{E015}";
    pub(crate) const END: &str = "\u{E010}";
}

/// The name of an element, as a person or a screen reader has it: its label, or its text.
const NAMES: &str = "const squeezed = (text) => (text ?? '').replace(/\\s+/g, ' ').trim();
    const nameOf = (e) => squeezed(e.getAttribute('aria-label')
      ?? (e.getAttribute('aria-labelledby') ? e.getAttribute('aria-labelledby').split(' ').map((id) => document.getElementById(id)?.innerText).join(' ') : undefined)
      ?? (e.labels?.length ? ownText(e.labels[0]) : undefined) ?? e.innerText ?? e.value);
    const ownText = (label) => [...label.childNodes].filter((n) => n.nodeType === 3 || (n.nodeType === 1 && !n.matches('input, select, textarea, .hint, .error'))).map((n) => n.textContent).join(' ');";

/// A script that returns the first element of a selector that has this name, or else a name that begins so. While a dialog
/// is open, what lies behind it cannot be used.
fn named(selector: &str, name: &str) -> String {
    format!(
        "{NAMES} const dialogs = document.querySelectorAll('dialog[open]'); const place = dialogs[dialogs.length - 1] ?? document;
         const all = [...place.querySelectorAll({})].filter((e) => e.checkVisibility() && !e.disabled);
         return all.find((e) => nameOf(e) === {name}) ?? all.find((e) => nameOf(e).startsWith({name}))",
        json!(selector),
        name = json!(name)
    )
}

fn pause() {
    std::thread::sleep(Duration::from_millis(50));
}
