//! `boomgate audit`: lists the audit log, and verifies that no entry was altered.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::connection::{AdminApi, ConnectionOptions};
use super::output::{self, Table};
use crate::api::audit::{EntriesAfter, EntryDigest, Event, Head, Line, NewestEntries};
use crate::audit::{Audit, LogVerifier, Traces, traces};
use crate::config::Environment;
use crate::counts::Label as _;
use crate::store::SledStore;

/// The entries of one request.
const PAGE: u64 = 100;
/// How often `--follow` asks for new entries.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);

const EXAMPLES: &str = "Examples:
  boomgate audit
  boomgate audit --follow --json | jq .action
  boomgate audit --subject demo-reader --since 2026-01-25T00:00:00Z --limit 1000
  boomgate audit verify
  boomgate audit verify --offline --data-dir copy
`audit verify` prints the last entry; give it to --anchor later.";

#[derive(Args)]
#[command(after_help = EXAMPLES, args_conflicts_with_subcommands = true)]
pub(super) struct Options {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    list: ListOptions,
    #[command(flatten)]
    connection: ConnectionOptions,
}

#[derive(Subcommand)]
enum Command {
    /// Verify that no entry was altered, replaced or removed
    #[command(after_help = EXAMPLES)]
    Verify(VerifyOptions),
}

#[derive(Args)]
struct ListOptions {
    /// Print new entries as they are written, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// How many entries to list, the newest ones
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u64).range(0..=100_000))]
    limit: u64,
    /// Only this action, such as client_registered
    #[arg(long)]
    action: Option<String>,
    /// Only what this client did: a client_id
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// Only what was done to this subject: a client_id, a jti or a kid
    #[arg(long)]
    subject: Option<String>,
    /// Only requests from this address
    #[arg(long, value_name = "ADDRESS")]
    source: Option<String>,
    /// Only entries from this time on, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Only entries before this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

#[derive(Args)]
struct VerifyOptions {
    /// An entry that must be unchanged: NUMBER:DIGEST, as an earlier run printed its last entry
    #[arg(long, value_parser = anchor)]
    anchor: Option<Head>,
    /// Read the store in the data folder directly: of a stopped server, or a copy
    #[arg(long)]
    offline: bool,
}

fn anchor(text: &str) -> Result<Head, &'static str> {
    let (number, digest) = text.split_once(':').unwrap_or_default();
    let (number, digest) = (number.parse().ok().filter(|number| *number > 0), EntryDigest::parse(digest));
    let (Some(number), Some(digest)) = (number, digest) else {
        return Err("an anchor is NUMBER:DIGEST, as `boomgate audit verify` prints it");
    };
    Ok(Head { number, digest })
}

/// What `audit verify --json` prints.
#[derive(Serialize)]
struct Verified<'h> {
    verified: bool,
    head: &'h Head,
}

pub(super) fn run(options: &Options, environment: &Environment) -> anyhow::Result<()> {
    let json = options.connection.json;
    match &options.command {
        Some(Command::Verify(VerifyOptions { anchor, offline: true })) => {
            let log = Offline::open(&options.connection, environment)?;
            let verified = verify(anchor.as_ref(), |after| log.entries_after(after));
            let last_trace = log.traces.last;
            log.close();
            let verified = verified?;
            if last_trace > verified.number {
                bail!(
                    "entry {last_trace} is in the files of the store, but not in the log, which ends with {}: the entry is \
                     damaged, or a crash interrupted its write. After a crash, this error disappears once the server has \
                     written its next entry",
                    verified.number
                );
            }
            print_verified(&verified, json)
        }
        Some(Command::Verify(VerifyOptions { anchor, offline: false })) => {
            let mut log = Online::open(&options.connection, environment)?;
            print_verified(&verify(anchor.as_ref(), |after| log.entries_after(after, &[]))?, json)
        }
        None => list(&mut Online::open(&options.connection, environment)?, &options.list, json),
    }
}

fn list(log: &mut Online<'_>, options: &ListOptions, json: bool) -> anyhow::Result<()> {
    let filter = options.filter();
    let mut newest: Vec<Line> = Vec::new();
    let mut cursor: Option<String> = None;
    let head = loop {
        let left = options.limit.saturating_sub(newest.len() as u64);
        let mut query = filter.clone();
        query.push(("limit", left.clamp(1, PAGE).to_string()));
        query.extend(cursor.clone().map(|cursor| ("cursor", cursor)));
        let page: NewestEntries = log.get(&query)?;
        newest.extend(page.data.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)));
        // A faulty server may answer the same cursor for ever.
        if newest.len() as u64 >= options.limit || page.next_cursor.is_none() || page.next_cursor == cursor {
            break page.head;
        }
        cursor = page.next_cursor;
    };
    newest.reverse();
    let mut table = Table::new(["NUMBER", "WHEN", "ACTOR", "ACTION", "SUBJECT", "SOURCE", "REQUEST"]);
    print(&newest, &mut table, json)?;
    if options.follow { follow(log, &filter, head.number, &mut table, json) } else { Ok(()) }
}

/// Prints new entries until the process ends.
fn follow(
    log: &mut Online<'_>,
    filter: &[(&str, String)],
    mut after: u64,
    table: &mut Table<7>,
    json: bool,
) -> anyhow::Result<()> {
    loop {
        let page = log.entries_after(after, filter)?;
        print(&page.data, table, json)?;
        after = page.next_after;
        if after >= page.head.number {
            wait();
        }
    }
}

impl ListOptions {
    fn filter(&self) -> Vec<(&'static str, String)> {
        let named = [
            ("action", &self.action),
            ("actor", &self.actor),
            ("subject", &self.subject),
            ("source", &self.source),
            ("since", &self.since),
            ("until", &self.until),
        ];
        named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))).collect()
    }
}

/// Prints entries. JSON is one object a line, so that a program can read them while more come.
fn print(lines: &[Line], table: &mut Table<7>, json: bool) -> anyhow::Result<()> {
    if json {
        for line in lines {
            output::print(&serde_json::to_string(line)?)?;
        }
        return Ok(());
    }
    let page = table.page(&lines.iter().map(row).collect::<Vec<_>>());
    if page.is_empty() { Ok(()) } else { Ok(output::print(&page)?) }
}

fn row(line: &Line) -> [String; 7] {
    let entry = match line {
        Line::Entry(entry) => entry,
        Line::Broken(place) => {
            let empty = String::new;
            let broken = format!("cannot be read: {}", output::printable(&place.broken));
            return [place.number.to_string(), empty(), empty(), broken, empty(), empty(), empty()];
        }
    };
    let Event { at, actor, action, subject, source, request_id, attempts, .. } = &entry.event;
    let times = attempts.filter(|attempts| *attempts > 1).map(|attempts| format!(" ({attempts} times)"));
    let or_dash = |text: Option<String>| output::printable(&text.unwrap_or_else(|| "-".to_owned()));
    [
        entry.number.to_string(),
        at.to_string(),
        or_dash(actor.as_ref().map(ToString::to_string)),
        action.name().to_owned() + &times.unwrap_or_default(),
        or_dash(Some(subject.clone()).filter(|subject| !subject.is_empty())),
        or_dash(source.map(|source| source.to_string())),
        or_dash(request_id.clone()),
    ]
}

/// Verifies the whole log, and returns its last entry. `entries_after` reads the entries after a number.
fn verify(
    anchor: Option<&Head>,
    mut entries_after: impl FnMut(u64) -> anyhow::Result<EntriesAfter>,
) -> anyhow::Result<Head> {
    let mut verifier = LogVerifier::new();
    let progress = output::progress(0);
    loop {
        let before = verifier.last().number;
        let EntriesAfter { data, head, .. } = entries_after(before)?;
        for line in &data {
            verifier.follow(line)?;
            if let Some(anchor) = anchor.filter(|anchor| anchor.number == verifier.last().number)
                && anchor != verifier.last()
            {
                bail!("entry {} was replaced: it is not the entry of --anchor", anchor.number);
            }
        }
        let last = verifier.last().number;
        if last >= head.number || last == before {
            verifier.end(&head)?;
            break;
        }
        progress.set_length(head.number);
        progress.set_position(last);
    }
    progress.finish_and_clear();
    let last = verifier.last();
    match anchor {
        Some(anchor) if anchor.number > last.number => {
            bail!("entry {} is missing: the log ends with {}, before the entry of --anchor", anchor.number, last.number)
        }
        Some(_) | None => Ok(last.clone()),
    }
}

fn print_verified(last: &Head, json: bool) -> anyhow::Result<()> {
    if json {
        return output::print_json(&Verified { verified: true, head: last });
    }
    output::print(&format!(
        "{} entries, none of them altered. The last one: {}:{}",
        last.number, last.number, last.digest
    ))?;
    output::message(
        "Store the last entry elsewhere: with --anchor, it later proves that the log was not replaced as a whole.",
    );
    Ok(())
}

/// The log of a running server.
struct Online<'o> {
    options: &'o ConnectionOptions,
    environment: &'o Environment,
    server: AdminApi,
}

impl<'o> Online<'o> {
    fn open(options: &'o ConnectionOptions, environment: &'o Environment) -> anyhow::Result<Self> {
        Ok(Self { options, environment, server: AdminApi::open(options, environment)? })
    }

    fn entries_after(&mut self, after: u64, filter: &[(&str, String)]) -> anyhow::Result<EntriesAfter> {
        let mut query = filter.to_vec();
        query.extend([("after", after.to_string()), ("limit", PAGE.to_string())]);
        self.get(&query)
    }

    /// After a refusal, asks once more with a new token: `--follow` runs for longer than a token lives.
    fn get<T: DeserializeOwned>(&mut self, query: &[(&str, String)]) -> anyhow::Result<T> {
        let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.server.get("/admin/audit", &query).or_else(|refusal| {
            self.server = AdminApi::open(self.options, self.environment).map_err(|_| refusal)?;
            self.server.get("/admin/audit", &query)
        })
    }
}

/// The log in the data folder of a stopped server.
struct Offline {
    runtime: tokio::runtime::Runtime,
    store: std::sync::Arc<SledStore>,
    audit: Audit,
    traces: Traces,
}

impl Offline {
    fn open(options: &ConnectionOptions, environment: &Environment) -> anyhow::Result<Self> {
        let folder = options.data_dir(environment)?.join("db");
        if !folder.is_dir() {
            bail!("there is no store {}: name its data folder with --data-dir", folder.display());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().context("no runtime could be made")?;
        // The files are read before the store is opened, because opening may repair them.
        let traces = read_traces(&folder);
        let store = SledStore::open(&folder).map_err(|error| anyhow!("{error}{}", damaged_entries(&traces)))?;
        let store = std::sync::Arc::new(store);
        Ok(Self { runtime, audit: Audit::new(store.clone()), store, traces })
    }

    fn entries_after(&self, after: u64) -> anyhow::Result<EntriesAfter> {
        let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let page = self.runtime.block_on(self.audit.oldest(after, limit, |_| true))?;
        let next_after = page.more_beyond.unwrap_or(page.head.number);
        Ok(EntriesAfter { data: page.lines, head: page.head, next_after })
    }

    fn close(self) {
        use crate::store::Store as _;
        // Nothing was written, so an error here loses nothing.
        let _closed = self.runtime.block_on(self.store.close());
    }
}

fn read_traces(folder: &Path) -> Traces {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files: Vec<_> = entries.filter_map(|entry| std::fs::read(entry.path()).ok()).collect();
    traces(&files)
}

/// The damaged entries of a store that does not open, as far as its files show them, for the end of an error message.
fn damaged_entries(traces: &Traces) -> String {
    let damaged: Vec<String> = traces.damaged.iter().map(ToString::to_string).collect();
    match damaged.as_slice() {
        [] => String::new(),
        [only] => format!("; entry {only} of the audit log is damaged"),
        many => format!("; entries {} of the audit log are damaged", many.join(", ")),
    }
}

#[allow(clippy::disallowed_methods, reason = "there is nothing to do but wait, and no runtime here to wait with")]
fn wait() {
    std::thread::sleep(FOLLOW_INTERVAL);
}
