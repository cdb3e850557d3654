//! Whether the sender of a request wants HTML (RFC 9110 section 12.5.1).

use actix_web::http::header::{ACCEPT, HeaderMap};

const HTML: [&str; 2] = ["text/html", "application/xhtml+xml"];
const PLAIN: &str = "text/plain";

/// Whether a request names HTML among what it accepts, as every browser does. `*/*` and no field at all, with which curl and
/// most programs come, do not; nor does a preference for plain text.
pub(super) fn wants_html(headers: &HeaderMap) -> bool {
    let fields = headers.get_all(ACCEPT).filter_map(|value| value.to_str().ok());
    let (mut html, mut plain) = (0.0_f32, 0.0_f32);
    for range in fields.flat_map(|field| field.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let weight = weight.map_or(1.0, |weight| weight.trim().parse().unwrap_or(0.0));
        if HTML.iter().any(|html| html.eq_ignore_ascii_case(name)) {
            html = html.max(weight);
        } else if PLAIN.eq_ignore_ascii_case(name) {
            plain = plain.max(weight);
        }
    }
    html > 0.0 && html >= plain
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn a_browser_wants_html_and_a_program_does_not() {
        for (accept, expected) in [
            (vec!["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], true),
            (vec!["Text/HTML"], true),
            (vec!["application/json", "text/html;q=0.5"], true),
            (vec![], false),
            (vec!["*/*"], false),
            (vec!["text/*"], false),
            (vec!["application/json"], false),
            (vec!["text/html;q=0"], false),
            (vec!["text/html;q=none"], false),
            (vec!["text/plain, text/html;q=0.9"], false),
            (vec!["text/plain;q=0.5, text/html; q=0.9"], true),
        ] {
            let mut headers = HeaderMap::new();
            for value in &accept {
                headers.append(ACCEPT, HeaderValue::from_static(value));
            }
            assert_eq!(wants_html(&headers), expected, "{accept:?}");
        }
    }
}
