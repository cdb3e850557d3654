//! Where a page explains one answer, and not only its kind.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded in a segment of a path: all but the unreserved characters (RFC 3986 section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of the page about a request. `None` for an id that no path can have: browsers take a segment of dots away.
pub(in crate::http) fn explanation_page(issuer: &str, request_id: &str) -> Option<String> {
    let is_dots = matches!(request_id, "." | "..");
    (!is_dots).then(|| format!("{issuer}/why/{}", utf8_percent_encode(request_id, ENCODED)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_page_has_any_id_in_one_segment() {
        for (id, expected) in [
            ("0a3f-4b62", Some("https://a/why/0a3f-4b62")),
            ("order-17/\"retry\"?#", Some("https://a/why/order-17%2F%22retry%22%3F%23")),
            ("<img/src=x>%41", Some("https://a/why/%3Cimg%2Fsrc%3Dx%3E%2541")),
            ("...", Some("https://a/why/...")),
            ("..", None),
            (".", None),
        ] {
            assert_eq!(explanation_page("https://a", id).as_deref(), expected, "{id}");
        }
    }
}
