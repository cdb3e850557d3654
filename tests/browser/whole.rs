//! The site as a whole: what each page weighs and loads, and where its links lead. No other machine answers this browser.

use std::path::Path;

use serde_json::{Value, json};

use crate::browser::Browser;
use crate::site::Site;

/// The pages, what shows that a page has loaded all that it loads by itself, and the most bytes that it may take.
const BUDGETS: [(&str, &str, u64); 3] = [
    ("/", "document.getElementById('clock').textContent.includes('UTC')", 30_000),
    ("/console", "document.querySelector('h1')?.textContent === 'Sign in'", 45_000),
    ("/docs", "document.querySelector('.operation .try')", 60_000),
];

#[test]
fn a_page_weighs_little_and_loads_from_its_own_server_alone() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    let loaded =
        "const all = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
        return all.map(({ name, encodedBodySize, responseStatus }) => [name, encodedBodySize, responseStatus])";
    for (path, is_whole, budget) in BUDGETS {
        browser.go(path);
        browser.wait(path, &format!("return Boolean({is_whole})"));
        let loaded = browser.run(loaded);
        let loaded = loaded.as_array().unwrap();
        let bytes: u64 = loaded.iter().map(|entry| entry[1].as_u64().unwrap()).sum();
        assert!(bytes < budget, "{path} takes {bytes} bytes of {budget}: {loaded:#?}");
        println!("{path}: {bytes} bytes of {budget}, {} requests", loaded.len());
        let wrong = |entry: &&Value| {
            !entry[0].as_str().unwrap().starts_with(site.url()) || entry[2].as_u64().is_none_or(|status| status >= 400)
        };
        assert_eq!(loaded.iter().find(wrong), None, "{path}");
    }
}

#[test]
fn every_script_finds_what_it_imports() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    browser.go("/problems");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("static");
    let mut scripts = Vec::new();
    find_scripts(&root, &root.join("js"), &mut scripts);
    assert!(scripts.len() > 60, "{scripts:?}");
    // Many begin with an element of their page, which is not here: only a module that cannot be linked is wrong.
    let broken = browser.run_async(&format!(
        "const broken = await Promise.all({}.map((path) => import(`${{document.body.dataset.assets}}/${{path}}`)
           .then(() => undefined, (error) => (error instanceof SyntaxError || /import/.test(error.message) ? `${{path}}: ${{error.message}}` : undefined))));
         return broken.filter(Boolean)",
        json!(scripts)
    ));
    assert_eq!(broken, json!([]));
}

fn find_scripts(root: &Path, folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find_scripts(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "js") {
            found.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn every_link_of_every_page_leads_to_a_page_and_to_a_place_on_it() {
    let site = Site::sandbox();
    let browser = Browser::open(&site);
    browser.go("/");
    // The pages are read as text: this looks at what the server sends, without a script.
    let broken = browser.run_async(
        "const LIMIT = 500;
         const pages = new Map();
         const links = [];
         const unescaped = (text) => text.replaceAll('&#38;', '&').replaceAll('&amp;', '&');
         const read = async (path) => {
           const response = await fetch(path, { headers: { Accept: 'text/html' } });
           const isPage = response.headers.get('content-type')?.startsWith('text/html');
           const text = isPage ? await response.text() : '';
           const ids = new Set([...text.matchAll(/ id=\"?([^\\s\">]+)/g)].map(([, id]) => unescaped(id)));
           pages.set(path, { status: response.status, isPage, ids });
           for (const [, link] of text.matchAll(/<(?:a|link|script|img)\\s[^>]*?(?:href|src)=\"([^\"]+)\"/g)) {
             const url = new URL(unescaped(link), new URL(path, location));
             if (url.origin === location.origin) links.push({ from: path, path: url.pathname + url.search, id: decodeURIComponent(url.hash.slice(1)) });
           }
         };
         let waiting = ['/', '/docs', '/guide', '/problems'];
         while (waiting.length && pages.size < LIMIT) {
           for (let at = 0; at < waiting.length; at += 8) await Promise.all(waiting.slice(at, at + 8).map(read));
           waiting = [...new Set(links.map(({ path }) => path))].filter((path) => !pages.has(path));
         }
         if (waiting.length) throw new Error(`more than ${LIMIT} pages`);
         const isWrong = ({ path, id }) => {
           const { status, isPage, ids } = pages.get(path);
           return status !== 200 || (isPage && id && !ids.has(id));
         };
         return { pages: pages.size, links: links.length, broken: [...new Set(links.filter(isWrong).map(({ from, path, id }) => `${from} → ${path}${id && `#${id}`}`))] }",
    );
    println!("{} links on {} pages", broken["links"], broken["pages"]);
    assert_eq!(broken["broken"], json!([]));
    assert!(broken["pages"].as_u64() > Some(50), "{broken}");
    browser.expect_refusals();
}
