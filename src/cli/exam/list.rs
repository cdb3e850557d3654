//! `boomgate exam --list`: the scenarios, how long each takes, and the checks that judge them.

use super::selection::scenarios;
use crate::cli::output::Table;
use crate::counts::Label as _;
use crate::exam::check::TABLE as CHECKS;
use crate::exam::scenario_plan::waits_for;
use crate::exam::{Profile, ScenarioId};

/// Both tables. The levels are those of the profile.
pub(super) fn text(profile: &Profile) -> String {
    let mut lines = Table::new(["SCENARIO", "TAKES", "WHAT HAPPENS"]);
    let mut rows: Vec<_> =
        scenarios().map(|scenario| row(scenario.id.name(), takes(scenario.id), scenario.title)).collect();
    rows.extend(profile.scenarios.iter().map(|own| row(&own.name, AS_LONG, &own.title)));
    let scenarios = lines.page(&rows);

    let mut lines = Table::new(["CHECK", "LEVEL", "SCENARIOS", "WHAT IT IS ABOUT"]);
    let rows: Vec<_> = CHECKS
        .iter()
        .map(|check| {
            let scenarios: Vec<_> = check.scenarios.iter().map(|scenario| scenario.name()).collect();
            let cells = [check.id.name(), profile.level(check).name(), &scenarios.join(", "), check.title];
            cells.map(str::to_owned)
        })
        .collect();
    format!(
        "{scenarios}\n\n{}\n\nThe command runs once for each scenario, and twice before: undisturbed, as preflight and baseline.",
        lines.page(&rows)
    )
}

const AS_LONG: &str = "as the command";

fn takes(scenario: ScenarioId) -> &'static str {
    waits_for(scenario).unwrap_or(AS_LONG)
}

fn row(name: &str, takes: &str, title: &str) -> [String; 3] {
    [name, takes, title].map(str::to_owned)
}
