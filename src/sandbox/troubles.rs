//! Named troubles: each is one thing that happens to a client in real life.
//!
//! [`TABLE`] has one row for each: its name, what happens, and how it is undone. A trouble is made of what the sandbox has
//! anyway: its clock, its faults, and the changes that an operator makes. So nothing of it is feigned: a client that is
//! suspended here is suspended, and its units are used up. [`active_troubles`](super::active_troubles) makes them happen,
//! and remembers what to undo.

mod rules;

use crate::api::sandbox::fault::FaultRule;
pub(crate) use crate::api::sandbox::trouble::TroubleName;
use crate::clients::{Client, Clients};
use crate::counts::Label as _;
use crate::oauth::credentials::ClientId;
use crate::time::{SECONDS_PER_DAY, Span, UnixSeconds};

/// A row of the table.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub(crate) name: TroubleName,
    /// What happens, in a sentence.
    pub(crate) description: &'static str,
    /// What clearing the troubles does about it.
    pub(crate) undone: &'static str,
    /// Whether it happens to one client, which a request must name.
    pub(crate) needs_client: bool,
    /// How long it lasts unless a request says otherwise; `None` if it does not depend on time.
    pub(crate) lasts: Option<Span>,
    pub(crate) act: Act,
}

/// What a trouble does.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    /// Moves the clock, for all clients.
    Clock(Jump),
    /// Revokes all tokens of the client.
    RevokeTokens,
    /// Gives the client another secret; those before it work for so many seconds more.
    RotateSecret { overlap_s: u64 },
    /// Lets another key sign.
    RotateKey,
    /// Suspends the client.
    Suspend,
    /// Takes some of the client's scope.
    NarrowScope,
    /// Uses up the units of the client's day.
    UseUpQuota,
    /// Adds a rule for faults.
    Disturb(fn(Option<&ClientId>, Span) -> FaultRule),
}

/// Where the clock moves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Jump {
    /// To the moment at which the newest token of the client has expired.
    PastExpiry,
    /// To the start of the next day.
    Midnight,
}

/// Every trouble, in the order of the documentation.
pub(crate) const TABLE: [Trouble; 13] = [
    Trouble {
        name: TroubleName::TokenExpires,
        description: "The clock moves to the moment at which the client's newest token expires.",
        undone: "The clock does not go back; restoring a snapshot takes it back.",
        needs_client: true,
        lasts: None,
        act: Act::Clock(Jump::PastExpiry),
    },
    Trouble {
        name: TroubleName::TokenRevoked,
        description: "Every token that the client has is revoked.",
        undone: "The tokens stay revoked; the client gets new ones at any time.",
        needs_client: true,
        lasts: None,
        act: Act::RevokeTokens,
    },
    Trouble {
        name: TroubleName::SecretRotated,
        description: "The client gets a new secret, and its old one works for one more day.",
        undone: "The new secret ends, and the client has the secrets that it had before.",
        needs_client: true,
        lasts: None,
        act: Act::RotateSecret { overlap_s: SECONDS_PER_DAY },
    },
    Trouble {
        name: TroubleName::SecretRevoked,
        description: "The client's secret ends at once, and the client gets a new one.",
        undone: "The new secret ends, and the client has the secrets that it had before.",
        needs_client: true,
        lasts: None,
        act: Act::RotateSecret { overlap_s: 0 },
    },
    Trouble {
        name: TroubleName::KeyRotated,
        description: "Another key signs from now on, and tokens of the key before it still verify.",
        undone: "The new key stays, and the old one verifies until its last token has expired.",
        needs_client: false,
        lasts: None,
        act: Act::RotateKey,
    },
    Trouble {
        name: TroubleName::ClientSuspended,
        description: "The client is suspended: it gets no token, and the tokens that it has are refused.",
        undone: "The client has the status that it had before.",
        needs_client: true,
        lasts: None,
        act: Act::Suspend,
    },
    Trouble {
        name: TroubleName::ScopeNarrowed,
        description: "The client loses the last of its scope tokens; its only one gives way to one that opens nothing.",
        undone: "The client has the scope that it had before.",
        needs_client: true,
        lasts: None,
        act: Act::NarrowScope,
    },
    Trouble {
        name: TroubleName::QuotaExhausted,
        description: "All units of the client's day are used up.",
        undone: "The client has the units that it had left, if the day is not over.",
        needs_client: true,
        lasts: None,
        act: Act::UseUpQuota,
    },
    Trouble {
        name: TroubleName::Throttled,
        description: "Each request for a resource gets 429, and Retry-After says when that is over.",
        undone: "The rule is removed.",
        needs_client: false,
        lasts: Some(Span::from_secs(5)),
        act: Act::Disturb(rules::throttled),
    },
    Trouble {
        name: TroubleName::Midnight,
        description: "The clock moves to 00:00Z: a new day begins, with a whole quota.",
        undone: "The clock does not go back; restoring a snapshot takes it back.",
        needs_client: false,
        lasts: None,
        act: Act::Clock(Jump::Midnight),
    },
    Trouble {
        name: TroubleName::Outage,
        description: "Each request, for a token too, gets 503.",
        undone: "The rule is removed.",
        needs_client: false,
        lasts: Some(Span::from_secs(30)),
        act: Act::Disturb(rules::outage),
    },
    Trouble {
        name: TroubleName::SlowNetwork,
        description: "Each answer comes late: mostly by about half a second, now and then by up to three.",
        undone: "The rule is removed.",
        needs_client: false,
        lasts: Some(Span::from_secs(30)),
        act: Act::Disturb(rules::slow_network),
    },
    Trouble {
        name: TroubleName::AnswerLost,
        description: "The next POST to a resource makes its change, and the connection is closed in place of an answer.",
        undone: "The rule is removed, if no POST came; a change that was made stays.",
        needs_client: false,
        lasts: None,
        act: Act::Disturb(rules::answer_lost),
    },
];

impl Trouble {
    /// The trouble of this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        Self::of(TroubleName::named(name)?)
    }

    /// The row of a name; each has one.
    pub(crate) fn of(name: TroubleName) -> Option<&'static Self> {
        TABLE.iter().find(|trouble| trouble.name == name)
    }
}

impl Jump {
    /// The moment that it moves the clock to. `client` is whose tokens are to expire.
    pub(crate) fn target(self, client: Option<&Client>, clients: &Clients, now: UnixSeconds) -> UnixSeconds {
        match (self, client) {
            (Self::PastExpiry, Some(client)) => {
                let last_uses = client.secrets.iter().filter_map(|secret| clients.last_used(secret));
                // No token is newer than the last use of a secret. After a crash, that use may not be known.
                last_uses.max().unwrap_or(now).plus(client.token_ttl).max(now)
            }
            (Self::PastExpiry, None) => now,
            (Self::Midnight, _) => now.day().end(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trouble_has_one_row_in_the_order_of_its_names() {
        let names: Vec<_> = TABLE.iter().map(|trouble| trouble.name).collect();
        assert_eq!(names, TroubleName::ALL);
        for Trouble { name, description, undone, .. } in &TABLE {
            assert!(description.ends_with('.') && undone.ends_with('.'), "{}", name.name());
        }
    }
}
