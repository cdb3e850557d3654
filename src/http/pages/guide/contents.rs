//! The pages of the guide, read.

use super::links::Place;
use super::markdown::{self, Section};
use super::names::{self, CHAPTERS};

/// All pages.
pub(super) struct Guide {
    pub(super) chapters: Vec<Chapter>,
}

/// Pages under one heading of the contents.
pub(super) struct Chapter {
    pub(super) title: &'static str,
    pub(super) pages: Vec<Page>,
}

/// A page, as HTML and as text.
pub(super) struct Page {
    pub(super) name: &'static str,
    /// Its whole heading.
    pub(super) title: String,
    pub(super) html: String,
    /// What stands beneath each of its headings; the first one is that of the page.
    pub(super) sections: Vec<Section>,
}

impl Guide {
    /// Reads every page.
    pub(super) fn read() -> Self {
        let chapters = CHAPTERS.iter().map(|(title, names)| {
            let pages = names.iter().filter_map(|name| Page::read(name)).collect();
            Chapter { title, pages }
        });
        Self { chapters: chapters.collect() }
    }

    pub(super) fn pages(&self) -> impl Iterator<Item = &Page> {
        self.chapters.iter().flat_map(|chapter| &chapter.pages)
    }

    /// The page with this name, between its neighbours.
    pub(super) fn find(&self, name: &str) -> Option<(Option<&Page>, &Page, Option<&Page>)> {
        let mut previous = None;
        let mut pages = self.pages();
        while let Some(page) = pages.next() {
            if page.name == name {
                return Some((previous, page, pages.next()));
            }
            previous = Some(page);
        }
        None
    }
}

impl Page {
    fn read(name: &'static str) -> Option<Self> {
        let (text, path) = names::source(name)?;
        let markdown::Rendered { html, sections } = markdown::render(text, &Place::of(&path));
        let title = sections.first()?.heading.clone();
        Some(Self { name, title, html, sections })
    }

    /// Its address.
    pub(super) fn href(&self) -> String {
        names::href(self.name)
    }

    /// Its heading, without what explains it: for the contents.
    pub(super) fn short_title(&self) -> &str {
        // That of the README is the name of the program.
        if self.name.is_empty() { "Overview" } else { self.title.split(": ").next().unwrap_or_default() }
    }

    /// The sections that "on this page" lists.
    pub(super) fn listed(&self) -> impl Iterator<Item = &Section> {
        self.sections.iter().filter(|section| section.level == 2)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use include_dir::Dir;

    use super::super::names::{DOCS, file, name_of};
    use super::*;

    fn markdown_files(dir: &Dir<'static>) -> Vec<String> {
        let pages = dir.files().filter(|file| file.path().extension().is_some_and(|extension| extension == "md"));
        let paths = pages.map(|file| format!("docs/{}", file.path().display()));
        paths.chain(dir.dirs().flat_map(markdown_files)).collect()
    }

    #[test]
    fn every_file_of_the_documentation_is_a_page_and_every_page_has_a_heading() {
        for path in markdown_files(&DOCS) {
            assert!(name_of(&path).is_some(), "{path} is in no chapter");
        }
        let guide = Guide::read();
        let names: usize = CHAPTERS.iter().map(|(_, names)| names.len()).sum();
        assert_eq!(guide.pages().count(), names, "a page cannot be read");
        for page in guide.pages() {
            assert_eq!(page.html.matches("<h1").count(), 1, "{}", page.name);
            assert_eq!(page.sections.first().map(|section| section.level), Some(1), "{}", page.name);
        }
    }

    #[test]
    fn every_link_of_every_page_leads_to_a_page_and_to_a_heading() {
        let guide = Guide::read();
        let ids = |page: &Page| page.sections.iter().map(|section| section.id.clone()).collect::<BTreeSet<_>>();
        let mut checked = 0;
        for page in guide.pages() {
            for link in page.html.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
                checked += 1;
                if path.starts_with("https://") || path == "/openapi.json" {
                    continue;
                }
                let name = path.trim_start_matches("/guide").trim_start_matches('/');
                let linked = if path.is_empty() { Some(page) } else { guide.find(name).map(|(_, page, _)| page) };
                let linked = linked.unwrap_or_else(|| panic!("{}: {link}", page.name));
                assert!(anchor.is_empty() || ids(linked).contains(anchor), "{}: {link}", page.name);
            }
            for image in page.html.split(" src=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                let path = image.strip_prefix("/guide/").unwrap_or_else(|| panic!("{}: {image}", page.name));
                assert!(file(path).is_some(), "{}: {image}", page.name);
            }
        }
        assert!(checked > 300, "{checked}");
    }

    #[test]
    fn a_page_has_its_neighbours_across_chapters() {
        let guide = Guide::read();
        let (previous, page, next) = guide.find("sandbox").unwrap();
        assert_eq!(page.short_title(), "The sandbox");
        let names = (previous.map(|page| page.name), next.map(|page| page.name));
        assert_eq!(names, (Some("tokens-and-keys"), Some("sandbox/clock")));
        assert!(guide.find("").is_some_and(|(previous, ..)| previous.is_none()));
        assert!(guide.find("nothing").is_none());
    }
}
