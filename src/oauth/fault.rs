//! What is wrong with one member of a JSON body.

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
