//! `boomgate exam`: runs a client's command against sandboxes of its own, disturbs it, and judges what it does.
//!
//! The [phases] are preflight, baseline and the scenarios, side by side; [`running`] makes one run of the command. What was
//! seen is judged by [`exam`](crate::exam), and the report says the verdict. What is wrong with the set-up is one line and exit
//! code 2, never a failed check. Whatever happens, the command's process group and the sandboxes end with the exam.

mod arming;
mod command;
mod interrupt;
mod list;
mod options;
mod output_tail;
mod phases;
mod preflight;
mod progress;
mod running;
mod sandbox;
mod selection;
mod shrinking;
mod summary;
mod traffic;
mod variables;

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, bail};

use self::interrupt::Interrupt;
pub(super) use self::options::Options;
use self::phases::Exam;
use self::progress::Progress;
use self::running::{Examined, Task};
use self::selection::Selection;
use super::connection::AdminApi;
use super::output::{self, quoted};
use super::report::sign::sign_report;
use crate::api::exam::{Level, Method, Readiness, Report};
use crate::config::Environment;
use crate::counts::Label as _;
use crate::exam::profile::{Expectation, OwnScenario};
use crate::exam::verdict::{self, Facts};
use crate::exam::{Endless, Examination, Plan, Profile, Reference, Scenario, ScenarioId, once, report, scenario_plan};
use crate::files::TemporaryFolder;
use crate::text::redaction::redact;
use crate::time::{Clock as _, SystemClock, UnixMillis};

/// Exit codes: the client is not ready; the set-up is wrong; Ctrl-C.
const NOT_READY: u8 = 1;
pub(super) const SET_UP: u8 = 2;
const INTERRUPTED: u8 = 130;

/// The file of `--sign`, in the folder of the report.
const PASSPORT: &str = "passport.jwt";

/// Set by a signal, which may come at any time.
static INTERRUPT: std::sync::LazyLock<Interrupt> = std::sync::LazyLock::new(Interrupt::default);

/// Examines a client.
pub(super) fn run(options: &Options, environment: &Environment) -> ExitCode {
    match examine(options, environment) {
        Ok(code) => ExitCode::from(code),
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::from(SET_UP)
        }
    }
}

fn print_error(error: &anyhow::Error) {
    output::print_error(&anyhow::anyhow!(with_causes(error)));
}

/// An error with its causes, each once: some say their cause themselves.
fn with_causes(error: &anyhow::Error) -> String {
    let mut text = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !text.contains(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}

fn examine(options: &Options, environment: &Environment) -> anyhow::Result<u8> {
    if options.init {
        return initialize(options);
    }
    let mut profile = options.profile.as_deref().map(Profile::read).transpose()?.unwrap_or_default();
    options::check_operations(&profile)?;
    let selection = Selection::parse(&options.only, &options.skip, &profile)?;
    if options.list {
        output::print(&list::text(&profile))?;
        return Ok(0);
    }
    let demo = options::demo(options.client.as_deref())?;
    options::check_command(&options.command, demo.client_id, environment)?;
    if options.shrink && !options.once && options.replay.is_none() && profile.scenarios.is_empty() {
        bail!("--shrink searches in a plan of several steps: name one with --replay, or use --once");
    }
    if options.replay.as_ref().is_some_and(Plan::is_empty) {
        bail!("--replay has no step: name one, such as 'resource#3=503'");
    }
    // Who signs is found out before anything runs.
    if options.sign {
        AdminApi::open(&options.connection, environment).context("--sign")?;
    }
    if let Some(single) = single(options) {
        profile.scenarios = vec![single];
    }
    for check in selection.skipped_checks() {
        profile.levels.insert(check.to_owned(), Level::Off);
    }
    report::prepare(&options.report)?;
    let folder = TemporaryFolder::new(&environment.temporary_folder())?;
    Interrupt::on_signals(&INTERRUPT)?;

    let clock = SystemClock::new();
    let at = UnixMillis::after_epoch(clock.since_epoch());
    let seed = options.seed.unwrap_or_else(random_seed);
    let progress = Progress::new(environment);
    let deadline = options.deadline.to_string();
    let exam = Exam {
        examined: Examined {
            client: demo.client_id,
            command: &options.command,
            mappings: &options.mappings,
            deadline: options.deadline.as_duration(),
            environment,
            interrupt: &INTERRUPT,
            folder: folder.path(),
        },
        progress: &progress,
        jobs: usize::from(options.jobs),
        deadline: &deadline,
        scopes: demo.scope.split_whitespace().map(str::to_owned).collect(),
        profile: &profile,
    };
    let outcome =
        exam.run(|reference, undisturbed| tasks(options, &selection, &profile, (reference, undisturbed), seed))?;
    let found = if options.shrink { shrinking::search(&exam, &outcome, options.shrink_runs)? } else { Vec::new() };
    progress.end();

    let facts = Facts {
        client_id: demo.client_id.to_owned(),
        command: options.command.iter().map(|word| redact(word).into_owned()).collect(),
        at,
        duration_ms: u64::try_from(clock.monotonic().as_millis()).unwrap_or_default(),
        method: method(options),
        is_whole: selection.is_whole() && !outcome.is_interrupted && !outcome.is_refused,
        seed,
        repeat: Some(repeat(options, &selection, seed)),
        commit: commit(environment),
    };
    let report = verdict::report(&outcome.examination, &profile, facts);
    remove_passport(&options.report)?;
    report::write_all(&report, &outcome.examination, &options.report)?;
    let signed = if options.sign { sign(options, environment) } else { Ok(()) };
    let code = if outcome.is_interrupted || INTERRUPT.is_set() { INTERRUPTED } else { code_of(report.verdict) };
    let printed = print(options, &report, environment, &found);
    write_for_github(&report, environment);
    // What becomes of the summary does not change the verdict, and who does not read it is no fault.
    let faults = [signed, printed].into_iter().filter_map(Result::err);
    let faults: Vec<_> = faults.filter(|error| !output::is_broken_pipe(error)).collect();
    faults.iter().for_each(print_error);
    Ok(if code == 0 && !faults.is_empty() { SET_UP } else { code })
}

fn code_of(verdict: Readiness) -> u8 {
    match verdict {
        // Nothing that was asked for failed.
        Readiness::Ready | Readiness::Undecided => 0,
        Readiness::NotReady => NOT_READY,
    }
}

/// The runs that are made once the reference is known; and the scenarios that the client cannot show, with the reason.
fn tasks(
    options: &Options,
    selection: &Selection,
    profile: &Profile,
    (reference, undisturbed): (&Reference, &Examination),
    seed: u64,
) -> (Vec<Task>, Vec<(ScenarioId, &'static str)>) {
    let task = |scenario, plan| Task {
        plan,
        window: reference.window(),
        endless: Endless::of(scenario, undisturbed),
        ..Task::undisturbed(scenario)
    };
    let own = |name: &str, scenario, plan| Task { own: Some(name.to_owned()), ..task(scenario, plan) };
    if let Some(plan) = &options.replay {
        return (vec![own(ScenarioId::Replay.name(), ScenarioId::Replay, plan.clone())], Vec::new());
    }
    if options.once {
        return (vec![own(ScenarioId::Once.name(), ScenarioId::Once, once::plan(reference, seed))], Vec::new());
    }
    let (mut tasks, mut not_run) = (Vec::new(), Vec::new());
    for scenario in selection::scenarios().map(|scenario| scenario.id).filter(|id| selection.has(*id)) {
        match scenario_plan::plan(scenario, reference) {
            Ok(plan) => tasks.push(task(scenario, plan)),
            Err(why) => not_run.push((scenario, why)),
        }
    }
    let of_profile = profile.scenarios.iter().filter(|own| selection.has_own(&own.name));
    tasks.extend(of_profile.map(|of_profile| own(&of_profile.name, ScenarioId::Own, of_profile.plan.clone())));
    (tasks, not_run)
}

/// The one scenario of `--replay` and `--once`, which is a check of its own: a client that meets what it can survive ends with
/// success.
fn single(options: &Options) -> Option<OwnScenario> {
    let (id, plan) = match (&options.replay, options.once) {
        (Some(plan), _) => (ScenarioId::Replay, plan.clone()),
        (None, true) => (ScenarioId::Once, Plan::default()),
        (None, false) => return None,
    };
    let expect = if plan.is_survivable() { Expectation::Success } else { Expectation::Any };
    let title = Scenario::of(id).map_or("", |scenario| scenario.title).to_owned();
    Some(OwnScenario { name: id.name().to_owned(), title, level: Level::Required, plan, expect })
}

fn method(options: &Options) -> Method {
    match (options.once, &options.replay) {
        (true, _) => Method::Once,
        (false, Some(_)) => Method::Replay,
        (false, None) => Method::Scenarios,
    }
}

/// The line that repeats the exam. The values of `--env` may be secrets.
fn repeat(options: &Options, selection: &Selection, seed: u64) -> String {
    let client = options.client.as_deref().unwrap_or_default();
    let is_usual = options.deadline.as_duration() == DEFAULT_DEADLINE;
    let parts = [
        Some(format!("boomgate exam {client}{}", selection.to_options())),
        options.once.then(|| format!(" --once --seed {seed}")),
        options.replay.as_ref().map(|plan| format!(" --replay {}", quoted(&plan.to_string()))),
        options.profile.as_ref().map(|profile| format!(" --profile {}", quoted(&profile.display().to_string()))),
        (!is_usual).then(|| format!(" --deadline {}", options.deadline)),
        Some(after_options(options)),
    ];
    parts.into_iter().flatten().collect()
}

const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

/// The end of every line that runs the command once more: `--env`, and the command.
fn after_options(options: &Options) -> String {
    let mappings = options.mappings.iter().map(|mapping| format!(" {}", mapping.to_option()));
    let words: Vec<_> = options.command.iter().map(|word| quoted(&redact(word))).collect();
    format!("{} -- {}", mappings.collect::<String>(), words.join(" "))
}

/// The commit of the client, where a continuous integration says it.
fn commit(environment: &Environment) -> Option<String> {
    const VARIABLES: [&str; 4] = ["GITHUB_SHA", "CI_COMMIT_SHA", "GIT_COMMIT", "BUILD_SOURCEVERSION"];
    VARIABLES.iter().find_map(|name| environment.get(name)).map(str::to_owned)
}

/// Writes a profile to start from.
fn initialize(options: &Options) -> anyhow::Result<u8> {
    let path = options.profile.as_deref().unwrap_or(Path::new("exam.toml"));
    let mut file = match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{} exists and stays as it is: name another file with --profile", path.display())
        }
        Err(error) => bail!("cannot write {}: {error}; name another file with --profile", path.display()),
    };
    file.write_all(Profile::template().as_bytes()).with_context(|| format!("cannot write {}", path.display()))?;
    let shown = quoted(&path.display().to_string());
    output::print(&format!("{shown} has every default. Next: boomgate exam CLIENT --profile {shown} -- COMMAND"))?;
    Ok(0)
}

/// Has the report signed, and writes the passport beside it.
fn sign(options: &Options, environment: &Environment) -> anyhow::Result<()> {
    let file = options.report.join("report.json");
    let bytes = fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let server = AdminApi::open(&options.connection, environment).context("--sign")?;
    let passport = sign_report(&server, &bytes, None).context("--sign")?;
    Ok(report::write_file(&options.report, PASSPORT, (passport + "\n").as_bytes())?)
}

fn write_for_github(report: &Report, environment: &Environment) {
    if environment.get("GITHUB_ACTIONS").is_none() {
        return;
    }
    if let Some(path) = environment.get("GITHUB_STEP_SUMMARY")
        && let Err(error) = report::github::append_summary(report, Path::new(path))
    {
        // The report has all of it.
        print_error(&anyhow::anyhow!("the summary of the step cannot be written to {path}: {error}"));
    }
    for annotation in report::github::annotations(report) {
        output::message(&annotation);
    }
}

/// Removes the passport of an earlier exam, which is not of the report that is written now.
fn remove_passport(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join(PASSPORT);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("{} is of an earlier exam and cannot be removed", path.display()))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

fn print(options: &Options, report: &Report, environment: &Environment, found: &[String]) -> anyhow::Result<()> {
    if options.connection.json {
        return Ok(output::print_bytes(report::json(report)?.as_bytes())?);
    }
    let columns = io::stdout().is_terminal().then(|| output::columns(io::stdout()));
    let look = summary::Look { has_color: output::color(environment), columns };
    let text = summary::text(report, &options.report, look);
    let end = after_options(options);
    let found = found.iter().map(|plan| format!("{plan}{end}"));
    Ok(output::print(&[text].into_iter().chain(found).collect::<Vec<_>>().join("\n\n"))?)
}

/// A seed that is short enough to be written down.
fn random_seed() -> u64 {
    const SEEDS: u128 = 1_000_000;
    u64::try_from(uuid::Uuid::new_v4().as_u128() % SEEDS).unwrap_or_default()
}
