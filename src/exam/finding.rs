//! What a check found out.

use crate::api::exam::{CheckVerdict, Evidence};

/// The most requests that one finding names.
const MAX_EVIDENCE: usize = 10;

/// What a check found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Pass, fail, or not exercised.
    pub verdict: CheckVerdict,
    /// What a client that passes does.
    pub expected: String,
    /// What this client did.
    pub got: String,
    /// The requests that show it, the first ones.
    pub evidence: Vec<Evidence>,
}

impl Finding {
    /// The client did what is expected.
    #[must_use]
    pub fn pass(expected: impl Into<String>, got: impl Into<String>, evidence: Vec<Evidence>) -> Self {
        Self::new(CheckVerdict::Pass, expected.into(), got.into(), evidence)
    }

    /// It did not.
    #[must_use]
    pub fn fail(expected: impl Into<String>, got: impl Into<String>, evidence: Vec<Evidence>) -> Self {
        Self::new(CheckVerdict::Fail, expected.into(), got.into(), evidence)
    }

    /// Nothing that the client did shows it; `why` says what is missing.
    #[must_use]
    pub fn not_exercised(expected: impl Into<String>, why: impl Into<String>) -> Self {
        Self::new(CheckVerdict::NotExercised, expected.into(), why.into(), Vec::new())
    }

    fn new(verdict: CheckVerdict, expected: String, got: String, mut evidence: Vec<Evidence>) -> Self {
        evidence.truncate(MAX_EVIDENCE);
        Self { verdict, expected, got, evidence }
    }
}
