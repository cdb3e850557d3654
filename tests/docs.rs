//! The pages of this repository: each link, each name of a file and each heading that code cites leads somewhere, and no
//! endpoint and no error is left out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use boomgate::api::sandbox::fault::{Variation, Word};
use boomgate::api::sandbox::token::ForgedKind;
use boomgate::api::sandbox::trouble::TroubleName;
use boomgate::counts::Label;
use boomgate::exam::{Profile, check, scenario};
use boomgate::http::error::ProblemKind;
use boomgate::http::routes::{Route, table};
use boomgate::sandbox::faults::EffectKind;
use serde_json::Value;

/// What a page calls a file of the repository by: the folders that such paths start with.
const FOLDERS: [&str; 9] =
    ["src/", "tests/", "benches/", "examples/", "fuzz/", "static/", "docs/", ".ci/", "data/boomgate.toml"];
/// Where code cites a page.
const CITING: [&str; 4] = ["src", "tests", "benches", "examples"];

#[test]
fn every_link_of_a_page_leads_to_a_file_and_a_heading() {
    let mut wrong = Vec::new();
    for page in pages() {
        for target in links(&text(&page)).filter(|target| !target.contains("://") && !target.starts_with("mailto:")) {
            let (path, heading) =
                target.split_once('#').map_or((target, None), |(path, heading)| (path, Some(heading)));
            let linked = if path.is_empty() { page.clone() } else { page.parent().unwrap().join(path) };
            if !linked.exists() || heading.is_some_and(|heading| !headings(&text(&linked)).contains(heading)) {
                wrong.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "links that lead nowhere:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_that_a_page_names_is_there() {
    let mut wrong = Vec::new();
    for page in pages().into_iter().filter(|page| !page.ends_with("CHANGELOG.md")) {
        for named in quoted(&text(&page)).filter(|named| FOLDERS.iter().any(|folder| named.starts_with(folder))) {
            if !root().join(named).exists() {
                wrong.push(format!("{}: {named}", page.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "files that are not there:\n{}", wrong.join("\n"));
}

#[test]
fn every_heading_that_code_cites_is_there() {
    let mut wrong = Vec::new();
    for file in CITING.iter().flat_map(|folder| files(&root().join(folder), "rs")) {
        for line in text(&file).lines() {
            let Some((_, cited)) = line.trim_start().strip_prefix("//").and_then(|line| line.split_once("docs/"))
            else {
                continue;
            };
            let Some((path, rest)) = cited.split_once(".md#") else { continue };
            let heading: String =
                rest.chars().take_while(|letter| letter.is_alphanumeric() || *letter == '-').collect();
            let page = root().join(format!("docs/{path}.md"));
            if !page.exists() || !headings(&text(&page)).contains(&heading) {
                wrong.push(format!("{}: docs/{path}.md#{heading}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "headings that are not there:\n{}", wrong.join("\n"));
}

#[test]
fn every_decision_is_in_the_index() {
    let index = text(&root().join("docs/decisions/README.md"));
    let listed: BTreeSet<_> = links(&index).collect();
    let pages = files(&root().join("docs/decisions"), "md");
    let names = pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap());
    let missing: Vec<_> = names.filter(|name| *name != "README.md" && !listed.contains(name)).collect();
    assert!(missing.is_empty(), "docs/decisions/README.md does not link {missing:?}");
}

/// All pages: those of the root, and those of `docs/`.
#[test]
fn the_page_of_the_endpoints_has_each_path() {
    let page = text(&root().join("docs/endpoints.md"));
    let table = table();
    let served: BTreeSet<&str> = table.iter().flat_map(Route::paths).map(String::as_str).collect();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let first_cells: String = rows.filter_map(|row| row.split('|').nth(1)).collect();
    let is_named = |path: &str| first_cells.contains(&format!("{path}`")) || first_cells.contains(&format!("{path},"));
    // The metadata of a resource are at the path of the resource below one path, as the page says.
    let below = |path: &str| {
        path.strip_prefix("/.well-known/oauth-protected-resource").is_some_and(|resource| !resource.is_empty())
    };
    let unnamed: Vec<_> =
        served.iter().filter(|path| !is_named(path) && !below(path) && !path.starts_with("/shared/zones/")).collect();
    assert!(unnamed.is_empty(), "paths that docs/endpoints.md does not have: {unnamed:?}");
}

#[test]
fn the_page_of_the_errors_has_each_kind() {
    let page = text(&root().join("docs/errors.md"));
    let is_named = |kind: &ProblemKind| {
        let slug = kind.slug();
        page.contains(&format!("`{slug}`")) || page.contains(&format!("`{}`", slug.replace('-', "_")))
    };
    let unnamed: Vec<_> = ProblemKind::ALL.iter().filter(|kind| !is_named(kind)).map(|kind| kind.slug()).collect();
    assert!(unnamed.is_empty(), "kinds of problems that docs/errors.md does not have: {unnamed:?}");
}

/// A table of names is whole, and in the order of the code.
#[test]
fn the_pages_of_the_sandbox_have_each_name() {
    let names = |path: &str, head: &str| -> Vec<String> {
        let page = text(&root().join(path));
        let rows = page.lines().skip_while(|line| !line.starts_with(&format!("| {head} |"))).skip(2);
        rows.map_while(|row| Some(row.strip_prefix("| `")?.split('`').next()?.to_owned())).collect()
    };
    assert_eq!(names("docs/sandbox/faults.md", "effect"), all_names(EffectKind::ALL, Label::name));
    assert_eq!(names("docs/sandbox/faults.md", "variation"), all_names(Variation::ALL, Word::name));
    assert_eq!(names("docs/sandbox/troubles.md", "trouble"), all_names(TroubleName::ALL, Label::name));
    assert_eq!(names("docs/sandbox/wrong-tokens.md", "kind"), all_names(ForgedKind::ALL, Label::name));
}

/// The tables of the exam are those of the code, row by row.
#[test]
fn the_page_of_the_exam_has_each_check_and_each_scenario() {
    let page = text(&root().join("docs/exam/checks.md"));
    let rows = |head: &str| -> Vec<String> {
        let rows = page.lines().skip_while(|line| !line.starts_with(&format!("| {head} |"))).skip(2);
        rows.take_while(|row| row.starts_with('|')).map(str::to_owned).collect()
    };
    let checks = check::TABLE.iter().map(|check| {
        let scenarios: Vec<_> = check.scenarios.iter().map(|scenario| format!("`{}`", scenario.name())).collect();
        let (id, level) = (check.id.name(), check.level.name());
        format!("| `{id}` | {level} | {} | {} | {} |", check.title, scenarios.join(", "), check.rfc)
    });
    let scenarios = scenario::TABLE.iter().map(|one| format!("| `{}` | {} |", one.id.name(), one.title));
    assert_eq!(rows("check").join("\n"), checks.collect::<Vec<_>>().join("\n"));
    assert_eq!(rows("scenario").join("\n"), scenarios.collect::<Vec<_>>().join("\n"));
}

#[test]
fn the_profile_of_the_page_can_be_read() {
    let page = text(&root().join("docs/exam/profile.md"));
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let profile = Profile::parse(example).unwrap();
    assert_eq!((profile.scenarios.len(), profile.waivers.len()), (1, 1));
}

#[test]
fn the_page_of_the_report_has_each_member() {
    let page = text(&root().join("docs/exam/report.md"));
    let report: Value = serde_json::from_str(&text(&root().join("src/exam/report/specimen.json"))).unwrap();
    let mut names = BTreeSet::new();
    collect_names(&report, &mut names);
    let unnamed: Vec<_> = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).collect();
    assert!(names.contains("first_difference") && unnamed.is_empty(), "not in docs/exam/report.md: {unnamed:?}");
}

fn collect_names<'v>(value: &'v Value, names: &mut BTreeSet<&'v str>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                names.insert(name);
                collect_names(value, names);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| collect_names(value, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn all_names<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) -> Vec<&'static str> {
    all.iter().map(|one| name(*one)).collect()
}

fn pages() -> Vec<PathBuf> {
    let at_root = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    let at_root = at_root.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    at_root.chain(files(&root().join("docs"), "md")).collect()
}

fn files(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("node_modules") {
            found.extend(files(&path, extension));
        } else if path.extension().is_some_and(|found| found == extension) {
            found.push(path);
        }
    }
    found
}

/// The targets of Markdown's inline links.
fn links(page: &str) -> impl Iterator<Item = &str> {
    outside_of_blocks(page).flat_map(|line| line.split("](").skip(1)).filter_map(|rest| rest.split(')').next())
}

/// What stands between backticks.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    outside_of_blocks(page).flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// The addresses of a page's headings, as hosts of repositories make them: small letters, digits and hyphens.
fn headings(page: &str) -> BTreeSet<String> {
    let titles = outside_of_blocks(page)
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')));
    let address = |title: &str| {
        let address = title.trim().to_lowercase().replace(' ', "-");
        address.chars().filter(|letter| letter.is_alphanumeric() || "-_".contains(*letter)).collect()
    };
    titles.map(address).collect()
}

/// The lines of a page without those of code blocks.
fn outside_of_blocks(page: &str) -> impl Iterator<Item = &str> {
    page.split("\n```").step_by(2).flat_map(str::lines)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}
