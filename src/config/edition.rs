//! The two servers that this program can be.

use std::ops::RangeInclusive;

/// Which of the two servers runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edition {
    /// `boomgate serve`: production.
    Serve,
    /// `boomgate sandbox`: demo clients with published secrets, so on loopback only.
    Sandbox,
}

impl Edition {
    /// The command that runs it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Sandbox => "sandbox",
        }
    }

    /// The other of the two.
    #[must_use]
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Serve => Self::Sandbox,
            Self::Sandbox => Self::Serve,
        }
    }

    /// How long access tokens may live, in seconds. The sandbox allows short lifetimes, so that a developer can
    /// watch a token expire.
    #[must_use]
    pub(crate) const fn token_ttl_s(self) -> RangeInclusive<u64> {
        match self {
            Self::Serve => 3_600..=86_400,
            Self::Sandbox => 1..=86_400,
        }
    }
}
