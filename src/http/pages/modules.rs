//! Which modules a script imports. A page names them all beside its script, so that a browser asks for them at once; else it
//! would find them one after the other, in as many round trips as the imports are deep.

use std::collections::BTreeSet;

/// What `entry` imports when it is loaded, and what that imports, by their paths; without `entry`. `text` has the text of a
/// module. What is imported later, by `import(…)`, is not among them.
pub(super) fn imported<'t>(entry: &str, text: impl Fn(&str) -> Option<&'t str>) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut unread = vec![entry.to_owned()];
    let mut order = Vec::new();
    while let Some(module) = unread.pop() {
        let Some(source) = text(&module) else { continue };
        for path in specifiers(source).filter_map(|specifier| resolved(&module, specifier)) {
            if path != entry && text(&path).is_some() && found.insert(path.clone()) {
                unread.push(path.clone());
                order.push(path);
            }
        }
    }
    order
}

/// The relative paths in `import … from './a.js'`, `export … from './a.js'` and `import './a.js'`, minified or not.
fn specifiers(source: &str) -> impl Iterator<Item = &str> {
    let after = |keyword: &'static str| source.split(keyword).skip(1);
    after("from").chain(after("import")).filter_map(|rest| {
        let rest = rest.trim_start_matches(' ');
        let quote = rest.chars().next().filter(|quote| matches!(quote, '\'' | '"'))?;
        let (specifier, _) = rest.split_at(1).1.split_once(quote)?;
        specifier.starts_with('.').then_some(specifier)
    })
}

/// The path that a specifier in `module` means.
fn resolved(module: &str, specifier: &str) -> Option<String> {
    let mut segments: Vec<&str> = module.split('/').collect();
    segments.pop();
    for segment in specifier.split('/') {
        match segment {
            "." => {}
            ".." => drop(segments.pop()?),
            name => segments.push(name),
        }
    }
    Some(segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_that_is_loaded_at_once_is_found_and_no_other() {
        let text = |path: &str| {
            Some(match path {
                "js/a.js" => "import { b } from './b.js';\nimport './c.js';\nconst later = () => import('./later.js');",
                "js/b.js" => "export { c } from './c.js';\nimport {\n  d,\n} from '../vendor/d/d.js';\nimport 'bare';",
                "js/c.js" => "import { a } from './a.js'; // from './nothing.js'",
                "vendor/d/d.js" => "import{e as n}from\"./e.js\";/* from \"../../../outside.js\" */",
                "vendor/d/e.js" | "js/later.js" => "",
                _ => return None,
            })
        };
        let mut found = imported("js/a.js", text);
        found.sort();
        assert_eq!(found, ["js/b.js", "js/c.js", "vendor/d/d.js", "vendor/d/e.js"]);
        assert_eq!(imported("js/nothing.js", text), [""; 0]);
    }
}
