//! `boomgate client sync`: what a file declares is what is registered.

mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::connection::{Administration, Refused};
use super::super::output;
use super::super::progress::Progress;
use super::pages;
use crate::api::policy::RegistrationPolicy;
use crate::clients::registration::Registration;
use crate::clients::{SecretStanding, Status};
use crate::config::Environment;
use crate::declared::{Declaration, Declared, Plan, Prune, Registered, Setting, Step, forget_secret, grouped};
use crate::files::Reader;
use crate::limits::{Limits, Rate};
use crate::oauth::credentials::{ClientId, ClientSecret};
use crate::oauth::scope::Scope;

/// How many clients a refusal names.
const MAX_NAMED: usize = 10;

pub(super) const EXAMPLES: &str = "Examples:
  boomgate client sync clients.toml --dry-run
  boomgate client sync clients.toml
  boomgate client sync clients.toml --prune
  boomgate client sync clients.toml --prune --yes
  render-clients | boomgate client sync - --keep-in client-secrets

The file, TOML or JSON; what a client leaves out gets the server's default, and later stays as it is:
  [[clients]]
  client_id = \"curbside\"
  client_name = \"Curbside\"
  scope = \"read:zones write:zones\"
  daily_quota = 50000
  secret = \"generate\"
daily_quota may be \"unlimited\", and secret { env = \"VARIABLE\" } or { file = \"PATH\" }.
Also: audience, token_ttl, requests_per_second, burst, enforce, status (active or suspended).";

#[derive(Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct Sync {
    /// The file that declares clients, TOML or JSON; - is standard input
    file: PathBuf,
    /// Delete the clients that an earlier run has registered or adopted and that the file does not name any more
    #[arg(long)]
    prune: bool,
    /// Delete every client that the file does not name, whoever registered it, but the one whose credentials are used
    #[arg(long)]
    prune_all: bool,
    /// Delete clients, and replace secrets whose kept files are not here, without a question, as a script has to
    #[arg(long)]
    yes: bool,
    /// Print the plan, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The folder where generated credentials are kept [default: client-secrets beside FILE; standard input and pipes
    /// have none]
    #[arg(long, value_name = "DIR")]
    keep_in: Option<PathBuf>,
}

/// A registered client as the server tells of it.
#[derive(Deserialize)]
struct Told {
    client_id: ClientId,
    client_name: String,
    scope: Scope,
    audience: Vec<String>,
    token_ttl: u64,
    requests_per_second: Rate,
    burst: u32,
    daily_quota: Option<u64>,
    enforce: bool,
    status: Status,
    declared: bool,
}

impl Told {
    fn read(client: &Value) -> anyhow::Result<(ClientId, Registered)> {
        let told = Self::deserialize(client)
            .map_err(|error| anyhow!("the server speaks of clients in another way: {error}; is it of this version?"))?;
        let registered = Registered {
            registration: Registration {
                client_name: told.client_name,
                scope: told.scope,
                audience: told.audience.into(),
                token_ttl: told.token_ttl,
                limits: Limits {
                    requests_per_second: told.requests_per_second,
                    burst: told.burst,
                    daily_quota: told.daily_quota,
                    enforce: told.enforce,
                },
            },
            suspended: told.status == Status::Suspended,
            // Asked for by itself.
            declared_secret: SecretStanding::Unknown,
            declared: told.declared,
        };
        Ok((told.client_id, registered))
    }
}

impl Sync {
    fn wanted(&self) -> Prune {
        match (self.prune, self.prune_all) {
            (_, true) => Prune::All,
            (true, false) => Prune::Declared,
            (false, false) => Prune::Nothing,
        }
    }

    fn is_standard_input(&self) -> bool {
        self.file == Path::new("-")
    }

    fn declaration(&self) -> anyhow::Result<Declaration> {
        if !self.is_standard_input() {
            return Ok(Declaration::read(&self.file, Reader::Operator)?);
        }
        if io::stdin().is_terminal() {
            output::message("Paste what declares the clients, then press Enter and Ctrl-D.");
        }
        Ok(Declaration::read_standard_input()?)
    }
}

pub(super) fn sync(
    server: &Administration,
    options: &Sync,
    environment: &Environment,
    json: bool,
) -> anyhow::Result<()> {
    let policy = server.get("/admin/terms", &[])?;
    let policy: RegistrationPolicy = serde_json::from_value(policy).map_err(|error| {
        anyhow!("{} answers with a registration policy that this version cannot read: {error}", server.server())
    })?;
    let declaration = options.declaration()?;
    if let Some(exposure) = declaration.exposure() {
        let warning = format!("warning: {} {exposure}", declaration.name().display());
        output::message(&output::printable(&warning));
    }
    let secrets_dir = options.keep_in.clone().or_else(|| declaration.secrets_dir());
    let variable = |name: &str| environment.get(name).map(|value| Zeroizing::new(value.to_owned()));
    let setting = Setting { secrets_dir: secrets_dir.as_deref(), policy: &policy, variable: &variable };
    let declared = declaration.clients(&setting)?;
    let (name, prune) = (declaration.name().display(), options.wanted());
    if prune != Prune::Nothing && declared.is_empty() {
        // More often a file that was emptied by a slip than the end of all partners.
        bail!(
            "{name} declares no client, so --prune would delete every other one: `boomgate client remove` deletes them one by one"
        );
    }

    let in_use = BTreeSet::from([server.client_id().clone()]);
    let mut clients = registered(server)?;
    secrets::add_standings(server, &declared, &mut clients)?;
    let plan = Plan::of(&declared, &clients, prune, &in_use);
    match &plan.weak_secrets()[..] {
        [] => {}
        [one] => bail!("{one}. Nothing was changed"),
        several => {
            bail!("{} secrets are refused, so nothing was changed:\n  {}", grouped(several.len()), several.join("\n  "))
        }
    }
    print_plan(&plan, &declaration, options, json)?;
    if options.dry_run {
        return Ok(());
    }
    if confirm(&plan, options)? {
        // A person may take long to answer.
        let again = Plan::of(&declared, &registered(server)?, prune, &in_use);
        let again: BTreeSet<&ClientId> = again.removals().collect();
        if !plan.removals().all(|client_id| again.contains(client_id)) {
            bail!("clients were changed while the question stood, so nothing was changed: run this again");
        }
    }
    carry_out_all(server, &plan, secrets_dir.as_deref(), environment)?;
    secrets::expect_all(server, &plan, || Ok(declaration.clients(&setting)?))?;
    if !plan.steps.is_empty() {
        output::message(&format!("Done: {} is as {name} says.", server.server()));
    }
    Ok(())
}

/// Carries out every step, in order. What is done stays.
fn carry_out_all(
    server: &Administration,
    plan: &Plan<'_>,
    secrets_dir: Option<&Path>,
    environment: &Environment,
) -> anyhow::Result<()> {
    let mut progress = Progress::new(plan.steps.len(), environment);
    for step in &plan.steps {
        if let Err(error) = carry_out(server, step, secrets_dir) {
            let (done, total) = (progress.done(), plan.steps.len());
            drop(progress);
            bail!(
                "stopped at {}, after {} of {} steps: {error}. What is done stays; the same command goes on from there",
                step.client_id(),
                grouped(done),
                grouped(total)
            );
        }
        progress.step();
    }
    Ok(())
}

/// Asks whether to do what cannot be undone, and returns whether it had to; where nobody can be asked, `--yes` has to say
/// so.
fn confirm(plan: &Plan<'_>, options: &Sync) -> anyhow::Result<bool> {
    let removals = Named::of(plan.removals());
    let remade = Named::of(plan.remade());
    if options.yes || (removals.is_none() && remade.is_none()) {
        return Ok(false);
    }
    let is_asked = !options.is_standard_input() && io::stdin().is_terminal() && io::stderr().is_terminal();
    for (named, deed, question, instead) in [
        (&removals, "delete NAMED", "Delete NAMED, with secrets, tokens and usage", "leave out the pruning"),
        (
            &remade,
            "make a new secret for NAMED whose kept file is not here",
            "Make a new secret for NAMED whose kept file is not here",
            "bring the kept files here, or name their folder with --keep-in",
        ),
    ] {
        let Some(Named { count, names }) = named else { continue };
        if !is_asked {
            let deed = deed.replace("NAMED", count);
            bail!(
                "this would {deed} ({names}), and nobody can be asked here, so nothing was changed: add --yes, or \
                 {instead}; --dry-run shows the plan"
            );
        }
        ask(&question.replace("NAMED", count), names)?;
    }
    Ok(true)
}

fn ask(question: &str, names: &str) -> anyhow::Result<()> {
    let mut err = io::stderr().lock();
    write!(err, "{question}: {names}? [y/N] ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    if !["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()) {
        bail!("nothing was changed");
    }
    Ok(())
}

/// Clients in a question: how many, and the first of them.
struct Named {
    count: String,
    names: String,
}

impl Named {
    fn of<'c>(clients: impl Iterator<Item = &'c ClientId>) -> Option<Self> {
        let all: Vec<&str> = clients.map(ClientId::as_str).collect();
        let count = match all.len() {
            0 => return None,
            1 => "1 client".to_owned(),
            several => format!("{} clients", grouped(several)),
        };
        let first = all.iter().take(MAX_NAMED).copied().collect::<Vec<_>>().join(", ");
        let names = match all.len().saturating_sub(MAX_NAMED) {
            0 => first,
            more => format!("{first} and {} more", grouped(more)),
        };
        Some(Self { count, names })
    }
}

fn registered(server: &Administration) -> anyhow::Result<BTreeMap<ClientId, Registered>> {
    let mut registered = BTreeMap::new();
    pages(server, None, |clients, _| {
        for client in clients {
            let (client_id, client) = Told::read(client)?;
            registered.insert(client_id, client);
        }
        Ok(())
    })?;
    Ok(registered)
}

fn print_plan(plan: &Plan<'_>, declaration: &Declaration, options: &Sync, json: bool) -> anyhow::Result<()> {
    let printed = if json {
        format!("{:#}", plan.to_json())
    } else {
        let mut lines: Vec<String> = plan.steps.iter().map(Step::to_string).collect();
        lines.push(if plan.steps.is_empty() {
            format!("nothing to do: {} unchanged", grouped(plan.counts.unchanged))
        } else {
            plan.counts.to_string()
        });
        lines.join("\n")
    };
    // Nobody has seen what would be done.
    output::print_result(&printed, || "Nothing was changed".to_owned())?;
    // Those that are astray fail the run at its end.
    for note in plan.all_notes().take(if options.dry_run { usize::MAX } else { plan.notes.len() }) {
        output::message(&format!("Note: {note}"));
    }
    let (undeclared, others) = (plan.counts.undeclared, plan.counts.others);
    let name = declaration.name().display();
    if undeclared > 0 {
        output::message(&format!(
            "Registered by an earlier run, but not in {name}: {}. With --prune they would be deleted.",
            grouped(undeclared)
        ));
    }
    if others > 0 && options.prune {
        output::message(&format!(
            "Registered in another way, and not in {name}: {}. They stay; --prune-all would delete all but the one whose \
             credentials are used.",
            grouped(others)
        ));
    }
    Ok(())
}

/// One step; when this returns, it is on the server's disk.
fn carry_out(server: &Administration, step: &Step<'_>, secrets_dir: Option<&Path>) -> anyhow::Result<()> {
    let path = path_of(step.client_id());
    match step {
        Step::Register(client) => {
            secrets::send(server, client, |secret| server.post("/admin/clients", &registration(client, secret)))?;
        }
        Step::Change(_, changes) => {
            server.patch(&path, &Value::Object(Step::patch(changes)))?;
        }
        Step::RotateSecret(client) => {
            let body = |secret: &ClientSecret| json!({ "client_secret": secret.expose() });
            secrets::send(server, client, |secret| server.post(&format!("{path}/secrets"), &body(secret)))?;
        }
        Step::Suspend(_) => {
            server.patch(&path, &json!({ "status": "suspended" }))?;
        }
        Step::Resume(_) => {
            server.patch(&path, &json!({ "status": "active" }))?;
        }
        Step::Remove(client_id, _) => {
            // Another run may have deleted it meanwhile.
            server.delete(&path).or_else(|error| if is_unknown(&error) { Ok(()) } else { Err(error) })?;
            if let Some(folder) = secrets_dir {
                forget_secret(folder, client_id)
                    .map_err(|error| anyhow!("it is deleted, but its secret stays in {}: {error}", folder.display()))?;
            }
        }
    }
    Ok(())
}

fn path_of(client_id: &ClientId) -> String {
    format!("/admin/clients/{client_id}")
}

fn is_unknown(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == 404)
}

/// What is sent for a new client.
fn registration(client: &Declared, secret: &ClientSecret) -> Value {
    let mut members = json!({ "client_id": client.client_id, "client_secret": secret.expose(), "declared": true });
    if let Some(members) = members.as_object_mut() {
        members.extend(
            client.registration.members().into_iter().filter(|(name, _)| client.named.contains(&name.as_str())),
        );
    }
    members
}
