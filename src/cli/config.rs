//! `boomgate config`: checks and shows the settings as a server reads them.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use super::output::{self, Table};
use super::serve::SettingOptions;
use crate::config::{Config, Edition, Environment, Origin, Setting};
use crate::server::check::{self, Checked};
use crate::time::{Clock as _, SystemClock};

const EXAMPLES: &str = "Examples:
  boomgate config check --config boomgate.toml
  boomgate config show --config boomgate.toml
  BOOMGATE_WORKERS=2 boomgate config show --json";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check the settings: report what would stop the server from starting (exit code 1), and warn of probable mistakes.
    /// Run this on the server's machine as the server's user
    #[command(after_help = EXAMPLES)]
    Check(Selection),
    /// Show every setting, its value, and where the value comes from
    #[command(after_help = EXAMPLES)]
    Show(Selection),
}

/// What `config check --json` prints.
#[derive(Serialize)]
struct CheckResult {
    ok: bool,
    edition: &'static str,
    /// How many settings have a value that is not the default's.
    given: usize,
    settings: usize,
    warnings: Vec<String>,
}

/// One setting, as `config show --json` prints it.
#[derive(Serialize)]
struct SettingWithOrigin<'s> {
    key: &'s str,
    value: &'s Value,
    origin: OriginJson<'s>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum OriginJson<'s> {
    File { file: String, line: usize },
    Variable { name: &'s str },
    Flag { name: &'s str },
    Default,
}

#[derive(Args)]
struct Selection {
    #[command(flatten)]
    settings: SettingOptions,
    /// Read the settings as `boomgate sandbox` does, not as `boomgate serve`
    #[arg(long)]
    sandbox: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let (is_check, selection) = match options.command {
        Command::Check(selection) => (true, selection),
        Command::Show(selection) => (false, selection),
    };
    let edition = if selection.sandbox { Edition::Sandbox } else { Edition::Serve };
    let (config, settings) = Config::load_with_origins(edition, &selection.settings.flags(), environment)?;
    if is_check { check(&config, &settings, selection.json) } else { show(&settings, selection.json) }
}

fn check(config: &Config, settings: &[Setting], json: bool) -> anyhow::Result<()> {
    let checked = check::check(config, SystemClock::new().now());
    let weak_secrets = checked.weak_secrets();
    let Checked { mut faults, mut warnings, .. } = checked;
    warnings.extend(weak_secrets);
    faults.extend(check::check_addresses(config));
    if !json {
        for warning in &warnings {
            output::message(&format!("warning: {}", output::printable(warning)));
        }
    }
    match faults.as_slice() {
        [] => {}
        [only] => bail!("{only}"),
        all => {
            let lines: Vec<String> = all.iter().map(ToString::to_string).collect();
            bail!("{} faults would stop the server from starting\n  {}", all.len(), lines.join("\n  "));
        }
    }
    let given = settings.iter().filter(|setting| setting.origin != Origin::Default).count();
    let listen: Vec<String> = config.listen.iter().map(ToString::to_string).collect();
    if json {
        let edition = config.edition.name();
        return output::print_json(&CheckResult { ok: true, edition, given, settings: settings.len(), warnings });
    }
    Ok(output::print(&format!(
        "ok: {} on {}, data in {}; {given} of {} settings are set, the others have their defaults",
        config.edition.name(),
        listen.join(" and "),
        output::printable(&config.data_dir.display().to_string()),
        settings.len()
    ))?)
}

fn show(settings: &[Setting], json: bool) -> anyhow::Result<()> {
    if json {
        return output::print_json(&settings.iter().map(SettingWithOrigin::new).collect::<Vec<_>>());
    }
    let mut table = Table::new(["SETTING", "VALUE", "FROM"]);
    let row = |setting: &Setting| {
        // JSON looks like TOML here, and escapes control characters.
        let value = if setting.value.is_null() { "-".to_owned() } else { setting.value.to_string() };
        [setting.key.to_owned(), output::printable(&value), output::printable(&setting.origin.to_string())]
    };
    Ok(output::print(&table.page(&settings.iter().map(row).collect::<Vec<_>>()))?)
}

impl<'s> SettingWithOrigin<'s> {
    fn new(setting: &'s Setting) -> Self {
        let origin = match &setting.origin {
            Origin::File { path, line } => OriginJson::File { file: path.display().to_string(), line: *line },
            Origin::Variable(name) => OriginJson::Variable { name },
            Origin::Flag(name) => OriginJson::Flag { name },
            Origin::Default => OriginJson::Default,
        };
        Self { key: setting.key, value: &setting.value, origin }
    }
}
