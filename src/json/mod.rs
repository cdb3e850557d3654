//! JSON bodies: that of a request, read strictly ([`Document`]), then member by member ([`Reader`]); that of an answer,
//! written as a [`line()`].
//!
//! No two readers of a body may understand it differently, and no mistake in it may pass in silence: a name that an
//! object has twice, a member that no such body has, a value out of range. Every fault is reported at once.

mod document;
mod reader;

use serde::Serialize;

pub use self::document::Document;
pub(crate) use self::document::number;
pub(crate) use self::reader::{Reader, flag, string, whole_number};

/// Room for most answers, in bytes.
const USUAL_BYTES: usize = 1_024;

/// `value` as one line of JSON, so that the prompt of a shell starts a line of its own after it.
pub(crate) fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = Vec::with_capacity(USUAL_BYTES);
    // This fails only for a map whose keys are not strings, and no answer has one.
    let _ = serde_json::to_writer(&mut line, value);
    line.push(b'\n');
    line
}
