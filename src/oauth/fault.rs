//! What is wrong with one member of a JSON body, or of a file, and which one may have been meant.

use serde::Serialize;

/// One fault of a request's body, as RFC 9457 section 3 shows it in `errors`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldFault {
    /// The member, as a JSON pointer (RFC 6901); empty for the whole body.
    pub pointer: String,
    /// What is wrong with it and what would be right.
    pub detail: String,
}

impl FieldFault {
    /// A fault of the member at `pointer`.
    #[must_use]
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }

    /// A fault of the body's own member of this name, which is repeated up to 64 characters.
    #[must_use]
    pub fn of_member(member: &str, detail: impl Into<String>) -> Self {
        let shown: String = member.chars().take(64).collect();
        // RFC 6901 section 3: `~` and `/` inside a name are escaped.
        Self::new(format!("/{}", shown.replace('~', "~0").replace('/', "~1")), detail)
    }
}

/// The known name that a misspelt one most likely means.
pub fn closest_match<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let by_distance = known.into_iter().map(|known| (distance(name, known), known)).min();
    by_distance.filter(|(distance, _)| *distance <= 2.max(name.len() / 3)).map(|(_, known)| known)
}

/// How many letters must be put in, taken out or changed to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = index;
        let mut left = index + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (cell, against) in row.iter_mut().skip(1).zip(other.chars()) {
            let changed = diagonal + usize::from(letter != against);
            diagonal = *cell;
            left = changed.min(diagonal + 1).min(left + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::distance;

    #[test]
    fn a_distance_counts_the_letters_between_two_words() {
        for (one, other, expected) in [
            ("", "", 0),
            ("burst", "burst", 0),
            ("brust", "burst", 2),
            ("burs", "burst", 1),
            ("", "burst", 5),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(distance(one, other), expected, "{one} {other}");
            assert_eq!(distance(other, one), expected, "{other} {one}");
        }
    }
}
