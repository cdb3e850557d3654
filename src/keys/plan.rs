//! Changes to the keys, planned: when one is made, imported or removed.
//!
//! A change is planned here, and committed by the caller together with its audit entry. All changes check and rewrite one
//! record. So of two changes at the same time one is committed, and the other is planned again from the new keys, on any
//! node.

use serde::{Deserialize, Serialize};

use super::algorithm::Algorithm;
use super::error::KeyError;
use super::registry::{KEYS, Keys};
use super::schedule::{PUBLISHED_FOR_S, SCHEDULED_AHEAD_S, Schedule, VERIFIES_FOR_S, signing_at};
use super::signing_key::{SigningKey, StoredKey};
use crate::store::{Keyspace, MAX_SCAN, Store, Txn, Value};
use crate::time::UnixSeconds;

const CHANGES: Keyspace<ChangeCount> = Keyspace::new("key-changes");

/// How often the keys were changed.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct ChangeCount {
    count: u64,
}

/// When a new key starts to sign. The first key of an installation signs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Once every cached JWK Set includes it.
    WhenPublished,
    /// At this moment, or once every cached JWK Set includes it, if that is later.
    At(UnixSeconds),
    /// At once: a resource server with an older JWK Set may refuse its tokens until it reads the next one.
    Immediately,
}

impl Start {
    fn moment(self, published_at: UnixSeconds, now: UnixSeconds) -> UnixSeconds {
        let published = published_at.plus(PUBLISHED_FOR_S).max(now);
        match self {
            Self::WhenPublished => published,
            Self::At(moment) => published.max(moment),
            Self::Immediately => now,
        }
    }
}

/// A change that is ready to be committed.
#[derive(Debug)]
pub struct Planned {
    /// The key that it changes.
    pub kid: String,
    /// The write to commit.
    pub change: Txn,
    /// Whether the keys already are as requested, so that the commit only checks them. The caller commits it all the
    /// same, and waits for it: then the keys in memory include the change that another node has just made.
    pub is_idle: bool,
}

impl Planned {
    fn new(kid: String, change: Txn) -> Self {
        Self { kid, change, is_idle: false }
    }
}

impl Keys {
    /// Lets another key sign. A key that waits to sign starts earlier; if it has another algorithm and was not imported,
    /// it is replaced.
    pub async fn plan_rotation(
        &self,
        algorithm: Algorithm,
        start: Start,
        now: UnixSeconds,
    ) -> Result<Planned, KeyError> {
        Snapshot::read(&*self.store, now).await?.rotated(algorithm, start, now)
    }

    /// Makes a key of this algorithm, unless the newest key is of it or was imported.
    pub async fn plan_initial(&self, algorithm: Algorithm, now: UnixSeconds) -> Result<Planned, KeyError> {
        let snapshot = Snapshot::read(&*self.store, now).await?;
        match snapshot.keys.last() {
            Some(newest) if newest.stored.imported || newest.stored.algorithm == algorithm => {
                Ok(snapshot.idle(&newest.kid))
            }
            Some(_) | None => snapshot.rotated(algorithm, Start::WhenPublished, now),
        }
    }

    /// Publishes the next key [`SCHEDULED_AHEAD_S`] before the signing key must be replaced; `None` before that time.
    pub(crate) async fn plan_scheduled_rotation(
        &self,
        schedule: &Schedule,
        now: UnixSeconds,
    ) -> Result<Option<Planned>, KeyError> {
        // This runs every minute: memory can tell that it is too early.
        let Some(moment) = self.replaced_at(schedule, now).filter(|moment| *moment <= now.plus(SCHEDULED_AHEAD_S))
        else {
            return Ok(None);
        };
        let signing = self.signing(now);
        let snapshot = Snapshot::read(&*self.store, now).await?;
        let last = snapshot.keys.last().map(|last| last.kid.as_str());
        if last != signing.as_ref().map(|key| key.kid()) {
            return Ok(None);
        }
        snapshot.rotated(schedule.algorithm, Start::At(moment), now).map(Some)
    }

    /// Imports an operator's RSA key, in PEM.
    pub(crate) async fn plan_import(&self, pem: &str, start: Start, now: UnixSeconds) -> Result<Planned, KeyError> {
        let stored = StoredKey::import(pem, now)?;
        let kid = SigningKey::parse(&stored).ok_or(KeyError::Crypto)?.kid().to_owned();
        let mut snapshot = Snapshot::read(&*self.store, now).await?;
        if snapshot.keys.iter().any(|key| key.kid == kid) {
            return Err(KeyError::AlreadyHere(kid));
        }
        let change = snapshot.begin_change()?;
        match snapshot.take_next() {
            Some(next) => Err(KeyError::AnotherWaits(next.kid)),
            None => snapshot.with_key(change, stored, start, now),
        }
    }

    /// Removes the key of this `kid`, so that its tokens are refused. If it signs, the next key signs from now on.
    pub async fn plan_removal(&self, kid: &str, now: UnixSeconds) -> Result<Planned, KeyError> {
        let mut snapshot = Snapshot::read(&*self.store, now).await?;
        let place = snapshot.keys.iter().position(|key| key.kid == kid).ok_or(KeyError::Unknown)?;
        let change = snapshot.begin_change()?.delete(KEYS.key(kid));
        if place != snapshot.signing {
            return Ok(Planned::new(kid.to_owned(), change));
        }
        let mut next = snapshot.take_next().ok_or(KeyError::NoSuccessor)?;
        next.stored.signs_from = now;
        Ok(Planned::new(kid.to_owned(), change.put(KEYS.key(&next.kid), KEYS.encode(&next.stored)?)))
    }

    /// Removes the oldest key once all its tokens have expired; `None` before that time.
    pub(crate) async fn plan_expired_removal(&self, now: UnixSeconds) -> Result<Option<Planned>, KeyError> {
        let is_over = |until: Option<UnixSeconds>| until.is_some_and(|until| until <= now);
        // This runs every minute: memory can tell that it is too early.
        if !self.list(now).first().is_some_and(|oldest| is_over(oldest.verifies_until)) {
            return Ok(None);
        }
        let snapshot = Snapshot::read(&*self.store, now).await?;
        let (Some(oldest), Some(follower)) = (snapshot.keys.first(), snapshot.keys.get(1)) else { return Ok(None) };
        if snapshot.signing == 0 || !is_over(Some(follower.stored.signs_from.plus(VERIFIES_FOR_S))) {
            return Ok(None);
        }
        Ok(Some(Planned::new(oldest.kid.clone(), snapshot.begin_change()?.delete(KEYS.key(&oldest.kid)))))
    }
}

/// The keys as the store has them.
struct Snapshot {
    changes: ChangeCount,
    /// The stored form of `changes`, if there is one.
    guard: Option<Value>,
    /// In the order in which they sign.
    keys: Vec<NamedKey>,
    /// The place of the key that signs.
    signing: usize,
}

struct NamedKey {
    kid: String,
    stored: StoredKey,
}

impl Snapshot {
    async fn read(store: &dyn Store, now: UnixSeconds) -> Result<Self, KeyError> {
        // The record that guards the keys comes first: a change after this read makes the commit fail.
        let (changes, guard) = match CHANGES.get(store, "").await? {
            Some((changes, value)) => (changes, Some(value)),
            None => (ChangeCount::default(), None),
        };
        let mut keys = Vec::new();
        for (key, value) in store.scan(&KEYS.prefix(), None, MAX_SCAN).await? {
            let Some(kid) = KEYS.id(&key) else { continue };
            let mut stored = KEYS.decode(&key, &value)?;
            stored.signs_from = stored.signs_from.max(stored.created_at);
            keys.push(NamedKey { kid: kid.to_owned(), stored });
        }
        keys.sort_by(|one, other| one.place().cmp(&other.place()));
        let signing = signing_at(keys.iter().map(|key| key.stored.signs_from), now);
        Ok(Self { changes, guard, keys, signing })
    }

    /// Checks that the keys have not changed since they were read.
    fn unchanged(&self) -> Txn {
        match self.guard.clone() {
            Some(value) => Txn::new().equals(CHANGES.key(""), value),
            None => Txn::new().absent(CHANGES.key("")),
        }
    }

    /// The same, and begins a change: another change that was planned at the same time cannot be committed after it.
    fn begin_change(&self) -> Result<Txn, KeyError> {
        let changes = ChangeCount { count: self.changes.count + 1 };
        Ok(self.unchanged().put(CHANGES.key(""), CHANGES.encode(&changes)?))
    }

    fn idle(&self, kid: &str) -> Planned {
        Planned { kid: kid.to_owned(), change: self.unchanged(), is_idle: true }
    }

    fn rotated(mut self, algorithm: Algorithm, start: Start, now: UnixSeconds) -> Result<Planned, KeyError> {
        let change = self.begin_change()?;
        let Some(mut next) = self.take_next() else { return self.with_new_key(change, algorithm, start, now) };
        if next.stored.algorithm != algorithm && !next.stored.imported {
            return self.with_new_key(change.delete(KEYS.key(&next.kid)), algorithm, start, now);
        }
        let moment = start.moment(next.stored.created_at, now);
        if next.stored.signs_from <= moment {
            return Ok(self.idle(&next.kid));
        }
        next.stored.signs_from = moment;
        let change = change.put(KEYS.key(&next.kid), KEYS.encode(&next.stored)?);
        Ok(Planned::new(next.kid, change))
    }

    /// The key that waits to sign; at most one does.
    fn take_next(&mut self) -> Option<NamedKey> {
        (self.keys.len() > self.signing + 1).then(|| self.keys.pop()).flatten()
    }

    fn with_new_key(
        &self,
        change: Txn,
        algorithm: Algorithm,
        start: Start,
        now: UnixSeconds,
    ) -> Result<Planned, KeyError> {
        self.with_key(change, StoredKey::generate(algorithm, now)?, start, now)
    }

    /// Adds a key that signs after all others.
    fn with_key(
        &self,
        change: Txn,
        mut stored: StoredKey,
        start: Start,
        now: UnixSeconds,
    ) -> Result<Planned, KeyError> {
        stored.sequence = self.changes.count + 1;
        // Never before the last key, even if the clock was set back: the order decides which key signs.
        let last = self.keys.last().map(|last| last.stored.signs_from);
        stored.signs_from = last.map_or(now, |last| start.moment(now, now).max(last));
        let kid = SigningKey::parse(&stored).ok_or(KeyError::Crypto)?.kid().to_owned();
        let name = KEYS.key(&kid);
        let change = change.absent(name.clone()).put(name, KEYS.encode(&stored)?);
        Ok(Planned::new(kid, change))
    }
}

impl NamedKey {
    fn place(&self) -> (UnixSeconds, u64, &str) {
        (self.stored.signs_from, self.stored.sequence, &self.kid)
    }
}
