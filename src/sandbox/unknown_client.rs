//! What is said of an identifier that is no client's.

use crate::text::redaction::redact;
use crate::text::{closest_match, truncated};

/// The fault of a member that names `named`, with the one of the `known` identifiers that was probably meant. A secret in
/// the wrong place is not repeated.
pub(crate) fn unknown_client<'k>(named: &str, known: impl IntoIterator<Item = &'k str>) -> String {
    let plain = redact(named);
    let repeated = truncated(&plain);
    match closest_match(named, known) {
        Some(meant) => format!("is {repeated:?}, the client_id of no client: did you mean {meant}?"),
        None => format!("is {repeated:?}, the client_id of no client"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_repeated_unless_it_is_a_secret() {
        let of = |named: &str| unknown_client(named, ["demo-reader", "demo-writer"]);
        assert_eq!(of("demo-wirter"), r#"is "demo-wirter", the client_id of no client: did you mean demo-writer?"#);
        assert_eq!(of("a\"b\n"), r#"is "a\"b\n", the client_id of no client"#);
        let secret = "bg_secret_demoReaderInTheSandboxOnlyNotForProduction00QG1iY";
        assert!(!of(secret).contains("InTheSandbox"), "{}", of(secret));
        assert!(of(&"x".repeat(500)).len() < 200);
    }
}
