//! Circles between the files of a module: `a` uses `b`, and `b` uses `a`.
//!
//! Files count with all that is below them, so two folders side by side are looked at as two files are. A file and its
//! own parent are one thing, and may use each other. A name that the parent exports from a child counts as the child's.

use std::collections::{BTreeMap, BTreeSet};

/// The files of one crate: the path of each one's module, and its code without comments and tests.
pub(crate) type Modules = BTreeMap<Vec<String>, String>;

/// The circles below each parent: the modules in them, each with those that it uses.
pub(crate) fn circles(modules: &Modules) -> Vec<String> {
    let mut levels: BTreeMap<&[String], BTreeMap<&String, BTreeSet<&String>>> = BTreeMap::new();
    let crate_graph = Crate::new(modules);
    let edges: Vec<_> = crate_graph.edges().collect();
    for (user, used) in &edges {
        let shared = user.iter().zip(used).take_while(|(one, other)| one == other).count();
        if let (Some(one), Some(other)) = (user.get(shared), used.get(shared)) {
            let level = levels.entry(&user[..shared]).or_default();
            level.entry(one).or_default().insert(other);
        }
    }
    let in_circles = levels.into_iter().filter_map(|(parent, mut graph)| {
        // A module that uses none of those left, or that none of them uses, is in no circle.
        while let Some(free) = free(&graph) {
            graph.remove(free);
        }
        let module = |name: &String| graph.contains_key(name);
        let edges =
            graph.iter().map(|(user, used)| (*user, used.iter().filter(|used| module(used)).collect::<Vec<_>>()));
        (!graph.is_empty()).then(|| format!("{}: {:?}", parent.join("::"), edges.collect::<Vec<_>>()))
    });
    in_circles.collect()
}

fn free<'n>(graph: &BTreeMap<&'n String, BTreeSet<&'n String>>) -> Option<&'n String> {
    let uses_none = |used: &BTreeSet<&String>| !used.iter().any(|used| graph.contains_key(used));
    let is_unused = |module: &String| !graph.values().any(|used| used.contains(module));
    graph.iter().find(|(module, used)| uses_none(used) || is_unused(module)).map(|(module, _)| *module)
}

struct Crate<'m> {
    modules: &'m Modules,
    /// What a module exports of its children: the name in the module, and the child.
    exports: BTreeMap<Vec<String>, Vec<String>>,
}

impl<'m> Crate<'m> {
    fn new(modules: &'m Modules) -> Self {
        let mut exports = BTreeMap::new();
        for (module, code) in modules {
            for path in uses(code).iter().filter(|path| path.starts_with("self::")) {
                let path = absolute(module, path);
                if let [child @ .., name] = &path[..] {
                    exports.insert([&module[..], std::slice::from_ref(name)].concat(), child.to_vec());
                }
            }
        }
        Self { modules, exports }
    }

    /// Each module with each other one that it names.
    fn edges(&self) -> impl Iterator<Item = (Vec<String>, Vec<String>)> {
        self.modules.iter().flat_map(move |(module, code)| {
            let named = uses(code).into_iter().chain(paths(code));
            named.map(move |path| (module.clone(), self.resolve(&absolute(module, &path))))
        })
    }

    /// The module that has what a path names.
    fn resolve(&self, path: &[String]) -> Vec<String> {
        let mut prefixes = (0..=path.len()).rev().map(|length| &path[..length]);
        let module = prefixes.find(|prefix| self.modules.contains_key(*prefix)).unwrap_or_default();
        let name = &path[..path.len().min(module.len() + 1)];
        match self.exports.get(name) {
            Some(child) if name.len() > module.len() => child.clone(),
            _ => module.to_vec(),
        }
    }
}

/// The paths in `use` declarations, each name by itself.
fn uses(code: &str) -> Vec<String> {
    let mut all = Vec::new();
    for (at, word) in code.match_indices("use ") {
        let line = code[..at].rsplit('\n').next().unwrap_or_default().trim_start();
        if line.is_empty() || line.starts_with("pub") {
            let tree = code[at + word.len()..].split(';').next().unwrap_or_default();
            expand("", &tree.split_whitespace().collect::<Vec<_>>().join(" "), &mut all);
        }
    }
    all
}

/// Takes a tree such as `a::{b, c::{d, e}}` apart.
fn expand(prefix: &str, tree: &str, all: &mut Vec<String>) {
    let Some((head, members)) = tree.split_once('{') else {
        let path = tree.split(" as ").next().unwrap_or_default().trim();
        if !path.is_empty() {
            all.push(format!("{prefix}{path}"));
        }
        return;
    };
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in members.char_indices() {
        match letter {
            '{' => depth += 1,
            ',' if depth > 0 => {}
            ',' | '}' if depth == 0 => {
                expand(&format!("{prefix}{}", head.trim()), members[start..at].trim(), all);
                start = at + 1;
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
}

/// The paths in other code that start at the crate or at the parent.
fn paths(code: &str) -> Vec<String> {
    let is_part = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    let starts = ["crate::", "super::"].into_iter().flat_map(|start| code.match_indices(start));
    let whole = starts.filter(|(at, _)| !code[..*at].ends_with(is_part));
    whole.map(|(at, _)| code[at..].chars().take_while(|letter| is_part(*letter)).collect()).collect()
}

/// A path as it is from the root of the crate; empty for one of another crate.
fn absolute(module: &[String], path: &str) -> Vec<String> {
    let mut absolute = module.to_vec();
    let mut segments = path.split("::").peekable();
    match segments.peek() {
        Some(&"crate") => {
            segments.next();
            absolute.clear();
        }
        Some(&"self") => {
            segments.next();
        }
        Some(&"super") => {
            while segments.next_if_eq(&"super").is_some() {
                absolute.pop();
            }
        }
        _ => return Vec::new(),
    }
    absolute.extend(segments.filter(|segment| !segment.is_empty()).map(str::to_owned));
    absolute
}

#[test]
fn a_circle_is_found_through_folders_and_exports() {
    let modules = |files: &[(&str, &str)]| {
        let path = |module: &str| module.split("::").filter(|name| !name.is_empty()).map(str::to_owned).collect();
        files.iter().map(|(module, code)| (path(module), (*code).to_owned())).collect::<Modules>()
    };
    let a_circle = [
        ("room", "mod one;\nmod two;\npub use self::two::{Thing, Other as Another};\n"),
        ("room::one", "use super::Thing;\n"),
        ("room::two", "use serde::{Serialize,\n  Deserialize};\n"),
        ("room::two::below", "fn run() {\n    crate::room::one::walk();\n}\n"),
    ];
    assert_eq!(circles(&modules(&a_circle)), [r#"room: [("one", ["two"]), ("two", ["one"])]"#]);
    let none = [
        ("room", "mod one;\nmod two;\nuse self::one::{a, b::{c, d}};\nuse self::two::Thing;\nstruct Own;\n"),
        ("room::one", "use super::{Own,\n    two::Thing};\nuse crate::lower::{x, y};\n"),
        ("room::two", "use super::Own;\n"),
        ("lower", ""),
    ];
    assert_eq!(circles(&modules(&none)), [""; 0]);
}
