//! The cursor that leads from a page of a list to the next.
//!
//! It holds a version, a mark of its list and the place of the last item, and nothing secret: it is checked so that a
//! cursor of another list is an error and not a wrong page.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

/// The first byte of a cursor. Version 1 was of zones alone.
const VERSION: u8 = 2;
/// How many bytes mark the list.
const MARK_BYTES: usize = 8;

/// Where the next page of a list starts, as it goes over the wire: base64url, and opaque to callers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(String);

/// The text is no cursor that this list answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cursor is not one that this list, with these filters, has answered")]
pub struct InvalidCursor;

impl Cursor {
    /// The cursor behind `place`. `list` names the list and all its filters.
    #[must_use]
    pub fn new(list: &str, place: &impl fmt::Display) -> Self {
        let bytes = [head(list).as_slice(), place.to_string().as_bytes()].concat();
        Self(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// The place that `cursor` holds, if it belongs to `list`.
    pub fn place<T: FromStr>(cursor: &str, list: &str) -> Result<T, InvalidCursor> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| InvalidCursor)?;
        let place = bytes.strip_prefix(&head(list)).and_then(|place| str::from_utf8(place).ok());
        place.and_then(|place| place.parse().ok()).ok_or(InvalidCursor)
    }
}

impl From<Cursor> for String {
    fn from(cursor: Cursor) -> Self {
        cursor.0
    }
}

/// What the cursors of a list start with.
fn head(list: &str) -> [u8; 1 + MARK_BYTES] {
    let mut head = [VERSION; 1 + MARK_BYTES];
    head.iter_mut().skip(1).zip(digest(&SHA256, list.as_bytes()).as_ref()).for_each(|(byte, from)| *byte = *from);
    head
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_cursor_is_good_for_its_own_list_alone() {
        let cursor = String::from(Cursor::new("zones?number=1", &7));
        assert_eq!(Cursor::place(&cursor, "zones?number=1"), Ok(7));
        assert_eq!(Cursor::place::<u64>(&cursor, "zones?number=2"), Err(InvalidCursor));
        let with = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = URL_SAFE_NO_PAD.decode(&cursor).unwrap();
            change(&mut bytes);
            URL_SAFE_NO_PAD.encode(bytes)
        };
        for (wrong, why) in [
            (String::new(), "empty"),
            ("=".to_owned(), "not base64url"),
            (format!("{cursor}="), "padded"),
            (with(&|bytes| bytes[0] = 1), "another version"),
            (with(&|bytes| bytes[3] ^= 1), "another mark"),
            (with(&|bytes| bytes.truncate(9)), "no place"),
            (with(&|bytes| bytes.push(b'x')), "a place of another kind"),
            (with(&|bytes| bytes.push(0xFF)), "not UTF-8"),
            ("A".repeat(5_000), "long"),
        ] {
            assert_eq!(Cursor::place::<u64>(&wrong, "zones?number=1"), Err(InvalidCursor), "{why}");
        }
    }

    proptest! {
        #[test]
        fn every_place_reads_back_and_no_text_panics(list in ".{0,20}", place in ".{0,20}", text in ".{0,60}") {
            let cursor = String::from(Cursor::new(&list, &place));
            prop_assert_eq!(Cursor::place::<String>(&cursor, &list), Ok(place));
            let _ = Cursor::place::<String>(&text, &list);
        }
    }
}
