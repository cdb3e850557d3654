//! `boomgate audit`: who did what, when, and whether the log is whole.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use super::connection::{Administration, ConnectionOptions};
use super::output::{self, Table};
use crate::audit::{Audit, EntryDigest, Event, Head, Line, LogVerifier, Traces, traces};
use crate::config::Environment;
use crate::store::SledStore;

/// How many entries are asked for at a time.
const PAGE: u64 = 100;
/// How often `--follow` asks for more.
const FOLLOW_INTERVAL: Duration = Duration::from_secs(1);
/// How many entries are followed between two words of progress.
const PROGRESS_ENTRIES: u64 = 10_000;

const EXAMPLES: &str = "Examples:
  boomgate audit
  boomgate audit --follow --json | jq .action
  boomgate audit --subject demo-reader --since 2026-01-25T00:00:00Z --limit 1000
  boomgate audit verify
  boomgate audit verify --offline --data-dir copy
What `audit verify` prints of the last entry is what --anchor takes later.";

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
    /// Prove that no entry was altered, replaced or left out
    #[command(after_help = EXAMPLES)]
    Verify(VerifyOptions),
}

#[derive(Args)]
struct ListOptions {
    /// Go on with what is done from now on, until Ctrl-C
    #[arg(long, short)]
    follow: bool,
    /// How many of the last entries
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u64).range(0..=100_000))]
    limit: u64,
    /// What was done, as the list names it, such as client_registered
    #[arg(long)]
    action: Option<String>,
    /// Who did it: a client_id
    #[arg(long, value_name = "ID")]
    actor: Option<String>,
    /// To whom or what: a client_id, a jti or a kid
    #[arg(long)]
    subject: Option<String>,
    /// Where the request came from
    #[arg(long, value_name = "ADDRESS")]
    source: Option<String>,
    /// Not before this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Before this time, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

#[derive(Args)]
struct VerifyOptions {
    /// An entry that must be as it was: NUMBER:DIGEST, as an earlier run printed of the last
    #[arg(long, value_parser = anchor)]
    anchor: Option<Head>,
    /// Read the store in the data folder itself: of a server that does not run, or a copy
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

/// Entries after a number, or the newest; as the server answers.
#[derive(Deserialize)]
struct Page {
    data: Vec<Line>,
    next_cursor: Option<String>,
    next_after: Option<u64>,
    head: Head,
}

pub(super) fn run(options: &Options, environment: &Environment) -> anyhow::Result<()> {
    let json = options.connection.json;
    match &options.command {
        Some(Command::Verify(VerifyOptions { anchor, offline: true })) => {
            let log = Offline::open(&options.connection, environment)?;
            let verified = verify(anchor.as_ref(), |after| log.page(after));
            let last_trace = log.traces.last;
            log.close();
            let verified = verified?;
            if last_trace > verified.number {
                bail!(
                    "entry {last_trace} is in the files of the store, but not in the log, which ends with {}: it is \
                     damaged, or a crash cut its write short; in that case this is over once the server has run and \
                     written its next entry",
                    verified.number
                );
            }
            verified_as(&verified, json)
        }
        Some(Command::Verify(VerifyOptions { anchor, offline: false })) => {
            let mut log = Online::open(&options.connection, environment)?;
            let limit = PAGE.to_string();
            let page = |after: u64| log.page(&[("after", after.to_string()), ("limit", limit.clone())]);
            verified_as(&verify(anchor.as_ref(), page)?, json)
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
        let page = log.page(&query)?;
        newest.extend(page.data.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)));
        // A server that points back at the same page would never end.
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

/// Until the process is ended.
fn follow(
    log: &mut Online<'_>,
    filter: &[(&str, String)],
    mut after: u64,
    table: &mut Table<7>,
    json: bool,
) -> anyhow::Result<()> {
    loop {
        let mut query = filter.to_vec();
        query.extend([("after", after.to_string()), ("limit", PAGE.to_string())]);
        let page = log.page(&query)?;
        print(&page.data, table, json)?;
        after = page.next_after.unwrap_or(after);
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

/// JSON is one object a line, so that a program can read while more comes.
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
        Line::Broken(at) => {
            let none = String::new;
            let broken = format!("cannot be read: {}", output::printable(&at.broken));
            return [at.number.to_string(), none(), none(), broken, none(), none(), none()];
        }
    };
    let Event { at, actor, action, subject, source, request_id, attempts, .. } = &entry.event;
    let action = serde_json::to_value(action).ok().and_then(|action| action.as_str().map(str::to_owned));
    let times = attempts.filter(|attempts| *attempts > 1).map(|attempts| format!(" ({attempts} times)"));
    let or_none = |text: Option<String>| output::printable(&text.unwrap_or_else(|| "-".to_owned()));
    [
        entry.number.to_string(),
        at.to_string(),
        or_none(actor.as_ref().map(ToString::to_string)),
        action.unwrap_or_default() + &times.unwrap_or_default(),
        or_none(Some(subject.clone()).filter(|subject| !subject.is_empty())),
        or_none(source.map(|source| source.to_string())),
        or_none(request_id.clone()),
    ]
}

/// Follows the whole log; the last entry, if nothing is wrong with any. `page` has entries after a number.
fn verify(anchor: Option<&Head>, mut page: impl FnMut(u64) -> anyhow::Result<Page>) -> anyhow::Result<Head> {
    let mut chain = LogVerifier::new();
    let mut told = 0;
    loop {
        let Page { data, head, .. } = page(chain.last().number)?;
        let before = chain.last().number;
        for line in &data {
            chain.follow(line)?;
            if let Some(anchor) = anchor.filter(|anchor| anchor.number == chain.last().number)
                && anchor != chain.last()
            {
                bail!("entry {} was replaced: it is not the one that was noted down", anchor.number);
            }
        }
        if chain.last().number >= head.number || chain.last().number == before {
            chain.end(&head)?;
            break;
        }
        if chain.last().number - told >= PROGRESS_ENTRIES {
            told = chain.last().number;
            output::message(&format!("{told} of {} entries", head.number));
        }
    }
    match anchor {
        Some(anchor) if anchor.number > chain.last().number => bail!(
            "entry {} is missing: the log ends with {}, before the one that was noted down",
            anchor.number,
            chain.last().number
        ),
        Some(_) | None => Ok(chain.last().clone()),
    }
}

fn verified_as(last: &Head, json: bool) -> anyhow::Result<()> {
    if json {
        return Ok(output::print_json(&json!({ "verified": true, "head": last }))?);
    }
    output::print(&format!(
        "{} entries, and each is what it was. The last: {}:{}",
        last.number, last.number, last.digest
    ))?;
    output::message(
        "Note the last down elsewhere: with --anchor it proves later that the log was not replaced as a whole.",
    );
    Ok(())
}

/// The log of a server that runs.
struct Online<'o> {
    options: &'o ConnectionOptions,
    environment: &'o Environment,
    server: Administration,
}

impl<'o> Online<'o> {
    fn open(options: &'o ConnectionOptions, environment: &'o Environment) -> anyhow::Result<Self> {
        Ok(Self { options, environment, server: Administration::open(options, environment)? })
    }

    /// Asks again with another token, once: who follows the log for long outlives one.
    fn page(&mut self, query: &[(&str, String)]) -> anyhow::Result<Page> {
        let query: Vec<_> = query.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = match self.server.get("/admin/audit", &query) {
            Ok(answer) => answer,
            Err(refusal) => {
                self.server = Administration::open(self.options, self.environment).map_err(|_| refusal)?;
                self.server.get("/admin/audit", &query)?
            }
        };
        read(answer)
    }
}

fn read(answer: Value) -> anyhow::Result<Page> {
    serde_json::from_value(answer).map_err(|error| anyhow!("the server speaks of its log in another way: {error}"))
}

/// The log in a folder that no server holds.
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
            bail!("there is no store {}: name the folder that it is in with --data-dir", folder.display());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build().context("no runtime could be made")?;
        // Before it is opened: a store tidies up after what it takes for a crash.
        let traces = look_for_traces(&folder);
        let store = SledStore::open(&folder).map_err(|error| anyhow!("{error}{}", told_of_hit(&traces)))?;
        let store = std::sync::Arc::new(store);
        Ok(Self { runtime, audit: Audit::new(store.clone()), store, traces })
    }

    fn page(&self, after: u64) -> anyhow::Result<Page> {
        let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let page = self.runtime.block_on(self.audit.oldest(after, limit, |_| true))?;
        Ok(Page { data: page.lines, next_cursor: None, next_after: page.more_beyond, head: page.head })
    }

    fn close(self) {
        use crate::store::Store as _;
        // Nothing was written, so nothing can be lost.
        let _closed = self.runtime.block_on(self.store.close());
    }
}

fn look_for_traces(folder: &Path) -> Traces {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let files: Vec<_> = entries.filter_map(|entry| std::fs::read(entry.path()).ok()).collect();
    traces(&files)
}

/// Which entries a store that does not open has lost, as far as its files show it.
fn told_of_hit(traces: &Traces) -> String {
    let hit: Vec<String> = traces.damaged.iter().map(ToString::to_string).collect();
    match hit.as_slice() {
        [] => String::new(),
        [only] => format!("; entry {only} of the audit log is not what it was"),
        many => format!("; entries {} of the audit log are not what they were", many.join(", ")),
    }
}

#[allow(clippy::disallowed_methods, reason = "there is nothing to do but wait, and no runtime here to wait with")]
fn wait() {
    std::thread::sleep(FOLLOW_INTERVAL);
}
