//! Text that people type and read: the names of clients and zones, and the numbers on street signs.
//!
//! PRECIS (RFC 8264): text of the `FreeformClass`, mapped as the profile `OpaqueString` (RFC 8265, section 4.2)
//! says: any space becomes U+0020, and the result is in NFC. Beyond that profile, full-width and half-width letters
//! become the usual ones (RFC 8264, section 5.2.1): `１２` and `12` are one number on a sign. What two people see as
//! the same text is so the same text here, and no character is invisible or changes how its neighbours look. The
//! joiners U+200C and U+200D are allowed where a script needs them, as in Persian and Sinhala.
//!
//! IANA's tables, which the crate `precis-core` has, end with Unicode 6.3. Section 9 of the RFC derives the class from
//! properties, so characters that were assigned later get theirs from the Unicode of `icu_properties`.

use std::borrow::Cow;

use icu_properties::props::{DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup};
use icu_properties::{CodePointMapData, CodePointSetData};
use precis_core::profile::Rules;
use precis_core::{DerivedPropertyValue, Error, FreeformClass, StringClass};
use precis_profiles::{OpaqueString, UsernameCasePreserved};

/// A text is looked at if it has no more bytes than this for each character that it may have: decomposed letters take
/// several characters before they are one.
const MAX_BYTES_A_CHAR: usize = 16;

/// Why a text is not one that may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PrecisFault {
    /// It is empty, or longer than this many characters.
    #[error("must be 1 to {0} characters")]
    Length(usize),
    /// It starts or ends with a space.
    #[error("must not start or end with a space")]
    Spaced,
    /// This character may not be where it is.
    #[error("must not contain U+{:04X}, {}", u32::from(*.0), why(*.0))]
    Character(char),
}

/// `text` as it is kept, shown and compared: 1 to `max_chars` characters.
pub(crate) fn prepare(text: &str, max_chars: usize) -> Result<Cow<'_, str>, PrecisFault> {
    if text.len() > max_chars.saturating_mul(MAX_BYTES_A_CHAR) {
        return Err(PrecisFault::Length(max_chars));
    }
    let mapped = mapped(text);
    if !(1..=max_chars).contains(&mapped.chars().count()) {
        return Err(PrecisFault::Length(max_chars));
    }
    // What counts is the result: decomposed Korean, say, is made of letters that are not allowed alone.
    if !mapped.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        Freeform.allows(&mapped).map_err(|error| PrecisFault::Character(culprit(&mapped, &error)))?;
    }
    if mapped.starts_with(' ') || mapped.ends_with(' ') {
        return Err(PrecisFault::Spaced);
    }
    Ok(mapped)
}

/// `text` for a search: the same for texts that differ in letter case, width, spaces or normalization form.
#[must_use]
pub(crate) fn folded(text: &str) -> String {
    mapped(text).to_lowercase()
}

/// Whether a character may be shown among others.
#[must_use]
pub(crate) fn is_printable(c: char) -> bool {
    use DerivedPropertyValue as Property;
    match Freeform.get_value_from_char(c) {
        Property::PValid | Property::SpecClassPval | Property::ContextJ | Property::ContextO => !c.is_control(),
        Property::SpecClassDis | Property::Disallowed | Property::Unassigned => false,
    }
}

/// Width, spaces and normalization form mapped. The rules have no error, but their signature does: then the text is
/// what it was.
fn mapped(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let rules = OpaqueString::new();
    let wide = UsernameCasePreserved::new().width_mapping_rule(text);
    let spaced = wide.and_then(|text| rules.additional_mapping_rule(text));
    spaced.and_then(|text| rules.normalization_rule(text)).unwrap_or(Cow::Borrowed(text))
}

/// The `FreeformClass` of RFC 8264, section 4.3.
struct Freeform;

impl StringClass for Freeform {
    fn get_value_from_char(&self, c: char) -> DerivedPropertyValue {
        let value = FreeformClass::default().get_value_from_char(c);
        if value == DerivedPropertyValue::Unassigned { assigned_later(c) } else { value }
    }

    fn get_value_from_codepoint(&self, code_point: u32) -> DerivedPropertyValue {
        char::from_u32(code_point).map_or(DerivedPropertyValue::Disallowed, |c| self.get_value_from_char(c))
    }
}

/// The property of a character that Unicode 6.3 does not have: sections 8 and 9 of RFC 8264, without the lists of
/// single characters, all of which are older.
fn assigned_later(c: char) -> DerivedPropertyValue {
    if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) {
        return DerivedPropertyValue::Disallowed;
    }
    let category = category(c);
    let visible = GeneralCategoryGroup::Letter
        .union(GeneralCategoryGroup::Mark)
        .union(GeneralCategoryGroup::Number)
        .union(GeneralCategoryGroup::Punctuation)
        .union(GeneralCategoryGroup::Symbol)
        .union(GeneralCategoryGroup::SpaceSeparator);
    if category == GeneralCategory::Unassigned {
        DerivedPropertyValue::Unassigned
    } else if visible.contains(category) {
        DerivedPropertyValue::SpecClassPval
    } else {
        DerivedPropertyValue::Disallowed
    }
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

/// The character that an error of the class is about.
fn culprit(text: &str, error: &Error) -> char {
    let depends = |c: &char| {
        matches!(Freeform.get_value_from_char(*c), DerivedPropertyValue::ContextJ | DerivedPropertyValue::ContextO)
    };
    let named = match error {
        Error::BadCodepoint(info) => char::from_u32(info.cp),
        // One that depends on its neighbours, where it has none: at an end of the text.
        Error::Invalid | Error::Unexpected(_) => {
            let ends = [text.chars().next(), text.chars().next_back()].into_iter().flatten();
            ends.chain(text.chars()).find(depends)
        }
    };
    named.unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// What is wrong with a character, and what to do.
fn why(c: char) -> &'static str {
    match c {
        '\u{200C}' => "a zero width non-joiner: it is allowed only where it changes the letters beside it",
        '\u{200D}' => "a zero width joiner: it is allowed only after a virama; write emoji one by one",
        '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}' | '\u{180B}'..='\u{180D}' | '\u{180F}' => {
            "a variation selector, which cannot be seen: leave it out, and the character before it stays"
        }
        '\u{E0000}'..='\u{E007F}' => "a tag, which cannot be seen: leave it out",
        '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
            "which changes the direction of the text around it: leave it out"
        }
        '\u{B7}' => "a middle dot: it is allowed only between two letters l; for a separator use U+2022 or a hyphen",
        '\u{375}' | '\u{5F3}' | '\u{5F4}' | '\u{30FB}' => "which is allowed only beside letters of its own script",
        '\u{660}'..='\u{669}' | '\u{6F0}'..='\u{6F9}' => "a digit of another kind than the text's other Arabic digits",
        _ if c.is_control() => "a control character: leave it out",
        _ if (u32::from(c) & 0xFFFE) == 0xFFFE || matches!(c, '\u{FDD0}'..='\u{FDEF}') => "which is no character",
        _ if category(c) == GeneralCategory::PrivateUse => {
            "a private character, which others see as another or not at all"
        }
        _ if category(c) == GeneralCategory::Unassigned => "which Unicode does not define",
        _ => "which cannot be seen, or changes how the characters beside it look: leave it out",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_of_every_script_are_taken_as_people_write_them() {
        for (text, reason) in [
            ("Harbour Street 12/7 (north)", "ASCII"),
            ("می\u{200C}خواهم", "Persian, with a non-joiner"),
            ("නුවර ශ්\u{200D}රී ලංකා", "Sinhala, with a joiner"),
            ("क्\u{200D}ष", "Devanagari, with a joiner"),
            ("חניון העיר 12", "Hebrew beside digits"),
            ("موقف ٣", "Arabic with Arabic digits"),
            ("Straße am Übergang", "German"),
            ("駐車場・中央", "Japanese with its middle dot"),
            ("中央停車場", "Chinese"),
            ("주차장", "Korean"),
            ("col·lecció", "Catalan"),
            ("ที่จอดรถ", "Thai, with combining vowels"),
            ("Parkování č. 3 ½", "a fraction stays one"),
            ("Car park 🅿 🚗", "emoji of Unicode 6"),
            ("Scooters 🛴 🥐 🫠", "emoji that Unicode 6.3 does not have"),
            ("👍🏽", "a skin tone is a character that can be seen"),
            ("𞤀𞤣𞤤𞤢𞤥", "Adlam, of Unicode 9"),
            ("ᲐᲑᲒ", "Georgian capitals, of Unicode 11"),
            ("x̌", "a mark that has no composed form"),
        ] {
            assert_eq!(prepare(text, 40).as_deref(), Ok(text), "{reason}");
        }
    }

    #[test]
    fn what_reads_the_same_becomes_the_same() {
        for (text, expected, reason) in [
            ("Cafe\u{301}", "Café", "NFC"),
            ("\u{1112}\u{1161}\u{11AB}", "한", "Korean as macOS has it in names of files"),
            ("１２０３Ａ", "1203A", "full width"),
            ("ﾊﾟｰｸ", "パーク", "half width, and then composed"),
            ("中央\u{3000}駐車場", "中央 駐車場", "an ideographic space"),
            ("a\u{A0}b\u{202F}c\u{2009}d", "a b c d", "every other space"),
            ("\u{212B}ngstrom", "Ångstrom", "a sign that is a letter"),
        ] {
            assert_eq!(prepare(text, 40).as_deref(), Ok(expected), "{reason}");
        }
        assert_eq!(folded("ＣＡＦＥ\u{301}"), "café");
    }

    #[test]
    fn what_cannot_be_seen_is_refused_by_its_number() {
        for (text, said) in [
            ("a\u{0}b", "U+0000, a control character"),
            ("a\u{1B}[31m", "U+001B, a control character"),
            ("a\u{85}b", "U+0085, a control character"),
            ("a\u{AD}b", "U+00AD, which cannot be seen"),
            ("a\u{200B}b", "U+200B, which cannot be seen"),
            ("a\u{FEFF}b", "U+FEFF, which cannot be seen"),
            ("a\u{2028}b", "U+2028, which cannot be seen"),
            ("a\u{3164}b", "U+3164, which cannot be seen"),
            ("\u{202E}evil", "U+202E, which changes the direction"),
            ("a\u{2066}b\u{2069}", "U+2066, which changes the direction"),
            ("a\u{200F}b", "U+200F, which changes the direction"),
            ("a\u{E0041}b", "U+E0041, a tag"),
            ("a\u{E0001}b", "U+E0001, a tag"),
            ("\u{2764}\u{FE0F}", "U+FE0F, a variation selector"),
            ("葛\u{E0100}", "U+E0100, a variation selector"),
            ("\u{1820}\u{180F}", "U+180F, a variation selector"),
            ("\u{1BCA0}", "U+1BCA0, which cannot be seen"),
            ("a\u{E000}b", "U+E000, a private character"),
            ("a\u{10FFFD}", "U+10FFFD, a private character"),
            ("a\u{FFFE}", "U+FFFE, which is no character"),
            ("a\u{FDD0}", "U+FDD0, which is no character"),
            ("a\u{10FFFF}", "U+10FFFF, which is no character"),
            ("a\u{378}", "U+0378, which Unicode does not define"),
            ("a\u{E0FFF}", "U+E0FFF, "),
            ("a\u{200C}b", "U+200C, a zero width non-joiner"),
            ("\u{200C}", "U+200C, a zero width non-joiner"),
            ("می\u{200C}", "U+200C, a zero width non-joiner"),
            ("a\u{200D}b", "U+200D, a zero width joiner"),
            ("👨\u{200D}👩", "U+200D, a zero width joiner"),
            ("\u{200D}a", "U+200D, a zero width joiner"),
            ("A · B", "U+00B7, a middle dot"),
            ("٣۳", "U+0663, a digit of another kind"),
        ] {
            let fault = prepare(text, 40).unwrap_err().to_string();
            assert!(fault.starts_with(&format!("must not contain {said}")), "{text:?}: {fault}");
        }
    }

    #[test]
    fn a_text_has_its_length_and_no_space_at_an_end() {
        for (text, fault) in [
            ("", PrecisFault::Length(5)),
            ("123456", PrecisFault::Length(5)),
            (&"e\u{301}".repeat(6), PrecisFault::Length(5)),
            (&"x".repeat(100_000), PrecisFault::Length(5)),
            (" a", PrecisFault::Spaced),
            ("a ", PrecisFault::Spaced),
            ("\u{3000}a", PrecisFault::Spaced),
            (" ", PrecisFault::Spaced),
        ] {
            assert_eq!(prepare(text, 5), Err(fault), "{text:.20}");
        }
        assert_eq!(prepare(&"e\u{301}".repeat(5), 5).as_deref(), Ok("ééééé"));
    }

    proptest! {
        #[test]
        fn what_is_kept_is_kept_as_it_is(text in ".{0,40}|[\\u{0}-\\u{10FFFF}]{0,12}|[اب\\u{200C}\\u{200D}ක\\u{DCA}e\\u{301}１ ]{0,12}") {
            if let Ok(once) = prepare(&text, 40) {
                prop_assert_eq!(prepare(&once, 40), Ok(Cow::Borrowed(&*once)), "{:?}", text);
                prop_assert!(once.chars().all(is_printable));
            }
            let _ = folded(&text);
        }
    }
}
