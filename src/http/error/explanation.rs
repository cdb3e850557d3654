//! Where a page explains one answer, and not only its kind.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What is encoded in a segment of a path: all but the unreserved characters (RFC 3986 section 2.3).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The address of the page about a request. No request has an id that is a dot segment.
pub(in crate::http) fn explanation_page(issuer: &str, request_id: &str) -> String {
    format!("{issuer}/why/{}", utf8_percent_encode(request_id, ENCODED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_page_has_any_id_in_one_segment() {
        for (id, expected) in [
            ("0a3f-4b62", "https://a/why/0a3f-4b62"),
            ("order-17/\"retry\"?#", "https://a/why/order-17%2F%22retry%22%3F%23"),
            ("<img/src=x>%41", "https://a/why/%3Cimg%2Fsrc%3Dx%3E%2541"),
            ("...", "https://a/why/..."),
        ] {
            assert_eq!(explanation_page("https://a", id), expected, "{id}");
        }
    }
}
