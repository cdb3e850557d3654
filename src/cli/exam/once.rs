//! `--once`: one plan with many disturbances at different requests, by a seed.

use crate::api::sandbox::fault::{Phase, RequestRange};
use crate::exam::Reference;
use crate::exam::plan::{Moment, Plan, Requests, Step};

/// What may happen at a request for a resource, as a plan has it. Each is something that a client has to survive.
const DISTURBANCES: [&str; 8] =
    ["503", "502", "drop", "throttled+retry-after:1", "token-expires", "token-revoked", "key-rotated", "truncate:20"];
/// How many requests there are between two disturbances: a client has to get through one before it meets the next.
const DISTANCE: u64 = 2;

/// A plan for a client whose undisturbed run is the reference. The same seed gives the same plan.
pub(super) fn plan(reference: &Reference, seed: u64) -> Plan {
    let mut order: Vec<&str> = DISTURBANCES.to_vec();
    let mut random = seed;
    for last in (1..order.len()).rev() {
        order.swap(last, usize::try_from(next(&mut random) % (last as u64 + 1)).unwrap_or_default());
    }
    let mut number = 1 + next(&mut random) % DISTANCE;
    let mut steps = Vec::new();
    for (met, what) in order.into_iter().enumerate() {
        // Each disturbance leads to one request more.
        if number > reference.resources + met as u64 {
            break;
        }
        let Ok(Plan { steps: parsed }) = format!("resource.GET#1={what}").parse() else { continue };
        let at = Requests { phase: Phase::Resource, method: None, range: RequestRange::only(number) };
        steps.extend(parsed.into_iter().map(|step| Step { at: Moment::Requests(at.clone()), ..step }));
        number += DISTANCE;
    }
    Plan { steps }
}

/// The next of a row of numbers that look random (SplitMix64, Steele, Lea and Flood, 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_plan_that_fits_the_client() {
        let reference = |resources| Reference { resources, ..Reference::default() };
        let long = plan(&reference(20), 7);
        assert_eq!(long, plan(&reference(20), 7));
        assert_ne!(long, plan(&reference(20), 8));
        assert_eq!(long.steps.len(), DISTURBANCES.len());
        let numbers: Vec<_> = plan(&reference(3), 7).steps.iter().map(|step| step.at.clone()).collect();
        assert!(!numbers.is_empty() && numbers.len() < DISTURBANCES.len());
        assert_eq!(long.to_string().parse::<Plan>().unwrap(), long);
    }
}
