//! `boomgate client`: the clients that may call.

mod change;
mod sync;

use anyhow::anyhow;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde::de::DeserializeOwned;

use self::change::{Changes, Rotation, Span};
use self::sync::Sync;
use super::connection::{AdminApi, AsSent, ConnectionOptions, changed_nothing};
use super::credentials;
use super::output::{self, Destination, Table};
use crate::api::client::{Client, DailyQuota, NewClient, RegisteredClient, Status, UNLIMITED};
use crate::api::page::Page;
use crate::api::secret::Secret;
use crate::config::Environment;
use crate::limits::Rate;
use crate::oauth::credentials::ClientId;

/// The size of a page of clients: the largest that the server allows.
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
    /// Register a client, and print its secret, which is shown only once
    #[command(after_help = EXAMPLES)]
    Add(Registration),
    /// List all clients, or the ones that a search finds
    List {
        /// A part of a name or client_id, in upper or lower case
        #[arg(long, value_name = "TEXT")]
        search: Option<String>,
    },
    /// Show one client
    Show(Target),
    /// Change a client; options that you leave out change nothing
    #[command(after_help = change::EDIT_EXAMPLES)]
    Edit(Changes),
    /// Suspend a client: it gets no tokens, and the tokens that it has are refused, until you resume it
    Suspend(Target),
    /// Let a suspended client call again
    Resume(Target),
    /// Delete a client, with its secrets, its usage and the zones that it created
    #[command(visible_alias = "delete")]
    Remove(Target),
    /// Create a new secret, and print it, which is shown only once; the previous secret stays valid for a while
    #[command(after_help = change::ROTATE_EXAMPLES)]
    RotateSecret(Rotation),
    /// Revoke every token that a client has
    RevokeTokens(Target),
    /// Show how much of its daily quota a client has used
    Usage(Span),
    /// Register and change clients until they are as a file declares them; the plan is printed first
    #[command(after_help = sync::EXAMPLES)]
    Sync(Sync),
}

#[derive(Args)]
struct Target {
    /// The client's client_id
    #[arg(value_parser = ClientId::parse)]
    client_id: ClientId,
}

impl Target {
    fn path(&self) -> String {
        path_of(&self.client_id)
    }
}

/// The client's path in the admin API. A `client_id` needs no escaping there.
fn path_of(client_id: &ClientId) -> String {
    format!("/admin/clients/{client_id}")
}

#[derive(Args)]
struct Registration {
    /// The client's name, for people
    #[arg(long)]
    name: String,
    /// The scope tokens that it may ask for, with spaces between them; may be repeated
    #[arg(long, default_value = "read:zones")]
    scope: Vec<String>,
    /// An API set that it may call; may be repeated [default: the server's own API]
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// How long its access tokens live [default: the server's client_defaults]
    #[arg(long, value_name = "SECONDS")]
    token_ttl: Option<u64>,
    /// The requests per second that it may send; 0.5 is one in 2 s [default: the server's client_defaults]
    #[arg(long, value_name = "N")]
    requests_per_second: Option<Rate>,
    /// The requests that it may send at once after a pause [default: the server's client_defaults]
    #[arg(long, value_name = "N")]
    burst: Option<u64>,
    /// The requests that it may send in a UTC day, or unlimited [default: the server's client_defaults]
    #[arg(long, value_name = "N", value_parser = parse_quota)]
    daily_quota: Option<DailyQuota>,
    /// Lower its limits to the server's client_defaults.unproven, until it shows the report of an exam
    #[arg(long)]
    report_required: bool,
}

impl Registration {
    fn into_body(self) -> NewClient {
        NewClient {
            client_name: self.name,
            scope: self.scope.join(" "),
            audience: self.audience,
            token_ttl: self.token_ttl,
            requests_per_second: self.requests_per_second,
            burst: self.burst,
            daily_quota: self.daily_quota,
            report_required: self.report_required.then_some(true),
            ..NewClient::default()
        }
    }
}

fn parse_quota(text: &str) -> Result<DailyQuota, &'static str> {
    if text == UNLIMITED {
        return Ok(DailyQuota::Unlimited);
    }
    text.parse().map(DailyQuota::Requests).map_err(|_| "a whole number, or unlimited")
}

pub(super) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let data_dir = options.connection.data_dir(environment)?;
    let credentials = credentials::find(options.connection.credentials.as_deref(), &data_dir, environment)?;
    let server = AdminApi::with_credentials(&credentials, &options.connection, environment)?;
    let json = options.connection.json;
    match options.command {
        Command::Add(registration) => add(&server, registration, &options.connection),
        Command::List { search } => list(&server, search.as_deref(), json),
        Command::Show(target) => Ok(output::print(&shown(&server.get(&target.path(), &[])?, json)?)?),
        Command::Edit(changes) => change::edit(&server, changes, json),
        Command::Suspend(target) => change::set_status(&server, &target, Status::Suspended, json),
        Command::Resume(target) => change::set_status(&server, &target, Status::Active, json),
        Command::Remove(target) => change::remove(&server, &target, json),
        Command::RotateSecret(rotation) => change::rotate_secret(&server, &rotation, &options.connection, &credentials),
        Command::RevokeTokens(target) => change::revoke_tokens(&server, &target, json),
        Command::Usage(span) => change::usage(&server, &span, json),
        Command::Sync(options) => sync::sync(&server, &options, environment, json),
    }
}

fn add(server: &AdminApi, registration: Registration, connection: &ConnectionOptions) -> anyhow::Result<()> {
    output::require_stdout("the new client's secret")?;
    let name = output::quoted(&registration.name);
    let answer: AsSent<RegisteredClient> =
        server.post("/admin/clients", &registration.into_body()).map_err(|error| {
            if changed_nothing(&error) {
                return error;
            }
            let list = format!("`boomgate client list --search {name}{}`", connection.flags());
            anyhow!("{error}. The client may be registered anyway: look for it with {list}, and rotate its secret")
        })?;
    let RegisteredClient { client: Client { client_id, .. }, client_secret, .. } = &*answer;
    let secret = client_secret.as_deref().unwrap_or_default();
    let members = [("client_id", client_id.to_string()), ("client_secret", secret.to_owned())];
    let rotate = rotate_command(client_id, connection);
    output::print_result(&shown_secret(&answer, &members, server, connection.json)?, || {
        format!("The client {client_id} is registered anyway, but its secret is lost: create another with {rotate}")
    })?;
    if output::destination() == Destination::Null {
        output::message(&format!("The secret of {client_id} went to /dev/null: create another with {rotate}"));
        return Ok(());
    }
    output::message(&format!(
        "\nThe secret is shown only once, because {} stores only a digest of it. Store it where you store \
         secrets.\nTo try it, set BOOMGATE_CLIENT_ID and BOOMGATE_CLIENT_SECRET to these two values, then: boomgate token \
         get{}",
        server.server(),
        server.flags()
    ));
    Ok(())
}

/// Prints each page as it arrives, so that a long list takes no more memory than one page.
fn list(server: &AdminApi, search: Option<&str>, json: bool) -> anyhow::Result<()> {
    let mut table = Table::new(["CLIENT ID", "NAME", "STATUS", "SCOPE", "THROTTLE", "DAILY QUOTA"]);
    let mut comma = "";
    if json {
        output::print("[")?;
    }
    for_each_page(server, search, |clients: Vec<AsSent<Client>>, is_last| {
        if json {
            for client in clients {
                output::print(&format!("{comma}{}", serde_json::to_string(&client)?))?;
                comma = ",";
            }
            return Ok(());
        }
        let rows: Vec<_> = clients.iter().map(|client| row(client)).collect();
        // A search may find nothing on one page, and something on the next.
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

/// Calls `each` with every page of the list, and with whether it is the last.
fn for_each_page<T: DeserializeOwned>(
    server: &AdminApi,
    search: Option<&str>,
    mut each: impl FnMut(Vec<T>, bool) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut cursor: Option<String> = None;
    loop {
        let mut query = vec![("limit", PAGE)];
        query.extend(search.map(|text| ("q", text)));
        query.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let Page { data, next_cursor } = server.get::<Page<T>>("/admin/clients", &query)?;
        each(data, next_cursor.is_none())?;
        // A faulty server may answer the same cursor for ever.
        if next_cursor.is_none() || next_cursor == cursor {
            return Ok(());
        }
        cursor = next_cursor;
    }
}

/// The output of a command that shows one client.
fn shown(client: &AsSent<Client>, json: bool) -> anyhow::Result<String> {
    if json { output::json(client) } else { Ok(output::members(&members(client))) }
}

fn row(client: &Client) -> [String; 6] {
    let Client { client_id, client_name, status, scope, .. } = client;
    // The limits that count now.
    let (throttle, quota) = match &client.limits_in_effect {
        Some(limits) => (rate(limits.requests_per_second, limits.burst), quota(limits.daily_quota)),
        None => (throttle(client), daily_quota(client)),
    };
    let cells = [client_id.as_str(), client_name, status.name(), &scope.to_string(), &throttle, &quota];
    cells.map(output::printable)
}

fn members(client: &Client) -> Vec<(&'static str, String)> {
    let mut members = vec![
        ("client_id", client.client_id.to_string()),
        ("name", client.client_name.clone()),
        ("status", client.status.name().to_owned()),
        ("scope", client.scope.to_string()),
        ("audience", client.audience.join(" ")),
        ("token lifetime", format!("{} s", client.token_ttl)),
        ("throttle", throttle(client)),
        ("daily quota", daily_quota(client)),
        ("over a limit", if client.enforce { "refused" } else { "counted, not refused" }.to_owned()),
    ];
    if let Some(limits) = &client.limits_in_effect {
        let quota = quota(limits.daily_quota);
        let text = format!("{}, {quota} a day, for want of a report", rate(limits.requests_per_second, limits.burst));
        members.push(("limits now", text));
    }
    if client.report_required || client.report.is_some() {
        let report = client.report.as_ref();
        let shown = report.map_or_else(
            || "required, and none is shown".to_owned(),
            |report| format!("{}, valid until {}, signed by {}", report.profile.name, report.expires_at, report.issuer),
        );
        members.push(("report", shown));
    }
    members.extend([("registered", client.created_at.to_string()), ("changed", client.updated_at.to_string())]);
    members.extend(client.secrets.iter().map(|secret| ("secret", secret_line(secret))));
    members
}

fn throttle(client: &Client) -> String {
    rate(client.requests_per_second, client.burst)
}

fn daily_quota(client: &Client) -> String {
    quota(client.daily_quota)
}

fn rate(requests_per_second: Rate, burst: u32) -> String {
    format!("{requests_per_second}/s, {burst} at once")
}

fn quota(daily_quota: Option<u64>) -> String {
    daily_quota.map_or_else(|| UNLIMITED.to_owned(), |quota| quota.to_string())
}

fn secret_line(secret: &Secret) -> String {
    let used = secret.last_used_at.map_or_else(|| "never used".to_owned(), |at| format!("last used {at}"));
    let end = secret.expires_at.map_or_else(String::new, |end| format!(", ends {end}"));
    format!("{}  {used}{end}", secret.secret_id)
}

/// An answer with a new secret. Its JSON has the server's address, so that it is a file for `--credentials`.
#[derive(Serialize)]
#[serde(bound = "")]
struct WithIssuer<'a, T> {
    #[serde(flatten)]
    answer: &'a AsSent<T>,
    issuer: &'a str,
}

/// The output of a command that shows a new secret: JSON, or these members.
fn shown_secret<T>(
    answer: &AsSent<T>,
    members: &[(&str, String)],
    server: &AdminApi,
    json: bool,
) -> anyhow::Result<String> {
    if json { output::json(&WithIssuer { answer, issuer: server.server() }) } else { Ok(output::members(members)) }
}

/// The command that creates another secret in place of one that is lost.
fn rotate_command(client_id: &ClientId, connection: &ConnectionOptions) -> String {
    format!("`boomgate client rotate-secret {client_id} --previous-expires-in 0{}`", connection.flags())
}
