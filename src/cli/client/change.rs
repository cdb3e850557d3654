//! Commands that change a client, and what it used.

use std::path::Path;

use anyhow::{anyhow, bail};
use clap::{ArgAction, Args};
use serde_json::{Map, Value, json};

use super::super::connection::{Administration, ConnectionOptions, changed_nothing, text};
use super::super::credentials::Credentials;
use super::super::output::{self, Destination, Table};
use super::{Which, quota, rotate_command, shown, shown_secret};
use crate::limits::Rate;

pub(super) const EDIT_EXAMPLES: &str = "Examples:
  boomgate client edit demo-reader --daily-quota 50000 --burst 40
  boomgate client edit demo-reader --scope 'read:zones write:zones'
  boomgate client edit demo-reader --enforce false";

pub(super) const ROTATE_EXAMPLES: &str = "Examples:
  boomgate client rotate-secret demo-reader
  boomgate client rotate-secret demo-reader --previous-expires-in 0
After the first both secrets are good for a day; the second is for a secret that is in the wrong hands.";

#[derive(Args)]
pub(super) struct Changes {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    wanted: Wanted,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct Wanted {
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// All that it may ask for and do from now on, scope tokens with spaces between; may be repeated
    #[arg(long)]
    scope: Vec<String>,
    /// An API set that it may call; may be repeated, and replaces those that it had
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// How long its next access tokens live
    #[arg(long, value_name = "SECONDS")]
    token_ttl: Option<u64>,
    /// Requests that come back in a second; 0.5 is one in 2 s
    #[arg(long, value_name = "N")]
    requests_per_second: Option<Rate>,
    /// Requests at once after a rest
    #[arg(long, value_name = "N")]
    burst: Option<u64>,
    /// Requests in a UTC day, or unlimited
    #[arg(long, value_name = "N", value_parser = quota)]
    daily_quota: Option<Value>,
    /// Whether what is over a limit is refused, or only counted and reported
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    enforce: Option<bool>,
    /// Whether `client sync --prune` may delete it once no file declares it
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    declared: Option<bool>,
}

impl Wanted {
    /// What is not given is left out, so that it stays as it is.
    fn members(self) -> Value {
        let mut members = Map::new();
        for (name, value) in [
            ("client_name", self.name.map(Value::from)),
            ("scope", Some(self.scope.join(" ")).filter(|scope| !scope.is_empty()).map(Value::from)),
            ("audience", Some(self.audience).filter(|audience| !audience.is_empty()).map(Value::from)),
            ("token_ttl", self.token_ttl.map(Value::from)),
            ("requests_per_second", self.requests_per_second.map(|rate| json!(rate))),
            ("burst", self.burst.map(Value::from)),
            ("daily_quota", self.daily_quota),
            ("enforce", self.enforce.map(Value::from)),
            ("declared", self.declared.map(Value::from)),
        ] {
            if let Some(value) = value {
                members.insert(name.to_owned(), value);
            }
        }
        Value::Object(members)
    }
}

#[derive(Args)]
pub(super) struct Rotation {
    #[command(flatten)]
    which: Which,
    /// How long the previous secret stays good: 0 to 2592000, 30 days [default: a day]
    #[arg(long, value_name = "SECONDS")]
    previous_expires_in: Option<u64>,
}

#[derive(Args)]
pub(super) struct Span {
    #[command(flatten)]
    which: Which,
    /// How many days, today's included: 1 to 90
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u64,
}

pub(super) fn edit(server: &Administration, changes: Changes, json: bool) -> anyhow::Result<()> {
    let Changes { which, wanted } = changes;
    let answer = server.patch(&which.path(), &wanted.members())?;
    output::print_result(&shown(&answer, json)?, || format!("{} is changed all the same", which.client_id))
}

pub(super) fn set_status(server: &Administration, which: &Which, status: &str, json: bool) -> anyhow::Result<()> {
    let answer = server.patch(&which.path(), &json!({ "status": status }))?;
    output::print_result(&shown(&answer, json)?, || format!("{} is {status} all the same", which.client_id))
}

pub(super) fn remove(server: &Administration, which: &Which, json: bool) -> anyhow::Result<()> {
    server.delete(&which.path())?;
    if json {
        let deleted = json!({ "client_id": which.client_id, "deleted": true });
        output::print_result(&format!("{deleted:#}"), || format!("{} is deleted all the same", which.client_id))?;
    }
    output::message(&format!(
        "{} is deleted, with the zones that it created: its secrets and its tokens are refused from now on.",
        which.client_id
    ));
    Ok(())
}

pub(super) fn rotate_secret(
    server: &Administration,
    rotation: &Rotation,
    connection: &ConnectionOptions,
    credentials: &Credentials,
) -> anyhow::Result<()> {
    output::require_stdout("the new secret")?;
    let Rotation { which, previous_expires_in } = rotation;
    let client_id = &which.client_id;
    let own = if client_id == server.client_id() { Own::find(credentials) } else { Own::NotConcerned };
    if let (Own::OutOfReach(why), Some(0)) = (&own, previous_expires_in) {
        bail!(
            "{why}, and without the secret there nothing could be administered any more. Nothing was changed: leave out \
             --previous-expires-in 0, put the new secret there while the one before is still good, or name a file that \
             can be written with --credentials"
        );
    }
    let rotate = match own {
        Own::OutOfReach(_) => format!("`boomgate client rotate-secret {client_id}{}`", connection.as_flags()),
        Own::File(_) | Own::NotConcerned => rotate_command(client_id.as_str(), connection),
    };
    let body = previous_expires_in.map_or_else(|| json!({}), |seconds| json!({ "previous_expires_in": seconds }));
    let answer = server.post(&format!("{}/secrets", which.path()), &body).map_err(|error| {
        if changed_nothing(&error) {
            return error;
        }
        anyhow!("{error}. The secret of {client_id} may be rotated all the same: make sure with {rotate}")
    })?;
    // Before it is printed: whoever reads it may go away.
    let secret = text(&answer, "client_secret").unwrap_or_default();
    let stored = match own {
        Own::File(path) => credentials.replace(path, secret).map(|()| Some(path)),
        Own::OutOfReach(_) | Own::NotConcerned => Ok(None),
    };
    let names = ["client_id", "client_secret", "secret_id"];
    let printed = shown_secret(&answer, &names, server.server(), connection.json);
    let lost = || match (&stored, &own) {
        (Ok(Some(path)), _) => format!("is in {}", path.display()),
        (_, Own::OutOfReach(_)) => format!("is lost: make another with {rotate}"),
        _ => format!("is lost: make another with {rotate}, which ends those before it at once"),
    };
    output::print_result(&printed, || {
        format!("The secret of {client_id} is rotated all the same, and the new one {}", lost())
    })?;
    if output::destination() == Destination::Null {
        output::message(&format!("The new secret of {client_id} went to /dev/null, and {}", lost()));
    }
    let secrets = answer.get("secrets").and_then(Value::as_array);
    let end = secrets.and_then(|secrets| secrets.iter().find_map(|secret| text(secret, "expires_at")));
    let previous = end.map_or_else(
        || "The one before is refused from now on".to_owned(),
        |end| format!("The one before is good until {end}"),
    );
    output::message(&format!(
        "\nThe secret is shown this once: {} keeps only its digest.\n{previous}: put the new one wherever the old one is \
         kept.",
        server.server()
    ));
    match (stored, own) {
        (Ok(Some(path)), _) => output::message(&format!("{} has the new one already.", path.display())),
        (Ok(None), Own::OutOfReach(why)) => output::message(&format!("Note: {why}: put the new secret there.")),
        (Ok(None), _) => {}
        (Err(error), _) => bail!("{error}. The secret of {client_id} is rotated all the same: put the new one there"),
    }
    Ok(())
}

/// What a rotation is to the credentials that the command itself uses.
enum Own<'c> {
    /// They are another client's.
    NotConcerned,
    /// They are in this file, which was just written.
    File(&'c Path),
    /// They are where this command cannot write, and why.
    OutOfReach(String),
}

impl<'c> Own<'c> {
    /// Writes the file as it is, to learn while nothing is lost yet whether that is possible.
    fn find(credentials: &'c Credentials) -> Self {
        let Some(path) = credentials.file() else {
            let found = &credentials.found;
            return Self::OutOfReach(format!(
                "this command has its credentials from {found}, where it cannot put another secret"
            ));
        };
        match credentials.replace(path, credentials.client_secret.expose()) {
            Ok(()) => Self::File(path),
            Err(error) => Self::OutOfReach(format!("the credentials of this command stay as they are: {error}")),
        }
    }
}

pub(super) fn revoke_tokens(server: &Administration, which: &Which, json: bool) -> anyhow::Result<()> {
    let answer = server.post(&format!("{}/revoke-tokens", which.path()), &json!({}))?;
    if json {
        let done = || format!("The tokens of {} are revoked all the same", which.client_id);
        output::print_result(&format!("{answer:#}"), done)?;
    }
    output::message(&format!(
        "Every token that {} was issued until now is refused. It can get new ones: to keep it out, suspend it or \
         rotate its secret.",
        which.client_id
    ));
    Ok(())
}

pub(super) fn usage(server: &Administration, span: &Span, json: bool) -> anyhow::Result<()> {
    let answer = server.get(&format!("{}/usage", span.which.path()), &[("days", &span.days.to_string())])?;
    if json {
        return Ok(output::print_json(&answer)?);
    }
    let of_another_kind = || anyhow!("{} speaks of usage in another way", server.server());
    let today = answer.get("today").ok_or_else(of_another_kind)?;
    let before = answer.get("days_before").and_then(Value::as_array).ok_or_else(of_another_kind)?;
    let number = |of: &Value, name| of.get(name).and_then(Value::as_u64).map(|number| number.to_string());
    let row = |day: &Value| {
        let cells = [text(day, "day").map(str::to_owned), number(day, "used"), number(day, "remaining")];
        cells.map(Option::unwrap_or_default)
    };
    let rows: Vec<[String; 3]> = std::iter::once(today).chain(before).map(row).collect();
    output::print(&Table::new(["DAY", "USED", "LEFT"]).page(&rows))?;
    let quota = number(today, "quota").map_or_else(|| "unlimited".to_owned(), |quota| format!("{quota} a day"));
    output::message(&format!("The quota is {quota}, from midnight to midnight UTC."));
    Ok(())
}
