//! The two walks without HTTP, any number of times, for `make bench-instructions`.
//!
//! `walk admit COUNT` admits requests with one token; `walk first-use COUNT` admits each of COUNT tokens once; `walk grant
//! COUNT` grants tokens. The preparation is the same for every COUNT, so the difference of two runs is the cost of the
//! operations. The store is in memory.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use boomgate::admission::{Admission, Api, Right, Walk};
use boomgate::client_credentials::{ClientCredentials, Targets};
use boomgate::clients::{Client, Clients, Secret, Status};
use boomgate::failures::Failures;
use boomgate::keys::{Algorithm, Keys};
use boomgate::limits::{Limits, Rate};
use boomgate::oauth::credentials::{ClientAuthentication, ClientId, ClientSecret, DigestKey};
use boomgate::oauth::scope::{READ_ZONES, Scope};
use boomgate::oauth::token_epoch::TokenEpoch;
use boomgate::oauth::token_request::TokenRequest;
use boomgate::quota::Quota;
use boomgate::revocation::Revocation;
use boomgate::store::{MemoryStore, Outcome, Store, Txn};
use boomgate::time::{SharedClock, SystemClock};
use boomgate::tokens::Tokens;
use zeroize::Zeroizing;

const USAGE: &str = "usage: walk admit|first-use|grant COUNT";

const AUDIENCE: &str = "public.api.example.com";
const ISSUER: &str = "https://localhost:8443";
const SECRET: &str = "a secret of this example alone, and of nothing else";
const SOURCE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const RIGHT: Right = Right { api: Api::Partner, scope_token: Some(READ_ZONES) };
/// Limits that no run reaches.
const LIMITS: Limits = Limits {
    requests_per_second: Rate::per_second(1_000_000),
    burst: 1_000_000,
    daily_quota: Some(1_000_000_000),
    enforce: true,
};
/// How many tokens every run prepares, and the most that `first-use` takes.
const TOKENS: usize = 500;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [operation, count] = arguments.as_slice() else { bail!(USAGE) };
    let count: usize = count.parse().context(USAGE)?;
    let gate = Gate::open().await?;
    let tokens: Vec<String> = (0..TOKENS).map(|_| gate.grant()).collect::<anyhow::Result<_>>()?;
    let one = tokens.first().context("no token")?;
    match operation.as_str() {
        "admit" => {
            for _ in 0..count {
                gate.admit(one).await?;
            }
        }
        "first-use" => {
            ensure!(count <= TOKENS, "at most {TOKENS}");
            for token in tokens.iter().take(count) {
                gate.admit(token).await?;
            }
        }
        "grant" => {
            for _ in 0..count {
                gate.grant()?;
            }
        }
        _ => bail!(USAGE),
    }
    Ok(())
}

struct Gate {
    admission: Admission,
    grants: ClientCredentials,
    client_id: ClientId,
}

impl Gate {
    /// One client, one signing key.
    async fn open() -> anyhow::Result<Self> {
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let clock: SharedClock = Arc::new(SystemClock::new());
        let clients = Arc::new(Clients::open(store.clone()).await?);
        let keys = Arc::new(Keys::open(store.clone()).await?);
        let revocation = Arc::new(Revocation::open(store.clone()).await?);
        let client = client(&clock, clients.digest_key())?;
        let key = keys.plan_initial(Algorithm::Es256, clock.now()).await?.change;
        clients.wait_for(commit(&*store, clients.register(&client)?).await?).await;
        keys.wait_for(commit(&*store, key).await?).await;

        let tokens = Arc::new(Tokens::new(keys, clock.clone(), ISSUER.to_owned()));
        let admission = Admission::new(
            tokens.clone(),
            10_000,
            revocation,
            clients.clone(),
            Quota::open(store, clock.clone()),
            clock.clone(),
            AUDIENCE.to_owned(),
        );
        let failures = Arc::new(Failures::new(clock.clone(), 10, 10));
        let targets =
            Targets { issuer: ISSUER.to_owned(), public_audience: AUDIENCE.to_owned(), default_audience: None };
        let grants = ClientCredentials::new(clients, tokens, failures, clock, targets);
        Ok(Self { admission, grants, client_id: client.client_id })
    }

    async fn admit(&self, token: &str) -> anyhow::Result<()> {
        let authorization = format!("Bearer {token}");
        let decision = match self.admission.admit(std::iter::once(authorization.as_bytes()), "", &RIGHT) {
            Walk::Decided(decision) => decision,
            Walk::NeedsLease(lease) => self.admission.wait(lease).await,
        };
        ensure!(decision.outcome.is_ok(), "a valid token was refused");
        Ok(())
    }

    fn grant(&self) -> anyhow::Result<String> {
        let secret = Zeroizing::new(SECRET.to_owned());
        let authentication = ClientAuthentication::from_body(self.client_id.as_str(), secret, None);
        let request =
            TokenRequest { authentication, audience: Some(AUDIENCE.to_owned()), resources: Vec::new(), scope: None };
        match self.grants.grant(Ok(request), SOURCE) {
            Ok(grant) => Ok(grant.issued.access_token),
            Err(refusal) => bail!("no token: {:?}", refusal.error),
        }
    }
}

fn client(clock: &SharedClock, key: &DigestKey) -> anyhow::Result<Client> {
    let now = clock.now();
    Ok(Client {
        client_id: ClientId::parse("partner")?,
        client_name: "Partner".to_owned(),
        scope: Scope::parse("read:zones write:zones").map_err(|_| anyhow::anyhow!("no scope"))?,
        audience: vec![AUDIENCE.to_owned()].into(),
        token_ttl: 86_400,
        limits: LIMITS,
        report: None,
        status: Status::Active,
        secrets: vec![Secret::from_plaintext(key, &ClientSecret::new(Zeroizing::new(SECRET.to_owned())), now)],
        retired_secrets: Vec::new(),
        declared: false,
        tokens_valid_from: now,
        token_epoch: TokenEpoch::random(),
        created_at: now,
        updated_at: now,
    })
}

async fn commit(store: &dyn Store, txn: Txn) -> anyhow::Result<boomgate::store::Revision> {
    match store.commit(txn).await? {
        Outcome::Committed(revision) => Ok(revision),
        Outcome::Conflict => bail!("an empty store refused its first record"),
    }
}
