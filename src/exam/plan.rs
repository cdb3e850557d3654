//! What is to disturb a run, and when.
//!
//! In text, as `--replay` and a profile have it, a plan is steps with commas between them, and a step is `MOMENT=WHAT`:
//! `resource#3=503`, `resource#3..=throttled+retry-after:2`, `resource.POST#1=answer-lost`, `token#2=503`,
//! `start=throttle:1/1`. [`text`] reads and writes it.

mod text;

use crate::api::sandbox::fault::{Effect, Phase, RequestRange};
use crate::api::sandbox::trouble::TroubleName;
use crate::time::Span;

pub use self::text::PlanFault;

/// Steps that disturb a run, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One disturbance.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// When.
    pub at: Moment,
    /// What.
    pub what: Disturbance,
}

/// When a step disturbs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the command starts.
    Start,
    /// At requests, counted from 1 among those of their kind.
    Requests(Requests),
}

/// Requests of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requests {
    /// For tokens, or for resources.
    pub phase: Phase,
    /// With this method alone.
    pub method: Option<String>,
    /// Which of them. A trouble happens before the first of them is sent.
    pub range: RequestRange,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Disturbance {
    /// A fault of the sandbox.
    Effect(Box<Effect>),
    /// The same, which ends so long after the first request that it disturbs.
    Passing(Box<Effect>, Span),
    /// A trouble of the sandbox.
    Trouble(TroubleName),
    /// The client's limits become these: requests per second and burst.
    Throttle {
        /// Requests per second.
        requests_per_second: u32,
        /// The most at once.
        burst: u32,
    },
    /// The client's tokens live so many seconds.
    TokenLifetime(u64),
    /// The client loses this scope token.
    TakeScope(String),
    /// The client trusts the authority of another sandbox, and so not this one's certificate.
    ForeignCertificate,
}

impl Plan {
    /// A plan of these steps.
    #[must_use]
    pub fn of(steps: impl IntoIterator<Item = Step>) -> Self {
        Self { steps: steps.into_iter().collect() }
    }

    /// Whether nothing is disturbed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Whether a client can do all that it is there for: nothing of it is taken away for good.
    #[must_use]
    pub fn is_survivable(&self) -> bool {
        const FINAL: [TroubleName; 4] = [
            TroubleName::SecretRevoked,
            TroubleName::ClientSuspended,
            TroubleName::ScopeNarrowed,
            TroubleName::QuotaExhausted,
        ];
        self.steps.iter().all(|step| match &step.what {
            Disturbance::TakeScope(_) | Disturbance::ForeignCertificate => false,
            Disturbance::Trouble(name) => !FINAL.contains(name),
            // What never ends is an outage for good.
            Disturbance::Effect(effect) => effect.answer.is_none() || !step.at.is_endless(),
            Disturbance::Passing(..) | Disturbance::Throttle { .. } | Disturbance::TokenLifetime(_) => true,
        })
    }

    /// Whether the client gets the certificate of a foreign authority to trust.
    #[must_use]
    pub fn has_foreign_certificate(&self) -> bool {
        self.steps.iter().any(|step| step.what == Disturbance::ForeignCertificate)
    }

    /// Whether this trouble is one of its steps.
    #[must_use]
    pub fn has_trouble(&self, name: TroubleName) -> bool {
        self.steps.iter().any(|step| step.what == Disturbance::Trouble(name))
    }
}

impl Step {
    /// What happens before the command starts.
    #[must_use]
    pub fn at_start(what: Disturbance) -> Self {
        Self { at: Moment::Start, what }
    }

    /// What happens at requests of a kind.
    #[must_use]
    pub fn at(requests: Requests, what: Disturbance) -> Self {
        Self { at: Moment::Requests(requests), what }
    }
}

impl Moment {
    /// Whether every request from some on is meant.
    fn is_endless(&self) -> bool {
        match self {
            Self::Start => false,
            Self::Requests(requests) => !requests.range.is_over_before(u64::MAX),
        }
    }
}

impl Requests {
    /// Requests with any method.
    #[must_use]
    pub fn new(phase: Phase, range: RequestRange) -> Self {
        Self { phase, method: None, range }
    }

    /// Those with this method alone.
    #[must_use]
    pub fn with_method(self, method: &str) -> Self {
        Self { method: Some(method.to_owned()), ..self }
    }
}

impl Disturbance {
    /// What happens to the requests themselves, if it is a fault.
    #[must_use]
    pub fn effect(&self) -> Option<&Effect> {
        match self {
            Self::Effect(effect) | Self::Passing(effect, _) => Some(effect),
            Self::Trouble(_)
            | Self::Throttle { .. }
            | Self::TokenLifetime(_)
            | Self::TakeScope(_)
            | Self::ForeignCertificate => None,
        }
    }
}
