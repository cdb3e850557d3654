//! `boomgate client sync`: what a file declares is what is registered.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{anyhow, bail};
use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::super::connection::Administration;
use super::super::output;
use super::super::progress::Progress;
use super::pages;
use crate::clients::{SecretStanding, Status};
use crate::config::Environment;
use crate::declared::{self, Declared, Plan, Registered, SECRETS_FOLDER, Setting, Step, grouped};
use crate::oauth::credentials::ClientId;
use crate::oauth::limits::Limits;
use crate::oauth::registration::{Registration, Terms};
use crate::oauth::scope::Scope;

/// How many secrets one request asks after.
const SECRETS_AT_ONCE: usize = 50;

pub(super) const EXAMPLES: &str = "Examples:
  boomgate client sync clients.toml --dry-run      what would be done
  boomgate client sync clients.toml
  boomgate client sync clients.toml --prune        and delete what the file does not name

The file, TOML or JSON; what a client leaves out gets the server's default, and later stays as it is:
  [[clients]]
  client_id = \"curbside\"
  client_name = \"Curbside\"
  scope = \"read:zones write:zones\"
  daily_quota = 50000                 # or \"unlimited\"
  secret = \"generate\"                 # or { env = \"VARIABLE\" } or { file = \"PATH\" }
Also: audience, token_ttl, requests_per_second, burst, enforce, status (active or suspended).";

#[derive(Args)]
pub(super) struct Sync {
    /// The file that declares clients, TOML or JSON
    file: PathBuf,
    /// Delete every registered client that the file does not name, but the one whose credentials are used
    #[arg(long)]
    prune: bool,
    /// Print the plan, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// The folder where generated credentials are kept [default: client-secrets beside FILE]
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
    requests_per_second: u32,
    burst: u32,
    daily_quota: Option<u64>,
    enforce: bool,
    status: Status,
}

impl Told {
    fn read(client: &Value) -> anyhow::Result<(ClientId, Registered)> {
        let told = Self::deserialize(client)
            .map_err(|error| anyhow!("the server speaks of clients in another way: {error}; is it of this version?"))?;
        let registered = Registered {
            registration: Registration {
                client_name: told.client_name,
                scope: told.scope,
                audience: told.audience,
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
        };
        Ok((told.client_id, registered))
    }
}

pub(super) fn sync(
    server: &Administration,
    options: &Sync,
    environment: &Environment,
    json: bool,
) -> anyhow::Result<()> {
    let terms = server.get("/admin/terms", &[])?;
    let terms: Terms = serde_json::from_value(terms)
        .map_err(|error| anyhow!("{} speaks of its terms in another way: {error}", server.server()))?;
    let beside = || options.file.parent().unwrap_or(Path::new("")).join(SECRETS_FOLDER);
    let secrets_dir = options.keep_in.clone().unwrap_or_else(beside);
    let variable = |name: &str| environment.get(name).map(|value| Zeroizing::new(value.to_owned()));
    let setting = Setting { secrets_dir: &secrets_dir, terms: &terms, variable: &variable };
    let declared = declared::read(&options.file, &setting)?;
    if options.prune && declared.is_empty() {
        // More often a file that was emptied by a slip than the end of all partners.
        bail!(
            "{} declares no client, so --prune would delete every other one: `boomgate client remove` deletes them one by one",
            options.file.display()
        );
    }

    let kept = BTreeSet::from([server.client_id().clone()]);
    let mut registered = registered(server)?;
    check_secrets(server, &declared, &mut registered)?;
    let plan = Plan::of(&declared, &registered, options.prune, &kept);
    print_plan(&plan, options, json)?;
    if options.dry_run || plan.steps.is_empty() {
        return Ok(());
    }
    let mut progress = Progress::new(plan.steps.len(), environment);
    for step in &plan.steps {
        if let Err(error) = carry_out(server, step) {
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
    drop(progress);
    output::talk(&format!("Done: {} is as {} says.", server.server(), options.file.display()));
    Ok(())
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

/// Asks what the declared secrets are to the registered clients: only the server can tell.
fn check_secrets(
    server: &Administration,
    declared: &[Declared],
    registered: &mut BTreeMap<ClientId, Registered>,
) -> anyhow::Result<()> {
    #[derive(Deserialize)]
    struct Checked {
        client_id: ClientId,
        standing: SecretStanding,
    }

    let asked: Vec<Value> = declared
        .iter()
        .filter(|client| client.secret.is_said() && registered.contains_key(&client.client_id))
        .filter_map(|client| Some((&client.client_id, client.secret.known()?)))
        .map(|(client_id, secret)| json!({ "client_id": client_id, "client_secret": secret.expose() }))
        .collect();
    for secrets in asked.chunks(SECRETS_AT_ONCE) {
        let answer = server.post("/admin/secrets/check", &json!({ "secrets": secrets }))?;
        let checked = answer.get("data").map(Vec::<Checked>::deserialize);
        let checked = checked.transpose().ok().flatten();
        for Checked { client_id, standing } in checked
            .ok_or_else(|| anyhow!("{} speaks of secrets in another way; is it of this version?", server.server()))?
        {
            if let Some(client) = registered.get_mut(&client_id) {
                client.declared_secret = standing;
            }
        }
    }
    Ok(())
}

fn print_plan(plan: &Plan<'_>, options: &Sync, json: bool) -> anyhow::Result<()> {
    if json {
        output::print_json(&plan.to_json())?;
    } else {
        for step in &plan.steps {
            output::print(&step.to_string())?;
        }
        if plan.steps.is_empty() {
            output::print(&format!("nothing to do: {} unchanged", grouped(plan.counts.unchanged)))?;
        } else {
            output::print(&plan.counts.to_string())?;
        }
    }
    for note in &plan.notes {
        output::talk(&format!("Note: {note}"));
    }
    if plan.counts.undeclared > 0 {
        let (undeclared, file) = (grouped(plan.counts.undeclared), options.file.display());
        output::talk(&format!("Registered, but not in {file}: {undeclared}. With --prune they would be deleted."));
    }
    Ok(())
}

/// One step; when this returns, it is on the server's disk.
fn carry_out(server: &Administration, step: &Step<'_>) -> anyhow::Result<()> {
    let path = format!("/admin/clients/{}", step.client_id());
    match step {
        Step::Register(client) => {
            tell_warnings(client, &server.post("/admin/clients", &registration(server, client)?)?);
        }
        Step::Change(_, changes) => {
            server.patch(&path, &Value::Object(Step::patch(changes)))?;
        }
        Step::RotateSecret(client) => {
            let secret = client.secret.take(&client.client_id, server.server())?;
            let body = json!({ "client_secret": secret.expose() });
            tell_warnings(client, &server.post(&format!("{path}/secrets"), &body)?);
        }
        Step::Suspend(_) => {
            server.patch(&path, &json!({ "status": "suspended" }))?;
        }
        Step::Resume(_) => {
            server.patch(&path, &json!({ "status": "active" }))?;
        }
        Step::Remove(..) => server.delete(&path)?,
    }
    Ok(())
}

/// What the server says that its partner should know of a secret.
fn tell_warnings(client: &Declared, answer: &Value) {
    for warning in answer.get("warnings").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        output::talk(&format!("Note: {}: {}", client.client_id, output::printable(warning)));
    }
}

/// What is sent for a new client. Its secret is on disk here before it is sent.
fn registration(server: &Administration, client: &Declared) -> anyhow::Result<Value> {
    let secret = client.secret.take(&client.client_id, server.server())?;
    let mut members = json!({ "client_id": client.client_id, "client_secret": secret.expose() });
    if let Some(members) = members.as_object_mut() {
        members.extend(client.named.iter().map(|name| ((*name).to_owned(), client.registration.member(name))));
    }
    Ok(members)
}
