//! Clients with small quotas: how much each was admitted over all lives of the server, in one UTC day.

use std::fmt;
use std::sync::Arc;

use boomgate::time::{Clock as _, Day, SystemClock};
use futures_util::{StreamExt as _, stream};
use reqwest::Method;
use serde_json::json;

use crate::gate::Gate;
use crate::load::{self, Spent};
use crate::process::AUDIENCE;
use crate::random::Random;

/// Clients under load at a time.
const UNDER_LOAD: usize = 4;
/// Exhausted clients that are asked again in each round; in the end all are.
const OLDER_IN_A_ROUND: u64 = 5;
const AT_ONCE: usize = 16;

/// A client with a quota.
struct Limited {
    client_id: String,
    token: String,
    quota: u64,
    /// Units of a block: 1 % of the quota, at least 1 (docs/architecture.md#quotas).
    block: u64,
    admitted: u64,
    unanswered: u64,
    /// How often the server was killed after this client had called.
    kills: u64,
    exhausted: bool,
}

/// The most that a crash has cost anybody.
#[derive(Clone, Copy, Default)]
struct Loss {
    units: u64,
    block: u64,
    kills: u64,
}

/// All of them, in one UTC day: at midnight the count starts again.
pub struct Quotas {
    clock: SystemClock,
    day: Day,
    clients: Vec<Limited>,
    exhausted: u64,
    admitted: u64,
    lost: u64,
    most: Loss,
}

impl Quotas {
    pub fn new() -> Self {
        let clock = SystemClock::new();
        let day = clock.now().day();
        Self { clock, day, clients: Vec::new(), exhausted: 0, admitted: 0, lost: 0, most: Loss::default() }
    }

    /// Registers clients in place of those that are exhausted.
    pub async fn replenish(&mut self, gate: &Gate, random: &mut Random) {
        while self.under_load().len() < UNDER_LOAD {
            // Mostly small ones, that are exhausted soon; now and then blocks of several units.
            let quota = if random.below(3) == 0 { 300 + random.below(900) } else { 30 + random.below(170) };
            let limits = json!({ "client_name": "Limited", "scope": "read:zones", "daily_quota": quota });
            let request = gate.request(Method::POST, "/admin/clients").bearer_auth(&gate.admin).json(&limits);
            let answer = gate.sure(request).await;
            assert_eq!(answer.status, 201, "{}", answer.text());
            let text = |member: &str| answer.json()[member].as_str().unwrap().to_owned();
            let (client_id, secret) = (text("client_id"), text("client_secret"));
            let token = gate.sure_token(&client_id, &secret, AUDIENCE).await;
            self.clients.push(Limited {
                client_id,
                token,
                quota,
                block: (quota / 100).max(1),
                admitted: 0,
                unanswered: 0,
                kills: 0,
                exhausted: false,
            });
        }
    }

    /// The identifiers and tokens of clients that are not exhausted. A token lives through every crash.
    pub fn under_load(&self) -> Vec<(String, String)> {
        let left = self.clients.iter().filter(|client| !client.exhausted);
        left.map(|client| (client.client_id.clone(), client.token.clone())).collect()
    }

    /// Takes in what was spent in a life that ended in a kill.
    pub fn add(&mut self, spent: &[Spent]) {
        self.take_in(spent, 1);
    }

    /// Spends what is left of all of them.
    pub async fn exhaust(&mut self, gate: &Arc<Gate>) {
        let calls = self.under_load().into_iter().map(|(client_id, token)| load::call(gate.clone(), client_id, token));
        let spent: Vec<Spent> = stream::iter(calls).buffer_unordered(AT_ONCE).collect().await;
        self.take_in(&spent, 0);
    }

    fn take_in(&mut self, spent: &[Spent], kills: u64) {
        if self.starts_again_after_midnight() {
            return;
        }
        for client in self.clients.iter_mut().filter(|client| !client.exhausted) {
            client.take_in(spent, kills);
            client.judge();
            if client.exhausted {
                self.exhausted += 1;
                self.admitted += client.admitted;
                self.lost += client.lost();
                let loss = Loss { units: client.lost(), block: client.block, kills: client.kills };
                self.most = if loss.units > self.most.units { loss } else { self.most };
            }
        }
    }

    /// Asks the server how much it has counted, and again some, or without `random` all, of those that it
    /// has refused.
    pub async fn verify(&mut self, gate: &Arc<Gate>, mut random: Option<&mut Random>) {
        let exhausted = self.clients.iter().filter(|client| client.exhausted).count() as u64;
        let mut is_chosen = |client: &&Limited| {
            !client.exhausted || random.as_mut().is_none_or(|random| random.below(exhausted) < OLDER_IN_A_ROUND)
        };
        let chosen: Vec<&Limited> = self.clients.iter().filter(|client| is_chosen(client)).collect();
        let wrong = stream::iter(chosen).map(|client| client.contradiction(gate)).buffer_unordered(AT_ONCE);
        let wrong: Vec<String> = wrong.filter_map(async |wrong| wrong).collect().await;
        if !self.starts_again_after_midnight() {
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        }
    }

    /// Whether the day has changed since the count began; if so, all clients are left alone from now on.
    fn starts_again_after_midnight(&mut self) -> bool {
        let today = self.clock.now().day();
        let is_over = today != self.day;
        if is_over {
            self.day = today;
            self.clients.clear();
        }
        is_over
    }
}

impl Limited {
    fn take_in(&mut self, spent: &[Spent], kills: u64) {
        let mut has_called = false;
        for spent in spent.iter().filter(|spent| spent.client_id == self.client_id) {
            self.admitted += spent.admitted;
            self.unanswered += spent.unanswered;
            self.exhausted |= spent.refused;
            has_called |= spent.admitted + spent.unanswered > 0;
        }
        self.kills += if has_called { kills } else { 0 };
    }

    fn judge(&self) {
        let Self { client_id, quota, block, admitted, unanswered, kills, .. } = self;
        assert!(admitted <= quota, "{client_id} was admitted {admitted} times of {quota}");
        // What was not answered may have been spent.
        let most = 2 * block * kills + unanswered;
        let lost = self.lost();
        assert!(
            !self.exhausted || lost <= most,
            "{client_id} lost {lost} units of {quota} in {kills} kills, blocks of {block}"
        );
    }

    fn lost(&self) -> u64 {
        self.quota - self.admitted
    }

    /// What the server says of this client that cannot be, if anything.
    async fn contradiction(&self, gate: &Gate) -> Option<String> {
        if self.exhausted {
            let answer = gate.sure(gate.get("/parking/zones?limit=1", &self.token)).await;
            return (answer.status != 429).then(|| format!("{} was exhausted: {}", self.client_id, answer.text()));
        }
        let usage = gate.sure(gate.get("/oauth2/usage", &self.token)).await.json();
        let used = usage["day"]["used"].as_u64().unwrap_or_else(|| panic!("used of {usage}"));
        (used < self.admitted).then(|| format!("{} was admitted {} times: {usage}", self.client_id, self.admitted))
    }
}

impl fmt::Display for Quotas {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { exhausted, admitted, lost, most, .. } = self;
        write!(out, "{exhausted} quotas exhausted by {admitted} requests, 0 admitted above one, {lost} units lost, ")?;
        write!(out, "at most {} for a client (of {} kills, with blocks of {})", most.units, most.kills, most.block)
    }
}
