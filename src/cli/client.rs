//! `boomgate client`: who may call.

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::connection::{Administration, ConnectionOptions, text};
use super::output::{self, Table};
use crate::config::Environment;
use crate::oauth::credentials::ClientId;

/// How many clients one page has: the most that the server gives.
const PAGE: &str = "100";

const EXAMPLES: &str = "Examples:
  boomgate client add --name Curbside --scope 'read:zones write:zones' --daily-quota 50000
  boomgate client list
  boomgate client show demo-reader --json";

#[derive(Args)]
#[command(before_help = EXAMPLES)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    connection: ConnectionOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Register a client, and print its secret this once
    #[command(before_help = EXAMPLES)]
    Add(Registration),
    /// List all clients
    List,
    /// Show one client
    Show {
        /// Its client_id
        #[arg(value_parser = ClientId::parse)]
        client_id: ClientId,
    },
}

#[derive(Args)]
struct Registration {
    /// What people call it
    #[arg(long)]
    name: String,
    /// All that it may ask for, scope tokens with spaces between
    #[arg(long, default_value = "read:zones")]
    scope: String,
    /// An API set that it may call; may be repeated [default: the server's own]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// How long its access tokens live [default: the server's client_defaults]
    #[arg(long, value_name = "SECONDS")]
    token_ttl: Option<u64>,
    /// Requests that come back in a second [default: the server's client_defaults]
    #[arg(long, value_name = "N")]
    requests_per_second: Option<u64>,
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
        members.insert("scope".to_owned(), self.scope.into());
        if !self.audience.is_empty() {
            members.insert("audience".to_owned(), self.audience.into());
        }
        for (name, limit) in [
            ("token_ttl", self.token_ttl.map(Value::from)),
            ("requests_per_second", self.requests_per_second.map(Value::from)),
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
    requests_per_second: u64,
    burst: u64,
    daily_quota: Option<u64>,
    status: String,
    created_at: String,
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
        vec![
            ("client_id", self.id.clone()),
            ("name", self.name.clone()),
            ("status", self.status.clone()),
            ("scope", self.scope.clone()),
            ("audience", self.audience.join(" ")),
            ("token lifetime", format!("{} s", self.token_ttl)),
            ("throttle", self.throttle()),
            ("daily quota", self.quota()),
            ("registered", self.created_at.clone()),
        ]
    }
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let server = Administration::open(&options.connection, environment)?;
    let json = options.connection.json;
    match options.command {
        Command::Add(registration) => add(&server, registration, json),
        Command::List => list(&server, json),
        Command::Show { client_id } => show(&server, &client_id, json),
    }
}

fn add(server: &Administration, registration: Registration, json: bool) -> anyhow::Result<()> {
    let answer = server.post("/admin/clients", &registration.members())?;
    if json {
        output::print_json(&answer)?;
    } else {
        let member = |name| text(&answer, name).unwrap_or_default().to_owned();
        let credentials = [("client_id", member("client_id")), ("client_secret", member("client_secret"))];
        output::print(&output::members(&credentials))?;
    }
    output::talk(&format!(
        "\nThe secret is shown this once: {} keeps only its digest. Keep it where secrets are kept.\nTo try it, set \
         BOOMGATE_CLIENT_ID and BOOMGATE_CLIENT_SECRET to the two, then: boomgate token get --server {}",
        server.server(),
        output::quoted(server.server())
    ));
    Ok(())
}

/// Prints each page as it arrives, so that a list of any length takes no more memory than one.
fn list(server: &Administration, json: bool) -> anyhow::Result<()> {
    let mut table = Table::new(["CLIENT ID", "NAME", "STATUS", "SCOPE", "THROTTLE", "DAILY QUOTA"]);
    let mut cursor: Option<String> = None;
    let mut comma = "";
    if json {
        output::print("[")?;
    }
    loop {
        let mut query = vec![("limit", PAGE)];
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let page = server.get("/admin/clients", &query)?;
        let clients = page.get("data").and_then(Value::as_array);
        let clients = clients.ok_or_else(|| anyhow!("{} answered without a list of clients", server.server()))?;
        if json {
            for client in clients {
                output::print(&format!("{comma}{client}"))?;
                comma = ",";
            }
        } else {
            let rows = clients.iter().map(|client| Ok(Client::read(client)?.row()));
            output::print(&table.page(&rows.collect::<anyhow::Result<Vec<_>>>()?))?;
        }
        let next = text(&page, "next_cursor").map(str::to_owned);
        // A server that points back at the same page would never end.
        if next.is_none() || next == cursor {
            break;
        }
        cursor = next;
    }
    if json {
        output::print("]")?;
    }
    Ok(())
}

fn show(server: &Administration, client_id: &ClientId, json: bool) -> anyhow::Result<()> {
    let answer = server.get(&format!("/admin/clients/{client_id}"), &[])?;
    if json {
        return Ok(output::print_json(&answer)?);
    }
    Ok(output::print(&output::members(&Client::read(&answer)?.members()))?)
}
