//! `boomgate client`: who may call.

mod change;
mod sync;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use self::change::{Changes, Rotation, Span};
use self::sync::Sync;
use super::connection::{Administration, ConnectionOptions, changed_nothing, text};
use super::credentials;
use super::output::{self, Destination, Table};
use crate::config::Environment;
use crate::limits::Rate;
use crate::oauth::credentials::ClientId;

/// How many clients one page has: the most that the server gives.
const PAGE: &str = "100";

const EXAMPLES: &str = "Examples:
  boomgate client add --name Curbside --scope 'read:zones write:zones' --daily-quota 50000
  boomgate client list
  boomgate client list --search curbside
  boomgate client show demo-reader --json
  boomgate client edit demo-reader --daily-quota 50000
  boomgate client rotate-secret demo-reader --previous-expires-in 3600
  boomgate client usage demo-reader --days 7
  boomgate client sync clients.toml --dry-run";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connection: ConnectionOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Register a client, and print its secret this once
    #[command(after_help = EXAMPLES)]
    Add(Registration),
    /// List all clients, or those that a part of a name or client_id finds
    List {
        /// A part of a name or client_id, in upper or lower case
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show one client
    Show(Which),
    /// Change a client; what is not named stays as it is
    #[command(after_help = change::EDIT_EXAMPLES)]
    Edit(Changes),
    /// Let a client get no token, and refuse those that it has, until it is resumed
    Suspend(Which),
    /// Let a suspended client call again
    Resume(Which),
    /// Delete a client, with its secrets, its usage and the zones that it created
    #[command(visible_alias = "delete")]
    Remove(Which),
    /// Make a new secret, and print it this once; the one before stays good for a while
    #[command(after_help = change::ROTATE_EXAMPLES)]
    RotateSecret(Rotation),
    /// Revoke every token that a client was issued until now
    RevokeTokens(Which),
    /// Show what a client used of its daily quota
    Usage(Span),
    /// Register and change clients until they are as a file declares them; the plan is printed first
    #[command(after_help = sync::EXAMPLES)]
    Sync(Sync),
}

#[derive(Args)]
struct Which {
    /// Its client_id
    #[arg(value_parser = ClientId::parse)]
    client_id: ClientId,
}

impl Which {
    /// Where the server has it: an identifier has no character that a path would read otherwise.
    fn path(&self) -> String {
        format!("/admin/clients/{}", self.client_id)
    }
}

#[derive(Args)]
struct Registration {
    /// What people call it
    #[arg(long)]
    name: String,
    /// All that it may ask for, scope tokens with spaces between; may be repeated
    #[arg(long, default_value = "read:zones")]
    scope: Vec<String>,
    /// An API set that it may call; may be repeated [default: the server's own]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// How long its access tokens live [default: the server's client_defaults]
    #[arg(long, value_name = "SECONDS")]
    token_ttl: Option<u64>,
    /// Requests that come back in a second; 0.5 is one in 2 s [default: the server's client_defaults]
    #[arg(long, value_name = "N")]
    requests_per_second: Option<Rate>,
    /// Requests at once after a rest [default: the server's client_defaults]
    #[arg(long, value_name = "N")]
    burst: Option<u64>,
    /// Requests in a UTC day, or unlimited [default: the server's client_defaults]
    #[arg(long, value_name = "N", value_parser = quota)]
    daily_quota: Option<Value>,
}

impl Registration {
    /// What is not given is left out, so that the server's defaults apply.
    fn members(self) -> Value {
        let mut members = Map::new();
        members.insert("client_name".to_owned(), self.name.into());
        members.insert("scope".to_owned(), self.scope.join(" ").into());
        if !self.audience.is_empty() {
            members.insert("audience".to_owned(), self.audience.into());
        }
        for (name, limit) in [
            ("token_ttl", self.token_ttl.map(Value::from)),
            ("requests_per_second", self.requests_per_second.map(|rate| json!(rate))),
            ("burst", self.burst.map(Value::from)),
            ("daily_quota", self.daily_quota),
        ] {
            if let Some(limit) = limit {
                members.insert(name.to_owned(), limit);
            }
        }
        Value::Object(members)
    }
}

fn quota(text: &str) -> Result<Value, &'static str> {
    if text == "unlimited" {
        return Ok(Value::Null);
    }
    text.parse::<u64>().map(Value::from).map_err(|_| "a whole number, or unlimited")
}

/// What is shown of a client; `--json` prints all that the server says.
#[derive(Deserialize)]
struct Client {
    #[serde(rename = "client_id")]
    id: String,
    #[serde(rename = "client_name")]
    name: String,
    scope: String,
    audience: Vec<String>,
    token_ttl: u64,
    requests_per_second: Rate,
    burst: u64,
    daily_quota: Option<u64>,
    enforce: bool,
    status: String,
    secrets: Vec<Secret>,
    created_at: String,
    updated_at: String,
}

#[derive(Deserialize)]
struct Secret {
    #[serde(rename = "secret_id")]
    id: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

impl Secret {
    fn told(&self) -> String {
        let used = self.last_used_at.as_ref().map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
        let end = self.expires_at.as_ref().map_or_else(String::new, |end| format!(", ends {end}"));
        format!("{}  {used}{end}", self.id)
    }
}

impl Client {
    fn read(answer: &Value) -> anyhow::Result<Self> {
        Self::deserialize(answer).map_err(|error| anyhow!("the server speaks of clients in another way: {error}"))
    }

    fn quota(&self) -> String {
        self.daily_quota.map_or_else(|| "unlimited".to_owned(), |quota| quota.to_string())
    }

    fn throttle(&self) -> String {
        format!("{}/s, {} at once", self.requests_per_second, self.burst)
    }

    fn row(&self) -> [String; 6] {
        let cells = [&self.id, &self.name, &self.status, &self.scope, &self.throttle(), &self.quota()];
        cells.map(|cell| output::printable(cell))
    }

    fn members(&self) -> Vec<(&'static str, String)> {
        let mut members = vec![
            ("client_id", self.id.clone()),
            ("name", self.name.clone()),
            ("status", self.status.clone()),
            ("scope", self.scope.clone()),
            ("audience", self.audience.join(" ")),
            ("token lifetime", format!("{} s", self.token_ttl)),
            ("throttle", self.throttle()),
            ("daily quota", self.quota()),
            ("over a limit", if self.enforce { "refused" } else { "counted, not refused" }.to_owned()),
            ("registered", self.created_at.clone()),
            ("changed", self.updated_at.clone()),
        ];
        members.extend(self.secrets.iter().map(|secret| ("secret", secret.told())));
        members
    }
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let data_dir = options.connection.data_dir(environment)?;
    let credentials = credentials::find(options.connection.credentials.as_deref(), &data_dir, environment)?;
    let server = Administration::of(&credentials, &options.connection, environment)?;
    let json = options.connection.json;
    match options.command {
        Command::Add(registration) => add(&server, registration, &options.connection),
        Command::List { search } => list(&server, search.as_deref(), json),
        Command::Show(which) => show(&server, &which, json),
        Command::Edit(changes) => change::edit(&server, changes, json),
        Command::Suspend(which) => change::set_status(&server, &which, "suspended", json),
        Command::Resume(which) => change::set_status(&server, &which, "active", json),
        Command::Remove(which) => change::remove(&server, &which, json),
        Command::RotateSecret(rotation) => change::rotate_secret(&server, &rotation, &options.connection, &credentials),
        Command::RevokeTokens(which) => change::revoke_tokens(&server, &which, json),
        Command::Usage(span) => change::usage(&server, &span, json),
        Command::Sync(options) => sync::sync(&server, &options, environment, json),
    }
}

fn add(server: &Administration, registration: Registration, connection: &ConnectionOptions) -> anyhow::Result<()> {
    output::require_stdout("the new client's secret")?;
    let name = output::quoted(&registration.name);
    let answer = server.post("/admin/clients", &registration.members()).map_err(|error| {
        if changed_nothing(&error) {
            return error;
        }
        let list = format!("`boomgate client list --search {name}{}`", connection.as_flags());
        anyhow!("{error}. The client may be registered all the same: look for it with {list}, and rotate its secret")
    })?;
    let printed = shown_secret(&answer, &["client_id", "client_secret"], server.server(), connection.json);
    let client_id = text(&answer, "client_id").unwrap_or_default();
    let rotate = rotate_command(client_id, connection);
    output::print_result(&printed, || {
        format!("The client {client_id} is registered all the same, and its secret is lost: make another with {rotate}")
    })?;
    if output::destination() == Destination::Null {
        output::message(&format!("The secret of {client_id} went to /dev/null: make another with {rotate}"));
        return Ok(());
    }
    output::message(&format!(
        "\nThe secret is shown this once: {} keeps only its digest. Keep it where secrets are kept.\nTo try it, set \
         BOOMGATE_CLIENT_ID and BOOMGATE_CLIENT_SECRET to the two, then: boomgate token get{}",
        server.server(),
        server.flags()
    ));
    Ok(())
}

/// Prints each page as it arrives, so that a list of any length takes no more memory than one.
fn list(server: &Administration, search: Option<&str>, json: bool) -> anyhow::Result<()> {
    let mut table = Table::new(["CLIENT ID", "NAME", "STATUS", "SCOPE", "THROTTLE", "DAILY QUOTA"]);
    let mut comma = "";
    if json {
        output::print("[")?;
    }
    pages(server, search, |clients, is_last| {
        if json {
            for client in clients {
                output::print(&format!("{comma}{client}"))?;
                comma = ",";
            }
            return Ok(());
        }
        let rows = clients.iter().map(|client| Ok(Client::read(client)?.row()));
        let rows = rows.collect::<anyhow::Result<Vec<_>>>()?;
        // A search may have an empty page on the way.
        if !rows.is_empty() || is_last {
            output::print(&table.page(&rows))?;
        }
        Ok(())
    })?;
    if json {
        output::print("]")?;
    }
    Ok(())
}

/// Hands over each page of the list, with whether it is the last.
fn pages(
    server: &Administration,
    search: Option<&str>,
    mut each: impl FnMut(&[Value], bool) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", PAGE)];
        query.extend(search.map(|text| ("q", text)));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = server.get("/admin/clients", &query)?;
        let clients = page.get("data").and_then(Value::as_array);
        let clients = clients.ok_or_else(|| anyhow!("{} answered without a list of clients", server.server()))?;
        let next = text(&page, "next_cursor").map(str::to_owned);
        each(clients, next.is_none())?;
        // A server that points back at the same page would never end.
        if next.is_none() || next == cursor {
            return Ok(());
        }
        cursor = next;
    }
}

fn show(server: &Administration, which: &Which, json: bool) -> anyhow::Result<()> {
    Ok(output::print(&shown(&server.get(&which.path(), &[])?, json)?)?)
}

/// A client, as it is printed.
fn shown(answer: &Value, json: bool) -> anyhow::Result<String> {
    Ok(if json { format!("{answer:#}") } else { output::members(&Client::read(answer)?.members()) })
}

/// An answer with a new secret, as it is printed. In JSON it is a file for `--credentials`, so the server's address is
/// in it.
fn shown_secret(answer: &Value, names: &[&'static str], issuer: &str, json: bool) -> String {
    if json {
        let mut answer = answer.clone();
        if let Some(members) = answer.as_object_mut() {
            members.insert("issuer".to_owned(), issuer.into());
        }
        return format!("{answer:#}");
    }
    let member = |name: &&'static str| (*name, text(answer, name).unwrap_or_default().to_owned());
    output::members(&names.iter().map(member).collect::<Vec<_>>())
}

/// The command that makes another secret in place of one that is lost.
fn rotate_command(client_id: &str, connection: &ConnectionOptions) -> String {
    format!("`boomgate client rotate-secret {client_id} --previous-expires-in 0{}`", connection.as_flags())
}
