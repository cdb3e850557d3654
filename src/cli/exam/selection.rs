//! Which scenarios run: `--only` and `--skip` name scenarios, or checks, which stand for their scenarios.

use anyhow::bail;

use crate::counts::Label as _;
use crate::exam::check::TABLE as CHECKS;
use crate::exam::scenario::TABLE as SCENARIOS;
use crate::exam::{Check, Profile, Scenario, ScenarioId};
use crate::text::closest_match;

/// Scenarios that are no choice: the first two always run, and the others are options of their own.
const ALWAYS_OR_NEVER: [ScenarioId; 5] =
    [ScenarioId::Preflight, ScenarioId::Baseline, ScenarioId::Once, ScenarioId::Replay, ScenarioId::Own];

/// What is chosen of all scenarios.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Selection {
    /// The names of `--only`; empty for everything.
    only: Vec<String>,
    skip: Vec<String>,
}

impl Selection {
    /// What the options name; or the first name that is none.
    pub(super) fn parse(only: &[String], skip: &[String], profile: &Profile) -> anyhow::Result<Self> {
        let names = |option: &str, values: &[String]| {
            let names = values.iter().flat_map(|value| value.split(',')).map(str::trim).filter(|name| !name.is_empty());
            names.map(|name| known(option, name, profile).map(|()| name.to_owned())).collect::<anyhow::Result<Vec<_>>>()
        };
        let is_given = !only.is_empty();
        let (only, skip) = (names("--only", only)?, names("--skip", skip)?);
        if is_given && only.iter().all(|name| skip.contains(name)) {
            bail!(
                "--only names nothing that --skip leaves: `boomgate exam --list` has the names of scenarios and checks"
            );
        }
        Ok(Self { only, skip })
    }

    /// Whether nothing is left out.
    pub(super) fn is_whole(&self) -> bool {
        self.only.is_empty() && self.skip.is_empty()
    }

    /// Whether a scenario runs.
    pub(super) fn has(&self, scenario: ScenarioId) -> bool {
        let checks = || CHECKS.iter().filter(move |check| check.scenarios.contains(&scenario));
        let is_named = |names: &[String], name: &str| names.iter().any(|named| named == name);
        let is_wanted = self.only.is_empty()
            || is_named(&self.only, scenario.name())
            || checks().any(|check| is_named(&self.only, check.id.name()));
        // A scenario that is needed for another check runs, though one of its checks is skipped.
        let all_are_skipped = checks().count() > 0 && checks().all(|check| is_named(&self.skip, check.id.name()));
        is_wanted && !is_named(&self.skip, scenario.name()) && !all_are_skipped
    }

    /// Whether a scenario of the profile runs.
    pub(super) fn has_own(&self, name: &str) -> bool {
        let is_named = |names: &[String]| names.iter().any(|named| named == name);
        (self.only.is_empty() || is_named(&self.only)) && !is_named(&self.skip)
    }

    /// The checks that `--skip` names: they are not made.
    pub(super) fn skipped_checks(&self) -> impl Iterator<Item = &str> {
        self.skip.iter().map(String::as_str).filter(|name| Check::named(name).is_some())
    }

    /// The options again, each after a space.
    pub(super) fn to_options(&self) -> String {
        let option = |name: &str, values: &[String]| {
            if values.is_empty() { String::new() } else { format!(" {name} {}", values.join(",")) }
        };
        option("--only", &self.only) + &option("--skip", &self.skip)
    }
}

/// Every scenario that is a choice.
pub(super) fn scenarios() -> impl Iterator<Item = &'static Scenario> {
    SCENARIOS.iter().filter(|scenario| !ALWAYS_OR_NEVER.contains(&scenario.id))
}

fn known(option: &str, name: &str, profile: &Profile) -> anyhow::Result<()> {
    let names = || {
        let scenarios = scenarios().map(|scenario| scenario.id.name());
        let own = profile.scenarios.iter().map(|own| own.name.as_str());
        scenarios.chain(CHECKS.iter().map(|check| check.id.name())).chain(own)
    };
    if names().any(|known| known == name) || ["preflight", "baseline"].contains(&name) {
        return Ok(());
    }
    match closest_match(name, names()) {
        Some(meant) => bail!("{option} {name:?} is neither a scenario nor a check: did you mean {meant}?"),
        None => bail!("{option} {name:?} is neither a scenario nor a check: `boomgate exam --list` has all of them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selected(only: &[&str], skip: &[&str]) -> Selection {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        Selection::parse(&owned(only), &owned(skip), &Profile::default()).unwrap()
    }

    fn names(selection: &Selection) -> Vec<&'static str> {
        scenarios().filter(|scenario| selection.has(scenario.id)).map(|scenario| scenario.id.name()).collect()
    }

    #[test]
    fn a_check_stands_for_its_scenarios() {
        assert_eq!(names(&selected(&["storm,no-retry-on-404", "pace"], &[])), ["storm", "pace", "not-found"]);
        assert_eq!(names(&selected(&["storm", "pace"], &["storm"])), ["pace"]);
        let skipped = selected(&[], &["no-retry-on-403"]);
        assert!(names(&skipped).contains(&"scope-narrowed"), "another check needs the scenario");
        assert!(!names(&selected(&[], &["no-retry-on-403,scope-missing-reported"])).contains(&"scope-narrowed"));
        assert_eq!(skipped.skipped_checks().collect::<Vec<_>>(), ["no-retry-on-403"]);
        assert_eq!(skipped.to_options(), " --skip no-retry-on-403");
    }

    #[test]
    fn a_name_that_is_none_is_refused_with_the_one_that_was_meant() {
        let fault =
            |name: &str| Selection::parse(&[name.to_owned()], &[], &Profile::default()).unwrap_err().to_string();
        assert_eq!(fault("strom"), "--only \"strom\" is neither a scenario nor a check: did you mean storm?");
        assert!(fault("everything-at-once").contains("--list"));
    }

    #[test]
    fn a_selection_of_nothing_is_refused() {
        let parse = |only: &str, skip: &[String]| Selection::parse(&[only.to_owned()], skip, &Profile::default());
        assert!(parse("", &[]).unwrap_err().to_string().starts_with("--only names nothing"));
        assert!(parse("pace", &["pace".to_owned()]).is_err());
        assert!(parse("pace,storm", &["pace".to_owned()]).is_ok());
    }
}
