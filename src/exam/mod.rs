//! The exam: what a client did in each scenario, judged.
//!
//! A [`Run`] is one run of a client's command: the [`Conversation`] that the sandbox's journal has of it, and how the
//! command ended. An [`Examination`] is all runs. Each [check] looks at the examination and gives a [`Finding`];
//! a [profile] says how much each check counts; the [verdict] is the report. Nothing here runs a command,
//! sends a request or reads a clock: `cli::exam` does, and the same judgement is made of what a sandbox has watched.

pub mod check;
pub mod checks;
pub mod conversation;
mod coverage;
pub mod endless;
pub(crate) mod evidence;
pub mod finding;
pub(crate) mod granted;
pub(crate) mod held_token;
pub mod once;
pub mod plan;
pub mod profile;
pub mod reference;
pub(crate) mod repeats;
pub mod report;
pub(crate) mod retry_after;
pub mod run;
pub mod scenario;
pub mod scenario_plan;
pub mod shrink;
#[cfg(test)]
pub(crate) mod testing;
pub mod thresholds;
pub mod verdict;
pub mod watched;

pub use self::check::{Check, CheckId};
pub use self::conversation::{Conversation, Exchange, Kind};
pub use self::endless::Endless;
pub use self::finding::Finding;
pub use self::plan::Plan;
pub use self::profile::Profile;
pub use self::reference::Reference;
pub use self::run::{Ended, Examination, PlainHttp, Run};
pub use self::scenario::{Scenario, ScenarioId};
pub use self::thresholds::Thresholds;
