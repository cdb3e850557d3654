//! Which of many disturbances break a client: the least plan that still fails, found by delta debugging (Zeller and
//! Hildebrandt, "Simplifying and isolating failure-inducing input", 2002).
//!
//! Each question is a run of the client's command, so answers are remembered and their number is bounded. The result is
//! 1-minimal if the bound was not met: without any one of its steps, the client passes.

use std::collections::HashMap;

use super::plan::Plan;

/// What a search found.
#[derive(Clone, Debug, PartialEq)]
pub struct Shrunk {
    /// The least plan that still fails.
    pub plan: Plan,
    /// How many runs it took.
    pub runs: u32,
    /// Whether no step can be left out; otherwise the search ended before that was known.
    pub is_minimal: bool,
}

/// The question was not answered, such as because the exam was interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unanswered;

/// Searches for the least part of a plan that fails, which `fails` says of each part. The whole plan does. At most
/// `max_runs` questions are asked.
pub fn shrink(
    plan: &Plan,
    max_runs: u32,
    mut fails: impl FnMut(&Plan) -> Result<bool, Unanswered>,
) -> Result<Shrunk, Unanswered> {
    let mut search = Search { plan, max_runs, runs: 0, answers: HashMap::new(), fails: &mut fails };
    let mut current: Vec<usize> = (0..plan.steps.len()).collect();
    let mut parts = 2;
    let is_minimal = loop {
        if current.len() < 2 {
            break true;
        }
        let size = current.len().div_ceil(parts);
        let chunks: Vec<&[usize]> = current.chunks(size).collect();
        let complement = |left_out: usize| -> Vec<usize> {
            let others = chunks.iter().enumerate().filter(|(index, _)| *index != left_out);
            others.flat_map(|(_, chunk)| chunk.iter().copied()).collect()
        };
        let mut found = None;
        let mut is_over = false;
        let alone = chunks.iter().map(|chunk| (chunk.to_vec(), 2));
        // With two parts, the complement of one is the other.
        let complements = (0..chunks.len()).filter(|_| parts > 2).map(|index| (complement(index), parts - 1));
        for (candidate, next_parts) in alone.chain(complements) {
            match search.ask(&candidate)? {
                Some(true) => {
                    found = Some((candidate, next_parts));
                    break;
                }
                Some(false) => {}
                None => {
                    is_over = true;
                    break;
                }
            }
        }
        if is_over {
            break false;
        }
        match found {
            Some((smaller, next_parts)) => (current, parts) = (smaller, next_parts.max(2)),
            None if parts >= current.len() => break true,
            None => parts = (parts * 2).min(current.len()),
        }
    };
    Ok(Shrunk { plan: search.part(&current), runs: search.runs, is_minimal })
}

struct Search<'s, F> {
    plan: &'s Plan,
    max_runs: u32,
    runs: u32,
    answers: HashMap<Vec<usize>, bool>,
    fails: &'s mut F,
}

impl<F: FnMut(&Plan) -> Result<bool, Unanswered>> Search<'_, F> {
    /// Whether these steps fail; `None` once no more runs are allowed.
    fn ask(&mut self, steps: &[usize]) -> Result<Option<bool>, Unanswered> {
        if let Some(answer) = self.answers.get(steps) {
            return Ok(Some(*answer));
        }
        if self.runs >= self.max_runs {
            return Ok(None);
        }
        self.runs += 1;
        let part = self.part(steps);
        let answer = (self.fails)(&part)?;
        self.answers.insert(steps.to_vec(), answer);
        Ok(Some(answer))
    }

    fn part(&self, steps: &[usize]) -> Plan {
        Plan::of(steps.iter().filter_map(|index| self.plan.steps.get(*index)).cloned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight disturbances, of which a client cannot bear these together.
    fn shrunk(unbearable: &[&str], max_runs: u32) -> Shrunk {
        let plan: Plan =
            "resource#1=503,resource#2=drop,resource#3=502,token#1=503,resource#5=throttled,resource#6=drop,\
                          resource#7=token-expires,resource#8=404"
                .parse()
                .unwrap();
        shrink(&plan, max_runs, |part| {
            let steps: Vec<String> = part.steps.iter().map(ToString::to_string).collect();
            Ok(unbearable.iter().all(|step| steps.iter().any(|of_part| of_part == step)))
        })
        .unwrap()
    }

    #[test]
    fn a_client_that_breaks_only_when_two_faults_meet_gets_those_two() {
        for (one, other) in [
            ("resource#2=drop", "resource#7=token-expires"),
            ("resource#1=503", "resource#2=drop"),
            ("resource#1=503", "resource#8=404"),
            ("token#1=503", "resource#5=throttled"),
        ] {
            let found = shrunk(&[one, other], 50);
            assert_eq!(found.plan.to_string(), format!("{one},{other}"));
            assert!(found.is_minimal && found.runs <= 50, "{} runs", found.runs);
        }
    }

    #[test]
    fn one_fault_that_is_enough_is_found_in_few_runs() {
        let found = shrunk(&["resource#3=502"], 50);
        assert_eq!(found.plan.to_string(), "resource#3=502");
        assert!(found.runs <= 8, "{} runs", found.runs);
    }

    #[test]
    fn the_search_ends_at_its_bound_with_what_it_has() {
        let found = shrunk(&["resource#2=drop", "resource#7=token-expires"], 3);
        assert_eq!((found.runs, found.is_minimal), (3, false));
        assert!(found.plan.steps.len() > 2);
    }

    #[test]
    fn no_plan_is_tried_twice() {
        let plan: Plan = "resource#1=503,resource#2=503,resource#3=503,resource#4=503".parse().unwrap();
        let mut tried = Vec::new();
        let found = shrink(&plan, 50, |part| {
            assert!(!tried.contains(&part.to_string()), "{part} again");
            tried.push(part.to_string());
            Ok(part.steps.len() > 2)
        });
        assert_eq!(found.unwrap().plan.steps.len(), 3);
    }

    #[test]
    fn a_run_without_an_answer_ends_the_search() {
        let plan: Plan = "resource#1=503,resource#2=503".parse().unwrap();
        assert_eq!(shrink(&plan, 50, |_| Err(Unanswered)), Err(Unanswered));
    }
}
