//! Reads the text of a profile, TOML, and collects every fault with the line that it is on.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::fault::ProfileFault;
use crate::text::{closest_match, truncated};

/// The text and its faults.
pub(super) struct Document {
    line_ends: Vec<usize>,
    pub(super) faults: Vec<ProfileFault>,
}

/// A table of the text: its place, and its members that no one has taken yet.
pub(super) struct Table<'t, 'd> {
    /// Such as `waivers[0].`; empty for the whole file.
    pub(super) prefix: String,
    /// Where it starts, as an offset.
    pub(super) start: usize,
    members: Vec<(&'t str, usize, &'t Spanned<DeValue<'d>>)>,
}

/// A value, where it is, and what it is called.
pub(super) struct Member<'t, 'd> {
    pub(super) place: String,
    pub(super) start: usize,
    pub(super) value: &'t DeValue<'d>,
}

impl Document {
    pub(super) fn new(text: &str) -> Self {
        let line_ends = text.match_indices('\n').map(|(offset, _)| offset).collect();
        Self { line_ends, faults: Vec::new() }
    }

    fn line(&self, offset: usize) -> usize {
        self.line_ends.partition_point(|end| *end < offset) + 1
    }

    /// Notes what is wrong with the value at `place`. `detail` starts with a verb.
    pub(super) fn fault(&mut self, start: usize, place: impl Into<String>, detail: impl Into<String>) {
        let fault = ProfileFault { line: Some(self.line(start)), place: place.into(), detail: detail.into() };
        self.faults.push(fault);
    }

    /// Notes that a name is none of those that there are.
    pub(super) fn unknown<'k>(
        &mut self,
        start: usize,
        place: String,
        name: &str,
        kind: &str,
        known: impl IntoIterator<Item = &'k str> + Clone,
    ) {
        let detail = if let Some(meant) = closest_match(name, known.clone()) {
            format!("is no {kind}: did you mean {meant}?")
        } else {
            let known: Vec<_> = known.into_iter().collect();
            // A long list is no help in a line.
            let list = if known.len() > 12 { String::new() } else { format!(": those are {}", known.join(", ")) };
            format!("is no {kind}{list}")
        };
        self.fault(start, place, detail);
    }

    /// A text that is not empty, of at most `max` characters.
    pub(super) fn text(&mut self, member: &Member<'_, '_>, max: usize) -> Option<String> {
        let text = member.value.as_str().map(str::trim);
        let detail = match text {
            Some("") => "must not be empty".to_owned(),
            Some(text) if text.chars().count() > max => format!("must have at most {max} characters"),
            Some(text) if text.chars().any(char::is_control) => "must be one line".to_owned(),
            Some(text) => return Some(text.to_owned()),
            None => "must be a text, in quotation marks".to_owned(),
        };
        self.fault(member.start, member.place.as_str(), detail);
        None
    }

    /// The texts of a list; a list of one may be written as its text.
    pub(super) fn texts(&mut self, member: &Member<'_, '_>, max: usize) -> Vec<String> {
        let Some(values) = member.value.as_array() else {
            return self.text(member, max).into_iter().collect();
        };
        let mut texts = Vec::new();
        for (index, value) in values.iter().enumerate() {
            let place = format!("{}[{index}]", member.place);
            texts.extend(self.text(&Member { place, start: value.span().start, value: value.get_ref() }, max));
        }
        texts
    }

    /// The tables of a list, such as those under `[[waivers]]`.
    pub(super) fn tables<'t, 'd>(&mut self, member: &Member<'t, 'd>, most: usize) -> Vec<Table<'t, 'd>> {
        let place = member.place.as_str();
        let Some(values) = member.value.as_array() else {
            self.fault(member.start, place, format!("must be a list: write each under [[{place}]]"));
            return Vec::new();
        };
        if values.len() > most {
            self.fault(member.start, place, format!("must be at most {most}"));
        }
        let mut tables = Vec::new();
        for (index, value) in values.iter().enumerate().take(most) {
            let place = format!("{place}[{index}]");
            match value.get_ref().as_table() {
                Some(table) => tables.push(Table::new(format!("{place}."), value.span().start, table)),
                None => self.fault(value.span().start, place, format!("must be a table: write [[{}]]", member.place)),
            }
        }
        tables
    }

    /// A table, such as `[checks]`.
    pub(super) fn table<'t, 'd>(&mut self, member: &Member<'t, 'd>) -> Option<Table<'t, 'd>> {
        let place = member.place.as_str();
        let Some(table) = member.value.as_table() else {
            self.fault(member.start, place, format!("must be a table: write [{place}]"));
            return None;
        };
        Some(Table::new(format!("{place}."), member.start, table))
    }
}

impl<'t, 'd> Table<'t, 'd> {
    pub(super) fn new(prefix: String, start: usize, table: &'t DeTable<'d>) -> Self {
        let members = table.iter().map(|(name, value)| (&**name.get_ref(), name.span().start, value)).collect();
        Self { prefix, start, members }
    }

    /// Takes a member out.
    pub(super) fn take(&mut self, name: &str) -> Option<Member<'t, 'd>> {
        let index = self.members.iter().position(|(found, ..)| *found == name)?;
        let (_, start, value) = self.members.swap_remove(index);
        Some(Member { place: format!("{}{name}", self.prefix), start, value: value.get_ref() })
    }

    /// Takes a member out that must be there; `example` shows how it is written.
    pub(super) fn require(&mut self, name: &str, example: &str, document: &mut Document) -> Option<Member<'t, 'd>> {
        let member = self.take(name);
        if member.is_none() {
            document.fault(
                self.start,
                format!("{}{name}", self.prefix),
                format!("is required, such as {name} = {example}"),
            );
        }
        member
    }

    /// Every member that is left, by its name.
    pub(super) fn rest(self) -> impl Iterator<Item = (&'t str, Member<'t, 'd>)> {
        let prefix = self.prefix;
        self.members.into_iter().map(move |(name, start, value)| {
            let place = format!("{prefix}{}", truncated(name).escape_debug());
            (name, Member { place, start, value: value.get_ref() })
        })
    }

    /// Whatever is left is unknown.
    pub(super) fn finish(self, known: &[&str], document: &mut Document) {
        for (name, member) in self.rest() {
            document.unknown(member.start, member.place, name, "member", known.iter().copied());
        }
    }
}
