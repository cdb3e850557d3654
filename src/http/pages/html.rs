//! Text as HTML, for what is written outside of templates.

use askama::filters::{Escaper as _, Html};

/// Text, with every character that HTML would read as mark-up replaced.
pub(in crate::http) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    // To write to a string does not fail.
    let _ = Html.write_escaped_str(&mut html, text);
    html
}

/// A sentence of the OpenAPI document: what is between backticks is code.
pub(in crate::http) fn with_code(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    let parts: Vec<&str> = text.split('`').collect();
    let is_paired = parts.len() % 2 == 1;
    for (number, part) in parts.iter().enumerate() {
        let is_code = number % 2 == 1 && is_paired;
        html.push_str(if is_code { "<code>" } else { "" });
        html.push_str(&escaped(part));
        html.push_str(if is_code { "</code>" } else { "" });
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_between_backticks_is_code_and_all_of_it_is_text() {
        assert_eq!(with_code("Send `a < b` now."), "Send <code>a &#60; b</code> now.");
        assert_eq!(with_code("one ` alone"), "one  alone");
        assert_eq!(escaped("<img src=\"x\">"), "&#60;img src=&#34;x&#34;&#62;");
    }
}
