//! Commands that change a client, and the one that shows its usage.

use std::path::Path;

use anyhow::{anyhow, bail};
use clap::{ArgAction, Args};
use serde::Serialize;

use super::{Target, parse_quota, rotate_command, shown, shown_secret};
use crate::api::client::{Client, ClientPatch, DailyQuota, RotatedClient, Status};
use crate::api::secret::SecretRotation;
use crate::api::usage::ClientUsage;
use crate::cli::connection::{AdminApi, AsSent, ConnectionOptions, changed_nothing};
use crate::cli::credentials::Credentials;
use crate::cli::output::{self, Destination, Table};
use crate::limits::Rate;
use crate::oauth::credentials::ClientId;

pub(super) const EDIT_EXAMPLES: &str = "Examples:
  boomgate client edit demo-reader --daily-quota 50000 --burst 40
  boomgate client edit demo-reader --scope 'read:zones write:zones'
  boomgate client edit demo-reader --enforce false
  boomgate client edit demo-reader --report-required true";

pub(super) const ROTATE_EXAMPLES: &str = "Examples:
  boomgate client rotate-secret demo-reader
  boomgate client rotate-secret demo-reader --previous-expires-in 0
After the first command both secrets are valid for a day. Use the second one if a secret was stolen.";

#[derive(Args)]
pub(super) struct Changes {
    #[command(flatten)]
    target: Target,
    #[command(flatten)]
    members: Members,
}

#[derive(Args)]
#[group(required = true, multiple = true)]
struct Members {
    /// The client's name, for people
    #[arg(long)]
    name: Option<String>,
    /// The scope tokens that it may ask for and use from now on, with spaces between them; may be repeated
    #[arg(long)]
    scope: Vec<String>,
    /// An API set that it may call; may be repeated, and replaces the ones that it has
    #[arg(long, value_name = "AUDIENCE")]
    audience: Vec<String>,
    /// How long its next access tokens live
    #[arg(long, value_name = "SECONDS")]
    token_ttl: Option<u64>,
    /// The requests per second that it may send; 0.5 is one in 2 s
    #[arg(long, value_name = "N")]
    requests_per_second: Option<Rate>,
    /// The requests that it may send at once after a pause
    #[arg(long, value_name = "N")]
    burst: Option<u64>,
    /// The requests that it may send in a UTC day, or unlimited
    #[arg(long, value_name = "N", value_parser = parse_quota)]
    daily_quota: Option<DailyQuota>,
    /// Whether requests over a limit are refused, or only counted and reported
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    enforce: Option<bool>,
    /// Whether it has its limits only while it has a valid report of an exam
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    report_required: Option<bool>,
    /// Whether `client sync --prune` may delete it once no file declares it
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    declared: Option<bool>,
}

impl Members {
    fn into_patch(self) -> ClientPatch {
        ClientPatch {
            client_name: self.name,
            scope: Some(self.scope.join(" ")).filter(|scope| !scope.is_empty()),
            audience: Some(self.audience).filter(|audience| !audience.is_empty()),
            token_ttl: self.token_ttl,
            requests_per_second: self.requests_per_second,
            burst: self.burst,
            daily_quota: self.daily_quota,
            enforce: self.enforce,
            declared: self.declared,
            report_required: self.report_required,
            status: None,
        }
    }
}

#[derive(Args)]
pub(super) struct Rotation {
    #[command(flatten)]
    target: Target,
    /// How long the previous secret stays valid: 0 to 2592000, which is 30 days [default: a day]
    #[arg(long, value_name = "SECONDS")]
    previous_expires_in: Option<u64>,
}

#[derive(Args)]
pub(super) struct Span {
    #[command(flatten)]
    target: Target,
    /// The number of days, today included: 1 to 90
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u64,
}

pub(super) fn edit(server: &AdminApi, changes: Changes, json: bool) -> anyhow::Result<()> {
    let Changes { target, members } = changes;
    let answer = server.patch(&target.path(), &members.into_patch())?;
    output::print_result(&shown(&answer, json)?, || format!("{} is changed anyway", target.client_id))
}

pub(super) fn set_status(server: &AdminApi, target: &Target, status: Status, json: bool) -> anyhow::Result<()> {
    let patch = ClientPatch { status: Some(status), ..ClientPatch::default() };
    let answer = server.patch(&target.path(), &patch)?;
    output::print_result(&shown(&answer, json)?, || format!("{} is {} anyway", target.client_id, status.name()))
}

/// What `client remove --json` prints.
#[derive(Serialize)]
struct Deleted<'t> {
    client_id: &'t ClientId,
    deleted: bool,
}

pub(super) fn remove(server: &AdminApi, target: &Target, json: bool) -> anyhow::Result<()> {
    let Target { client_id } = target;
    server.delete(&target.path())?;
    if json {
        let deleted = output::json(&Deleted { client_id, deleted: true })?;
        output::print_result(&deleted, || format!("{client_id} is deleted anyway"))?;
    }
    output::message(&format!(
        "{client_id} is deleted, with the zones that it created. Its secrets and its tokens are refused from now on."
    ));
    Ok(())
}

pub(super) fn rotate_secret(
    server: &AdminApi,
    rotation: &Rotation,
    connection: &ConnectionOptions,
    credentials: &Credentials,
) -> anyhow::Result<()> {
    output::require_stdout("the new secret")?;
    let Rotation { target, previous_expires_in } = rotation;
    let client_id = &target.client_id;
    let own =
        if client_id == server.client_id() { OwnCredentials::find(credentials) } else { OwnCredentials::NotRotated };
    if let (OwnCredentials::NotWritable(why), Some(0)) = (&own, previous_expires_in) {
        bail!(
            "{why}, and without the new secret there, no command could administer the server. Nothing was changed: leave \
             out --previous-expires-in 0, and put the new secret there while the previous one is valid; or name a file \
             that can be written with --credentials"
        );
    }
    let rotate = match own {
        OwnCredentials::NotWritable(_) => format!("`boomgate client rotate-secret {client_id}{}`", connection.flags()),
        OwnCredentials::File(_) | OwnCredentials::NotRotated => rotate_command(client_id, connection),
    };
    let body = SecretRotation { previous_expires_in: *previous_expires_in, client_secret: None };
    let path = format!("{}/secrets", target.path());
    let answer: AsSent<RotatedClient> = server.post(&path, &body).map_err(|error| {
        if changed_nothing(&error) {
            return error;
        }
        anyhow!("{error}. The secret of {client_id} may be rotated anyway: make sure with {rotate}")
    })?;
    // The file is written before the secret is printed, because printing may fail.
    let secret = answer.client_secret.as_deref().unwrap_or_default();
    let stored = match own {
        OwnCredentials::File(path) => credentials.replace(path, secret).map(|()| Some(path)),
        OwnCredentials::NotWritable(_) | OwnCredentials::NotRotated => Ok(None),
    };
    let members = [
        ("client_id", client_id.to_string()),
        ("client_secret", secret.to_owned()),
        ("secret_id", answer.secret_id.to_string()),
    ];
    let place = || match (&stored, &own) {
        (Ok(Some(path)), _) => format!("is in {}", path.display()),
        (_, OwnCredentials::NotWritable(_)) => format!("is lost: create another with {rotate}"),
        _ => format!("is lost: create another with {rotate}, which ends the previous ones at once"),
    };
    output::print_result(&shown_secret(&answer, &members, server, connection.json)?, || {
        format!("The secret of {client_id} is rotated anyway, and the new one {}", place())
    })?;
    if output::destination() == Destination::Null {
        output::message(&format!("The new secret of {client_id} went to /dev/null, and {}", place()));
    }
    let previous = match answer.client.secrets.iter().find_map(|secret| secret.expires_at) {
        Some(end) => format!("The previous one is valid until {end}"),
        None => "The previous one is refused from now on".to_owned(),
    };
    output::message(&format!(
        "\nThe secret is shown only once, because {} stores only a digest of it.\n{previous}: put the new one everywhere \
         the client has the old one.",
        server.server()
    ));
    match (stored, own) {
        (Ok(Some(path)), _) => output::message(&format!("{} already has the new one.", path.display())),
        (Ok(None), OwnCredentials::NotWritable(why)) => {
            output::message(&format!("Note: {why}: put the new secret there."));
        }
        (Ok(None), _) => {}
        (Err(error), _) => bail!("{error}. The secret of {client_id} is rotated anyway: put the new one there"),
    }
    Ok(())
}

/// The credentials of the command itself, and whether the rotation is of their secret.
enum OwnCredentials<'c> {
    /// The rotation is of another client's secret.
    NotRotated,
    /// This file has them, and can be written.
    File(&'c Path),
    /// The command cannot write them, and why.
    NotWritable(String),
}

impl<'c> OwnCredentials<'c> {
    /// Writes the file unchanged, to learn before the rotation whether that is possible.
    fn find(credentials: &'c Credentials) -> Self {
        let Some(path) = credentials.file() else {
            let source = &credentials.source;
            return Self::NotWritable(format!(
                "this command has its credentials from {source}, where it cannot put another secret"
            ));
        };
        match credentials.replace(path, credentials.client_secret.expose()) {
            Ok(()) => Self::File(path),
            Err(error) => Self::NotWritable(format!("the credentials of this command cannot be written: {error}")),
        }
    }
}

pub(super) fn revoke_tokens(server: &AdminApi, target: &Target, json: bool) -> anyhow::Result<()> {
    let Target { client_id } = target;
    let answer: AsSent<Client> = server.post_nothing(&format!("{}/revoke-tokens", target.path()))?;
    if json {
        output::print_result(&output::json(&answer)?, || format!("The tokens of {client_id} are revoked anyway"))?;
    }
    output::message(&format!(
        "Every token that {client_id} has is refused from now on. It can get new ones: to prevent that, suspend it or \
         rotate its secret."
    ));
    Ok(())
}

pub(super) fn usage(server: &AdminApi, span: &Span, json: bool) -> anyhow::Result<()> {
    let path = format!("{}/usage", span.target.path());
    let usage: AsSent<ClientUsage> = server.get(&path, &[("days", &span.days.to_string())])?;
    if json {
        return output::print_json(&usage);
    }
    let Some(today) = &usage.today else { bail!("{} cannot count requests now: see its log", server.server()) };
    let remaining = today.remaining.map(|remaining| remaining.to_string()).unwrap_or_default();
    let mut rows = vec![[today.day.clone(), today.used.to_string(), remaining]];
    rows.extend(usage.days_before.iter().map(|day| [day.day.clone(), day.used.to_string(), String::new()]));
    output::print(&Table::new(["DAY", "USED", "LEFT"]).page(&rows))?;
    let quota = today.quota.map_or_else(|| "unlimited".to_owned(), |quota| format!("{quota} a day"));
    output::message(&format!("The quota is {quota}, from midnight to midnight UTC."));
    Ok(())
}
