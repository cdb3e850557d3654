//! `GET /guide?q=words`: the sections of the guide that have every word.
//!
//! There is no index: the pages have some 200 KB of text, and to look through all of it takes less time than to send an answer.

use super::contents::{Guide, Page};
use super::markdown::Section;

/// How much of a query is read, in characters.
const MAX_QUERY: usize = 200;
const MAX_WORDS: usize = 8;
const MAX_HITS: usize = 20;
/// How much of a section is shown, in characters.
const SNIPPET: usize = 180;
/// How much of it stands before the first word that was found.
const BEFORE: usize = 60;

/// What a word counts, by where it is.
const IN_TITLE: usize = 12;
const IN_HEADING: usize = 8;
/// In the text it counts as often as it is there, up to this.
const MOST_IN_TEXT: usize = 4;

/// What somebody looks for.
pub(super) struct Search {
    text: String,
    words: Vec<String>,
}

/// A section that has it.
pub(super) struct Hit {
    pub(super) href: String,
    pub(super) page: String,
    pub(super) heading: String,
    pub(super) snippet: Vec<Piece>,
}

/// A part of a snippet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: String,
    pub(super) is_found: bool,
}

impl Search {
    /// What a query string asks for, if it has a `q` with any word.
    pub(super) fn of_query(query: &str) -> Option<Self> {
        let (_, text) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "q")?;
        Self::of(&text)
    }

    fn of(text: &str) -> Option<Self> {
        let bounded = text.chars().take(MAX_QUERY).map(|letter| if letter.is_control() { ' ' } else { letter });
        let text: String = bounded.collect();
        let text = text.trim().to_owned();
        let lowered = text.to_lowercase();
        let words: Vec<String> = lowered.split_whitespace().take(MAX_WORDS).map(str::to_owned).collect();
        (!words.is_empty()).then_some(Self { text, words })
    }

    /// As it was asked for.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The best sections, the best one first.
    pub(super) fn hits(&self, guide: &Guide) -> Vec<Hit> {
        let sections = guide.pages().flat_map(|page| page.sections.iter().map(move |section| (page, section)));
        let scored = sections.filter_map(|(page, section)| Some((self.score(page, section)?, page, section)));
        let mut found: Vec<(usize, &Page, &Section)> = scored.collect();
        // Pages of the same rank stay in the order of the guide.
        found.sort_by_key(|(score, ..)| std::cmp::Reverse(*score));
        found.truncate(MAX_HITS);
        found.into_iter().map(|(_, page, section)| self.hit(page, section)).collect()
    }

    /// How well a section fits; `None` if it lacks a word.
    fn score(&self, page: &Page, section: &Section) -> Option<usize> {
        let is_whole_page = section.level == 1;
        let (title, heading, text) =
            (page.title.to_lowercase(), section.heading.to_lowercase(), section.text.to_lowercase());
        let mut score = 0;
        let mut is_about_section = false;
        for word in &self.words {
            let in_title = usize::from(title.contains(word)) * if is_whole_page { IN_TITLE } else { 1 };
            let in_heading = usize::from(heading.contains(word)) * IN_HEADING;
            let in_text = text.matches(word.as_str()).take(MOST_IN_TEXT).count();
            if in_title + in_heading + in_text == 0 {
                return None;
            }
            is_about_section |= in_heading + in_text > 0;
            score += in_title + in_heading + in_text;
        }
        // A word of the page's title alone does not find each of its sections.
        is_about_section.then_some(score)
    }

    fn hit(&self, page: &Page, section: &Section) -> Hit {
        let is_whole_page = section.level == 1;
        Hit {
            href: if is_whole_page { page.href() } else { format!("{}#{}", page.href(), section.id) },
            page: page.short_title().to_owned(),
            heading: section.heading.clone(),
            snippet: self.snippet(&section.text),
        }
    }

    /// The text around the first word that is in it.
    fn snippet(&self, text: &str) -> Vec<Piece> {
        let text: Vec<char> = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().collect();
        // Letter by letter, so that a place in one is a place in the other.
        let lowered: Vec<char> = text.iter().map(|letter| letter.to_lowercase().next().unwrap_or(*letter)).collect();
        let first = (0..lowered.len()).find(|at| self.length_at(&lowered, *at).is_some()).unwrap_or_default();
        let start = start_of_word(&text, first.saturating_sub(BEFORE));
        let end = end_of_word(&text, start + SNIPPET);
        let mut pieces = Vec::new();
        let mut plain = if start > 0 { "… ".to_owned() } else { String::new() };
        let mut at = start;
        while at < end {
            if let Some(length) = self.length_at(&lowered, at) {
                push(&mut pieces, std::mem::take(&mut plain), false);
                push(&mut pieces, text.iter().skip(at).take(length).collect(), true);
                at += length;
            } else {
                plain.extend(text.get(at));
                at += 1;
            }
        }
        if end < text.len() {
            plain.push_str(" …");
        }
        push(&mut pieces, plain, false);
        pieces
    }

    /// How long the word is that starts there.
    fn length_at(&self, lowered: &[char], at: usize) -> Option<usize> {
        let rest = lowered.get(at..)?;
        let starts =
            |word: &&String| word.chars().zip(rest.iter()).filter(|(a, b)| a == *b).count() == word.chars().count();
        self.words.iter().filter(starts).map(|word| word.chars().count()).max()
    }
}

fn push(pieces: &mut Vec<Piece>, text: String, is_found: bool) {
    if !text.is_empty() {
        pieces.push(Piece { text, is_found });
    }
}

/// The first start of a word from there on.
fn start_of_word(text: &[char], at: usize) -> usize {
    if at == 0 { 0 } else { (at..text.len()).find(|at| text.get(at - 1) == Some(&' ')).unwrap_or(at) }
}

/// The last end of a word up to there.
fn end_of_word(text: &[char], at: usize) -> usize {
    if at >= text.len() { text.len() } else { (0..at).rev().find(|at| text.get(*at) == Some(&' ')).unwrap_or(at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(query: &str) -> Vec<Hit> {
        Search::of(query).map(|search| search.hits(&Guide::read())).unwrap_or_default()
    }

    #[test]
    fn the_page_about_a_word_comes_first() {
        for (query, expected) in [
            ("faults", "/guide/sandbox/faults"),
            ("Security model", "/guide/security-model"),
            ("troubles", "/guide/sandbox/troubles"),
            ("exit codes", "/guide/cli#exit-codes"),
        ] {
            assert_eq!(hits(query).first().map(|hit| &*hit.href), Some(expected), "{query}");
        }
    }

    #[test]
    fn each_hit_has_every_word_and_shows_one() {
        let found = hits("retry-after throttle");
        assert!(!found.is_empty() && found.len() <= MAX_HITS);
        for hit in found {
            let shown = hit.snippet.iter().filter(|piece| piece.is_found).count();
            let lowered = hit.heading.to_lowercase();
            assert!(shown > 0 || lowered.contains("throttle") || lowered.contains("retry-after"), "{}", hit.href);
        }
        assert!(hits("throttle qwertyuiop").is_empty());
    }

    #[test]
    fn a_snippet_marks_the_words_and_is_short() {
        let search = Search::of("boom GATE").unwrap();
        let pieces = search.snippet("A Boom gate, and a gateway.");
        let marked: Vec<&str> = pieces.iter().filter(|piece| piece.is_found).map(|piece| &*piece.text).collect();
        assert_eq!(marked, ["Boom", "gate", "gate"]);
        let long = format!("{} the gate {}", "before ".repeat(50), "after ".repeat(100));
        let length: usize = search.snippet(&long).iter().map(|piece| piece.text.chars().count()).sum();
        assert!(length <= SNIPPET + 4, "{length}");
    }

    #[test]
    fn a_query_is_bounded_and_may_be_any_text() {
        for query in ["q=", "q=%00%0A", "p=x", "", "q=+++"] {
            assert!(Search::of_query(query).is_none(), "{query}");
        }
        let long = Search::of_query(&format!("q={}", "é".repeat(10_000))).unwrap();
        assert_eq!(long.text().chars().count(), MAX_QUERY);
        let many = Search::of_query(&format!("q={}", "a+".repeat(1_000))).unwrap();
        assert_eq!(many.words.len(), MAX_WORDS);
        assert_eq!(Search::of_query("q=%FF<script>%00").unwrap().text(), "\u{FFFD}<script>");
        assert!(hits("<script>alert(1)</script>").is_empty());
    }
}
