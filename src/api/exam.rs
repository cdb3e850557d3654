//! What `boomgate exam` found out about a client: the report, as `report.json` has it.
//!
//! It holds no token and no secret. `docs/exam/report.md` describes each member.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::counts::label;
use crate::time::UnixMillis;

/// The version of [`Report`]'s form.
pub const REPORT_FORMAT: u32 = 1;

/// A report: the verdict, and what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`REPORT_FORMAT`].
    pub format: u32,
    /// Whether the client is ready.
    pub verdict: Readiness,
    /// The verdict in a sentence.
    pub summary: String,
    /// Whose conversation was judged.
    pub client: ExaminedClient,
    /// When the exam began.
    pub at: UnixMillis,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How the client was examined, and so how much the report proves.
    pub method: Method,
    /// What was demanded.
    pub profile: ReportProfile,
    /// What the exam's choices depend on.
    pub seed: u64,
    /// The line that repeats the exam.
    pub repeat: Option<String>,
    /// The version of Boomgate.
    pub boomgate_version: Cow<'static, str>,
    /// The commit of the client, if the environment says it.
    pub commit: Option<String>,
    /// How many checks passed, by their level.
    pub counts: Counts,
    /// What would hurt who runs the API, in requests.
    pub hurts_api: Vec<String>,
    /// What would hurt the partner.
    pub hurts_partner: Vec<String>,
    /// What the client may do and what it did.
    pub coverage: Coverage,
    /// The waivers of the profile.
    pub waivers: Vec<ReportWaiver>,
    /// Each check, in the order of the documentation.
    pub checks: Vec<CheckResult>,
    /// Each run of the command, in the order of the documentation.
    pub runs: Vec<RunSummary>,
    /// The baseline beside each run with a failed check.
    pub comparisons: Vec<Comparison>,
    /// What the report does not prove.
    pub limits: Vec<Cow<'static, str>>,
}

/// Whether a client is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Readiness {
    /// No required check failed.
    #[serde(rename = "ready")]
    Ready,
    /// A required check failed, or a waiver is outdated or unused.
    #[serde(rename = "not ready")]
    NotReady,
    /// The exam was interrupted, or only watched: no failed check, and not all of them made.
    #[serde(rename = "undecided")]
    Undecided,
}

impl Readiness {
    /// As JSON has it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::NotReady => "not ready",
            Self::Undecided => "undecided",
        }
    }
}

/// How a client was examined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A run for each scenario.
    Scenarios,
    /// One run under a plan of many faults: a failure cannot be told apart from its neighbours, so it is weaker evidence.
    Once,
    /// One plan that was given.
    Replay,
    /// Whatever ran against a sandbox, undisturbed by an exam.
    Watched,
}

/// Whose conversation was judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExaminedClient {
    /// Its identifier.
    pub client_id: String,
    /// Its `User-Agent`s, as its version.
    pub user_agents: Vec<String>,
    /// The command that was run, without the values of `--env`; empty if none was.
    pub command: Vec<String>,
}

/// What was demanded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportProfile {
    /// Its name.
    pub name: String,
    /// SHA-256 of its file, in hexadecimal; `null` for the built-in one.
    pub digest: Option<String>,
}

/// How many checks passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Those that a client must pass.
    pub required: LevelCounts,
    /// Those that it should.
    pub advised: LevelCounts,
}

/// How many checks of a level passed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LevelCounts {
    /// Passed.
    pub passed: u32,
    /// Failed, those with a waiver apart.
    pub failed: u32,
    /// Failed, with a waiver.
    pub waived: u32,
    /// Not exercised.
    pub not_exercised: u32,
}

/// What the client may do and what it did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The scope tokens that it holds.
    pub scopes: Vec<String>,
    /// Those of them that no request needed.
    pub unused_scopes: Vec<String>,
    /// The operations that it called, such as `GET /parking/zones/{id}`.
    pub operations: Vec<String>,
    /// Those that it may call and did not.
    pub unused_operations: Vec<String>,
}

/// A waiver of the profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportWaiver {
    /// The check that may fail.
    pub check: String,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// The last day on which it holds, such as `2026-12-31`.
    pub until: String,
    /// What became of it.
    pub status: WaiverStatus,
}

/// What became of a waiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaiverStatus {
    /// Its check failed.
    Used,
    /// Its check did not fail: it is not needed any more.
    Unused,
    /// Its last day is over.
    Outdated,
    /// Its check was not made.
    NotExercised,
}

label! {
    /// How much a check counts.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Level {
        /// The client must pass.
        Required = "required",
        /// The client should pass.
        Advised = "advised",
        /// Not made.
        Off = "off",
    }
}

label! {
    /// What a check found.
    #[derive(Serialize, Deserialize)]
    pub enum CheckVerdict {
        /// The client did what is expected.
        #[serde(rename = "pass")]
        Pass = "pass",
        /// It did not.
        #[serde(rename = "fail")]
        Fail = "fail",
        /// Nothing that the client did shows it.
        #[serde(rename = "not exercised")]
        NotExercised = "not exercised",
    }
}

/// A check and what it found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckResult {
    /// Its name, such as `token-reused`.
    pub id: Cow<'static, str>,
    /// What it is about, in few words.
    pub title: Cow<'static, str>,
    /// Its group: `token`, `limits`, `refusals`, `faults`, `variations`, `hygiene` or `own`.
    pub group: Cow<'static, str>,
    /// How much it counts.
    pub level: Level,
    /// What it found.
    pub verdict: CheckVerdict,
    /// What a client that passes does.
    pub expected: String,
    /// What this client did.
    pub got: String,
    /// The requests that show it.
    pub evidence: Vec<Evidence>,
    /// What to do about a failure, or to have the check made.
    pub remedy: Cow<'static, str>,
    /// What it rests on, such as `RFC 6749 section 5.1`.
    pub rfc: Cow<'static, str>,
    /// Whether a waiver covers its failure.
    pub waived: bool,
}

/// A request, or a moment of a run, that shows something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The run.
    pub scenario: Cow<'static, str>,
    /// The request; `null` for what is no request, such as the end of the command.
    pub request_id: Option<String>,
    /// When it came, in real time.
    pub at: Option<UnixMillis>,
    /// What is to be seen, such as `POST /oauth2/token 200, 12 ms after the one before`.
    pub note: String,
}

/// A run of the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunSummary {
    /// Its scenario.
    pub scenario: Cow<'static, str>,
    /// What happened to the client in it, in a sentence.
    pub title: Cow<'static, str>,
    /// What was armed, as `--replay` reads it; empty if nothing was.
    pub plan: String,
    /// How the command ended, such as `exit code 0`.
    pub ended: String,
    /// How long it ran, in milliseconds.
    pub duration_ms: u64,
    /// How many requests it sent.
    pub requests: u64,
    /// The end of what it printed, without secrets.
    pub output: String,
}

/// The baseline and a disturbed run, side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// The disturbed run.
    pub scenario: Cow<'static, str>,
    /// The rows, from the start on; bounded.
    pub rows: Vec<ComparisonRow>,
    /// The index of the first row that differs.
    pub first_difference: Option<usize>,
}

/// A request of each run, or of one of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// In the baseline.
    pub baseline: Option<ComparedRequest>,
    /// In the disturbed run.
    pub disturbed: Option<ComparedRequest>,
}

/// A request in a comparison.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedRequest {
    /// Its id.
    pub request_id: String,
    /// Milliseconds since the start of its run.
    pub after_ms: u64,
    /// Its method and path.
    pub line: String,
    /// Its answer, such as `200`, `429 (injected)` or `no answer`.
    pub answer: String,
}
