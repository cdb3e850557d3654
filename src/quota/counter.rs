//! One client's units in memory: what this process has leased of a day and not yet spent.
//!
//! Arithmetic under a lock, without the store: a request spends a unit, a lease credits a block, and a day that is over
//! gives up its unspent units. [`block_size`] says how much one lease takes, and so what a crash can cost.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits::Limits;
use crate::time::{Day, UnixSeconds};

/// The largest block, in units, until a client has used a hundred of these in a day.
const MAX_FIRST_BLOCK: u64 = 1_000;
/// The largest block, in units.
const MAX_BLOCK: u64 = 100_000;

/// Where a client stands today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Units {
    /// Whether the quota admits this request; after a peek, whether it admits the next one.
    pub admitted: bool,
    /// Units in a day; `None` is unlimited.
    pub daily_quota: Option<u64>,
    /// Units spent today. Units that other nodes have leased count as spent.
    pub used: u64,
    /// Units left today.
    pub remaining: Option<u64>,
    /// When the next day begins, with a whole quota.
    pub resets_at: UnixSeconds,
    /// Seconds until then.
    pub resets_in_s: u64,
}

/// The units of the next block. A crash costs at most two blocks: 2 % of the quota, or two units; for a client without
/// a quota 2 % of what it has used, or 2,000 units.
pub(super) fn block_size(limits: Limits, used: u64) -> u64 {
    let first = limits.daily_quota.map_or(MAX_FIRST_BLOCK, |quota| (quota / 100).clamp(1, MAX_FIRST_BLOCK));
    first.max((used / 100).min(MAX_BLOCK))
}

/// The most units that a client may use in a day.
pub(super) fn max_units(limits: Limits) -> u64 {
    limits.daily_quota.filter(|_| limits.enforce).unwrap_or(u64::MAX)
}

/// One client's units. Only this client's requests take the lock, for a few instructions.
pub(super) struct DayCounter {
    today: Mutex<Today>,
    /// Held during a lease: a client has one lease at a time.
    pub(super) lease_lock: tokio::sync::Mutex<()>,
}

impl DayCounter {
    pub(super) fn new(day: Day) -> Self {
        let count = Count::default();
        let today = Today { day, count, used_before: 0, is_read: false, lease_is_under_way: false, is_closed: false };
        Self { today: Mutex::new(today), lease_lock: tokio::sync::Mutex::new(()) }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Today> {
        // No code panics under the lock; if some did, the numbers would still be consistent.
        self.today.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) struct Today {
    day: Day,
    count: Count,
    /// What of the used units is no request that this process saw today.
    used_before: u64,
    /// Whether `count` comes from the store.
    is_read: bool,
    /// Whether a lease runs in the background.
    pub(super) lease_is_under_way: bool,
    /// Whether the unspent units went back to the store for good: a later lease would be lost.
    is_closed: bool,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Count {
    /// The units in the store's record when this process last read or wrote it.
    pub(super) leased: u64,
    /// Those of them that this process may still spend.
    pub(super) available: u64,
}

/// Units of a day that this process leased and did not spend.
#[derive(Clone, Copy, Debug)]
pub struct Unspent {
    pub(crate) day: Day,
    pub(crate) units: u64,
}

/// What became of a request for one unit.
pub(super) enum Step {
    Spent {
        count: Count,
        then_lease: bool,
    },
    Exhausted(Count),
    /// No unit is available here: a block must be leased first.
    Empty,
}

impl Today {
    /// Spends one unit of `day`. Also returns the unspent units of the day before, if this request begins a new day.
    pub(super) fn spend(&mut self, day: Day, limits: Limits) -> (Step, Option<Unspent>) {
        let unspent = self.begin_if_new(day);
        (self.step(limits), unspent)
    }

    /// Begins `day`, unless it has begun. Returns the unspent units of the day before.
    pub(super) fn begin_if_new(&mut self, day: Day) -> Option<Unspent> {
        (self.day != day).then(|| self.begin(day)).filter(|unspent| unspent.units > 0)
    }

    fn step(&mut self, limits: Limits) -> Step {
        if self.is_read && self.count.used() >= max_units(limits) {
            return Step::Exhausted(self.count);
        }
        if self.count.available == 0 {
            return if self.is_all_leased(limits) { Step::Exhausted(self.count) } else { Step::Empty };
        }
        self.count.available -= 1;
        let then_lease = !self.lease_is_under_way && self.needs_block(self.day, limits) == Some(true);
        self.lease_is_under_way |= then_lease;
        Step::Spent { count: self.count, then_lease }
    }

    /// Whether it is time to lease a block: half of the last one is spent. `None` after [`close`](Self::close).
    pub(super) fn needs_block(&self, day: Day, limits: Limits) -> Option<bool> {
        if self.is_closed {
            return None;
        }
        let is_plenty = self.count.available > block_size(limits, self.count.used()) / 2;
        Some(self.day == day && !is_plenty && !self.is_all_leased(limits))
    }

    fn is_all_leased(&self, limits: Limits) -> bool {
        self.is_read && self.count.leased >= max_units(limits)
    }

    /// Adds a block of `granted` units, after which the store's record says `leased`. Returns the block if its day is
    /// over.
    #[must_use]
    pub(super) fn credit(&mut self, day: Day, leased: u64, granted: u64) -> Option<Unspent> {
        if self.day != day {
            return Some(Unspent { day, units: granted });
        }
        if !self.is_read {
            self.used_before = leased.saturating_sub(granted);
        }
        self.count = Count { leased, available: self.count.available + granted };
        self.is_read = true;
        None
    }

    /// The count of `day`, if it was read from the store.
    pub(super) fn count_on(&self, day: Day) -> Option<Count> {
        (self.is_read && self.day == day).then_some(self.count)
    }

    /// The day, and how many requests this process has counted in it.
    pub(super) fn requests(&self) -> (Day, u64) {
        (self.day, self.count.used().saturating_sub(self.used_before))
    }

    /// The day, and its count if it was read from the store.
    pub(super) fn count_read(&self) -> Option<(Day, Count)> {
        self.is_read.then_some((self.day, self.count))
    }

    /// Counts every unit of `day` that is available here as spent, and says how many that were.
    pub(super) fn use_available(&mut self, day: Day) -> u64 {
        let units = if self.day == day { std::mem::take(&mut self.count.available) } else { 0 };
        self.used_before += units;
        units
    }

    /// No longer counts these units as spent.
    pub(super) fn uncount(&mut self, unspent: Unspent) {
        if self.day == unspent.day {
            self.count.leased = self.count.leased.saturating_sub(unspent.units);
            self.used_before = self.used_before.saturating_sub(unspent.units);
        }
    }

    fn begin(&mut self, day: Day) -> Unspent {
        let unspent = self.take_unspent();
        (self.day, self.count, self.used_before, self.is_read) = (day, Count::default(), 0, false);
        unspent
    }

    /// Takes the unspent units, and lets no lease begin from now on.
    pub(super) fn close(&mut self) -> Unspent {
        self.is_closed = true;
        self.take_unspent()
    }

    pub(super) fn take_unspent(&mut self) -> Unspent {
        let units = std::mem::take(&mut self.count.available);
        self.count.leased = self.count.leased.saturating_sub(units);
        Unspent { day: self.day, units }
    }
}

impl Count {
    pub(super) fn used(self) -> u64 {
        self.leased.saturating_sub(self.available)
    }

    pub(super) fn units(self, admitted: bool, limits: Limits, now: UnixSeconds) -> Units {
        let resets_at = now.day().end();
        Units {
            admitted,
            daily_quota: limits.daily_quota,
            used: self.used(),
            remaining: limits.daily_quota.map(|quota| quota.saturating_sub(self.used())),
            resets_at,
            resets_in_s: resets_at.since(now),
        }
    }

    /// Where the client stands, without a request.
    pub(super) fn peek(self, limits: Limits, now: UnixSeconds) -> Units {
        self.units(self.used() < max_units(limits), limits, now)
    }
}
