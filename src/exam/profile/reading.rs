//! From the text of a profile to a [`Profile`].

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use super::document::{Document, Member, Table};
use super::fault::ProfileFault;
use super::{Expectation, OwnScenario, Profile, Waiver, thresholds};
use crate::api::exam::Level;
use crate::counts::Label;
use crate::exam::check::{self, Check};
use crate::exam::plan::Plan;
use crate::exam::scenario::Scenario;
use crate::time::{Day, UnixSeconds};

const MEMBERS: [&str; 6] = ["name", "operations", "checks", "thresholds", "scenarios", "waivers"];
const SCENARIO_MEMBERS: [&str; 5] = ["name", "title", "plan", "expect", "level"];
const WAIVER_MEMBERS: [&str; 4] = ["check", "reason", "owner", "until"];

/// The most characters of a name, and of a sentence.
const MAX_NAME: usize = 60;
const MAX_TEXT: usize = 500;
/// The most scenarios of the API owner, and the most waivers.
const MAX_SCENARIOS: usize = 50;
const MAX_WAIVERS: usize = 100;
/// The most steps of a plan, and the most operations.
const MAX_STEPS: usize = 50;
const MAX_OPERATIONS: usize = 200;

pub(super) fn read(text: &str) -> Result<Profile, Vec<ProfileFault>> {
    let mut document = Document::new(text);
    let toml = match DeTable::parse(text) {
        Ok(toml) => toml,
        Err(error) => {
            let detail = format!("is not TOML: {}", error.message().lines().collect::<Vec<_>>().join(" "));
            document.fault(error.span().map_or(0, |span| span.start), "", detail);
            return Err(document.faults);
        }
    };
    let mut table = Table::new(String::new(), 0, toml.get_ref());
    let mut profile = Profile::default();
    if let Some(member) = table.take("name") {
        profile.name = document.text(&member, MAX_NAME).unwrap_or_default();
    }
    if let Some(member) = table.take("operations") {
        profile.operations = read_operations(&member, &mut document);
    }
    if let Some(table) = table.take("checks").and_then(|member| document.table(&member)) {
        read_levels(table, &mut profile, &mut document);
    }
    if let Some(table) = table.take("thresholds").and_then(|member| document.table(&member)) {
        thresholds::read(table, &mut profile.thresholds, &mut document);
    }
    if let Some(member) = table.take("scenarios") {
        read_scenarios(&member, &mut profile, &mut document);
    }
    if let Some(member) = table.take("waivers") {
        read_waivers(&member, &mut profile, &mut document);
    }
    table.finish(&MEMBERS, &mut document);
    if document.faults.is_empty() {
        return Ok(profile);
    }
    document.faults.sort_by_key(|fault| fault.line);
    Err(document.faults)
}

fn read_operations(member: &Member<'_, '_>, document: &mut Document) -> Vec<String> {
    let operations = document.texts(member, MAX_TEXT);
    if operations.len() > MAX_OPERATIONS {
        document.fault(member.start, member.place.as_str(), format!("must be at most {MAX_OPERATIONS}"));
    }
    for operation in &operations {
        let is_operation = operation.split_once(" /").is_some_and(|(method, path)| {
            !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase()) && !path.contains([' ', '?'])
        });
        if !is_operation {
            let detail = format!("has {operation:?}, which is not as \"GET /parking/zones/{{id}}\"");
            document.fault(member.start, member.place.as_str(), detail);
        }
    }
    operations
}

fn read_levels(table: Table<'_, '_>, profile: &mut Profile, document: &mut Document) {
    for (name, member) in table.rest() {
        if Check::named(name).is_none() {
            let known = check::TABLE.iter().map(|check| check.id.name());
            document.unknown(member.start, member.place, name, "check", known);
        } else if let Some(level) = word::<Level>(&member, document) {
            profile.levels.insert(name.to_owned(), level);
        }
    }
}

fn read_scenarios(member: &Member<'_, '_>, profile: &mut Profile, document: &mut Document) {
    let mut names = BTreeSet::new();
    for mut table in document.tables(member, MAX_SCENARIOS) {
        let name = table.require("name", "\"monday-morning\"", document);
        let name = name.and_then(|member| {
            let name = document.text(&member, MAX_NAME)?;
            let detail = if Check::named(&name).is_some() || Scenario::named(&name).is_some() {
                "is the name of a check or a scenario that there is: choose another one"
            } else if !is_name(&name) {
                "must be small letters, digits and hyphens, such as monday-morning"
            } else if !names.insert(name.clone()) {
                "is the name of another scenario too"
            } else {
                return Some(name);
            };
            document.fault(member.start, member.place, detail);
            None
        });
        let title = table.take("title").and_then(|member| document.text(&member, MAX_TEXT));
        let plan = table.require("plan", "[\"token#1=503\"]", document);
        let plan = plan.and_then(|member| read_plan(&member, document));
        let expect = table.take("expect").map_or(Some(Expectation::Success), |member| word(&member, document));
        let level = table.take("level").map_or(Some(Level::Required), |member| word(&member, document));
        table.finish(&SCENARIO_MEMBERS, document);
        if let (Some(name), Some(plan), Some(expect), Some(level)) = (name, plan, expect, level) {
            let title = title.unwrap_or_else(|| name.clone());
            profile.scenarios.push(OwnScenario { name, title, level, plan, expect });
        }
    }
}

fn is_name(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn read_plan(member: &Member<'_, '_>, document: &mut Document) -> Option<Plan> {
    let before = document.faults.len();
    let texts = document.texts(member, MAX_TEXT);
    let mut plan = Plan::default();
    for text in texts {
        match text.parse::<Plan>() {
            Ok(steps) => plan.steps.extend(steps.steps),
            Err(fault) => document.fault(member.start, member.place.as_str(), format!("is no plan: {fault}")),
        }
    }
    if document.faults.len() == before && !(1..=MAX_STEPS).contains(&plan.steps.len()) {
        document.fault(member.start, member.place.as_str(), format!("must have from 1 to {MAX_STEPS} steps"));
    }
    (document.faults.len() == before).then_some(plan)
}

fn read_waivers(member: &Member<'_, '_>, profile: &mut Profile, document: &mut Document) {
    let mut checks = BTreeSet::new();
    for mut table in document.tables(member, MAX_WAIVERS) {
        let check = table.require("check", "\"if-match\"", document);
        let check = check.and_then(|member| {
            let name = document.text(&member, MAX_NAME)?;
            let own = profile.scenarios.iter().map(|scenario| scenario.name.as_str());
            let known: Vec<_> = check::TABLE.iter().map(|check| check.id.name()).chain(own).collect();
            if !known.contains(&name.as_str()) {
                let place = format!("{} {name:?}", member.place);
                document.unknown(member.start, place, &name, "check", known);
                return None;
            }
            if !checks.insert(name.clone()) {
                document.fault(member.start, member.place, "has another waiver already");
                return None;
            }
            Some(name)
        });
        let reason = table.require("reason", "\"One writer only, until release 1.5.\"", document);
        let reason = reason.and_then(|member| document.text(&member, MAX_TEXT));
        let owner = table.require("owner", "\"Ada Example, partner team\"", document);
        let owner = owner.and_then(|member| document.text(&member, MAX_TEXT));
        let until = table.require("until", "2026-12-31", document);
        let until = until.and_then(|member| read_day(&member, document));
        table.finish(&WAIVER_MEMBERS, document);
        if let (Some(check), Some(reason), Some(owner), Some(until)) = (check, reason, owner, until) {
            profile.waivers.push(Waiver { check, reason, owner, until });
        }
    }
}

/// A day: TOML's own date, or the same as a text.
fn read_day(member: &Member<'_, '_>, document: &mut Document) -> Option<Day> {
    let text = match member.value {
        DeValue::Datetime(date) => date.to_string(),
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(_) | DeValue::Float(_) | DeValue::Boolean(_) | DeValue::Array(_) | DeValue::Table(_) => {
            String::new()
        }
    };
    let is_day = text.len() == "2026-12-31".len();
    let day = UnixSeconds::parse(&format!("{text}T00:00:00Z")).filter(|_| is_day).map(UnixSeconds::day);
    if day.is_none() {
        document.fault(member.start, member.place.as_str(), "must be a date, such as 2026-12-31");
    }
    day
}

/// A word of a closed set.
fn word<L: Label>(member: &Member<'_, '_>, document: &mut Document) -> Option<L> {
    let text = member.value.as_str().unwrap_or_default();
    let word = L::named(text);
    if word.is_none() {
        let words: Vec<_> = L::ALL.iter().map(|word| format!("\"{}\"", word.name())).collect();
        document.fault(member.start, member.place.as_str(), format!("must be one of {}", words.join(", ")));
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(text: &str) -> Vec<String> {
        let faults = read(text).map_or_else(|faults| faults, |_| Vec::new());
        let line = |fault: &ProfileFault| fault.line.map(|line| format!("{line}: ")).unwrap_or_default();
        faults.iter().map(|fault| format!("{}{fault}", line(fault))).collect()
    }

    #[test]
    fn the_template_is_the_built_in_profile() {
        let (template, built_in) = (read(&Profile::template()).unwrap(), Profile::default());
        assert_eq!(template.levels.len(), check::TABLE.len());
        for check in &check::TABLE {
            assert_eq!(template.level(check), check.level, "{}", check.id.name());
        }
        assert_eq!(template.thresholds, built_in.thresholds);
        assert_eq!((template.name, template.operations), (built_in.name, built_in.operations));
        assert!(template.waivers.is_empty() && template.scenarios.is_empty());
    }

    #[test]
    fn the_examples_of_the_template_are_right() {
        let examples = Profile::template();
        let examples = examples.lines().skip_while(|line| !line.starts_with("# [[scenarios]]"));
        let is_example = |line: &&str| line.contains(" = ") || line.starts_with("[[");
        let examples: Vec<_> = examples.filter_map(|line| line.strip_prefix("# ")).filter(is_example).collect();
        let profile = read(&examples.join("\n")).unwrap();
        assert_eq!((profile.scenarios.len(), profile.waivers.len()), (1, 1));
        assert_eq!(profile.scenarios.first().unwrap().plan.steps.len(), 2);
    }

    #[test]
    fn what_a_file_says_counts() {
        let profile = read(
            "name = 'partners'\noperations = ['GET /parking/zones']\n[checks]\nuser-agent = 'required'\n[thresholds]\n\
             tries_in_an_outage = 5\nrenewal_margin_part = 0\n[[scenarios]]\nname = 'mine'\nplan = 'token#1=503'\nexpect = 'any'\n\
             [[waivers]]\ncheck = 'mine'\nreason = 'r'\nowner = 'o'\nuntil = '2026-12-31'\n",
        )
        .unwrap();
        assert_eq!((profile.name.as_str(), profile.thresholds.tries_in_an_outage), ("partners", 5));
        assert_eq!(profile.level(Check::named("user-agent").unwrap()), Level::Required);
        let own = profile.scenarios.first().unwrap();
        assert_eq!((own.title.as_str(), own.expect, own.level), ("mine", Expectation::Any, Level::Required));
        assert_eq!(profile.waivers.first().unwrap().until.to_string(), "2026-12-31");
    }

    #[test]
    fn every_fault_is_found_at_once_with_its_line() {
        let text = "nmae = 'x'\n[checks]\ntoken-resued = 'required'\nuser-agent = 'must'\n[thresholds]\nlongest_timeout_s = 61\n\
                    storm_tires = 3\n[[waivers]]\ncheck = 'if-mach'\nreason = ' '\nowner = 'o'\n[[scenarios]]\nname = 'Own'\n\
                    plan = ['resource#1=fivehundred']\nlevl = 'off'\n[[waivers]]\ncheck = 'if-match'\nreason = 'r'\nowner = 'o'\n\
                    until = 'soon'\n";
        let faults = faults(text);
        let starts = [
            "1: nmae is no member: did you mean name?",
            "3: checks.token-resued is no check: did you mean token-reused?",
            "4: checks.user-agent must be one of \"required\", \"advised\", \"off\"",
            "6: thresholds.longest_timeout_s must be a whole number from 1 to 60",
            "7: thresholds.storm_tires is no member: did you mean storm_tries?",
            "8: waivers[0].until is required, such as until = 2026-12-31",
            "9: waivers[0].check \"if-mach\" is no check: did you mean if-match?",
            "10: waivers[0].reason must not be empty",
            "13: scenarios[0].name must be small letters, digits and hyphens",
            "14: scenarios[0].plan is no plan: ",
            "15: scenarios[0].levl is no member: did you mean level?",
            "20: waivers[1].until must be a date, such as 2026-12-31",
        ];
        assert_eq!(faults.len(), starts.len(), "{faults:#?}");
        for (fault, start) in faults.iter().zip(starts) {
            assert!(fault.starts_with(start), "{fault} is not {start}");
        }
    }

    #[test]
    fn a_file_that_is_no_profile_has_one_fault() {
        for (text, start) in [
            ("name = ", "1: is not TOML: "),
            ("a = 1\na = 2", "2: is not TOML: "),
            ("waivers = 1", "1: waivers must be a list: write each under [[waivers]]"),
            ("checks = []", "1: checks must be a table: write [checks]"),
            ("operations = ['zones']", "1: operations has \"zones\", which is not as "),
            (
                "[[waivers]]\ncheck='if-match'\nreason='r'\nowner='o'\nuntil=2026-12-31T00:00:00Z",
                "5: waivers[0].until must be",
            ),
        ] {
            let faults = faults(text);
            assert!(faults.len() == 1 && faults.first().unwrap().starts_with(start), "{text}: {faults:?}");
        }
    }
}
