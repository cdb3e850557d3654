//! `boomgate client sync`: makes the registered clients what a file declares.

mod secrets;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use zeroize::Zeroizing;

use super::{for_each_page, path_of};
use crate::api::client::{Client, ClientPatch, NewClient, RegisteredClient, RotatedClient, Status};
use crate::api::policy::RegistrationPolicy;
use crate::api::secret::SecretRotation;
use crate::cli::connection::{AdminApi, Refused};
use crate::cli::{input, output};
use crate::config::Environment;
use crate::declared::{Declaration, Declared, Plan, Prune, ReadContext, Registered, Step, grouped, remove_secret_file};
use crate::files::Reader;
use crate::oauth::credentials::{ClientId, ClientSecret};

/// How many clients a question or an error names.
const MAX_NAMED: usize = 10;

pub(super) const EXAMPLES: &str = "Examples:
  boomgate client sync clients.toml --dry-run
  boomgate client sync clients.toml
  boomgate client sync clients.toml --prune
  boomgate client sync clients.toml --prune --yes
  render-clients | boomgate client sync - --keep-in client-secrets

The file is TOML or JSON. A new client gets the server's defaults for everything that the file leaves out; for a
registered client, that stays as it is:
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
    /// Delete the clients that an earlier run registered or adopted, and that the file no longer names
    #[arg(long)]
    prune: bool,
    /// Delete every client that the file does not name, except the one whose credentials this command uses
    #[arg(long)]
    prune_all: bool,
    /// Do not ask before deleting clients, or before replacing secrets whose files are missing; for scripts
    #[arg(long)]
    yes: bool,
    /// Print the plan, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// The folder for generated credentials [default: client-secrets beside FILE; required if the clients come from
    /// standard input or a pipe]
    #[arg(long, value_name = "DIR")]
    keep_in: Option<PathBuf>,
}

impl Sync {
    fn pruning(&self) -> Prune {
        match (self.prune, self.prune_all) {
            (_, true) => Prune::All,
            (true, false) => Prune::Declared,
            (false, false) => Prune::Nothing,
        }
    }

    fn declaration(&self) -> anyhow::Result<Declaration> {
        if !input::is_standard_input(&self.file) {
            return Ok(Declaration::read(&self.file, Reader::Operator)?);
        }
        if io::stdin().is_terminal() {
            output::message("Paste the file that declares the clients, then press Enter and Ctrl-D.");
        }
        Ok(Declaration::read_standard_input()?)
    }
}

pub(super) fn sync(server: &AdminApi, options: &Sync, environment: &Environment, json: bool) -> anyhow::Result<()> {
    let policy: RegistrationPolicy = server.get("/admin/terms", &[])?;
    let declaration = options.declaration()?;
    if let Some(exposure) = declaration.exposure() {
        let warning = format!("warning: {} {exposure}", declaration.name().display());
        output::message(&output::printable(&warning));
    }
    let secrets_dir = options.keep_in.clone().or_else(|| declaration.secrets_dir());
    let variable = |name: &str| environment.get(name).map(|value| Zeroizing::new(value.to_owned()));
    let context = ReadContext { secrets_dir: secrets_dir.as_deref(), policy: &policy, variable: &variable };
    let declared = declaration.clients(&context)?;
    let (name, prune) = (declaration.name().display(), options.pruning());
    if prune != Prune::Nothing && declared.is_empty() {
        // An empty file is more often a mistake than the wish to delete all partners.
        bail!(
            "{name} declares no client, so --prune would delete all others: delete them one by one with `boomgate client \
             remove`"
        );
    }

    let in_use = BTreeSet::from([server.client_id().clone()]);
    let mut clients = registered(server)?;
    secrets::add_standings(server, &declared, &mut clients)?;
    let plan = Plan::new(&declared, &clients, prune, &in_use);
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
        // The person may have taken long to answer.
        let again = Plan::new(&declared, &registered(server)?, prune, &in_use);
        let again: BTreeSet<&ClientId> = again.removals().collect();
        if !plan.removals().all(|client_id| again.contains(client_id)) {
            bail!("clients were changed before you answered, so nothing was changed: run this again");
        }
    }
    apply_all(server, &plan, secrets_dir.as_deref())?;
    secrets::verify_all(server, &plan, || Ok(declaration.clients(&context)?))?;
    if !plan.steps.is_empty() {
        output::message(&format!("Done: {} is as {name} says.", server.server()));
    }
    Ok(())
}

/// Applies every step, in order. An error undoes nothing.
fn apply_all(server: &AdminApi, plan: &Plan<'_>, secrets_dir: Option<&Path>) -> anyhow::Result<()> {
    let progress = output::progress(plan.steps.len() as u64);
    for (done, step) in plan.steps.iter().enumerate() {
        if let Err(error) = apply(server, step, secrets_dir) {
            progress.finish_and_clear();
            bail!(
                "stopped at {}, after {} of {} steps: {error}. The steps before it are done; the same command continues \
                 from there",
                step.client_id(),
                grouped(done),
                grouped(plan.steps.len())
            );
        }
        progress.inc(1);
    }
    Ok(())
}

/// Applies one step. It is durable on the server when this returns.
fn apply(server: &AdminApi, step: &Step<'_>, secrets_dir: Option<&Path>) -> anyhow::Result<()> {
    let path = path_of(step.client_id());
    let set_status = |status| {
        let body = ClientPatch { status: Some(status), ..ClientPatch::default() };
        server.patch::<Client>(&path, &body).map(drop)
    };
    match step {
        Step::Register(client) => secrets::send(server, client, |secret| {
            let answer: RegisteredClient = server.post("/admin/clients", &new_client(client, secret))?;
            Ok(answer.warnings)
        }),
        Step::Change(_, changes) => server.patch::<Client>(&path, &Step::patch(changes)).map(drop),
        Step::RotateSecret(client) => secrets::send(server, client, |secret| {
            let client_secret = Some(secret.expose().to_owned());
            let body = SecretRotation { previous_expires_in: None, client_secret };
            let answer: RotatedClient = server.post(&format!("{path}/secrets"), &body)?;
            Ok(answer.warnings)
        }),
        Step::Suspend(_) => set_status(Status::Suspended),
        Step::Resume(_) => set_status(Status::Active),
        Step::Remove(client_id, _) => {
            // Another run may have deleted it already.
            server.delete(&path).or_else(|error| if is_not_found(&error) { Ok(()) } else { Err(error) })?;
            let Some(folder) = secrets_dir else { return Ok(()) };
            remove_secret_file(folder, client_id)
                .map_err(|error| anyhow!("it is deleted, but its secret stays in {}: {error}", folder.display()))
        }
    }
}

fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.status == 404)
}

/// The registration of a declared client: only the members that the file has, so that the server's defaults apply.
fn new_client(client: &Declared, secret: &ClientSecret) -> NewClient {
    let registration = &client.registration;
    let has = |member| client.named.contains(&member);
    NewClient {
        client_id: Some(client.client_id.clone()),
        client_secret: Some(secret.expose().to_owned()),
        client_name: registration.client_name.clone(),
        scope: registration.scope.to_string(),
        audience: if has("audience") { registration.audience.to_vec() } else { Vec::new() },
        token_ttl: has("token_ttl").then_some(registration.token_ttl),
        report_required: has("report_required").then_some(registration.report_required),
        requests_per_second: has("requests_per_second").then_some(registration.limits.requests_per_second),
        burst: has("burst").then_some(registration.limits.burst.into()),
        daily_quota: has("daily_quota").then_some(registration.limits.daily_quota.into()),
        enforce: has("enforce").then_some(registration.limits.enforce),
        declared: Some(true),
    }
}

/// Asks before the plan does what cannot be undone, and returns whether it had to ask. Where it cannot ask, `--yes` has
/// to agree.
fn confirm(plan: &Plan<'_>, options: &Sync) -> anyhow::Result<bool> {
    let removals = ClientNames::new(plan.removals());
    let regenerated = ClientNames::new(plan.regenerated());
    if options.yes || (removals.is_none() && regenerated.is_none()) {
        return Ok(false);
    }
    let can_ask = !input::is_standard_input(&options.file) && io::stdin().is_terminal() && io::stderr().is_terminal();
    for (clients, action, question, instead) in [
        (&removals, "delete COUNT", "Delete COUNT, with secrets, tokens and usage", "leave out the pruning"),
        (
            &regenerated,
            "create a new secret for COUNT whose secret file is missing",
            "Create a new secret for COUNT whose secret file is missing",
            "bring the secret files here, or name their folder with --keep-in",
        ),
    ] {
        let Some(ClientNames { count, names }) = clients else { continue };
        if !can_ask {
            let action = action.replace("COUNT", count);
            bail!(
                "this would {action} ({names}), and there is no terminal to ask on, so nothing was changed: add --yes, or \
                 {instead}; --dry-run shows the plan"
            );
        }
        ask(&question.replace("COUNT", count), names)?;
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
struct ClientNames {
    count: String,
    names: String,
}

impl ClientNames {
    /// `None` if there are no clients.
    fn new<'c>(clients: impl Iterator<Item = &'c ClientId>) -> Option<Self> {
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

fn registered(server: &AdminApi) -> anyhow::Result<BTreeMap<ClientId, Registered>> {
    let mut registered = BTreeMap::new();
    for_each_page(server, None, |clients: Vec<Client>, _| {
        registered.extend(clients.into_iter().map(Registered::from_answer));
        Ok(())
    })?;
    Ok(registered)
}

fn print_plan(plan: &Plan<'_>, declaration: &Declaration, options: &Sync, json: bool) -> anyhow::Result<()> {
    let printed = if json {
        output::json(&plan.to_json())?
    } else {
        let mut lines: Vec<String> = plan.steps.iter().map(Step::to_string).collect();
        lines.push(if plan.steps.is_empty() {
            format!("nothing to do: {} unchanged", grouped(plan.counts.unchanged))
        } else {
            plan.counts.to_string()
        });
        lines.join("\n")
    };
    // A plan that could not be printed is not applied.
    output::print_result(&printed, || "Nothing was changed".to_owned())?;
    // Without --dry-run, the secrets that do not work are the error at the end.
    for note in plan.all_notes().take(if options.dry_run { usize::MAX } else { plan.notes.len() }) {
        output::message(&format!("Note: {note}"));
    }
    let (undeclared, others) = (plan.counts.undeclared, plan.counts.others);
    let name = declaration.name().display();
    if undeclared > 0 {
        output::message(&format!(
            "Clients that an earlier run registered, and that are not in {name}: {}. --prune would delete them.",
            grouped(undeclared)
        ));
    }
    if others > 0 && options.prune {
        output::message(&format!(
            "Clients that were registered in another way, and that are not in {name}: {}. They stay. --prune-all would \
             delete them, except the one whose credentials this command uses.",
            grouped(others)
        ));
    }
    Ok(())
}
