//! `GET /admin/health`: how the server is, and what `doctor` would say of its installation.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::UnixSeconds;

/// How the server is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The certificate in use.
    pub certificate: CertificateInUse,
    /// How many clients are registered.
    pub clients: usize,
    /// `serve` or `sandbox`.
    pub edition: String,
    /// What `boomgate doctor` finds, as far as the running server can tell.
    pub findings: Vec<Finding>,
    /// The issuer identifier: the address that clients call.
    pub issuer: String,
    /// The time of the answer, by the clock of the machine.
    pub now: UnixSeconds,
    /// The checks of `GET /readyz`.
    pub readiness: Vec<ReadinessCheck>,
    /// When the process started.
    pub started_at: UnixSeconds,
    /// The store.
    pub store: StoreHealth,
    /// How many seconds the process has run.
    pub uptime_s: u64,
    /// The version of the program.
    pub version: String,
}

/// The certificate that connections get.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CertificateInUse {
    /// The host names and addresses that it is for.
    pub names: Vec<String>,
    /// Until when clients accept it.
    pub not_after: UnixSeconds,
    /// Whether the server renews it by itself, with its local authority; else the operator does.
    pub renews_itself: bool,
}

/// The store, as this answer found it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StoreHealth {
    /// Whether it lasts longer than the process.
    pub is_lasting: bool,
    /// How long it took to answer, in milliseconds; `null` if it did not.
    pub read_ms: Option<f64>,
}

/// A check of readiness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadinessCheck {
    /// Its name, as in `GET /readyz?verbose`.
    pub check: String,
    /// Whether it passes.
    pub passes: bool,
}

/// What one check of an installation found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// What was checked.
    #[schema(value_type = String)]
    pub check: Cow<'static, str>,
    /// What came of it.
    pub outcome: Outcome,
    /// What was found.
    pub detail: String,
    /// What to do, if anything.
    #[serde(rename = "mend")]
    pub fix: Option<String>,
}

/// What came of the check of an installation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = FindingOutcome)]
pub enum Outcome {
    /// Nothing is wrong.
    Ok,
    /// It works, and deserves attention.
    Warn,
    /// It does not work.
    Fail,
}

impl Finding {
    pub(crate) fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check: check.into(), outcome: Outcome::Ok, detail: detail.into(), fix: None }
    }

    pub(crate) fn warn(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check: check.into(), outcome: Outcome::Warn, detail: detail.into(), fix: Some(fix.into()) }
    }

    pub(crate) fn fail(check: &'static str, detail: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check: check.into(), outcome: Outcome::Fail, detail: detail.into(), fix: Some(fix.into()) }
    }

    /// A warning that already says what to do.
    pub(crate) fn warned(check: &'static str, detail: impl Into<String>) -> Self {
        Self { check: check.into(), outcome: Outcome::Warn, detail: detail.into(), fix: None }
    }

    /// A failure whose text already says what to do.
    pub(crate) fn failed(check: &'static str, error: &dyn fmt::Display) -> Self {
        Self { check: check.into(), outcome: Outcome::Fail, detail: error.to_string(), fix: None }
    }
}
