//! What the pages cost a browser: bytes until the first paint, when the largest thing is painted on a slow network, and
//! whether a long table holds anything up. `make bench-pages` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot be made has failed, and a browser goes by the real time"
)]

#[path = "../tests/browser/browser.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod browser;
#[path = "../tests/program/mod.rs"]
mod program;
#[path = "../tests/browser/site.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod site;
#[path = "../tests/browser/tasks.rs"]
#[allow(dead_code, reason = "the tests use the rest")]
mod tasks;
#[path = "../tests/browser/webdriver.rs"]
mod webdriver;

use std::fmt::Write as _;

use serde_json::json;

use self::browser::Browser;
use self::site::Site;
use self::tasks::sign_in;

/// Chromium's "Fast 4G": bytes a second down and up, and milliseconds before an answer begins.
const DOWN: f64 = 9e6 / 8.0 * 0.9;
const UP: f64 = 1.5e6 / 8.0 * 0.9;
const LATENCY_MS: f64 = 60.0 * 2.75;
/// Loads of each page, of which the median counts.
const LOADS: usize = 9;
const CLIENTS: u32 = 10_000;
/// Clients that are registered by one script, and how many of its requests are open at a time.
const BATCH: u32 = 500;
const AT_ONCE: u32 = 32;

/// The pages, and the most bytes that each may take until its first paint.
const BUDGETS: [(&str, f64); 3] = [("/", 30e3), ("/console", 45e3), ("/docs", 60e3)];
const MAX_PAINT_MS: f64 = 300.0;
const MAX_TASK_MS: f64 = 100.0;

/// Bytes of bodies as sent, of everything that was asked for before the first paint; and the largest contentful paint.
const MEASURED: &str = "
    const paint = performance.getEntriesByName('first-contentful-paint')[0].startTime;
    const largest = await new Promise((done) => new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime))
      .observe({ type: 'largest-contentful-paint', buffered: true }));
    const loaded = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
    const foreign = loaded.filter((entry) => new URL(entry.name).origin !== location.origin).length;
    const bytes = loaded.filter((entry) => entry.startTime <= paint).reduce((sum, entry) => sum + entry.encodedBodySize, 0);
    const all = loaded.reduce((sum, entry) => sum + entry.encodedBodySize, 0);
    return [bytes, all, paint, largest, foreign];";

fn main() {
    let mut table = String::from("| what | figure | limit | met |\n|---|---:|---:|---|\n");
    let site = Site::sandbox();
    for (path, budget) in BUDGETS {
        let mut loads: Vec<[f64; 5]> = (0..LOADS).map(|_| load(&site, path)).collect();
        loads.sort_by(|a, b| a[3].total_cmp(&b[3]));
        let [bytes, all, _, largest, foreign] = loads[LOADS / 2];
        row(&mut table, &format!("`{path}`: bytes until the first paint, compressed"), bytes, budget, "");
        row(&mut table, &format!("`{path}`: all bytes that it loads by itself"), all, f64::INFINITY, "");
        row(&mut table, &format!("`{path}`: largest contentful paint on Fast 4G"), largest, MAX_PAINT_MS, " ms");
        row(&mut table, &format!("`{path}`: requests to other origins"), foreign, 0.0, "");
    }
    let [scrolling, searching, sorting] = longest_tasks(&site);
    row(&mut table, "table of 10,000 clients: longest task while it scrolls", scrolling, MAX_TASK_MS, " ms");
    row(&mut table, "table of 10,000 clients: longest task while somebody searches", searching, MAX_TASK_MS, " ms");
    row(&mut table, "table of 10,000 clients: longest task of a new order", sorting, MAX_TASK_MS, " ms");
    print!("{table}");
}

/// The longest task of the main thread while the table of clients scrolls from its top to its end, while a search is typed
/// and taken back, and while it is sorted by each column. Chromium reports tasks from 50 ms on: 0 is none as long as that.
fn longest_tasks(site: &Site) -> [f64; 3] {
    let browser = Browser::open(site);
    browser.go("/console");
    for first in (0..CLIENTS).step_by(BATCH as usize) {
        browser.run_async(&registered(first));
    }
    sign_in(&browser, "/console/clients", "Clients");
    // The demo clients are there, too.
    browser.sees("10,004 clients");
    browser.run(
        "window.tasks = []; new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration)))
           .observe({ type: 'longtask' })",
    );
    browser.run_async(
        "const box = document.querySelector('.clients-box'); const step = box.scrollHeight / 120;
         for (let at = 0; at <= 120; at += 1) {
           box.scrollTop = at * step;
           await new Promise((done) => requestAnimationFrame(done));
         }
         return true",
    );
    let scrolling = longest_task(&browser);
    browser.click_on("#search");
    browser.press("harbour 77");
    browser.press(&"\u{E003}".repeat(10));
    let searching = longest_task(&browser);
    for column in ["Status", "Today", "Last seen", "Registered", "Client"] {
        browser.click(column);
    }
    [scrolling, searching, longest_task(&browser)]
}

/// The longest task since this was asked last.
fn longest_task(browser: &Browser<'_>) -> f64 {
    let longest = browser.run_async(
        "await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
         return Math.max(0, ...window.tasks.splice(0))",
    );
    longest.as_f64().unwrap()
}

/// A script that registers clients from the number `first` on.
fn registered(first: u32) -> String {
    format!(
        "const {{ send }} = await import(`${{document.body.dataset.assets}}/js/http.js`);
         const {{ administrator, signIn }} = await import(`${{document.body.dataset.assets}}/js/session.js`);
         await signIn('demo-admin', 'bg_secret_demoAdminInTheSandboxOnlyNotForProduction004CCSqY');
         const token = administrator.value.token;
         let next = {first};
         const some = async () => {{
           while (next < {first} + {BATCH}) {{
             const number = next++;
             const body = {{ client_name: `Harbour ${{number}}`, client_id: `harbour-${{number}}`, scope: 'read:zones' }};
             for (;;) {{
               const {{ status }} = await send('POST', '/admin/clients', {{ token, body }});
               if (status === 201) break;
               if (status !== 429) throw new Error(`${{status}}`);
               await new Promise((done) => setTimeout(done, 100));
             }}
           }}
         }};
         await Promise.all(Array.from({{ length: {AT_ONCE} }}, some));
         return true"
    )
}

fn load(site: &Site, path: &str) -> [f64; 5] {
    let browser = Browser::open(site);
    // The first connection is not the page's cost.
    browser.go("/livez");
    let network =
        json!({ "offline": false, "latency": LATENCY_MS, "downloadThroughput": DOWN, "uploadThroughput": UP });
    browser.cdp("Network.enable", &json!({}));
    browser.cdp("Network.emulateNetworkConditions", &network);
    browser.go(path);
    browser.wait("the first paint", "return performance.getEntriesByName('first-contentful-paint').length");
    let measured = browser.run_async(MEASURED);
    let measured: Vec<f64> = measured.as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect();
    measured.try_into().unwrap()
}

fn row(table: &mut String, what: &str, figure: f64, limit: f64, unit: &str) {
    let is_met = figure <= limit;
    let limit = if limit.is_finite() { format!("≤ {limit:.0}{unit}") } else { "–".to_owned() };
    let met = if is_met { "yes" } else { "**no**" };
    writeln!(table, "| {what} | {figure:.0}{unit} | {limit} | {met} |").unwrap();
}
