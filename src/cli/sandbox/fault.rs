//! `boomgate fault`: disturbs requests to a sandbox on purpose.

use anyhow::bail;
use clap::{Args, Subcommand};

use super::effect::{self, EffectWord};
use crate::api::sandbox::fault::{
    Delay, Delivery, Dribble, Effect, Fault, FaultList, FaultRule, Phase, RequestMatch, RequestRange, Variation,
    Word as _,
};
use crate::cli::connection::{Api, AsSent, ControlOptions};
use crate::cli::output::{self, Table};
use crate::config::Environment;
use crate::time::Span;

const PATH: &str = "/sandbox/faults";

const EXAMPLES: &str = "Examples:
  boomgate fault add 503 --times 2 --client demo-writer
  boomgate fault add drop --requests 3
  boomgate fault add slow --delay 100ms..2s --probability 0.2 --seed 42
  boomgate fault add lost --method POST --path /parking/zones
  boomgate fault list
  boomgate fault clear
The first rule that matches a request and fires is the one that acts.";

const EFFECTS: &str = "Effects:
- a status, such as 503 or 429: the answer that this gate has for it; for 502 and the like, one as a proxy sends it
- a problem, such as token-revoked or quota-exceeded: the answer of the gate in that case; /problems/NAME explains each
- slow, timeout, dribble, bandwidth, truncate: a slow network; see --delay, --over and --bytes
- drop, reset, mid-headers, mid-body, goaway, rst-stream: the connection ends
- lost: the change is made, and its answer never arrives
- empty, html, not-json, wrong-content-type: another body
- an answer that is lawful but unusual: unknown-members, reordered-members, token-type-lowercase, no-expires-in, no-scope,
retry-after-date, chunked-body, lowercase-fields, title-case-fields, connection-close

Examples:
  boomgate fault add 503 --times 2 --client demo-writer
  boomgate fault add drop --requests 3
  boomgate fault add slow --delay 700ms
  boomgate fault add 429 --variation retry-after-date";

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
    /// Add a rule: which requests are disturbed, and how
    #[command(after_help = EFFECTS)]
    Add(Box<NewRule>),
    /// List the rules in the order in which they are tried
    List,
    /// Remove all rules, or those that are named
    Clear {
        /// The rules' names, as `boomgate fault list` shows them [default: all]
        #[arg(value_name = "NAME", value_parser = name)]
        names: Vec<String>,
    },
}

#[derive(Args)]
struct NewRule {
    /// What happens: a status, the name of a problem, or one of the words below
    #[arg(value_parser = EffectWord::parse)]
    effect: EffectWord,
    /// The rule's name [default: fault-1, fault-2 and so on]
    #[arg(long, value_parser = name)]
    name: Option<String>,
    /// Only requests of this client
    #[arg(long, value_name = "CLIENT_ID", help_heading = "Which requests")]
    client: Option<String>,
    /// Only requests to the token endpoint (token), or only those with an access token (resource)
    #[arg(long, value_parser = phase, help_heading = "Which requests")]
    phase: Option<Phase>,
    /// Only requests with this method
    #[arg(long, help_heading = "Which requests")]
    method: Option<String>,
    /// Only requests with this path; * stands for one segment, ** at the end for all beneath
    #[arg(long, help_heading = "Which requests")]
    path: Option<String>,
    /// Only these of the matching requests, counted from 1: 3, 3..5 or 3..
    #[arg(long, value_name = "RANGE", help_heading = "Which requests")]
    requests: Option<RequestRange>,
    /// Only requests without this header
    #[arg(long, value_name = "HEADER", help_heading = "Which requests")]
    unless_header: Option<String>,
    /// How likely each of them is disturbed, from 0 to 1 [default: 1]
    #[arg(long, value_name = "NUMBER", help_heading = "How often")]
    probability: Option<f64>,
    /// Determines which ones chance chooses: the same seed chooses the same again
    #[arg(long, value_name = "NUMBER", help_heading = "How often")]
    seed: Option<u64>,
    /// End after so many
    #[arg(long, value_name = "COUNT", help_heading = "How often")]
    times: Option<u64>,
    /// End after so long, by the sandbox's clock
    #[arg(long = "for", value_name = "SPAN", help_heading = "How often")]
    lasts: Option<Span>,
    /// Retry-After of an injected answer, in seconds
    #[arg(long, value_name = "SECONDS", help_heading = "What happens")]
    retry_after: Option<u32>,
    /// Hold the answer back: for a span such as 700ms, or within a range such as 100ms..2s
    #[arg(long, value_name = "SPAN", value_parser = effect::delay, help_heading = "What happens")]
    delay: Option<Delay>,
    /// Also vary the answer: one of the words for lawful but unusual answers
    #[arg(long, value_name = "WORD", value_parser = effect::variation, help_heading = "What happens")]
    variation: Option<Variation>,
    /// How long dribble or timeout takes
    #[arg(long, value_name = "SPAN", help_heading = "What happens")]
    over: Option<Span>,
    /// How many bytes bandwidth lets through in a second, or truncate leaves
    #[arg(long, value_name = "COUNT", help_heading = "What happens")]
    bytes: Option<u32>,
    /// Let the gate do its part first: a change is made, then the answer is disturbed
    #[arg(long, help_heading = "What happens")]
    after_commit: bool,
}

/// Parses a name, which needs no escaping in a path.
fn name(text: &str) -> Result<String, &'static str> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_name = text.bytes().all(fits) && text.starts_with(|first: char| first.is_ascii_alphanumeric());
    if is_name { Ok(text.to_owned()) } else { Err("a name has letters, digits, dots, underscores and hyphens") }
}

fn phase(text: &str) -> Result<Phase, &'static str> {
    Phase::ALL.iter().copied().find(|phase| phase.name() == text).ok_or("must be token or resource")
}

pub(in crate::cli) fn run(options: Options, environment: &Environment) -> anyhow::Result<()> {
    let json = options.control.json;
    let sandbox = options.control.open(environment)?;
    match options.command {
        Command::Add(rule) => add(&sandbox, *rule, json),
        Command::List => list(&sandbox, json),
        Command::Clear { names } => clear(&sandbox, &names, json),
    }
}

fn add(sandbox: &Api, rule: NewRule, json: bool) -> anyhow::Result<()> {
    let fault: AsSent<Fault> = sandbox.post(PATH, &rule.into_rule()?)?;
    if json {
        return output::print_json(&fault);
    }
    output::print(&table(std::slice::from_ref(&*fault)))?;
    for note in &fault.notes {
        output::message(note);
    }
    Ok(())
}

fn list(sandbox: &Api, json: bool) -> anyhow::Result<()> {
    let faults: AsSent<FaultList> = sandbox.get(PATH, &[])?;
    if json {
        return output::print_json(&faults);
    }
    if faults.data.is_empty() {
        output::message("There is no rule: no request is disturbed.");
        return Ok(());
    }
    Ok(output::print(&table(&faults.data))?)
}

fn clear(sandbox: &Api, names: &[String], json: bool) -> anyhow::Result<()> {
    if names.is_empty() {
        sandbox.delete(PATH)?;
        output::message("All rules are removed: no request is disturbed any more.");
    }
    for name in names {
        sandbox.delete(&format!("{PATH}/{name}"))?;
        output::message(&format!("The rule {name} is removed."));
    }
    if json { list(sandbox, json) } else { Ok(()) }
}

impl NewRule {
    fn into_rule(self) -> anyhow::Result<FaultRule> {
        let effect = self.effect()?;
        let Self { name, client, phase, method, path, requests, unless_header, .. } = self;
        let matching = RequestMatch { client, phase, method, path, unless_header, requests };
        let Self { probability, seed, times, lasts, .. } = self;
        Ok(FaultRule { name, matching, probability, seed, times, lasts, effect })
    }

    /// The effect with what the options say of it. An option that says nothing of it is a mistake.
    fn effect(&self) -> anyhow::Result<Effect> {
        let mut effect = self.effect.to_effect(self.phase);
        let (mut over, mut bytes) = (self.over, self.bytes);
        if let Some(delivery) = &mut effect.delivery {
            match delivery {
                Delivery::Dribble(Dribble { over: span, .. }) | Delivery::Timeout(span) => {
                    *span = over.take().unwrap_or(*span);
                }
                Delivery::Bandwidth(count) | Delivery::TruncateAfter(count) => *count = bytes.take().unwrap_or(*count),
                Delivery::Close(_) => {}
            }
        }
        if over.is_some() {
            bail!("--over is for dribble and timeout: leave it out");
        }
        if bytes.is_some() {
            bail!("--bytes is for bandwidth and truncate: leave it out");
        }
        effect.delay = self.delay.or(effect.delay);
        effect.variation = self.variation.or(effect.variation);
        effect.retry_after = self.retry_after;
        effect.after_commit |= self.after_commit;
        Ok(effect)
    }
}

fn table(faults: &[Fault]) -> String {
    let mut table = Table::new(["NAME", "REQUESTS", "EFFECT", "CHANCE", "MATCHED", "FIRED", "LEFT"]);
    table.page(&faults.iter().map(row).collect::<Vec<_>>())
}

fn row(fault: &Fault) -> [String; 7] {
    let FaultRule { name, matching, probability, seed, effect, .. } = &fault.rule;
    let chance = match (probability, seed) {
        (None, _) => "always".to_owned(),
        (Some(probability), Some(seed)) => format!("{probability}, seed {seed}"),
        (Some(probability), None) => probability.to_string(),
    };
    [
        output::printable(name.as_deref().unwrap_or_default()),
        output::printable(&requests(matching)),
        effect::described(effect),
        chance,
        fault.matched.to_string(),
        fault.fired.to_string(),
        left(fault),
    ]
}

/// Which requests, in a few words.
fn requests(matching: &RequestMatch) -> String {
    let RequestMatch { client, phase, method, path, unless_header, requests } = matching;
    let parts = [
        client.clone(),
        // A path says it as well.
        phase.filter(|_| path.is_none()).map(|phase| phase.name().to_owned()),
        method.clone(),
        path.clone(),
        unless_header.as_ref().map(|name| format!("without {name}")),
        requests.map(|range| format!("number {range}")),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "all".to_owned() } else { parts.join(" ") }
}

/// What is left of a rule.
fn left(fault: &Fault) -> String {
    if !fault.active {
        return "ended".to_owned();
    }
    let times = fault.rule.times.map(|times| match times.saturating_sub(fault.fired) {
        1 => "once".to_owned(),
        times => format!("{times} times"),
    });
    // A person counts in whole seconds.
    let ends_in = fault.ends_in.map(|span| Span::from_secs(span.as_millis().div_ceil(1_000)).to_string());
    let parts: Vec<_> = times.into_iter().chain(ends_in).collect();
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}
