//! What becomes of the keys when one is made, brought or taken away.
//!
//! A change is planned here and committed by the caller, together with the audit log's word of it. All
//! changes check and rewrite one record, so of two made at the same time one is committed, and the other
//! is planned again from what is there then, on whichever node.

use serde::{Deserialize, Serialize};

use super::signing::{SigningKey, StoredKey};
use super::{KEYS, KeyError, Keys, PUBLISHED_FOR_S, SCHEDULED_AHEAD_S, Schedule, VERIFIES_FOR_S, signing_at};
use crate::api::key::Algorithm;
use crate::store::{Keyspace, MAX_SCAN, Store, Txn, Value};
use crate::time::UnixSeconds;

const CHANGES: Keyspace<Changes> = Keyspace::new("key-changes");

/// How often the keys were changed.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct Changes {
    count: u64,
}

/// When a new key starts to sign. The first of all signs at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Once every JWK Set that is kept somewhere has it.
    WhenPublished,
    /// At this moment, or once it is published, if that is later.
    At(UnixSeconds),
    /// At once: a resource server that keeps an older JWK Set may refuse its tokens until it reads the next.
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
    /// The key that it is about.
    pub kid: String,
    /// What to commit.
    pub change: Txn,
    /// Whether all is as it was asked for, so that the commit writes nothing. It is made all the same: once it
    /// is in force, so is what another made of the keys a moment ago.
    pub is_idle: bool,
}

impl Planned {
    fn new(kid: String, change: Txn) -> Self {
        Self { kid, change, is_idle: false }
    }
}

impl Keys {
    /// Another key signs. One that waits already is brought forward; one that waits with another algorithm,
    /// and was not imported, is replaced.
    pub async fn rotation(&self, algorithm: Algorithm, start: Start, now: UnixSeconds) -> Result<Planned, KeyError> {
        Chain::read(&*self.store, now).await?.rotated(algorithm, start, now)
    }

    /// There is a key; and the newest, if it was made here, is of this algorithm.
    pub async fn plan_initial(&self, algorithm: Algorithm, now: UnixSeconds) -> Result<Planned, KeyError> {
        let chain = Chain::read(&*self.store, now).await?;
        match chain.links.last() {
            Some(newest) if newest.stored.imported || newest.stored.algorithm == algorithm => {
                Ok(chain.idle(&newest.kid))
            }
            Some(_) | None => chain.rotated(algorithm, Start::WhenPublished, now),
        }
    }

    /// The next key is there a day before the one that signs is to be replaced; `None` if it is not time.
    pub async fn plan_rotation(&self, schedule: &Schedule, now: UnixSeconds) -> Result<Option<Planned>, KeyError> {
        // Memory says first whether there is anything to do, for this is asked every minute.
        let Some(moment) = self.replaced_at(schedule, now).filter(|moment| *moment <= now.plus(SCHEDULED_AHEAD_S))
        else {
            return Ok(None);
        };
        let signing = self.signing(now);
        let chain = Chain::read(&*self.store, now).await?;
        let last = chain.links.last().map(|last| last.kid.as_str());
        if last != signing.as_ref().map(|key| key.kid()) {
            return Ok(None);
        }
        chain.rotated(schedule.algorithm, Start::At(moment), now).map(Some)
    }

    /// An operator's RSA key, in PEM, signs.
    pub async fn import(&self, pem: &str, start: Start, now: UnixSeconds) -> Result<Planned, KeyError> {
        let stored = StoredKey::import(pem, now)?;
        let kid = SigningKey::parse(&stored).ok_or(KeyError::Crypto)?.kid().to_owned();
        let mut chain = Chain::read(&*self.store, now).await?;
        if chain.links.iter().any(|link| link.kid == kid) {
            return Err(KeyError::AlreadyHere(kid));
        }
        let guard = chain.guard()?;
        match chain.take_next() {
            Some(next) => Err(KeyError::AnotherWaits(next.kid)),
            None => chain.with(guard, stored, start, now),
        }
    }

    /// The key of this `kid` is gone, and its tokens with it. If it signs, the next one signs from now on.
    pub async fn removal(&self, kid: &str, now: UnixSeconds) -> Result<Planned, KeyError> {
        let mut chain = Chain::read(&*self.store, now).await?;
        let place = chain.links.iter().position(|link| link.kid == kid).ok_or(KeyError::Unknown)?;
        let change = chain.guard()?.delete(KEYS.key(kid));
        if place != chain.signing {
            return Ok(Planned::new(kid.to_owned(), change));
        }
        let mut next = chain.take_next().ok_or(KeyError::NoSuccessor)?;
        next.stored.signs_from = now;
        Ok(Planned::new(kid.to_owned(), change.put(KEYS.key(&next.kid), KEYS.encode(&next.stored)?)))
    }

    /// The oldest key is gone, if every token under it has expired; `None` if there is no such.
    pub async fn plan_removal(&self, now: UnixSeconds) -> Result<Option<Planned>, KeyError> {
        let is_over = |until: Option<UnixSeconds>| until.is_some_and(|until| until <= now);
        // Memory says first whether there is anything to do, for this is asked every minute.
        if !self.list(now).first().is_some_and(|oldest| is_over(oldest.verifies_until)) {
            return Ok(None);
        }
        let chain = Chain::read(&*self.store, now).await?;
        let (Some(oldest), Some(follower)) = (chain.links.first(), chain.links.get(1)) else { return Ok(None) };
        if chain.signing == 0 || !is_over(Some(follower.stored.signs_from.plus(VERIFIES_FOR_S))) {
            return Ok(None);
        }
        Ok(Some(Planned::new(oldest.kid.clone(), chain.guard()?.delete(KEYS.key(&oldest.kid)))))
    }
}

/// The keys as the store has them, in the order in which they sign.
struct Chain {
    before: Option<Value>,
    changes: Changes,
    links: Vec<Link>,
    /// The place of the one that signs.
    signing: usize,
}

struct Link {
    kid: String,
    stored: StoredKey,
}

impl Chain {
    async fn read(store: &dyn Store, now: UnixSeconds) -> Result<Self, KeyError> {
        // First the record that guards the keys: what changes after it was read makes the commit fail.
        let (changes, before) = match CHANGES.get(store, "").await? {
            Some((changes, value)) => (changes, Some(value)),
            None => (Changes::default(), None),
        };
        let mut links = Vec::new();
        for (key, value) in store.scan(&KEYS.prefix(), None, MAX_SCAN).await? {
            let Some(kid) = KEYS.id(&key) else { continue };
            let mut stored = KEYS.decode(&key, &value)?;
            stored.signs_from = stored.signs_from.max(stored.created_at);
            links.push(Link { kid: kid.to_owned(), stored });
        }
        links.sort_by(|one, other| one.place().cmp(&other.place()));
        let signing = signing_at(links.iter().map(|link| link.stored.signs_from), now);
        Ok(Self { before, changes, links, signing })
    }

    /// Only if nothing else has changed the keys since they were read.
    fn unchanged(&self) -> Txn {
        match self.before.clone() {
            Some(value) => Txn::new().equals(CHANGES.key(""), value),
            None => Txn::new().absent(CHANGES.key("")),
        }
    }

    /// The same, for a change: of others, planned at the same time, none is committed.
    fn guard(&self) -> Result<Txn, KeyError> {
        let changes = Changes { count: self.changes.count + 1 };
        Ok(self.unchanged().put(CHANGES.key(""), CHANGES.encode(&changes)?))
    }

    fn idle(&self, kid: &str) -> Planned {
        Planned { kid: kid.to_owned(), change: self.unchanged(), is_idle: true }
    }

    fn rotated(mut self, algorithm: Algorithm, start: Start, now: UnixSeconds) -> Result<Planned, KeyError> {
        let guard = self.guard()?;
        let Some(mut next) = self.take_next() else { return self.appended(guard, algorithm, start, now) };
        if next.stored.algorithm != algorithm && !next.stored.imported {
            return self.appended(guard.delete(KEYS.key(&next.kid)), algorithm, start, now);
        }
        let moment = start.moment(next.stored.created_at, now);
        if next.stored.signs_from <= moment {
            return Ok(self.idle(&next.kid));
        }
        next.stored.signs_from = moment;
        let change = guard.put(KEYS.key(&next.kid), KEYS.encode(&next.stored)?);
        Ok(Planned::new(next.kid, change))
    }

    /// The key that waits to sign; there is one at most.
    fn take_next(&mut self) -> Option<Link> {
        (self.links.len() > self.signing + 1).then(|| self.links.pop()).flatten()
    }

    fn appended(&self, guard: Txn, algorithm: Algorithm, start: Start, now: UnixSeconds) -> Result<Planned, KeyError> {
        self.with(guard, StoredKey::generate(algorithm, now)?, start, now)
    }

    /// With one key more, after all others.
    fn with(&self, guard: Txn, mut stored: StoredKey, start: Start, now: UnixSeconds) -> Result<Planned, KeyError> {
        stored.sequence = self.changes.count + 1;
        // Never before the last one, even if the clock was set back: order is what makes a key sign.
        let last = self.links.last().map(|last| last.stored.signs_from);
        stored.signs_from = last.map_or(now, |last| start.moment(now, now).max(last));
        let kid = SigningKey::parse(&stored).ok_or(KeyError::Crypto)?.kid().to_owned();
        let name = KEYS.key(&kid);
        let change = guard.absent(name.clone()).put(name, KEYS.encode(&stored)?);
        Ok(Planned::new(kid, change))
    }
}

impl Link {
    fn place(&self) -> (UnixSeconds, u64, &str) {
        (self.stored.signs_from, self.stored.sequence, &self.kid)
    }
}
