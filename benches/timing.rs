//! `make timing`: whether the time of a refusal leaks information (dudect's test, Reparaz et al., 2017).
//!
//! For each question two kinds of input, of the same length and made in the same way, are tried in random order. Welch's
//! t-test then says whether both kinds of times can be of one distribution. It runs over all trials and over the fastest
//! 90, 50 and 10 %, because other load on the machine can hide a leak. Each line has the largest |t| and the difference of
//! the means, without the slowest tenth. `--trials N` after `--`.
//!
//! A difference fails the run if it is certain (|t| over [`SURE`]) and larger than its question allows. A comparison of
//! secrets allows only the error of the measurement ([`SAME_NS`]; [`CHECK_NS`] next to a signature check). The question
//! which names exist allows [`NOTICEABLE_NS`]: the best published measurements over a network distinguish some 100 ns, and
//! a `client_id` is no secret.
//!
//! One question is about an attacker who has the last 16 characters of a token's signature. A forgery that ends with them
//! is compared with the token, if it is remembered, and the text of the token comes from memory that nothing else reads
//! ([`FETCHED_NS`]). The time would show that this token was used here not long ago. It shows nothing about the other
//! characters of the token.

#![allow(clippy::disallowed_methods, reason = "a measurement reads the real clock")]
#![allow(clippy::cast_precision_loss, reason = "counts of trials and nanoseconds are small")]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use boomgate::admission::Admission;
use boomgate::client_credentials::{ClientCredentials, Targets};
use boomgate::clients::{Client, Clients, Secret};
use boomgate::failures::Failures;
use boomgate::keys::{Algorithm, Keys, Start};
use boomgate::oauth::credentials::{ClientAuthentication, ClientSecret};
use boomgate::oauth::scope::Scope;
use boomgate::quota::Quota;
use boomgate::revocation::Revocation;
use boomgate::store::{MemoryStore, Outcome, Store, Txn};
use boomgate::time::{SharedClock, SystemClock};
use boomgate::tokens::Tokens;
use ring::rand::SystemRandom;
use serde_json::json;
use zeroize::Zeroizing;

/// The |t| from which on a difference is certain: with as many questions as here, chance exceeds it in 1 of 20,000 runs.
const SURE: f64 = 5.0;
/// A few instructions: the layout of code and data in memory makes that much.
const SAME_NS: f64 = 2.0;
/// A thousandth of a signature check, which every forgery costs, and whose time depends on the forgery.
const CHECK_NS: f64 = 50.0;
/// Less than can be measured over a network.
const NOTICEABLE_NS: f64 = 20.0;
/// The time to fetch a remembered token from memory, to compare a forgery with it.
const FETCHED_NS: f64 = 1_000.0;
/// The shares of the fastest trials that are tested.
const SHARES: [f64; 4] = [1.0, 0.9, 0.5, 0.1];
/// How many clients are registered.
const CLIENTS: usize = 1_000;
/// How many clients requests name: so few that their data stays in the processor's caches.
const NAMES: usize = 16;
/// Tokens of each kind that forgeries are made of.
const TOKENS: usize = 256;
const ISSUER: &str = "https://localhost:8443";

fn main() -> anyhow::Result<()> {
    let trials = trials()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let gate = runtime.block_on(Gate::open())?;
    let mut lots = Lots(0x9e37_79b9_7f4a_7c15);
    println!("{trials} trials each");
    let mut leaks = Vec::new();
    let mut ask = |question: &str, trials: usize, allowed_ns: f64, sample: &mut dyn FnMut(bool) -> Duration| {
        let verdict = compare(trials, &mut lots, sample);
        let leaks_here = verdict.t > SURE && verdict.difference_ns.abs() > allowed_ns;
        println!(
            "{question:<78} |t| {:7.2}   {:+8.1} ns of {:8.1}   {}",
            verdict.t,
            verdict.difference_ns,
            verdict.median_ns,
            if leaks_here { "LEAKS" } else { "no leak" }
        );
        if leaks_here {
            leaks.push(question.to_owned());
        }
    };

    // The baseline: the same input twice.
    ask("nothing: the same wrong secret twice", trials, SAME_NS, &mut |_| {
        gate.time_authentication(gate.client_id(), gate.wrong_secret(false))
    });
    ask(
        "a wrong secret: right but for its last character, or wrong from the first on",
        trials,
        SAME_NS,
        &mut |near_one| gate.time_authentication(gate.client_id(), gate.wrong_secret(near_one)),
    );
    // The time to find a name, or its absence, depends on its place among all names: so there are several names, and next
    // to each a name that no client has.
    let mut naming = Lots(0x2545_f491_4f6c_dd1d);
    ask("a client: unknown, or registered and the secret wrong", trials, NOTICEABLE_NS, &mut |is_registered| {
        gate.time_authentication(gate.name(is_registered, &mut naming), gate.wrong_secret(false))
    });
    ask("the same, with its failures counted", trials, NOTICEABLE_NS, &mut |is_registered| {
        gate.time_grant(gate.name(is_registered, &mut naming), gate.wrong_secret(false))
    });
    ask("a wrong secret, with its failures counted: near, or far", trials, SAME_NS, &mut |near_one| {
        gate.time_grant(gate.client_id(), gate.wrong_secret(near_one))
    });

    // The cost of a verification depends on the forgery, all of which the attacker knows. So each trial has another
    // forgery, and the two kinds differ in where it comes from: a token that is remembered, or one that is not.
    let (remembered, others) = (gate.issued(true)?, gate.issued(false)?);
    for (what, part) in [("signature", Part::Signature), ("payload", Part::Payload)] {
        for (end, allowed_ns) in [(End::Another, CHECK_NS), (End::Same, FETCHED_NS)] {
            let mut forging = Lots(0x2545_f491_4f6c_dd1d);
            let question = format!("a forged {what}, its end {}: of a remembered token, or of another", end.name());
            ask(&question, trials, allowed_ns, &mut |near_one| {
                let tokens = if near_one { &remembered } else { &others };
                gate.time_verification(&end.put_on(forge(tokens, part, None, &mut forging), &mut forging))
            });
        }
        let mut forging = Lots(0x2545_f491_4f6c_dd1d);
        ask(&format!("a forged {what}: like a remembered one for long, or not"), trials, CHECK_NS, &mut |late| {
            gate.time_verification(&forge(&remembered, part, Some(late), &mut forging))
        });
    }

    ensure!(leaks.is_empty(), "the time leaks: {}", leaks.join("; "));
    Ok(())
}

fn trials() -> anyhow::Result<usize> {
    let mut arguments = std::env::args().skip(1);
    let mut trials = 1_000_000;
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--trials" => trials = arguments.next().context("--trials N")?.parse()?,
            // What cargo says to every benchmark.
            "--bench" => {}
            other => bail!("unknown argument {other:?}: --trials N"),
        }
    }
    Ok(trials)
}

/// The server's rooms, in this process.
struct Gate {
    /// Names of some clients, and next to each a name that no client has.
    names: Vec<[String; 2]>,
    secret: ClientSecret,
    clients: Arc<Clients>,
    grants: ClientCredentials,
    tokens: Arc<Tokens>,
    admission: Admission,
    client: Client,
    clock: SharedClock,
}

impl Gate {
    async fn open() -> anyhow::Result<Self> {
        let clock: SharedClock = Arc::new(SystemClock::new());
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keys = Arc::new(Keys::open(store.clone()).await?);
        let first = keys.plan_rotation(Algorithm::EdDsa, Start::Immediately, clock.now()).await?;
        keys.wait_for(committed(&store, first.change).await?).await;
        let clients = Arc::new(Clients::open(store.clone()).await?);
        let mut one_secret = None;
        let mut one = None;
        for number in 0..CLIENTS {
            let secret = ClientSecret::generate(&SystemRandom::new())
                .map_err(|_| anyhow::anyhow!("the system gives no randomness"))?;
            let record = Secret::from_plaintext(clients.digest_key(), &secret, clock.now());
            let client: Client = serde_json::from_value(json!({
                "client_id": name_of(number), "client_name": format!("Client {number}"),
                "scope": "read:zones", "audience": ["public"], "token_ttl": 3600,
                "limits": { "requests_per_second": 1, "burst": 1, "daily_quota": null, "enforce": true },
                "status": "active", "secrets": [record],
                "created_at": "2021-01-25T15:13:21Z", "updated_at": "2021-01-25T15:13:21Z",
            }))?;
            clients.wait_for(committed(&store, clients.register(&client)?).await?).await;
            if number == CLIENTS / 2 {
                (one_secret, one) = (Some(secret), Some(client));
            }
        }
        let (secret, client) = one_secret.zip(one).context("there are clients")?;
        let tokens = Arc::new(Tokens::new(keys, clock.clone(), ISSUER.to_owned()));
        let failures = Arc::new(Failures::new(clock.clone(), 6, 10));
        let targets =
            Targets { issuer: ISSUER.to_owned(), public_audience: "public".to_owned(), default_audience: None };
        let grants = ClientCredentials::new(clients.clone(), tokens.clone(), failures, clock.clone(), targets);
        let names = (0..NAMES).map(|place| name_of(place * CLIENTS / NAMES + place * 3));
        let names = names.map(|name| [name[..name.len() - 1].to_owned() + "x", name]).collect();
        let revocation = Arc::new(Revocation::open(store.clone()).await?);
        let quota = Quota::open(store, clock.clone());
        let public = "public".to_owned();
        let admission =
            Admission::new(tokens.clone(), 10_000, revocation, clients.clone(), quota, clock.clone(), public);
        Ok(Self { names, secret, clients, grants, tokens, admission, client, clock })
    }

    /// The name of a client, or a name that no client has.
    fn name(&self, is_registered: bool, lots: &mut Lots) -> &str {
        let beside = self.names.get(lots.below(self.names.len()));
        beside.and_then(|names| names.get(usize::from(is_registered))).map_or("", String::as_str)
    }

    /// The client whose secret this program has.
    fn client_id(&self) -> &str {
        self.client.client_id.as_str()
    }

    /// The right secret but for one character, its first or its last.
    fn wrong_secret(&self, is_near: bool) -> String {
        let mut bytes = self.secret.expose().to_owned().into_bytes();
        let at = if is_near { bytes.len() - 1 } else { 0 };
        if let Some(byte) = bytes.get_mut(at) {
            *byte = if *byte == b'z' { b'y' } else { b'z' };
        }
        String::from_utf8(bytes).unwrap_or_default()
    }

    /// Genuine tokens, which this server remembers or does not.
    fn issued(&self, remembered: bool) -> anyhow::Result<Vec<String>> {
        let scope = Scope::parse("read:zones").map_err(|_| anyhow::anyhow!("a scope"))?;
        let issue = || {
            let token = self.tokens.issue(&self.client, "public", scope.clone())?.access_token;
            if remembered {
                self.admission.verify_signature_and_expiry(&token)?;
            }
            Ok(token)
        };
        (0..TOKENS).map(|_| issue()).collect()
    }

    fn time_authentication(&self, id: &str, secret: String) -> Duration {
        let presented = ClientAuthentication::from_body(id, Zeroizing::new(secret), None);
        let now = self.clock.now();
        timed(|| self.clients.authenticate(black_box(&presented), now).is_err())
    }

    fn time_grant(&self, id: &str, secret: String) -> Duration {
        let presented = ClientAuthentication::from_body(id, Zeroizing::new(secret), None);
        let source = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
        timed(|| self.grants.authenticate(black_box(&presented), source).is_err())
    }

    fn time_verification(&self, token: &str) -> Duration {
        let token = token.to_owned();
        timed(|| self.admission.verify_signature_and_expiry(black_box(&token)).is_err())
    }
}

/// The name of the client that is registered as this one.
fn name_of(number: usize) -> String {
    format!("client-{number:06}")
}

/// What of a token is forged.
#[derive(Clone, Copy)]
enum Part {
    /// The half of the signature that is a point. The other half is a number, which is refused before any computation if it
    /// is too large.
    Signature,
    /// The claims: the `jti`, which is at the same place in all tokens.
    Payload,
}

/// The end of a forgery, by which a remembered token is found.
#[derive(Clone, Copy)]
enum End {
    /// Another end, as an attacker sends who does not know the token's.
    Another,
    /// The end of the token.
    Same,
}

impl End {
    fn name(self) -> &'static str {
        match self {
            Self::Another => "another's",
            Self::Same => "the token's",
        }
    }

    fn put_on(self, forgery: String, lots: &mut Lots) -> String {
        // Within the 16 characters, but not the last two, which may make the signature's number too large.
        let at = forgery.len().saturating_sub(3 + lots.below(12));
        match self {
            Self::Another => with_another(forgery, at, lots),
            Self::Same => forgery,
        }
    }
}

/// One of the tokens with one character replaced: in the later part, the earlier, or in any place.
fn forge(tokens: &[String], part: Part, late: Option<bool>, lots: &mut Lots) -> String {
    let token = tokens.get(lots.below(tokens.len())).map_or("", String::as_str);
    let signature = token.rfind('.').unwrap_or_default() + 1;
    // The last 40 characters before the signature are the identifier's, and those that end the JSON.
    let (start, length) = match part {
        Part::Signature => (signature, 40),
        Part::Payload => (signature.saturating_sub(46), 40),
    };
    let at = match late {
        None => start + lots.below(length),
        Some(false) => start + lots.below(4),
        Some(true) => start + length - 4 + lots.below(4),
    };
    with_another(token.to_owned(), at, lots)
}

/// The text with any other base64url character in this place. The time of a check depends on the character, so a few
/// forgeries that are tried again and again would differ by that.
fn with_another(text: String, at: usize, lots: &mut Lots) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut bytes = text.into_bytes();
    if let Some(byte) = bytes.get_mut(at) {
        let place = ALPHABET.iter().position(|letter| letter == byte).unwrap_or_default();
        let other = (place + 1 + lots.below(63)) % 64;
        *byte = ALPHABET.get(other).copied().unwrap_or(b'A');
    }
    String::from_utf8(bytes).unwrap_or_default()
}

async fn committed(store: &Arc<dyn Store>, txn: Txn) -> anyhow::Result<boomgate::store::Revision> {
    match store.commit(txn).await? {
        Outcome::Committed(revision) => Ok(revision),
        Outcome::Conflict => bail!("no other task writes"),
    }
}

/// The time of a refusal.
fn timed(refuses: impl FnOnce() -> bool) -> Duration {
    let begun = Instant::now();
    let outcome = black_box(refuses());
    let taken = begun.elapsed();
    assert!(outcome, "what is timed here is refused");
    taken
}

/// The result of a comparison.
struct Verdict {
    /// The largest |t| of Welch's test over the shares.
    t: f64,
    /// The mean of the faster nine tenths of the first kind, over that of the second.
    difference_ns: f64,
    median_ns: f64,
}

/// Tries both kinds of input in random order.
fn compare(trials: usize, lots: &mut Lots, sample: &mut dyn FnMut(bool) -> Duration) -> Verdict {
    let mut times = [Vec::with_capacity(trials), Vec::with_capacity(trials)];
    // The first trials find cold caches and unallocated memory.
    for _ in 0..trials / 100 {
        sample(lots.draw());
    }
    for _ in 0..trials {
        let first_kind = lots.draw();
        let taken = sample(first_kind).as_nanos() as f64;
        let [first, second] = &mut times;
        if first_kind { first.push(taken) } else { second.push(taken) }
    }
    let mut all: Vec<f64> = times.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    for kind in &mut times {
        kind.sort_by(f64::total_cmp);
    }
    let [first, second] = &times;
    let t = SHARES.map(|share| {
        let most = quantile(&all, share);
        let faster = |kind: &[f64]| kind.iter().copied().take_while(|time| *time <= most).collect::<Vec<_>>();
        welch(&faster(first), &faster(second)).abs()
    });
    Verdict {
        t: t.into_iter().fold(0.0, f64::max),
        difference_ns: mean_of_most(first) - mean_of_most(second),
        median_ns: quantile(&all, 0.5),
    }
}

/// The mean of sorted values without the slowest tenth, which other load on the machine causes.
fn mean_of_most(sorted: &[f64]) -> f64 {
    let most = sorted.len() - sorted.len() / 10;
    sorted.iter().take(most).sum::<f64>() / most.max(1) as f64
}

/// A quantile of sorted values.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a length is an index")]
    let at = (last as f64 * share) as usize;
    sorted.get(at).copied().unwrap_or_default()
}

/// Welch's t of two samples.
fn welch(one: &[f64], other: &[f64]) -> f64 {
    let moments = |sample: &[f64]| {
        let count = sample.len() as f64;
        let mean = sample.iter().sum::<f64>() / count;
        let variance = sample.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, variance / count)
    };
    if one.len() < 2 || other.len() < 2 {
        return 0.0;
    }
    let ((mean, error), (other_mean, other_error)) = (moments(one), moments(other));
    let error = error + other_error;
    if error > 0.0 { (mean - other_mean) / error.sqrt() } else { 0.0 }
}

/// Marsaglia's xorshift: random enough to choose the kind of each trial, and cheap.
struct Lots(u64);

impl Lots {
    fn draw(&mut self) -> bool {
        self.next() >> 63 == 1
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or_default()
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
