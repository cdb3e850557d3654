//! Where a link of a page leads when the page is part of the guide: to another page, to a picture, or nowhere, because it names a
//! file that only the repository has.

use super::names;

/// What a page links to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// An address that a browser can open from the guide.
    Address(String),
    /// A file of the repository, by its path there.
    File(String),
}

/// Where in the repository a page stands: the segments of its folder.
pub(super) struct Place(Vec<String>);

impl Place {
    /// The place of the file with this path.
    pub(super) fn of(path: &str) -> Self {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Self(folder.split('/').filter(|segment| !segment.is_empty()).map(str::to_owned).collect())
    }

    /// What a link of the page leads to.
    pub(super) fn target(&self, link: &str) -> Target {
        if link.contains("://") || link.starts_with('#') || link.starts_with("mailto:") {
            return Target::Address(link.to_owned());
        }
        let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
        let path = self.join(path);
        let picture = path.strip_prefix("docs/").filter(|path| names::picture(path).is_some());
        let address = match (names::name_of(&path), picture) {
            (Some(name), _) => names::href(name),
            (None, Some(picture)) => format!("/guide/{picture}"),
            (None, None) if path == "static/openapi.json" => "/openapi.json".to_owned(),
            (None, None) => return Target::File(path),
        };
        Target::Address(anchor.map_or(address.clone(), |anchor| format!("{address}#{anchor}")))
    }

    fn join(&self, path: &str) -> String {
        let mut segments: Vec<&str> = self.0.iter().map(String::as_str).collect();
        for segment in path.split('/') {
            match segment {
                "." | "" => {}
                ".." => drop(segments.pop()),
                segment => segments.push(segment),
            }
        }
        segments.join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_page_of_the_documentation_leads_to_the_guide() {
        for (page, link, expected) in [
            ("README.md", "docs/limits.md", "/guide/limits"),
            ("docs/limits.md", "../README.md#try-it", "/guide#try-it"),
            ("docs/limits.md", "sandbox/clock.md", "/guide/sandbox/clock"),
            ("docs/sandbox/clock.md", "../limits.md#a-b", "/guide/limits#a-b"),
            ("docs/sandbox/clock.md", "./faults.md", "/guide/sandbox/faults"),
            ("docs/decisions/README.md", "ring-alone.md", "/guide/decisions/ring-alone"),
            ("docs/architecture.md", "decisions/README.md", "/guide/decisions"),
            ("README.md", "docs/gate.svg", "/guide/gate.svg"),
            ("docs/endpoints.md", "../static/openapi.json", "/openapi.json"),
            ("docs/limits.md", "#here", "#here"),
            ("docs/limits.md", "https://example.com/docs/limits.md", "https://example.com/docs/limits.md"),
        ] {
            assert_eq!(Place::of(page).target(link), Target::Address(expected.to_owned()), "{page}: {link}");
        }
    }

    #[test]
    fn a_link_to_another_file_names_it() {
        for (page, link, expected) in [
            ("README.md", "LICENSE", "LICENSE"),
            ("docs/exam/report.md", "../../examples/exam/report.json", "examples/exam/report.json"),
            ("docs/limits.md", "nothing.md", "docs/nothing.md"),
            ("docs/limits.md", "../../../../etc/passwd", "etc/passwd"),
        ] {
            assert_eq!(Place::of(page).target(link), Target::File(expected.to_owned()), "{page}: {link}");
        }
    }
}
