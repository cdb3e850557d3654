//! `boomgate why`: says why a request was refused, check by check, and what would have let it through.

use anyhow::{anyhow, bail};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::connection::{AsSent, Connection, ConnectionOptions, Refused, open_own_sandbox};
use super::credentials::{self, Credentials, CredentialsSource};
use super::sandbox::requests;
use super::{output, walk};
use crate::admission::ADMIN_AUDIENCE;
use crate::api::refusal::{ExplainedRefusal, Refusal};
use crate::api::sandbox::request::{ExplainedRequest, InjectedFault, RequestLine};
use crate::api::token::TokenResponse;
use crate::config::Environment;
use crate::sandbox::faults::PREFERRED;

/// What a client asks with a token of its own; also a name of the audience of that token.
const OWN: &str = "/oauth2/refusals";
const ALL: &str = "/admin/refusals";

const EXAMPLES: &str = "Examples:
  boomgate why 0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c
  boomgate why 0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c --client demo-reader
  boomgate why order-17 --json
The id of a request is in the field X-Request-Id of its answer, and in the body of an error.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Options {
    /// The request, as X-Request-Id of its answer has it
    request_id: String,
    /// A demo client of the sandbox that sent the request [default: the client of --credentials, of the environment, or
    /// the administrator in the data folder, who may ask about every request]
    #[arg(long, visible_alias = "client-id", value_name = "NAME", conflicts_with = "credentials")]
    client: Option<String>,
    #[command(flatten)]
    connection: ConnectionOptions,
}

pub(super) fn run(options: &Options, environment: &Environment) -> anyhow::Result<()> {
    let Options { request_id, client, connection: options } = options;
    let color = output::color(environment);
    if client.is_none()
        && options.credentials.is_none()
        && let Some(request) = ask_sandbox(request_id, options, environment)?
    {
        if options.json {
            return output::print_json(&request);
        }
        return Ok(output::print(&to_text(&request, color))?);
    }
    let data_dir = options.data_dir(environment)?;
    let credentials = match client {
        Some(client) => credentials::find_demo(client, &data_dir),
        None => credentials::find(options.credentials.as_deref(), &data_dir, environment),
    }?;
    let connection = Connection::new(options, &credentials, environment)?;
    let refusal = ask(request_id, &credentials, &connection)?.ok_or_else(|| not_found(request_id, &credentials))?;
    if options.json {
        return output::print_json(&refusal);
    }
    let ExplainedRefusal { refusal, others, explanation } = &*refusal;
    let parts = [Some(heading(refusal)), others_of_the_id(*others), Some(walk::to_text(explanation, color))];
    Ok(output::print(&parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n"))?)
}

/// Asks the journal of this machine's sandbox, which has every request and not only refusals; `None` if there is no sandbox,
/// or if it does not have the request.
fn ask_sandbox(
    request_id: &str,
    options: &ConnectionOptions,
    environment: &Environment,
) -> anyhow::Result<Option<AsSent<ExplainedRequest>>> {
    let Some(sandbox) = open_own_sandbox(options, environment)? else { return Ok(None) };
    match sandbox.get(&format!("{}/why", requests::path_of(request_id)), &[]) {
        Ok(request) => Ok(Some(request)),
        Err(error) if error.is::<Refused>() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The request of a journal: its checks, if the gate made any, and the fault that disturbed it.
fn to_text(request: &ExplainedRequest, color: bool) -> String {
    let ExplainedRequest { line, others, explanation } = request;
    let has_walk = !explanation.checks.is_empty();
    let fault = line.fault.as_ref().map(|fault| of_fault(fault, line, has_walk));
    let walk = match (has_walk, &fault) {
        (true, _) => Some(walk::to_text(explanation, color)),
        (false, Some(_)) => None,
        (false, None) => Some("No check of the gate applies to it.".to_owned()),
    };
    let parts = [Some(requests::headline(line)), requests::others_of_the_id(*others), walk, fault];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n\n")
}

/// What a fault did to a request, and how to end it.
fn of_fault(fault: &InjectedFault, line: &RequestLine, has_walk: bool) -> String {
    let (who, remedy) = match fault.name.as_str() {
        PREFERRED => ("its own field Prefer".to_owned(), "Send it without that field."),
        name => (format!("the rule {name}"), "Remove it with: boomgate fault clear"),
    };
    let what = match line.status {
        _ if has_walk => "disturbed its answer",
        Some(_) => "answered it in place of the gate",
        None => "ended it in place of the gate",
    };
    output::printable(&format!("{}: {who} {what}. {remedy}", requests::outcome(line)))
}

/// What the server says about a refused request: about one of the client's own, or, to an administrator, about anybody's.
/// `None` if it says nothing.
pub(super) fn ask(
    request_id: &str,
    credentials: &Credentials,
    connection: &Connection,
) -> anyhow::Result<Option<AsSent<ExplainedRefusal>>> {
    let ask = |path: &str, audience: &str| {
        let access_token = connection.token(credentials, audience, None)?.read::<TokenResponse>()?.access_token;
        let path = format!("{path}/{}", utf8_percent_encode(request_id, NON_ALPHANUMERIC));
        let answer = connection.get_with_token(&path, &access_token)?;
        match answer.status {
            200 => answer.read().map(Some),
            404 => Ok(None),
            _ => bail!("{}", answer.refusal()),
        }
    };
    if let CredentialsSource::Administrator(_) = credentials.source {
        return ask(ALL, ADMIN_AUDIENCE);
    }
    // Variables and files may hold the credentials of either.
    match ask(OWN, &format!("{}{OWN}", connection.server())) {
        Ok(Some(refusal)) => Ok(Some(refusal)),
        none => ask(ALL, ADMIN_AUDIENCE).or(none),
    }
}

fn not_found(request_id: &str, credentials: &Credentials) -> anyhow::Error {
    let whose = match credentials.source {
        CredentialsSource::Administrator(_) => String::new(),
        CredentialsSource::Variables | CredentialsSource::Named(_) => format!(" of {}", credentials.client_id),
    };
    anyhow!(
        "no refused request{whose} has the id {}: the server stores the last refusals (refusals.entries), and only while it \
         runs; a request that passed is not among them",
        output::printable(request_id)
    )
}

/// That other refused requests have the same id, if some do.
fn others_of_the_id(others: usize) -> Option<String> {
    let others = match others {
        0 => return None,
        1 => "1 other refused request has".to_owned(),
        _ => format!("{others} other refused requests have"),
    };
    Some(format!(
        "{others} the same id: this is the newest, or the newest of a client that proved itself. An operator reads each at \
         {ALL}."
    ))
}

/// The request and its answer.
fn heading(refusal: &Refusal) -> String {
    let Refusal { at, client_id, method, named_client_id, path, reason, request_id, source, status, .. } = refusal;
    let client = match (client_id, named_client_id) {
        (Some(client_id), _) => client_id.to_string(),
        (None, Some(named)) => format!("unknown; the request names {named} and does not prove it"),
        (None, None) => "unknown".to_owned(),
    };
    let mut members = vec![
        ("request", format!("{method} {path}")),
        ("answer", format!("{status} {reason}")),
        ("client", client),
        ("at", at.to_string()),
        ("id", request_id.clone()),
    ];
    members.extend(source.map(|source| ("from", source.to_string())));
    output::members(&members)
}
