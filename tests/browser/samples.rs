//! Code to copy: the browser and the server write the same for the same request, and it runs as it is, whatever is in it.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::program::{stderr, stdout};
use crate::site::Site;

/// A name of a zone with all that a shell and three languages quote differently.
const HOSTILE: &str = r#"O'Brien "quoted" $HOME `id` \n \\ %s ${x} #{y} [1-3] é 🅿 !! -- /*"#;

#[test]
fn the_browser_and_the_server_write_the_same_code_for_the_same_request() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    browser.go("/docs");
    // The curl line of each operation says what its request is; all of its samples are then made from that.
    let found = browser.run_async(
        "const { samples } = await import(`${document.body.dataset.assets}/js/samples.js`);
         const wordsOf = (line) => [...line.matchAll(/((?:'[^']*'|\\\\'|\"[^\"]*\"|[^\\s\\\\'\"])+)/g)]
           .map(([word]) => word.replace(/'([^']*)'|\\\\(')|\"([^\"]*)\"/g, '$1$2$3'));
         const requestOf = (line) => {
           const words = wordsOf(line);
           const after = (option) => words.flatMap((word, at) => (word === option ? [words[at + 1]] : []));
           const [body] = after('--data-raw');
           const fields = after('-H').map((field) => field.split(': '));
           const token = fields.some(([name]) => name === 'Authorization') ? 'any' : undefined;
           const headers = Object.fromEntries(fields.filter(([name]) => name !== 'Authorization'));
           return { method: after('-X')[0] ?? (body === undefined ? 'GET' : 'POST'), url: words.at(-1), token, headers, body };
         };
         const differ = [];
         let compared = 0;
         for (const operation of document.querySelectorAll('.operation')) {
           const shown = new Map([...operation.querySelectorAll('.samples details')]
             .map((details) => [details.firstElementChild.textContent, details.querySelector('pre').textContent]));
           // A form carries the credentials of the token endpoint.
           if (shown.get('curl').includes('--data-urlencode')) continue;
           for (const { title, code } of samples(requestOf(shown.get('curl')))) {
             if (title === 'boomgate') continue;
             compared += 1;
             if (code !== shown.get(title)) differ.push(`${operation.id} in ${title}:\\n${shown.get(title)}\\n--- in the browser:\\n${code}`);
           }
         }
         return { compared, differ }",
    );
    let differ = found["differ"].as_array().unwrap();
    assert!(differ.is_empty(), "{} differ, such as {}", differ.len(), differ[0].as_str().unwrap());
    assert!(found["compared"].as_u64() > Some(40), "{found}");
}

#[test]
fn code_runs_as_it_is_copied_whatever_is_in_the_request() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    browser.go("/");
    let token = site.call(&["token", "get", "--client", "demo-writer"]);
    for (number, language) in [("910001", "curl"), ("910002", "python"), ("910003", "node")] {
        let zone = json!({
            "number": number, "name": HOSTILE, "operator_id": "harbour-parking", "session_type": "vehicle",
            "location": { "latitude": 34.7181, "longitude": -76.6527 },
        });
        let code = browser.run_async(&format!(
            "const {{ samples }} = await import(`${{document.body.dataset.assets}}/js/samples.js`);
             const request = {{ method: 'POST', url: `${{location.origin}}/parking/zones`, token: 'any', body: {zone} }};
             return samples(request).find(({{ language }}) => language === '{language}').code"
        ));
        let output = run(site.folder(), language, code.as_str().unwrap(), &token);
        assert!(output.contains("201"), "{language}: {output}\n{code}");
        let body = &output[output.find('{').unwrap()..];
        let created: Value = serde_json::from_str(body.trim()).unwrap();
        assert_eq!(created["name"], HOSTILE, "{language}");
    }
}

/// Runs code in the folder in which the sandbox was started, as its first line says. Returns what it prints.
fn run(folder: &Path, language: &str, code: &str, token: &str) -> String {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = match language {
        "curl" => {
            let mut shell = Command::new("sh");
            shell.args(["-c", code]);
            shell
        }
        "python" => {
            let mut python = Command::new(project.join("target/interop/venv/bin/python"));
            python.args(["-c", code]).env("REQUESTS_CA_BUNDLE", "data/tls/ca.pem");
            python
        }
        _ => {
            let mut node = Command::new("node");
            node.args(["--input-type=module", "-e", code]).env("NODE_EXTRA_CA_CERTS", "data/tls/ca.pem");
            node
        }
    };
    let output = command.current_dir(folder).env("TOKEN", token).env("NO_PROXY", "localhost").output().unwrap();
    assert!(output.status.success(), "{language}: {}\n{code}", stderr(&output));
    stdout(&output).to_owned()
}
