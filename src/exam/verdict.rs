//! The report: what the checks found, weighed by the profile.
//!
//! [`report`] makes each check once, applies the waivers, and says whether the client is ready. It is a pure function: the
//! same runs and the same profile give the same report.

mod comparison;
mod harm;
mod limits;
mod readiness;
mod waivers;

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::api::exam::{
    CheckResult, CheckVerdict, ExaminedClient, Level, Method, REPORT_FORMAT, Readiness, Report, ReportProfile,
    RunSummary,
};
use crate::counts::Label as _;
use crate::time::{UnixMillis, UnixSeconds};

use super::check::{self, Check};
use super::coverage;
use super::finding::Finding;
use super::once;
use super::profile::{Expectation, OwnScenario, Profile};
use super::run::{Ended, Examination, Run};
use super::scenario::{Scenario, ScenarioId};

/// The most `User-Agent`s that a report names.
const MAX_USER_AGENTS: usize = 10;

/// What a report says beside what was judged.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Whose conversation it is.
    pub client_id: String,
    /// The command, without the values of `--env`; empty if none was run.
    pub command: Vec<String>,
    /// When the exam began.
    pub at: UnixMillis,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How the client was examined.
    pub method: Method,
    /// Whether all was made that was to be made: the exam was not interrupted, and `--only` or `--skip` left nothing out.
    pub is_whole: bool,
    /// What the exam's choices depend on.
    pub seed: u64,
    /// The line that repeats the exam.
    pub repeat: Option<String>,
    /// The commit of the client.
    pub commit: Option<String>,
}

/// Judges an examination. Its thresholds and its demanded operations must be those of the profile.
#[must_use]
pub fn report(examination: &Examination, profile: &Profile, facts: Facts) -> Report {
    let judged = with_parts(examination);
    let made = check::TABLE.iter().map(|check| make(check, &judged, profile, &facts));
    let own = profile.scenarios.iter().map(|scenario| make_own(scenario, examination, &facts));
    let mut checks: Vec<CheckResult> = made.chain(own).collect();
    let today = UnixSeconds::new(facts.at.get() / 1_000).day();
    let waivers = waivers::apply(&profile.waivers, &mut checks, today);
    let counts = readiness::count(&checks);
    let (verdict, summary) = readiness::decide(&checks, &counts, &waivers, &facts);
    Report {
        format: REPORT_FORMAT,
        verdict,
        summary,
        client: ExaminedClient {
            client_id: facts.client_id,
            user_agents: user_agents(examination),
            command: facts.command,
        },
        at: facts.at,
        duration_ms: facts.duration_ms,
        method: facts.method,
        profile: ReportProfile { name: profile.name.clone(), digest: profile.digest.clone() },
        seed: facts.seed,
        repeat: facts.repeat,
        boomgate_version: Cow::Borrowed(env!("CARGO_PKG_VERSION")),
        commit: facts.commit,
        counts,
        hurts_api: harm::to_api(&judged, &checks),
        hurts_partner: harm::to_partner(&checks),
        coverage: coverage::of(examination),
        waivers,
        comparisons: comparison::of_failures(examination, &checks),
        runs: examination.runs.iter().map(summary_of).collect(),
        limits: limits::of(facts.method),
        checks,
    }
}

/// The examination with each part of the one run of many disturbances as a run of its own.
fn with_parts(examination: &Examination) -> Cow<'_, Examination> {
    match examination.run(ScenarioId::Once) {
        Some(run) => {
            let mut judged = examination.clone();
            judged.runs.extend(once::parts(run));
            Cow::Owned(judged)
        }
        None => Cow::Borrowed(examination),
    }
}

/// Judges. What failed because the command ended at another disturbance, or may have, is no failure of this one.
fn judge(check: &Check, examination: &Examination) -> Finding {
    let finding = (check.judge)(examination);
    let parts = examination.runs.iter().filter(|run| run.own.is_some() && check.scenarios.contains(&run.scenario));
    let is_cut = |run: &Run| run.ended == Ended::WentOn || (!run.ended.is_survival() && examination.concurrency() > 1);
    if finding.verdict == CheckVerdict::Fail && parts.into_iter().any(is_cut) {
        return Finding::not_exercised(finding.expected, "the command ended at another disturbance of the one run");
    }
    finding
}

/// What a report says against itself, which no exam writes; `now` is the time of who signs it.
#[must_use]
pub fn contradiction(report: &Report, now: UnixMillis) -> Option<&'static str> {
    /// How far the clocks of two machines may be apart.
    const TOLERANCE_MS: u64 = 300_000;
    let is_open =
        |check: &CheckResult| check.level == Level::Required && check.verdict == CheckVerdict::Fail && !check.waived;
    let has_passed =
        |check: &CheckResult| check.level == Level::Required && check.verdict != CheckVerdict::NotExercised;
    if report.counts != readiness::count(&report.checks) {
        Some("its counts are not those of its checks")
    } else if report.verdict != Readiness::NotReady && report.checks.iter().any(is_open) {
        Some("a required check failed, and its verdict says otherwise")
    } else if report.verdict == Readiness::Ready && !report.checks.iter().any(has_passed) {
        Some("it is ready, and no required check was made")
    } else if report.at.get() > now.get().saturating_add(TOLERANCE_MS) {
        Some("its date is in the future")
    } else {
        None
    }
}

fn make(check: &'static Check, examination: &Examination, profile: &Profile, facts: &Facts) -> CheckResult {
    let level = profile.level(check);
    let was_run = check.scenarios.iter().any(|scenario| examination.run(*scenario).is_some());
    let lacks = examination.not_run.iter().find(|(scenario, _)| check.scenarios.contains(scenario));
    let finding = match level {
        Level::Off => Finding::not_exercised(check.title, "the profile switches this check off"),
        Level::Required | Level::Advised if !was_run => {
            Finding::not_exercised(check.title, lacks.map_or_else(|| not_run(check), |(_, why)| (*why).to_owned()))
        }
        Level::Required | Level::Advised => judge(check, examination),
    };
    let remedy = match finding.verdict {
        CheckVerdict::NotExercised => how_to_make(check.name(), level, was_run || lacks.is_some(), facts),
        CheckVerdict::Pass | CheckVerdict::Fail => Cow::Borrowed(check.remedy),
    };
    CheckResult {
        id: Cow::Borrowed(check.name()),
        title: Cow::Borrowed(check.title),
        group: Cow::Borrowed(check.group.name()),
        level,
        verdict: finding.verdict,
        expected: finding.expected,
        got: finding.got,
        evidence: finding.evidence,
        remedy,
        rfc: Cow::Borrowed(check.rfc),
        waived: false,
    }
}

fn not_run(check: &Check) -> String {
    let names: Vec<_> = check.scenarios.iter().map(|scenario| format!("`{}`", scenario.name())).collect();
    match &names[..] {
        [one] => format!("the scenario {one} was not run"),
        many => format!("none of the scenarios {} was run", many.join(", ")),
    }
}

fn how_to_make(name: &str, level: Level, was_tried: bool, facts: &Facts) -> Cow<'static, str> {
    match level {
        Level::Off => Cow::Borrowed("Nothing."),
        Level::Required | Level::Advised if was_tried => Cow::Borrowed(
            "If the client does this in production, let the command do it too, so that it can be examined.",
        ),
        Level::Required | Level::Advised => {
            Cow::Owned(format!("Run `boomgate exam {} --only {name} -- COMMAND`.", facts.client_id))
        }
    }
}

/// A scenario of the profile is a check: the command ends as expected.
fn make_own(scenario: &OwnScenario, examination: &Examination, facts: &Facts) -> CheckResult {
    let expected = match scenario.expect {
        Expectation::Success => "the command ends with exit code 0",
        Expectation::Failure => "the command ends by itself, with another exit code than 0",
        Expectation::Any => "the command ends by itself",
    };
    let run = examination.runs.iter().find(|run| run.own.as_deref() == Some(scenario.name.as_str()));
    let finding = match run {
        _ if scenario.level == Level::Off => Finding::not_exercised(expected, "the profile switches this scenario off"),
        None => Finding::not_exercised(expected, "the scenario was not run"),
        Some(run) if scenario.expect.is_met(run.ended) => Finding::pass(expected, run.ended.words(), Vec::new()),
        Some(run) => Finding::fail(expected, run.ended.words(), Vec::new()),
    };
    let remedy = match finding.verdict {
        CheckVerdict::NotExercised => how_to_make(&scenario.name, scenario.level, run.is_some(), facts),
        CheckVerdict::Pass | CheckVerdict::Fail => {
            Cow::Borrowed("Look at the conversation: the command must end as the profile expects.")
        }
    };
    CheckResult {
        id: Cow::Owned(scenario.name.clone()),
        title: Cow::Owned(scenario.title.clone()),
        group: Cow::Borrowed("own"),
        level: scenario.level,
        verdict: finding.verdict,
        expected: finding.expected,
        got: finding.got,
        evidence: finding.evidence,
        remedy,
        rfc: Cow::Borrowed(""),
        waived: false,
    }
}

fn summary_of(run: &Run) -> RunSummary {
    RunSummary {
        scenario: run_name(run),
        title: Scenario::of(run.scenario).map_or(Cow::Borrowed(""), |scenario| Cow::Borrowed(scenario.title)),
        plan: run.plan.to_string(),
        ended: ended(run),
        duration_ms: run.ended_at.get().saturating_sub(run.started_at.get()),
        requests: run.conversation.all().len() as u64,
        output: run.output.clone(),
    }
}

/// How the command ended, and whether all of what it sent was seen.
fn ended(run: &Run) -> String {
    match run.missed_requests {
        0 => run.ended.words(),
        missed => format!("{}; the journal had no room for the first {missed} requests", run.ended.words()),
    }
}

/// The name of a run in the report: that of its scenario, or that which the profile gives it.
fn run_name(run: &Run) -> Cow<'static, str> {
    match (&run.own, run.scenario) {
        (Some(own), ScenarioId::Own) => Cow::Owned(own.clone()),
        (_, scenario) => Cow::Borrowed(scenario.name()),
    }
}

fn user_agents(examination: &Examination) -> Vec<String> {
    let exchanges = examination.runs.iter().flat_map(|run| run.conversation.all());
    let names: BTreeSet<_> = exchanges.filter_map(|exchange| exchange.recorded.line.user_agent.as_deref()).collect();
    names.into_iter().take(MAX_USER_AGENTS).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::exam::{Counts, WaiverStatus};
    use crate::exam::plan::Plan;
    use crate::exam::profile::Waiver;
    use crate::exam::testing::{Request, examination, get, run, token};

    const LIST: &str = "/parking/zones";
    /// 2021-01-25.
    const AT: UnixMillis = UnixMillis::new(1_611_587_600_000);

    fn facts() -> Facts {
        Facts {
            client_id: "demo-reader".to_owned(),
            command: vec!["./sync".to_owned()],
            at: AT,
            duration_ms: 1_000,
            method: Method::Scenarios,
            is_whole: true,
            seed: 7,
            repeat: None,
            commit: None,
        }
    }

    fn usual() -> Vec<Request> {
        vec![token("a"), get(LIST).with("a"), get(LIST).with("a")]
    }

    /// Two undisturbed runs, and one with a 503 that the client repeats, or not.
    fn exam(repeats: bool) -> Examination {
        let failed = get(LIST).with("a").refused(503, "unavailable").injected("problem");
        let mut disturbed = vec![token("a"), failed];
        if repeats {
            disturbed.extend([get(LIST).with("a").at(1_500), get(LIST).with("a")]);
        }
        let disturbed = run(ScenarioId::Unavailable, disturbed).exit(i32::from(!repeats));
        examination([run(ScenarioId::Preflight, usual()), run(ScenarioId::Baseline, usual()), disturbed])
    }

    fn waiver(check: &str, until: &str) -> Waiver {
        let until = UnixSeconds::parse(&format!("{until}T00:00:00Z")).unwrap().day();
        Waiver { check: check.to_owned(), reason: "in work".to_owned(), owner: "ops".to_owned(), until }
    }

    fn with_waivers(waivers: Vec<Waiver>) -> Profile {
        Profile { waivers, ..Profile::default() }
    }

    fn judge(examination: &Examination, profile: &Profile) -> Report {
        report(examination, profile, facts())
    }

    #[test]
    fn a_client_without_a_failed_required_check_is_ready_whatever_is_advised() {
        let report = judge(&exam(true), &Profile::default());
        assert_eq!(report.verdict, Readiness::Ready);
        let Counts { required, .. } = report.counts;
        let expected = format!(
            "Ready: all {} required checks passed, {} were not exercised.",
            required.passed, required.not_exercised
        );
        assert_eq!((report.summary, required.failed), (expected, 0));
        assert_eq!(report.checks.len(), check::TABLE.len());
        assert_eq!(report.client.user_agents, ["curbside/1.4"]);
        assert!(report.comparisons.is_empty() && report.hurts_partner.is_empty());
    }

    #[test]
    fn one_failed_required_check_makes_a_client_not_ready() {
        let report = judge(&exam(false), &Profile::default());
        assert_eq!(report.verdict, Readiness::NotReady);
        assert!(report.summary.starts_with("Not ready: 1 of "), "{}", report.summary);
        assert!(report.summary.ends_with(" required checks failed: retries-5xx."), "{}", report.summary);
        assert_eq!(report.hurts_partner, ["one answer 503 loses the work of a run"]);
    }

    #[test]
    fn a_level_of_the_profile_counts_in_the_place_of_the_usual_one() {
        let of_level = |level| Profile { levels: [("retries-5xx".to_owned(), level)].into(), ..Profile::default() };
        let advised = judge(&exam(false), &of_level(Level::Advised));
        assert_eq!((advised.verdict, advised.counts.advised.failed), (Readiness::Ready, 1));
        let off = judge(&exam(false), &of_level(Level::Off));
        let check = off.checks.iter().find(|check| check.id == "retries-5xx").unwrap();
        assert_eq!((off.verdict, check.verdict), (Readiness::Ready, CheckVerdict::NotExercised));
        assert_eq!(check.got, "the profile switches this check off");
    }

    #[test]
    fn a_waiver_holds_to_the_end_of_its_last_day() {
        let report = judge(&exam(false), &with_waivers(vec![waiver("retries-5xx", "2021-01-25")]));
        assert_eq!((report.verdict, report.waivers[0].status), (Readiness::Ready, WaiverStatus::Used));
        assert_eq!((report.counts.required.waived, report.counts.required.failed), (1, 0));
        assert!(report.summary.ends_with("1 failed with a waiver."), "{}", report.summary);
        let report = judge(&exam(false), &with_waivers(vec![waiver("retries-5xx", "2021-01-24")]));
        assert_eq!((report.verdict, report.waivers[0].status), (Readiness::NotReady, WaiverStatus::Outdated));
        assert!(report.summary.ends_with("; the waiver of retries-5xx ended on 2021-01-24."), "{}", report.summary);
    }

    #[test]
    fn a_waiver_that_is_not_needed_fails_and_one_whose_check_was_not_made_does_not() {
        let report = judge(&exam(true), &with_waivers(vec![waiver("retries-5xx", "2021-12-31")]));
        assert_eq!((report.verdict, report.waivers[0].status), (Readiness::NotReady, WaiverStatus::Unused));
        assert_eq!(report.summary, "Not ready: the waiver of retries-5xx is not needed any more: remove it.");
        let report = judge(&exam(true), &with_waivers(vec![waiver("has-timeout", "2021-12-31")]));
        assert_eq!((report.verdict, report.waivers[0].status), (Readiness::Ready, WaiverStatus::NotExercised));
    }

    #[test]
    fn what_was_not_made_as_a_whole_leaves_a_client_undecided_unless_it_failed() {
        let interrupted = || Facts { is_whole: false, ..facts() };
        let undecided = report(&exam(true), &Profile::default(), interrupted());
        assert_eq!(undecided.verdict, Readiness::Undecided);
        assert!(undecided.summary.starts_with("Undecided: not every scenario was run. "), "{}", undecided.summary);
        assert_eq!(report(&exam(false), &Profile::default(), interrupted()).verdict, Readiness::NotReady);
        let watched = Facts { method: Method::Watched, command: Vec::new(), ..facts() };
        let watched = report(&exam(true), &Profile::default(), watched);
        assert_eq!(watched.verdict, Readiness::Undecided);
        assert_eq!(report(&examination([]), &Profile::default(), facts()).verdict, Readiness::Undecided);
    }

    #[test]
    fn a_check_that_was_not_made_says_why_and_how_to_make_it() {
        let mut examination = exam(true);
        examination.not_run.push((ScenarioId::AnswerLost, "the command sends no POST for a resource"));
        let report = judge(&examination, &Profile::default());
        let of = |id: &str| report.checks.iter().find(|check| check.id == id).unwrap();
        assert_eq!(of("has-timeout").got, "the scenario `slow` was not run");
        assert_eq!(of("has-timeout").remedy, "Run `boomgate exam demo-reader --only has-timeout -- COMMAND`.");
        assert_eq!(of("no-second-zone").got, "the command sends no POST for a resource");
        assert!(of("no-second-zone").remedy.starts_with("If the client does this in production"));
    }

    #[test]
    fn one_run_of_many_disturbances_is_judged_by_parts_and_makes_no_client_ready() {
        let zones = || get(LIST).with("a");
        let failed = zones().refused(503, "unavailable").injected("problem").edit(|request| {
            let effect = "resource#1=503".parse::<Plan>().unwrap().steps[0].what.effect().cloned();
            request.line.fault.as_mut().unwrap().effect = effect.unwrap();
        });
        let requests = vec![token("a"), failed, zones(), zones().refused(401, "token-revoked")];
        let renewed = [requests.clone(), vec![token("b"), get(LIST).with("b")]].concat();
        let judged = |requests: Vec<Request>, code: i32| {
            let plan = "resource#1=503,resource#3=token-revoked".parse().unwrap();
            let once = Run { plan, own: Some("once".to_owned()), ..run(ScenarioId::Once, requests).exit(code) };
            let all = examination([run(ScenarioId::Baseline, usual()), once]);
            let report = report(&all, &Profile::default(), Facts { method: Method::Once, ..facts() });
            let verdict = |id: &str| report.checks.iter().find(|check| check.id == id).unwrap().verdict;
            let verdicts = [verdict("retries-5xx"), verdict("token-revoked"), verdict("has-timeout")];
            (report, verdicts)
        };
        let (passed, verdicts) = judged(renewed, 0);
        assert_eq!(verdicts, [CheckVerdict::Pass, CheckVerdict::Pass, CheckVerdict::NotExercised]);
        assert_eq!((passed.verdict, passed.runs.len()), (Readiness::Undecided, 2), "{}", passed.summary);
        let (failed, verdicts) = judged(requests, 1);
        // The run was too short to count the tries after the 503.
        assert_eq!(verdicts, [CheckVerdict::NotExercised, CheckVerdict::Fail, CheckVerdict::NotExercised]);
        assert_eq!((failed.verdict, failed.comparisons[0].scenario.as_ref()), (Readiness::NotReady, "once"));
    }

    #[test]
    fn a_scenario_of_the_profile_is_a_check_of_its_own_name() {
        let mut examination = exam(true);
        let mut own = run(ScenarioId::Own, usual()).exit(1);
        own.own = Some("two-faults".to_owned());
        examination.runs.push(own);
        let scenario = OwnScenario {
            name: "two-faults".to_owned(),
            title: "two faults meet".to_owned(),
            level: Level::Required,
            plan: Plan::default(),
            expect: Expectation::Success,
        };
        let profile = Profile { scenarios: vec![scenario], ..Profile::default() };
        let report = judge(&examination, &profile);
        let check = report.checks.last().unwrap();
        assert_eq!((check.id.as_ref(), check.group.as_ref(), check.verdict), ("two-faults", "own", CheckVerdict::Fail));
        assert_eq!(report.verdict, Readiness::NotReady);
        assert_eq!(report.comparisons[0].scenario, "two-faults");
    }

    #[test]
    fn a_failed_run_stands_beside_the_baseline_with_the_first_difference() {
        let report = judge(&exam(false), &Profile::default());
        let comparison = &report.comparisons[0];
        let answer = |it: &Option<crate::api::exam::ComparedRequest>| it.as_ref().map(|it| it.answer.clone());
        let rows: Vec<_> = comparison.rows.iter().map(|row| (answer(&row.baseline), answer(&row.disturbed))).collect();
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            rows,
            [(text("200"), text("200")), (text("200"), text("503 unavailable (injected)")), (text("200"), None),]
        );
        assert_eq!((comparison.scenario.as_ref(), comparison.first_difference), ("unavailable", Some(1)));
    }

    #[test]
    fn a_report_that_somebody_has_changed_says_something_against_itself() {
        let whole = judge(&exam(true), &Profile::default());
        let said = |change: fn(&mut Report)| {
            let mut changed = whole.clone();
            change(&mut changed);
            contradiction(&changed, AT).unwrap_or_default()
        };
        assert_eq!(said(|_| ()), "");
        assert_eq!(contradiction(&judge(&exam(false), &Profile::default()), AT), None);
        let fails = |report: &mut Report| {
            let check = report.checks.iter_mut().find(|check| check.level == Level::Required).unwrap();
            check.verdict = CheckVerdict::Fail;
            report.counts = readiness::count(&report.checks);
        };
        assert_eq!(said(fails), "a required check failed, and its verdict says otherwise");
        assert_eq!(said(|report| report.counts.required.failed += 1), "its counts are not those of its checks");
        let is_empty = |report: &mut Report| (report.checks, report.counts) = (Vec::new(), Counts::default());
        assert_eq!(said(is_empty), "it is ready, and no required check was made");
        assert_eq!(said(|report| report.at = UnixMillis::new(AT.get() + 3_600_000)), "its date is in the future");
    }

    #[test]
    fn a_report_has_no_end_for_a_client_that_sends_much() {
        let many = || (0..10_000).map(|place| get(LIST).with("a").at(place)).collect::<Vec<_>>();
        let stopped = many().into_iter().map(|request| request.refused(503, "unavailable").injected("problem"));
        let report = judge(
            &examination([run(ScenarioId::Baseline, many()), run(ScenarioId::Unavailable, stopped).exit(1)]),
            &Profile::default(),
        );
        assert!(report.comparisons[0].rows.len() <= 200);
        assert!(report.checks.iter().all(|check| check.evidence.len() <= 10));
    }
}
