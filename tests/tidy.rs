//! The shape of the source, held by a test: the floors, where a library may be named, which crates may be there, the
//! size of files.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

#[path = "tidy/circles.rs"]
mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use self::circles::{Modules, circles};

/// Each module's floor. A module uses what is on lower floors only, so that it can be read without what
/// is above it.
const FLOORS: [(&str, u8); 40] = [
    ("main", 6),
    ("cli", 6),
    ("testing", 6),
    ("server", 5),
    ("config", 5),
    ("tls", 5),
    ("telemetry", 5),
    ("listener", 4),
    ("http", 4),
    ("sandbox", 4),
    ("refusals", 4),
    ("admission", 3),
    ("client_credentials", 3),
    ("administration", 3),
    ("declared", 3),
    ("exam", 3),
    ("clients", 2),
    ("keys", 2),
    ("tokens", 2),
    ("revocation", 2),
    ("throttle", 2),
    ("failures", 2),
    ("quota", 2),
    ("idempotency", 2),
    ("parking", 2),
    ("audit", 2),
    ("passports", 2),
    ("explanation", 2),
    ("activity", 2),
    ("store", 1),
    ("files", 1),
    ("api", 0),
    ("json", 0),
    ("oauth", 0),
    ("precondition", 0),
    ("limits", 0),
    ("host", 0),
    ("time", 0),
    ("counts", 0),
    ("text", 0),
];

/// What uses a neighbour of its own floor all the same.
const NEIGHBOURS: [(&str, &str, &str); 21] = [
    ("api", "oauth", "a body is made of the words of the field"),
    ("api", "limits", "a body shows how much a client may call"),
    ("api", "time", "a body says when"),
    ("api", "text", "a fault repeats what was sent, cut"),
    ("api", "counts", "what the audit log tells of is counted"),
    ("json", "api", "a fault of a body is a word on the wire"),
    ("json", "text", "a body is text, whatever it says"),
    ("oauth", "text", "a body is text, whatever it says"),
    ("tokens", "keys", "a token is signed with a key"),
    ("tokens", "clients", "a token is issued to a client"),
    ("passports", "keys", "a passport is signed with a key"),
    ("parking", "idempotency", "a zone is created once for each key"),
    ("store", "files", "one rule says who may read a folder"),
    ("http", "refusals", "a handler shows why a request was refused"),
    ("http", "sandbox", "handlers control the sandbox"),
    ("sandbox", "refusals", "the journal has what the walk of each request saw"),
    ("server", "config", "assembly is what settings are for"),
    ("server", "tls", "it assembles the certificate"),
    ("http", "listener", "the body of an answer says how its connection ends"),
    ("server", "telemetry", "it shows how many lines the log dropped"),
    ("telemetry", "config", "it is started before there is a server to hand settings down"),
];

/// The folders whose files are one crate each.
const CRATES: [&str; 9] = [
    "src",
    "benches/gate",
    "tests/api",
    "tests/crash",
    "tests/exam",
    "tests/hostile",
    "tests/interop",
    "tests/powercut",
    "tests/tls",
];

/// Libraries that stay where they are, and the lowest floor, or the modules, that may name them.
const ACTIX_FROM: u8 = 4;
const SLED_IN: &str = "store";

/// The most lines of a file, without the tests at its foot: what can be read in one sitting.
const MAX_LINES: usize = 500;
/// Files that may be longer, and why.
const LONGER: [(&str, usize, &str); 1] = [("tests/store/conformance.rs", 750, "one list of cases")];

/// What says that something is not done; put together here, so that this file does not say it.
const UNDONE: [&str; 5] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
];

#[test]
fn a_module_uses_only_the_floors_below_it() {
    let mut wrong = Vec::new();
    for file in sources(&["src"]) {
        let module = file.module();
        let floor = floor_of(&module, &file.name);
        for (number, line) in file.code() {
            for used in modules_named(line) {
                let is_own = used == module;
                let is_lower = floor_of(&used, &file.name) < floor;
                let is_neighbour = NEIGHBOURS.iter().any(|(user, neighbour, _)| *user == module && *neighbour == used);
                if !is_own && !is_lower && !is_neighbour {
                    wrong.push(format!("{}:{number}: {module} (floor {floor}) uses {used}", file.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_floor_is_of_a_module_and_every_exception_is_used() {
    let files = sources(&["src"]);
    let modules: BTreeSet<String> = files.iter().map(Source::module).collect();
    let stale: Vec<_> = FLOORS.iter().filter(|(module, _)| !modules.contains(*module)).collect();
    assert!(stale.is_empty(), "floors of nothing: {stale:?}");
    for (user, neighbour, _) in NEIGHBOURS {
        let is_used = |file: &Source| file.code().any(|(_, line)| modules_named(line).any(|used| used == neighbour));
        assert!(files.iter().any(|file| file.module() == user && is_used(file)), "{user} does not use {neighbour}");
    }
}

#[test]
fn no_files_of_a_module_use_each_other_in_a_circle() {
    let mut wrong = Vec::new();
    for root in CRATES {
        let modules: Modules = sources(&[root]).iter().map(|file| (file.path_below(root), file.own_code())).collect();
        wrong.extend(circles(&modules).into_iter().map(|circle| format!("{root}: {circle}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn actix_stays_above_the_rules_and_sled_below_the_store_s_contract() {
    for file in sources(&["src"]) {
        let module = file.module();
        for (number, line) in file.code() {
            let at = format!("{}:{number}: {line}", file.name);
            assert!(floor_of(&module, &file.name) >= ACTIX_FROM || !names(line, "actix"), "{at}");
            assert!(module == SLED_IN || !names(line, "sled::"), "{at}");
        }
    }
}

#[test]
fn no_file_is_longer_than_can_be_read_in_one_sitting() {
    let mut allowed: BTreeMap<_, _> = LONGER.iter().map(|(name, lines, _)| (*name, *lines)).collect();
    let mut wrong = Vec::new();
    for file in sources(&["src", "tests", "benches", "examples"]) {
        let lines = file.lines_without_tests();
        let most = match allowed.remove(file.name.as_str()) {
            Some(_) if lines <= MAX_LINES => {
                wrong.push(format!("{} has {lines} lines and needs no exception", file.name));
                MAX_LINES
            }
            exception => exception.unwrap_or(MAX_LINES),
        };
        if lines > most {
            wrong.push(format!("{} has {lines} lines without its tests, of at most {most}", file.name));
        }
    }
    wrong.extend(allowed.keys().map(|name| format!("{name} does not exist, and has an exception")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_left_undone() {
    let mut wrong = Vec::new();
    for file in sources(&["src", "tests", "benches", "examples"]) {
        for (number, line) in file.text.lines().enumerate() {
            if let Some(word) = UNDONE.iter().find(|word| line.contains(**word)) {
                wrong.push(format!("{}:{}: {word}", file.name, number + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `deny.toml` says why; `cargo deny` holds the licences and the features of crates as well.
#[test]
fn the_locks_hold_no_crate_that_is_banned() {
    let banned = toml_of("deny.toml")["bans"]["deny"].as_array().unwrap().clone();
    assert!(banned.len() > 20, "{banned:?}");
    let mut wrong = Vec::new();
    for lock in ["Cargo.lock", "fuzz/Cargo.lock"] {
        let packages = toml_of(lock)["package"].as_array().unwrap().clone();
        for ban in &banned {
            let name = ban["crate"].as_str().unwrap();
            let versions = packages.iter().filter(|package| package["name"].as_str() == Some(name)).count();
            // What is denied in two versions only may be there once, for anybody.
            let is_allowed_once = ban.get("deny-multiple-versions").is_some();
            let wrappers = ban.get("wrappers").and_then(toml::Value::as_array).cloned().unwrap_or_default();
            if versions > usize::from(is_allowed_once || !wrappers.is_empty()) {
                wrong.push(format!("{lock}: {name}, {versions} of it"));
            }
            let users = packages.iter().filter(|package| !is_allowed_once && depends_on(package, name));
            let others = users.map(|user| &user["name"]).filter(|user| !wrappers.contains(user));
            wrong.extend(others.map(|user| format!("{lock}: {name}, for {user}")));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// `static/vendor/MANIFEST` has every file there with its digest, and each library has its licence beside it.
#[test]
fn what_is_vendored_is_what_the_manifest_says() {
    let vendor = Path::new("static/vendor");
    let manifest = fs::read_to_string(vendor.join("MANIFEST")).unwrap();
    let listed: BTreeMap<&str, &str> = manifest
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_once("  ").map(|(digest, path)| (path, digest)).unwrap())
        .collect();
    let mut wrong = Vec::new();
    let mut found = BTreeSet::new();
    let mut folders = vec![vendor.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let name = entry.strip_prefix(vendor).unwrap().to_str().unwrap().to_owned();
            let digest = ring::digest::digest(&ring::digest::SHA256, &fs::read(&entry).unwrap());
            let digest = digest.as_ref().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            if name != "MANIFEST" && listed.get(name.as_str()) != Some(&digest.as_str()) {
                wrong.push(format!("{name} is {digest}"));
            }
            found.insert(name);
        }
    }
    wrong.extend(listed.keys().filter(|name| !found.contains(**name)).map(|name| format!("{name} does not exist")));
    let libraries: BTreeSet<_> = listed.keys().filter_map(|name| name.split('/').next()).collect();
    let unlicensed = libraries.iter().filter(|library| !found.contains(&format!("{library}/LICENSE")));
    wrong.extend(unlicensed.map(|library| format!("{library} has no LICENSE")));
    assert!(libraries.len() > 1 && wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a package of a lock file names the crate, with or without its version, as one that it needs.
fn depends_on(package: &toml::Value, name: &str) -> bool {
    let needed = package.get("dependencies").and_then(toml::Value::as_array);
    needed.into_iter().flatten().any(|needed| needed.as_str().unwrap().split(' ').next() == Some(name))
}

fn toml_of(path: &str) -> toml::Table {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap().parse().unwrap()
}

/// A file of Rust, named from the root of the project.
struct Source {
    name: String,
    text: String,
}

impl Source {
    /// The module of the crate that it belongs to: the first part of its path below `src`.
    fn module(&self) -> String {
        let below = self.name.strip_prefix("src/").unwrap_or(&self.name);
        below.split('/').next().unwrap().trim_end_matches(".rs").to_owned()
    }

    /// The path of its module below the root of its crate.
    fn path_below(&self, root: &str) -> Vec<String> {
        let name = self.name.strip_prefix(root).unwrap().trim_start_matches('/').trim_end_matches(".rs");
        let mut path: Vec<String> = name.split('/').map(str::to_owned).collect();
        path.pop_if(|last| last == "mod" || last == "main");
        path
    }

    /// Its lines with neither comments nor the tests at its foot.
    fn own_code(&self) -> String {
        let lines = self.text.lines().take_while(|line| *line != "#[cfg(test)]");
        let code = lines.filter(|line| !line.trim_start().starts_with("//"));
        code.flat_map(|line| [line, "\n"]).collect()
    }

    /// Its lines with their numbers, without comments: a comment may point upwards.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(number, line)| (number + 1, line.trim_start()));
        lines.filter(|(_, line)| !line.starts_with("//"))
    }

    fn lines_without_tests(&self) -> usize {
        self.text.lines().take_while(|line| *line != "#[cfg(test)]").count()
    }
}

fn floor_of(module: &str, file: &str) -> u8 {
    let floor = FLOORS.iter().find(|(known, _)| *known == module);
    floor.unwrap_or_else(|| panic!("{file}: the module {module} has no floor in tests/tidy.rs")).1
}

/// The modules that a line names as `crate::…`. They are named one a line, so that this can be read here.
fn modules_named(line: &str) -> impl Iterator<Item = String> {
    assert!(!line.contains("crate::{"), "one `use crate::…` for each module, not: {line}");
    let after = line.split("crate::").skip(1);
    after.map(|path| path.chars().take_while(|letter| letter.is_ascii_lowercase() || *letter == '_').collect())
}

/// Whether a line names a path that starts so, and not merely a longer word that ends so.
fn names(line: &str, path: &str) -> bool {
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    line.match_indices(path).any(|(at, _)| !line[..at].ends_with(is_word))
}

fn sources(folders: &[&str]) -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders: Vec<PathBuf> =
        folders.iter().map(|folder| root.join(folder)).filter(|path| path.is_dir()).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("node_modules") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("src/lib.rs") {
                let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                files.push(Source { name, text: fs::read_to_string(&path).unwrap() });
            }
        }
    }
    assert!(files.len() > 1, "no sources below {}", root.display());
    files.sort_by(|one, other| one.name.cmp(&other.name));
    files
}
