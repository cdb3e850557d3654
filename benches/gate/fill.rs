//! Writes thousands of records into a data folder, through the store itself, while no server has it open.

use std::path::Path;
use std::sync::Arc;

use anyhow::ensure;
use boomgate::clients::{Client, Secret, Status, digest_key};
use boomgate::limits::Limits;
use boomgate::oauth::credentials::{ClientId, ClientSecret};
use boomgate::oauth::scope::Scope;
use boomgate::oauth::token_epoch::TokenEpoch;
use boomgate::parking::{Zone, Zones};
use boomgate::revocation::Revocation;
use boomgate::store::{Keyspace, MAX_OPERATIONS, MAX_SCAN, Outcome, Projection, SledStore, Store, Txn};
use boomgate::time::{Clock as _, SystemClock, UnixSeconds};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value as Json, json};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::gate::{Credentials, PUBLIC};

/// Commits that are under way at a time: they share the store's syncs.
const AT_ONCE: usize = 8;

/// How many revocations stand for those of a minute.
const REVOKED_AT_ONCE: usize = 50_000;

const CLIENTS: Keyspace<Client> = Keyspace::new("clients");
const NUMBERS: Keyspace<Json> = Keyspace::new("zone-numbers");
const USAGE: Keyspace<Json> = Keyspace::new("quota");

/// The store of a data folder.
pub(crate) struct Filler {
    store: Arc<dyn Store>,
    now: UnixSeconds,
}

/// The centre of the new zones: a city of the sample zones, which the queries look at.
pub(crate) const CITY: (f64, f64) = (34.7118, -76.6391);
/// The least distance of a new zone from the centre, in degrees (1.1 km), so that a query there has the same answer.
const CLEAR_DEGREES: f64 = 0.01;
/// The width of the grid of zones, in degrees: 320 by 320 zones are a square of 107 by 88 km.
const STEP_DEGREES: f64 = 0.003;
const GRID: usize = 320;

impl Filler {
    pub(crate) fn open(data_dir: &Path) -> anyhow::Result<Self> {
        Ok(Self { store: Arc::new(SledStore::open(&data_dir.join("db"))?), now: SystemClock::new().now() })
    }

    pub(crate) async fn close(self) -> anyhow::Result<()> {
        Ok(self.store.close().await?)
    }

    /// Clients of these numbers, each with these limits and a secret that follows from its number.
    pub(crate) async fn clients(&self, numbers: std::ops::Range<usize>, limits: Limits) -> anyhow::Result<()> {
        let key = digest_key::open(&*self.store).await?;
        let txns = numbers.map(|number| {
            let Credentials { id, secret } = credentials(number);
            let client = Client {
                client_id: ClientId::parse(&id)?,
                client_name: format!("Partner number {number}"),
                scope: Scope::parse("read:zones write:zones").map_err(|_| anyhow::anyhow!("no scope"))?,
                audience: vec![PUBLIC.to_owned()].into(),
                token_ttl: 3_600,
                limits,
                report: None,
                status: Status::Active,
                secrets: vec![Secret::from_plaintext(&key, &ClientSecret::new(Zeroizing::new(secret)), self.now)],
                retired_secrets: Vec::new(),
                declared: false,
                tokens_valid_from: self.now,
                token_epoch: TokenEpoch::random(),
                created_at: self.now,
                updated_at: self.now,
            };
            Ok(Txn::new().put(CLIENTS.key(&client.client_id), CLIENTS.encode(&client)?))
        });
        self.commit(txns, 1).await
    }

    /// Revoked tokens that expire tomorrow.
    pub(crate) async fn revocations(&self, count: usize) -> anyhow::Result<()> {
        let revocation = Revocation::open(self.store.clone()).await?;
        let expires_at = self.now.day().end().plus(86_400);
        for first in (0..count).step_by(REVOKED_AT_ONCE) {
            // In order: the store writes many times faster than in random order.
            let mut jtis: Vec<Uuid> = (first..count.min(first + REVOKED_AT_ONCE)).map(|_| Uuid::new_v4()).collect();
            jtis.sort_unstable();
            self.commit(jtis.iter().map(|jti| Ok(revocation.revoke(jti, expires_at)?)), 1).await?;
            // As the server does every minute.
            if let Outcome::Committed(revision) = self.store.commit(Txn::new()).await? {
                revocation.wait_for(revision).await;
            }
            revocation.pack().await?;
        }
        Ok(())
    }

    /// Zones in a grid around [`CITY`]. Their ids sort after all others, so that the first page of all zones stays the same.
    pub(crate) async fn zones(&self, count: usize) -> anyhow::Result<()> {
        let places = (0..GRID * GRID).map(|number| {
            #[allow(clippy::cast_precision_loss, reason = "at most 320")]
            let place = |part: usize| (part as f64 - GRID as f64 / 2.0) * STEP_DEGREES;
            (place(number / GRID), place(number % GRID))
        });
        let outside = places.filter(|(north, east)| north.abs().max(east.abs()) > CLEAR_DEGREES);
        // Fewer zones than places are spread over the whole square.
        let outside = outside.step_by((GRID * GRID / count.max(1)).max(1));
        let txns = outside.take(count).enumerate().map(|(number, (north, east))| {
            let id = Uuid::from_u128(0xffff_ffff_ffff_7fff_8000_0000_0000_0000 + number as u128);
            let (day, operator, number) =
                (self.now.to_string(), format!("operator-{}", number % 50), number.to_string());
            let zone: Zone = serde_json::from_value(json!({
                "id": id, "number": number, "name": format!("Zone {number} of the county"), "operator_id": operator,
                "session_type": "vehicle", "location": {"latitude": CITY.0 + north, "longitude": CITY.1 + east},
                "approx_space_count": 40, "created_at": day, "updated_at": day,
                "settings": {"allows_extensions": true, "allows_stops": true, "grace_time": 5},
            }))?;
            let holder = NUMBERS.encode(&json!({ "zone_id": id }))?;
            let zones = <Zones as Projection>::KEYSPACE;
            let number = NUMBERS.key(format_args!("{operator}/{number}"));
            Ok(Txn::new().put(zones.key(id), zones.encode(&zone)?).put(number, holder))
        });
        self.commit(txns, 2).await
    }

    /// What a client used on each of the 90 days before today.
    pub(crate) async fn usage(&self, client_ids: &[String]) -> anyhow::Result<()> {
        let days: Vec<_> = (1..90).map(|back| self.now.day().before(back)).collect();
        let txns = client_ids.iter().flat_map(|client_id| days.iter().map(move |day| format!("{client_id}/{day}")));
        let used = USAGE.encode(&json!({ "units": 12_345 }))?;
        self.commit(txns.map(|id| Ok(Txn::new().put(USAGE.key(id), used.clone()))), 1).await
    }

    /// The bytes of JSON under this prefix, for each of `count` facts.
    #[allow(clippy::cast_precision_loss, reason = "at most some hundred megabytes")]
    pub(crate) async fn json_bytes(&self, prefix: &str, count: usize) -> anyhow::Result<f64> {
        let (mut bytes, mut after) = (0, None);
        loop {
            let page = self.store.scan(prefix.as_bytes(), after.as_ref(), MAX_SCAN).await?;
            bytes += page.iter().map(|(_, value)| value.as_bytes().len()).sum::<usize>();
            let Some((last, _)) = page.into_iter().next_back() else { break };
            after = Some(last);
        }
        ensure!(bytes > 0, "there is no record under {prefix}");
        Ok(bytes as f64 / count as f64)
    }

    /// Commits all writes, in as few commits as possible.
    async fn commit(&self, txns: impl Iterator<Item = anyhow::Result<Txn>>, writes_each: usize) -> anyhow::Result<()> {
        let batches = Batches { txns, at_once: MAX_OPERATIONS / writes_each };
        let commits = stream::iter(batches).map(|batch| async {
            let outcome = self.store.commit(batch?).await?;
            ensure!(matches!(outcome, Outcome::Committed(_)), "the store refused a write without checks");
            anyhow::Ok(())
        });
        commits.buffer_unordered(AT_ONCE).try_collect().await
    }
}

struct Batches<I> {
    txns: I,
    at_once: usize,
}

impl<I: Iterator<Item = anyhow::Result<Txn>>> Iterator for Batches<I> {
    type Item = anyhow::Result<Txn>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.txns.next()?;
        Some(self.txns.by_ref().take(self.at_once - 1).try_fold(first.ok()?, |batch, txn| Ok(batch.and(txn?))))
    }
}

/// The credentials of the client of this number.
pub(crate) fn credentials(number: usize) -> Credentials {
    Credentials {
        id: format!("partner-{number:06}"),
        secret: format!("a secret of the benchmark alone, number {number:06}"),
    }
}
