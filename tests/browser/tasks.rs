//! What people do on the pages again and again: sign in, register a client, get a token.

use serde_json::{Value, json};

use crate::browser::Browser;

/// A client of every sandbox, with few requests.
pub(crate) const LIMITED: &str = "demo-limited";

/// The credentials of a client.
pub(crate) struct Credentials {
    pub(crate) client_id: String,
    pub(crate) client_secret: String,
}

/// Waits for a view of the console, or a page, by its main heading.
#[track_caller]
pub(crate) fn arrives_at(browser: &Browser<'_>, heading: &str) {
    let script = format!("return document.querySelector('h1')?.innerText.trim() === {}", json!(heading));
    browser.wait(&format!("the heading “{heading}”"), &script);
}

/// Opens a view of a sandbox's console as its demo administrator.
#[track_caller]
pub(crate) fn sign_in(browser: &Browser<'_>, path: &str, heading: &str) {
    browser.go(path);
    sign_in_here(browser);
    arrives_at(browser, heading);
}

/// Signs in where the console asks for it.
#[track_caller]
pub(crate) fn sign_in_here(browser: &Browser<'_>) {
    browser.click("Fill in demo-admin");
    browser.click("Sign in");
}

/// Goes to a view of the console without loading a page, as a link does: who has signed in stays so.
#[track_caller]
pub(crate) fn follow(browser: &Browser<'_>, path: &str, heading: &str) {
    browser.run(&format!(
        "const link = document.createElement('a'); link.href = {}; document.body.append(link); link.click(); link.remove()",
        json!(path)
    ));
    arrives_at(browser, heading);
}

/// Registers a client in the console, where an administrator has signed in, and takes its secret.
#[track_caller]
pub(crate) fn register(browser: &Browser<'_>, name: &str, requests_per_day: u32) -> Credentials {
    follow(browser, "/console/register", "Register a client");
    browser.fill("Name", name);
    browser.fill("Requests per day", &requests_per_day.to_string());
    browser.click("Register");
    browser.sees("The client is registered");
    browser.click("Show");
    let client_secret = browser.text(".secret-once code.secret");
    browser.click("Copy the secret");
    browser.sees("Copied.");
    assert_eq!(browser.run_async("return navigator.clipboard.readText()"), json!(client_secret));
    Credentials { client_id: browser.text(".secret-once dd code"), client_secret }
}

/// Gets a token on the start page, as a demo client.
#[track_caller]
pub(crate) fn get_token(browser: &Browser<'_>, client: &str) {
    browser.pick(client);
    browser.click("Get a token");
    is_answered(browser, "/oauth2/token", 200);
}

/// Waits until the start page, or a form of the reference, shows this answer.
#[track_caller]
pub(crate) fn is_answered(browser: &Browser<'_>, path: &str, status: u16) {
    let script = format!(
        "const shown = document.querySelector('.headline');
         return shown?.querySelector('.status').innerText === '{status}' && shown.querySelector('code').innerText.startsWith({})",
        json!(path)
    );
    browser.wait(&format!("{status} from {path}"), &script);
}

/// Waits until the gate with this name is lit as the one that refused, and no other.
#[track_caller]
pub(crate) fn is_refused_at(browser: &Browser<'_>, gate: &str) {
    let script = format!(
        "const lit = [...document.querySelectorAll('.gates [data-outcome=failed] .gate')].map((e) => e.innerText);
         return lit.length === 1 && lit[0] === {}",
        json!(gate)
    );
    browser.wait(&format!("the gate “{gate}” to refuse"), &script);
}

/// Sends a request of the administration from the page itself, as its administrator: quicker than a form.
#[track_caller]
pub(crate) fn administer(browser: &Browser<'_>, method: &str, path: &str, body: &Value) -> Value {
    let script = format!(
        "const {{ send, requestToken }} = await import(`${{document.body.dataset.assets}}/js/http.js`);
         const demo = {{ clientId: 'demo-admin', audience: 'admin.api.boomgate',
           clientSecret: 'bg_secret_demoAdminInTheSandboxOnlyNotForProduction004CCSqY' }};
         const token = (await requestToken(demo)).body.access_token;
         const headers = '{method}' === 'PATCH' ? {{ 'Content-Type': 'application/merge-patch+json', 'If-Match': '*' }} : {{}};
         const {{ status, body }} = await send('{method}', {}, {{ token, headers, body: {} ?? undefined }});
         if (status >= 300) throw new Error(`${{status}} ${{JSON.stringify(body)}}`);
         return body",
        json!(path),
        sent(method, body),
    );
    browser.run_async(&script)
}

/// Controls the sandbox from the page itself.
#[track_caller]
pub(crate) fn control(browser: &Browser<'_>, method: &str, path: &str, body: &Value) -> Value {
    let script = format!(
        "const {{ send }} = await import(`${{document.body.dataset.assets}}/js/http.js`);
         const token = (await send('GET', '/sandbox/control-token')).body.control_token;
         const {{ status, body }} = await send('{method}', {}, {{ token, body: {} ?? undefined }});
         if (status >= 300) throw new Error(`${{status}} ${{JSON.stringify(body)}}`);
         return body ?? true",
        json!(path),
        sent(method, body),
    );
    browser.run_async(&script)
}

/// A body as a script writes it: a merge patch as text, because any other type than JSON's is text to `send`.
fn sent(method: &str, body: &Value) -> Value {
    match body {
        body if method == "PATCH" => json!(body.to_string()),
        body => body.clone(),
    }
}
