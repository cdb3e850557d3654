//! Chance that can be repeated: each number is determined by a seed and by which request it is for.
//!
//! There is no state between two requests, so the numbers are the same on any number of connections and in any order.

/// The seed of a rule that names none: the n-th of the sandbox. It is short, so that people can copy it.
pub(super) fn seed(sandbox: u64, n: u64) -> u64 {
    mix(sandbox ^ mix(n)) >> 44
}

/// The numbers of one request.
#[derive(Clone, Copy)]
pub(super) struct Draws {
    seed: u64,
    request: u64,
}

impl Draws {
    /// Those of the n-th request of a rule with this seed.
    pub(super) fn new(seed: u64, request: u64) -> Self {
        Self { seed, request }
    }

    /// Whether it happens: never with a probability of 0, always with 1.
    pub(super) fn happens(self, probability: f64) -> bool {
        self.uniform(0) < probability
    }

    /// From 0 to 1, without 1.
    pub(super) fn fraction(self) -> f64 {
        self.uniform(1)
    }

    /// A value of the normal distribution with mean 0 and deviation 1 (Box and Muller).
    pub(super) fn normal(self) -> f64 {
        // The logarithm of 0 has no value.
        let radius = (-2.0 * (1.0 - self.uniform(2)).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform(3)).cos()
    }

    /// From 0 to 1, without 1; another one for each `purpose`.
    #[allow(clippy::cast_precision_loss, reason = "53 bits are what a double holds")]
    fn uniform(self, purpose: u64) -> f64 {
        const BITS: u32 = f64::MANTISSA_DIGITS;
        let bits = mix(mix(mix(self.seed) ^ self.request) ^ purpose) >> (u64::BITS - BITS);
        bits as f64 / (1_u64 << BITS) as f64
    }
}

/// Spreads the bits of a number over all others: the output function of `SplitMix64`.
fn mix(number: u64) -> u64 {
    let number = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn about_as_many_happen_as_the_probability_says() {
        let counted = |seed, probability| (1..=10_000).filter(|n| Draws::new(seed, *n).happens(probability)).count();
        for seed in [0, 1, 42, u64::MAX] {
            assert_eq!((counted(seed, 0.0), counted(seed, 1.0)), (0, 10_000));
            for (probability, about) in [(0.001, 10_usize), (0.2, 2_000), (0.5, 5_000), (0.99, 9_900)] {
                let count = counted(seed, probability);
                assert!(count.abs_diff(about) < 10 + about / 15, "{seed}: {count} with {probability}");
            }
        }
    }

    #[test]
    fn seeds_choose_different_requests() {
        let chosen = |seed| (1..=1_000).filter(|n| Draws::new(seed, *n).happens(0.2)).collect::<Vec<u64>>();
        assert_eq!(chosen(42), chosen(42));
        for (one, other) in [(42, 43), (0, 1)] {
            let common = chosen(one).iter().filter(|n| chosen(other).contains(n)).count();
            assert!(common < 80, "{common} of some 200, where chance has 40");
        }
    }

    #[test]
    #[allow(clippy::cast_precision_loss, reason = "small numbers")]
    fn normal_values_have_their_mean_and_their_deviation() {
        let values: Vec<f64> = (0..10_000).map(|n| Draws::new(7, n).normal()).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        assert!(mean.abs() < 0.05 && (variance - 1.0).abs() < 0.1, "{mean} {variance}");
        assert!(values.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_made_seed_is_short_and_another_for_each_rule() {
        let seeds: std::collections::BTreeSet<u64> = (0..100).map(|n| seed(7, n)).collect();
        assert!(seeds.len() > 98 && seeds.iter().all(|seed| *seed < 1 << 20));
    }
}
