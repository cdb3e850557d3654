//! `boomgate requests`: lists, shows and follows the requests that a sandbox has answered.

use std::io::BufRead as _;
use std::time::Duration;

use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::api::sandbox::request::{
    LimitAround, Message, MissedRequests, RecordedRequest, RequestLine, RequestPage, ShownRequest,
};
use crate::cli::connection::{Api, AsSent, ControlOptions};
use crate::cli::output::{self, Table, printable};
use crate::cli::walk;
use crate::config::Environment;

const PATH: &str = "/sandbox/requests";

/// The requests of one page.
const PAGE: u64 = 100;
/// How long `follow` waits before it asks again, after its stream has ended.
const RETRY_AFTER: Duration = Duration::from_secs(1);
/// The longest method and address in a line, in characters: `show` has all of it.
const MAX_ADDRESS_CHARS: usize = 48;

const EXAMPLES: &str = "Examples:
  boomgate requests list
  boomgate requests list --client demo-writer --status 4xx
  boomgate requests list --path '/parking/zones/*' --since 2026-01-25T00:00:00Z --json
  boomgate requests follow --injected true
  boomgate requests show 0a3f4b62-7c1d-4e85-9b26-5d8e7f9a0b1c
  boomgate requests clear
`boomgate why ID` says why a request was refused.";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Options {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    control: ControlOptions,
}

#[derive(Subcommand)]
enum Command {
    /// List the newest requests, the newest last
    List {
        #[command(flatten)]
        filter: FilterOptions,
        /// How many requests to list
        #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
        limit: u64,
    },
    /// Show all that the sandbox has of a request: fields, bodies, limits, and each check of the gate
    Show {
        /// The request, as X-Request-Id of its answer has it
        request_id: String,
    },
    /// Print each request as it is answered, until Ctrl-C
    Follow {
        #[command(flatten)]
        filter: FilterOptions,
    },
    /// Forget every request
    Clear,
}

#[derive(Args)]
struct FilterOptions {
    /// Only requests of this client
    #[arg(long, value_name = "ID")]
    client: Option<String>,
    /// Only requests with client credentials (token), or with an access token (resource)
    #[arg(long, value_parser = ["token", "resource"])]
    phase: Option<String>,
    /// Only requests with this method
    #[arg(long)]
    method: Option<String>,
    /// Only requests with this path; `*` stands for one segment, `**` at the end for all that follow
    #[arg(long)]
    path: Option<String>,
    /// Only answers with this status, such as 429, or 4xx for all that start with 4
    #[arg(long)]
    status: Option<String>,
    /// Only answers that a fault was injected into (true), or that were not disturbed (false)
    #[arg(long)]
    injected: Option<bool>,
    /// Only requests from this time of the sandbox on, RFC 3339, or after the request with this number
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
}

impl FilterOptions {
    fn query(&self) -> Vec<(&'static str, String)> {
        let injected = self.injected.map(|injected| injected.to_string());
        let named = [
            ("client", self.client.clone()),
            ("phase", self.phase.clone()),
            ("method", self.method.clone()),
            ("path", self.path.clone()),
            ("status", self.status.clone()),
            ("injected", injected),
            ("since", self.since.clone()),
        ];
        named.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

pub(in crate::cli) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let Options { command, control } = options;
    let json = control.json;
    let sandbox = control.open(environment)?;
    match command {
        Command::List { filter, limit } => list(&sandbox, &filter, limit, json),
        Command::Show { request_id } => show(&sandbox, &request_id, json, output::color(environment)),
        Command::Follow { filter } => follow(&sandbox, &filter, json),
        Command::Clear => {
            sandbox.delete(PATH)?;
            output::message("The journal is empty.");
            Ok(())
        }
    }
}

/// The path of one request.
pub(in crate::cli) fn path_of(request_id: &str) -> String {
    format!("{PATH}/{}", utf8_percent_encode(request_id, NON_ALPHANUMERIC))
}

fn list(sandbox: &Api, filter: &FilterOptions, limit: u64, json: bool) -> anyhow::Result<()> {
    let mut newest: Vec<AsSent<RequestLine>> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let left = limit.saturating_sub(newest.len() as u64);
        let mut query = filter.query();
        query.push(("limit", left.min(PAGE).to_string()));
        query.extend(cursor.clone().map(|cursor| ("cursor", cursor)));
        let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let page: RequestPage<AsSent<RequestLine>> = sandbox.get(PATH, &query)?;
        newest.extend(page.data);
        // A faulty server may answer the same cursor for ever.
        if newest.len() as u64 >= limit || page.next_cursor.is_none() || page.next_cursor == cursor {
            break;
        }
        cursor = page.next_cursor;
    }
    newest.reverse();
    if json {
        for line in &newest {
            output::print(&serde_json::to_string(line)?)?;
        }
        return Ok(());
    }
    if newest.is_empty() {
        output::message("The journal has no such request.");
        return Ok(());
    }
    let rows: Vec<_> = newest.iter().map(|line| row(line)).collect();
    Ok(output::print(&table().page(&rows))?)
}

/// Prints requests until the process ends, or the sandbox does.
fn follow(sandbox: &Api, filter: &FilterOptions, json: bool) -> anyhow::Result<()> {
    let (query, mut table, mut last) = (filter.query(), table(), None);
    let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
    output::message_on_terminal("each request is a line; Ctrl-C ends this");
    loop {
        let (mut name, mut data) = (String::new(), String::new());
        for line in sandbox.events(PATH, &query, last)?.lines() {
            // A stream that breaks off goes on with the next one.
            let Ok(line) = line else { break };
            match line.split_once(": ") {
                Some(("event", value)) => value.clone_into(&mut name),
                Some(("id", value)) => last = value.parse().ok().or(last),
                Some(("data", value)) => value.clone_into(&mut data),
                Some(_) => {}
                None => {
                    print_event(&std::mem::take(&mut name), &std::mem::take(&mut data), &mut table, json)?;
                }
            }
        }
        wait();
    }
}

fn print_event(name: &str, data: &str, table: &mut Table<8>, json: bool) -> anyhow::Result<()> {
    match name {
        "request" if json => Ok(output::print(data)?),
        "request" => Ok(output::print(&table.page(&[row(&serde_json::from_str(data)?)]))?),
        "missed" => {
            let MissedRequests { missed, has_restarted } = serde_json::from_str(data)?;
            if has_restarted {
                output::message("the sandbox has restarted: here are the requests from its start on");
            }
            if missed > 0 {
                output::message(&format!("{missed} requests had to make room in the journal before they were read"));
            }
            Ok(())
        }
        // A later version may have others.
        _ => Ok(()),
    }
}

#[allow(clippy::disallowed_methods, reason = "there is nothing to do but wait, and no runtime here to wait with")]
fn wait() {
    std::thread::sleep(RETRY_AFTER);
}

/// Lines that come one by one stand below each other too.
fn table() -> Table<8> {
    Table::new([
        "WHEN                ",
        "CLIENT      ",
        "REQUEST                     ",
        "STATUS",
        "MS     ",
        "FAULT       ",
        "REASON            ",
        "ID",
    ])
}

fn row(line: &RequestLine) -> [String; 8] {
    let or_dash = |text: Option<&str>| printable(text.unwrap_or("-"));
    let fault = line.fault.as_ref().map(|fault| fault.name.as_str());
    [
        line.at.to_string(),
        or_dash(line.client.as_deref()),
        cut(&printable(&address(line))),
        line.status.map_or_else(|| "none".to_owned(), |status| status.to_string()),
        format!("{:.1}", line.duration_ms),
        or_dash(fault),
        or_dash(line.reason.as_deref()),
        printable(&line.request_id),
    ]
}

fn address(line: &RequestLine) -> String {
    let RequestLine { method, path, query, .. } = line;
    match query {
        Some(query) => format!("{method} {path}?{query}"),
        None => format!("{method} {path}"),
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_ADDRESS_CHARS) {
        Some((end, _)) => format!("{}…", text.split_at(end).0),
        None => text.to_owned(),
    }
}

fn show(sandbox: &Api, request_id: &str, json: bool, color: bool) -> anyhow::Result<()> {
    let shown: AsSent<ShownRequest> = sandbox.get(&path_of(request_id), &[])?;
    if json {
        return output::print_json(&shown);
    }
    let ShownRequest { request, others } = &*shown;
    let mut parts = vec![headline(&request.line), output::members(&facts(request))];
    parts.extend(others_of_the_id(*others));
    if let Some(explanation) = &request.explanation {
        parts.push(walk::to_text(explanation, color));
    }
    parts.push(message('>', &address(&request.line), &request.request));
    if let (Some(answer), Some(status)) = (&request.answer, request.line.status) {
        parts.push(message('<', &status.to_string(), answer));
    }
    Ok(output::print(&parts.join("\n\n"))?)
}

/// A request in one line.
pub(in crate::cli) fn headline(line: &RequestLine) -> String {
    let client = line.client.as_ref().map_or_else(String::new, |client| format!(" of {client}"));
    printable(&format!("{}{client}: {}", address(line), outcome(line)))
}

/// That other requests have the same id, if some do.
pub(in crate::cli) fn others_of_the_id(others: usize) -> Option<String> {
    let others = match others {
        0 => return None,
        1 => "1 other request has".to_owned(),
        _ => format!("{others} other requests have"),
    };
    Some(format!("{others} the same id: this is the newest. `boomgate requests list` shows each."))
}

/// The status of an answer, and the reason if it is a refusal.
pub(in crate::cli) fn outcome(line: &RequestLine) -> String {
    match (line.status, &line.reason) {
        (Some(status), Some(reason)) => format!("{status} {reason}"),
        (Some(status), None) => status.to_string(),
        (None, _) => "no answer".to_owned(),
    }
}

fn facts(request: &RecordedRequest) -> Vec<(&'static str, String)> {
    let RecordedRequest { line, source, cipher, server_name, limits, .. } = request;
    let connection = [
        line.connection.map(|number| format!("number {number}")),
        Some(format!("HTTP/{}", line.http)),
        line.tls.clone(),
        cipher.clone(),
        server_name.as_ref().map(|name| format!("for {name}")),
        source.as_ref().map(|source| format!("from {source}")),
    ];
    let fault = line.fault.as_ref().map(|fault| format!("{} ({})", fault.name, fault.kind));
    let limit = |limit: Option<LimitAround>| limit.map(|limit| left(&limit));
    let facts = [
        ("id", Some(line.request_id.clone())),
        ("number", Some(line.number.to_string())),
        ("at", Some(format!("{} (in real time {})", line.at, line.real_at))),
        ("took", Some(format!("{:.3} ms", line.duration_ms))),
        ("client", line.client.clone()),
        ("program", line.user_agent.clone()),
        ("connection", Some(connection.into_iter().flatten().collect::<Vec<_>>().join(", "))),
        ("fault", fault),
        ("at once", limit(limits.as_ref().and_then(|limits| limits.second))),
        ("in a day", limit(limits.as_ref().and_then(|limits| limits.day))),
    ];
    facts.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

fn left(limit: &LimitAround) -> String {
    match (limit.limit, limit.before, limit.after) {
        (Some(most), Some(before), Some(after)) => format!("{before} of {most} left before, {after} after"),
        _ => "unlimited".to_owned(),
    }
}

/// A message as curl shows it: each line after a mark.
fn message(mark: char, first: &str, message: &Message) -> String {
    let fields = message.fields.iter().map(|field| format!("{}: {}", field.name, field.value));
    let more_fields = message.has_more_fields.then(|| "(more fields)".to_owned());
    let mut lines: Vec<String> = std::iter::once(first.to_owned()).chain(fields).chain(more_fields).collect();
    if !message.body.is_empty() {
        lines.push(String::new());
        lines.extend(message.body.lines().map(str::to_owned));
    }
    match (message.body_bytes, message.is_complete) {
        (0, false) => lines.push("(its body was not read)".to_owned()),
        (bytes, false) => lines.push(format!("(only {bytes} bytes of its body were sent)")),
        (bytes, true) if message.has_more_body => lines.push(format!("(its body has {bytes} bytes)")),
        (_, true) => {}
    }
    let lines = lines.iter().map(|line| printable(&format!("{mark} {line}")).trim_end().to_owned());
    lines.collect::<Vec<_>>().join("\n")
}
