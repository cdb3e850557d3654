//! `boomgate config`: the settings, as a server would read them.

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

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
    /// Say what would refuse a start, and what is hardly meant; exit code 1 if the start would be refused. Run it as
    /// the server's user, on its machine
    #[command(after_help = EXAMPLES)]
    Check(What),
    /// Show every setting, its value, and where that was given
    #[command(after_help = EXAMPLES)]
    Show(What),
}

#[derive(Args)]
struct What {
    #[command(flatten)]
    settings: SettingOptions,
    /// Read them as `boomgate sandbox` would, not as `boomgate serve`
    #[arg(long)]
    sandbox: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let (is_check, what) = match options.command {
        Command::Check(what) => (true, what),
        Command::Show(what) => (false, what),
    };
    let edition = if what.sandbox { Edition::Sandbox } else { Edition::Serve };
    let (config, settings) = Config::load_with_origins(edition, &what.settings.flags(), environment)?;
    if is_check { check(&config, &settings, what.json) } else { show(&settings, what.json) }
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
            bail!("{} things would refuse the start\n  {}", all.len(), lines.join("\n  "));
        }
    }
    let given = settings.iter().filter(|setting| setting.origin != Origin::Default).count();
    let listen: Vec<String> = config.listen.iter().map(ToString::to_string).collect();
    if json {
        let answer = json!({ "ok": true, "edition": config.edition.name(), "given": given, "settings": settings.len(),
                    "warnings": warnings });
        return Ok(output::print_json(&answer)?);
    }
    Ok(output::print(&format!(
        "ok: {} on {}, data in {}; {given} of {} settings are given, the others have their defaults",
        config.edition.name(),
        listen.join(" and "),
        output::printable(&config.data_dir.display().to_string()),
        settings.len()
    ))?)
}

fn show(settings: &[Setting], json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(output::print_json(&settings.iter().map(member).collect())?);
    }
    let mut table = Table::new(["SETTING", "VALUE", "FROM"]);
    let row = |setting: &Setting| {
        // JSON's values are TOML's, and escape what would move a terminal.
        let value = if setting.value.is_null() { "-".to_owned() } else { setting.value.to_string() };
        [setting.key.to_owned(), output::printable(&value), output::printable(&setting.origin.to_string())]
    };
    Ok(output::print(&table.page(&settings.iter().map(row).collect::<Vec<_>>()))?)
}

fn member(setting: &Setting) -> Value {
    let origin = match &setting.origin {
        Origin::File { path, line } => json!({ "kind": "file", "file": path.display().to_string(), "line": line }),
        Origin::Variable(name) => json!({ "kind": "variable", "name": name }),
        Origin::Flag(name) => json!({ "kind": "flag", "name": name }),
        Origin::Default => json!({ "kind": "default" }),
    };
    json!({ "key": setting.key, "value": setting.value, "origin": origin })
}
