//! The report of whatever a sandbox has recorded of a client, without an exam.
//!
//! Nothing was disturbed for it, so only the checks that an undisturbed run shows are made. The others are not exercised, and
//! their remedy is the command that would make them.

use crate::api::exam::{Method, Report};
use crate::api::sandbox::request::RecordedRequest;
use crate::time::UnixMillis;

use super::conversation::Conversation;
use super::plan::Plan;
use super::profile::Profile;
use super::run::{Ended, Examination, PlainHttp, Run};
use super::scenario::ScenarioId;
use super::verdict::{Facts, report};

/// What a sandbox knows of a client.
#[derive(Debug)]
pub struct Watched {
    /// Its identifier.
    pub client_id: String,
    /// The scope tokens that it holds.
    pub scopes: Vec<String>,
    /// The operations of the API that need a scope, with the scope token.
    pub operations: Vec<(String, String)>,
    /// Its requests that the journal has, in any order.
    pub requests: Vec<RecordedRequest>,
    /// What it sent in the clear, as far as it can be attributed to it.
    pub plain_http: PlainHttp,
}

impl Watched {
    /// Judges it by the built-in profile, `now`.
    #[must_use]
    pub fn report(self, now: UnixMillis) -> Report {
        let Self { client_id, scopes, operations, requests, plain_http } = self;
        let run = Run { plain_http, ..Run::watched(Conversation::new(requests), now) };
        let facts = Facts {
            client_id,
            command: Vec::new(),
            at: now,
            duration_ms: run.ended_at.get().saturating_sub(run.started_at.get()),
            method: Method::Watched,
            is_whole: false,
            seed: 0,
            repeat: None,
            commit: None,
        };
        let profile = Profile::default();
        let examination = Examination {
            scopes,
            runs: vec![run],
            operations,
            thresholds: profile.thresholds.clone(),
            ..Examination::default()
        };
        report(&examination, &profile, facts)
    }
}

impl Run {
    /// What was watched, as an undisturbed run.
    #[must_use]
    pub fn watched(conversation: Conversation, now: UnixMillis) -> Self {
        let started_at = conversation.all().first().map_or(now, |first| first.started_at);
        let ended_at = conversation.all().iter().map(|exchange| exchange.ended_at).max().unwrap_or(now);
        Self {
            scenario: ScenarioId::Baseline,
            own: None,
            plan: Plan::default(),
            conversation,
            ended: Ended::Watched,
            started_at,
            ended_at,
            trouble_at: None,
            output: String::new(),
            plain_http: PlainHttp::default(),
            missed_requests: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::{CheckVerdict, Readiness};

    #[test]
    fn without_requests_nothing_is_judged_and_each_check_says_how_it_would_be() {
        let watched = Watched {
            client_id: "demo-writer".to_owned(),
            scopes: vec!["read:zones".to_owned()],
            operations: vec![("GET /parking/zones".to_owned(), "read:zones".to_owned())],
            requests: Vec::new(),
            plain_http: PlainHttp::default(),
        };
        let report = watched.report(UnixMillis::new(1_000));
        assert_eq!((report.verdict, report.method), (Readiness::Undecided, Method::Watched));
        let exercised: Vec<_> = report
            .checks
            .iter()
            .filter(|check| check.verdict != CheckVerdict::NotExercised)
            .map(|check| &check.id)
            .collect();
        assert!(exercised.is_empty(), "{exercised:?}");
        let renewed = report.checks.iter().find(|check| check.id == "token-renewed-ahead").unwrap();
        assert_eq!(renewed.remedy, "Run `boomgate exam demo-writer --only token-renewed-ahead -- COMMAND`.");
    }
}
