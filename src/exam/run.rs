//! A run of a client's command, and all runs of an exam.

use crate::time::UnixMillis;

use super::conversation::Conversation;
use super::plan::Plan;
use super::scenario::ScenarioId;
use super::thresholds::Thresholds;

/// One run of the command.
#[derive(Clone, Debug)]
pub struct Run {
    /// What was to happen in it.
    pub scenario: ScenarioId,
    /// The name of the profile's own scenario, or of the one run of many disturbances, if it is one or a part of one.
    pub own: Option<String>,
    /// What was armed.
    pub plan: Plan,
    /// What the client and the sandbox said to each other.
    pub conversation: Conversation,
    /// How the command ended.
    pub ended: Ended,
    /// When the command started.
    pub started_at: UnixMillis,
    /// When it ended, or was ended.
    pub ended_at: UnixMillis,
    /// When the trouble of the plan was made, if it has one.
    pub trouble_at: Option<UnixMillis>,
    /// The end of what the command printed, both streams, without secrets.
    pub output: String,
    /// What came in the clear: it never reaches the journal.
    pub plain_http: PlainHttp,
    /// How many requests of the run the journal had no room for, the first ones.
    pub missed_requests: u64,
}

/// Plain HTTP that came to the port for HTTPS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlainHttp {
    /// How many requests. Each is refused with 403 `https-required`.
    pub requests: u64,
    /// How many tokens and secrets of the client were in them.
    pub exposed: u64,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// By itself, with this code.
    Exit(i32),
    /// By this signal, which the exam did not send.
    Signal(i32),
    /// The exam ended it: its time was over.
    Deadline,
    /// The exam ended it, because all that was to be seen had been seen.
    Enough,
    /// It ran on, and met the next disturbance.
    WentOn,
    /// It was not run: somebody else's requests were watched.
    Watched,
}

impl Ended {
    /// Whether the command says that it succeeded.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Self::Exit(0)
    }

    /// Whether nothing says that it failed: it succeeded or went on, or was ended or watched by the exam before that showed.
    pub(crate) fn is_survival(self) -> bool {
        matches!(self, Self::Exit(0) | Self::Enough | Self::WentOn | Self::Watched)
    }

    /// Whether it ended by itself and says that it failed.
    #[must_use]
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Exit(code) if code != 0) || matches!(self, Self::Signal(_))
    }
}

/// All runs of an exam.
#[derive(Clone, Debug, Default)]
pub struct Examination {
    /// The scope tokens that the client holds.
    pub scopes: Vec<String>,
    /// The runs; the first two of [`ScenarioId::Preflight`] and [`ScenarioId::Baseline`] are undisturbed.
    pub runs: Vec<Run>,
    /// How many of the scope tokens' operations there are: `GET /parking/zones` with `read:zones`, and so on.
    pub operations: Vec<(String, String)>,
    /// The operations that the profile demands; without any, a client may leave out what it does not need.
    pub demanded_operations: Vec<String>,
    /// The numbers that checks compare with: those of the profile.
    pub thresholds: Thresholds,
    /// The scenarios that were not run, and why: what they need is not in the baseline, such as a POST.
    pub not_run: Vec<(ScenarioId, &'static str)>,
}

impl Examination {
    /// The run of a scenario.
    #[must_use]
    pub fn run(&self, scenario: ScenarioId) -> Option<&Run> {
        self.runs.iter().find(|run| run.scenario == scenario)
    }

    /// The undisturbed run that is the reference.
    #[must_use]
    pub fn baseline(&self) -> Option<&Run> {
        self.run(ScenarioId::Baseline)
    }

    /// The runs that nothing disturbed.
    pub(crate) fn undisturbed(&self) -> impl Iterator<Item = &Run> {
        let is_undisturbed = |run: &&Run| matches!(run.scenario, ScenarioId::Preflight | ScenarioId::Baseline);
        self.runs.iter().filter(is_undisturbed)
    }

    /// How many requests the client has under way at once, at least. Where each answer is slow, this shows best.
    pub(crate) fn concurrency(&self) -> usize {
        let slowed = self.run(ScenarioId::ShortTokens);
        let runs = self.undisturbed().chain(slowed);
        runs.map(|run| run.conversation.most_in_flight()).max().unwrap_or(1).max(1)
    }

    /// How many requests of a kind an undisturbed client sends at most: as many as it ever did, and once more the
    /// difference between its two runs, for a client that does not do the same each time.
    pub(crate) fn usual(&self, count: impl Fn(&Conversation) -> usize) -> usize {
        let counts: Vec<_> = self.undisturbed().map(|run| count(&run.conversation)).collect();
        let (least, most) = (counts.iter().min().copied(), counts.iter().max().copied());
        most.unwrap_or(0) + most.unwrap_or(0).abs_diff(least.unwrap_or(0))
    }
}
