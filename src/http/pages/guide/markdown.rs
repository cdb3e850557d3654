//! A page of Markdown as HTML, and as the text of its sections.
//!
//! Headings get the ids that GitHub gives them, so a link to one is right in both places. Raw HTML of a page is shown as the
//! text that it is. A table and a block of code can be scrolled, also with the keyboard.

use std::collections::BTreeMap;

use pulldown_cmark::{CodeBlockKind, CowStr, Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};

use super::links::{Place, Target};
use crate::http::pages::html::escaped;

/// A page.
pub(super) struct Rendered {
    pub(super) html: String,
    pub(super) sections: Vec<Section>,
}

/// A heading, and what stands beneath it until the next one.
#[derive(Debug, Default)]
pub(super) struct Section {
    pub(super) level: u8,
    pub(super) id: String,
    pub(super) heading: String,
    /// Without any mark-up.
    pub(super) text: String,
}

/// Reads the page that stands there.
pub(super) fn render(text: &str, place: &Place) -> Rendered {
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut reader =
        Reader { place, events: Vec::new(), sections: Vec::new(), ids: BTreeMap::new(), file: None, heading: None };
    Parser::new_ext(text, options).for_each(|event| reader.read(event));
    let mut rendered = String::with_capacity(2 * text.len());
    html::push_html(&mut rendered, reader.events.into_iter());
    // A head of a table that is empty is no head (HTML's own rule, and axe's).
    let rendered = rendered.replace("<th></th>", "<td></td>");
    Rendered { html: rendered, sections: reader.sections }
}

struct Reader<'p> {
    place: &'p Place,
    /// What is to be written.
    events: Vec<Event<'p>>,
    sections: Vec<Section>,
    /// How many headings had each id before.
    ids: BTreeMap<String, usize>,
    /// The link to a file that is being read: its path, and its text so far.
    file: Option<(String, String)>,
    /// Where in `events` the heading starts that is being read.
    heading: Option<usize>,
}

impl<'p> Reader<'p> {
    fn read(&mut self, event: Event<'p>) {
        match event {
            Event::Start(Tag::Heading { level, .. }) => {
                self.sections.push(Section { level: number(level), ..Section::default() });
                self.heading = Some(self.events.len());
            }
            Event::End(TagEnd::Heading(_)) => self.end_heading(),
            Event::Start(Tag::Link { link_type, dest_url, title, id }) => match self.place.target(&dest_url) {
                Target::Address(address) => {
                    self.events.push(Event::Start(Tag::Link { link_type, dest_url: address.into(), title, id }));
                }
                Target::File(path) => self.file = Some((path, String::new())),
            },
            Event::End(TagEnd::Link) => match self.file.take() {
                Some((path, text)) if path.rsplit('/').next() != Some(&*text) && path != text => {
                    self.write(format!(" (<code>{}</code>)", escaped(&path)));
                }
                Some(_) => {}
                None => self.events.push(Event::End(TagEnd::Link)),
            },
            Event::Start(Tag::Image { link_type, dest_url, title, id }) => {
                let dest_url = match self.place.target(&dest_url) {
                    Target::Address(address) | Target::File(address) => address.into(),
                };
                self.events.push(Event::Start(Tag::Image { link_type, dest_url, title, id }));
            }
            Event::Start(Tag::Table(alignments)) => {
                self.write("<div class=\"scroll\" tabindex=\"0\">".to_owned());
                self.events.push(Event::Start(Tag::Table(alignments)));
            }
            Event::End(TagEnd::Table) => {
                self.events.push(Event::End(TagEnd::Table));
                self.write("</div>\n".to_owned());
            }
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language,
                    CodeBlockKind::Indented => CowStr::Borrowed(""),
                };
                let language = escaped(language.split([' ', ',']).next().unwrap_or_default());
                self.write(format!("<div class=\"code\"><pre tabindex=\"0\"><code data-language=\"{language}\">"));
            }
            Event::End(TagEnd::CodeBlock) => self.write("</code></pre></div>\n".to_owned()),
            // A page has no HTML of its own.
            Event::Html(text) | Event::InlineHtml(text) | Event::Text(text) => self.text(text),
            Event::Code(text) => {
                self.collect(&text);
                self.events.push(Event::Code(text));
            }
            Event::SoftBreak | Event::HardBreak | Event::End(_) => {
                self.collect(" ");
                self.events.push(event);
            }
            Event::Start(_)
            | Event::InlineMath(_)
            | Event::DisplayMath(_)
            | Event::FootnoteReference(_)
            | Event::Rule
            | Event::TaskListMarker(_) => self.events.push(event),
        }
    }

    fn text(&mut self, text: CowStr<'p>) {
        self.collect(&text);
        self.events.push(Event::Text(text));
    }

    /// Adds to the text of the section or the heading, and of the link to a file.
    fn collect(&mut self, text: &str) {
        if let Some((_, so_far)) = &mut self.file {
            so_far.push_str(text);
        }
        if let Some(section) = self.sections.last_mut() {
            let text_of = if self.heading.is_some() { &mut section.heading } else { &mut section.text };
            text_of.push_str(text);
        }
    }

    fn end_heading(&mut self) {
        let Some(start) = self.heading.take() else { return };
        let Some(section) = self.sections.last_mut() else { return };
        let id = slug(&section.heading);
        let before = self.ids.entry(id.clone()).or_default();
        section.id = if *before == 0 { id } else { format!("{id}-{before}") };
        *before += 1;
        let (level, id) = (section.level, escaped(&section.id));
        let heading = self.events.split_off(start);
        if level == 1 {
            self.write(format!("<h1 id=\"{id}\">"));
            self.events.extend(heading);
        } else {
            self.write(format!("<h{level} id=\"{id}\"><a href=\"#{id}\">"));
            self.events.extend(heading);
            self.write("</a>".to_owned());
        }
        self.write(format!("</h{level}>\n"));
    }

    fn write(&mut self, html: String) {
        self.events.push(Event::Html(html.into()));
    }
}

fn number(level: HeadingLevel) -> u8 {
    match level {
        HeadingLevel::H1 => 1,
        HeadingLevel::H2 => 2,
        HeadingLevel::H3 => 3,
        HeadingLevel::H4 => 4,
        HeadingLevel::H5 => 5,
        HeadingLevel::H6 => 6,
    }
}

/// The id that GitHub gives a heading.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|letter| if letter == ' ' { '-' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        render(text, &Place::of("docs/page.md")).html
    }

    #[test]
    fn a_heading_has_the_id_of_githubs() {
        let page = render("# The `sandbox`: a_b, c-d & É!\n## Same\n## Same\n", &Place::of("docs/page.md"));
        let ids: Vec<&str> = page.sections.iter().map(|section| &*section.id).collect();
        assert_eq!(ids, ["the-sandbox-a_b-c-d--é", "same", "same-1"]);
        assert!(page.html.contains("<h2 id=\"same-1\"><a href=\"#same-1\">Same</a></h2>"), "{}", page.html);
    }

    #[test]
    fn raw_html_of_a_page_is_text() {
        let html =
            html("# A\n\n<script>alert(1)</script>\n\nand <b onclick=x>bold</b>\n\n```<i>\n</code><script>\n```\n");
        assert!(!html.contains("<script") && !html.contains("<b ") && !html.contains("<i>"), "{html}");
    }

    #[test]
    fn a_section_has_the_text_beneath_its_heading() {
        let page = render(
            "# One\nText with `code`\nand *more*.\n## Two\n| a | b |\n|---|---|\n| c | d |\n",
            &Place::of("docs/p.md"),
        );
        let texts: Vec<String> =
            page.sections.iter().map(|section| section.text.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(texts, ["Text with code and more .", "a b c d"]);
    }

    #[test]
    fn a_link_to_a_file_that_the_guide_does_not_have_is_text_with_its_path() {
        assert_eq!(html("See [the report](../a/b.json)."), "<p>See the report (<code>a/b.json</code>).</p>\n");
        assert_eq!(html("See [LICENSE](../LICENSE)."), "<p>See LICENSE.</p>\n");
    }
}
