//! Counters for metrics: many threads add, one reader sums.
//!
//! Each room of the program owns the counters of what it decides, and `http::metrics` reads them all. A [`Counter`], or
//! [`Counts`] by a label of a closed set, is one number for each of some threads, on separate cache lines, so that workers
//! never wait for each other: an addition is one uncontended atomic, and a total may miss additions that happen at the same
//! time. No locks, no allocations, and no series that grows with what callers send.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How many threads count apart from each other; further ones share.
const SHARDS: usize = 16;
/// The most values of a label.
const MAX_VALUES: usize = 32;

/// A label: a closed set of values. [`label!`] makes one.
pub trait Label: Copy + 'static {
    /// Every value, in the order of their indices.
    const ALL: &'static [Self];

    /// The value in the metrics.
    fn name(self) -> &'static str;

    /// The index in [`ALL`](Self::ALL).
    fn index(self) -> usize;

    /// The value of this name.
    #[must_use]
    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.name() == name)
    }
}

/// Makes an enum that is a [`Label`]: `Variant = "value"`, one a line.
macro_rules! label {
    ($(#[$doc:meta])* $visible:vis enum $name:ident { $($(#[$of:meta])* $variant:ident = $value:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visible enum $name { $($(#[$of])* $variant,)+ }

        impl $crate::counts::Label for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];

            fn name(self) -> &'static str {
                match self { $(Self::$variant => $value),+ }
            }

            fn index(self) -> usize {
                self as usize
            }
        }
    };
}
pub(crate) use label;

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(Shards<1>);

impl Counter {
    /// Adds 1.
    pub(crate) fn add_one(&self) {
        self.0.add(0, 1);
    }

    /// Adds `many`.
    pub fn add(&self, many: u64) {
        self.0.add(0, many);
    }

    /// The sum of all additions.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.total(0)
    }
}

/// A number for each value of a label, all 0 at first.
#[derive(Debug)]
pub struct Counts<L> {
    shards: Shards<MAX_VALUES>,
    label: PhantomData<fn(L)>,
}

impl<L: Label> Counts<L> {
    /// Starts with 0 everywhere.
    #[must_use]
    pub fn new() -> Self {
        const { assert!(L::ALL.len() <= MAX_VALUES, "a label has more values than there is room for") };
        Self { shards: Shards::default(), label: PhantomData }
    }

    /// Adds 1 to this value.
    pub(crate) fn add_one(&self, value: L) {
        self.shards.add(value.index(), 1);
    }

    /// The sum of all additions to each value.
    pub fn totals(&self) -> impl Iterator<Item = (L, u64)> + '_ {
        L::ALL.iter().map(|value| (*value, self.shards.total(value.index())))
    }
}

impl<L: Label> Default for Counts<L> {
    fn default() -> Self {
        Self::new()
    }
}

/// The numbers of one thread, on two cache lines of their own: processors fetch cache lines in pairs.
#[derive(Debug)]
#[repr(align(128))]
struct Shard<const N: usize>([AtomicU64; N]);

#[derive(Debug)]
struct Shards<const N: usize>(Box<[Shard<N>]>);

impl<const N: usize> Default for Shards<N> {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Shard([const { AtomicU64::new(0) }; N])).collect())
    }
}

impl<const N: usize> Shards<N> {
    fn add(&self, index: usize, many: u64) {
        if let Some(number) = self.0.get(own_shard()).and_then(|shard| shard.0.get(index)) {
            number.fetch_add(many, Ordering::Relaxed);
        }
    }

    fn total(&self, index: usize) -> u64 {
        let numbers = self.0.iter().filter_map(|shard| shard.0.get(index));
        numbers.map(|number| number.load(Ordering::Relaxed)).fold(0, u64::wrapping_add)
    }
}

/// Which shard this thread adds to.
fn own_shard() -> usize {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static SHARD: usize = usize::try_from(THREADS.fetch_add(1, Ordering::Relaxed)).unwrap_or(0) % SHARDS;
    }
    SHARD.with(|shard| *shard)
}

/// A histogram of durations: a count for each bound, as in Prometheus.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [f64],
    /// The bounds again, in nanoseconds.
    bounds_ns: Box<[u64]>,
    /// How many exceeded the bound before and not this one; the last bucket exceeded all bounds.
    buckets: Box<[AtomicU64]>,
    sum_ns: AtomicU64,
}

/// The values of a [`Histogram`].
#[derive(Clone, Debug, PartialEq)]
pub struct Times {
    /// The bounds, in seconds.
    pub bounds: &'static [f64],
    /// How many took no longer than each bound; the last number counts all.
    pub cumulative: Vec<u64>,
    /// The sum of all durations, in seconds.
    pub sum_s: f64,
}

impl Histogram {
    /// A histogram with these bounds in seconds, in ascending order.
    #[must_use]
    pub fn new(bounds: &'static [f64]) -> Self {
        let ns = |bound: &f64| u64::try_from(Duration::from_secs_f64(*bound).as_nanos()).unwrap_or(u64::MAX);
        Self {
            bounds,
            bounds_ns: bounds.iter().map(ns).collect(),
            buckets: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum_ns: AtomicU64::new(0),
        }
    }

    /// Counts one duration.
    pub(crate) fn observe(&self, took: Duration) {
        let ns = nanoseconds(took);
        if let Some(bucket) = self.bucket(ns) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.sum_ns.fetch_add(ns, Ordering::Relaxed);
    }

    /// The same where no other thread observes, which saves the atomic addition. If two threads did so, counts would be
    /// lost.
    pub(crate) fn observe_alone(&self, took: Duration) {
        let ns = nanoseconds(took);
        let add = |number: &AtomicU64, many: u64| {
            number.store(number.load(Ordering::Relaxed).wrapping_add(many), Ordering::Relaxed);
        };
        if let Some(bucket) = self.bucket(ns) {
            add(bucket, 1);
        }
        add(&self.sum_ns, ns);
    }

    /// The values so far.
    #[must_use]
    pub fn times(&self) -> Times {
        let mut all = 0_u64;
        let cumulative = self.buckets.iter().map(|bucket| {
            all = all.wrapping_add(bucket.load(Ordering::Relaxed));
            all
        });
        Times {
            bounds: self.bounds,
            cumulative: cumulative.collect(),
            sum_s: Duration::from_nanos(self.sum_ns.load(Ordering::Relaxed)).as_secs_f64(),
        }
    }

    /// The first bucket whose bound is not exceeded. Nearly always it is the first of all, so they are tried in order.
    fn bucket(&self, ns: u64) -> Option<&AtomicU64> {
        let place = self.bounds_ns.iter().position(|bound| ns <= *bound).unwrap_or(self.bounds_ns.len());
        self.buckets.get(place)
    }
}

fn nanoseconds(took: Duration) -> u64 {
    u64::try_from(took.as_nanos()).unwrap_or(u64::MAX)
}

impl Times {
    /// No durations, with these bounds.
    #[must_use]
    pub fn none(bounds: &'static [f64]) -> Self {
        Self { bounds, cumulative: vec![0; bounds.len() + 1], sum_s: 0.0 }
    }

    /// The sum of both, which have the same bounds.
    #[must_use]
    pub fn and(mut self, other: &Self) -> Self {
        for (mine, theirs) in self.cumulative.iter_mut().zip(&other.cumulative) {
            *mine = mine.wrapping_add(*theirs);
        }
        self.sum_s += other.sum_s;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    label! {
        /// For these tests.
        enum Fruit {
            /// One.
            Apple = "apple",
            /// Another.
            Pear = "pear",
        }
    }

    #[test]
    fn counts_of_all_threads_are_summed_and_every_value_starts_at_0() {
        let (counts, counter) = (Counts::<Fruit>::new(), Counter::default());
        assert_eq!(
            counts.totals().map(|(fruit, total)| (fruit.name(), total)).collect::<Vec<_>>(),
            [("apple", 0), ("pear", 0)]
        );
        // More threads than shards: some share one.
        std::thread::scope(|scope| {
            for _ in 0..=(SHARDS * 2) {
                scope.spawn(|| {
                    for _ in 0..1_000 {
                        counts.add_one(Fruit::Pear);
                        counter.add(2);
                    }
                });
            }
        });
        let threads = SHARDS as u64 * 2 + 1;
        assert_eq!(counts.totals().collect::<Vec<_>>(), [(Fruit::Apple, 0), (Fruit::Pear, threads * 1_000)]);
        assert_eq!(counter.total(), threads * 2_000);
    }

    #[test]
    fn every_value_of_a_label_is_at_its_index() {
        for (place, fruit) in Fruit::ALL.iter().enumerate() {
            assert_eq!(fruit.index(), place);
        }
    }

    #[test]
    fn a_time_is_counted_at_every_bound_that_it_does_not_exceed() {
        const BOUNDS: &[f64] = &[0.005, 0.25, 10.0];
        let one = Histogram::new(BOUNDS);
        let other = Histogram::new(BOUNDS);
        for ms in [0, 5, 6, 250] {
            one.observe(Duration::from_millis(ms));
        }
        for ms in [9_999, 10_001, 3_600_000] {
            other.observe_alone(Duration::from_millis(ms));
        }
        let times = Times::none(BOUNDS).and(&one.times()).and(&other.times());
        assert_eq!(times.cumulative, [2, 4, 5, 7]);
        assert!((times.sum_s - 3_620.261).abs() < 1e-6, "{}", times.sum_s);
    }
}
