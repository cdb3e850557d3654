//! The cache of verified tokens: a change that is in force wins over a verification that is being remembered.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};

use boomgate::admission::{Admission, Api, Denial, Right, Walk};
use boomgate::clients::{Client, Clients, Status};
use boomgate::keys::{Algorithm, Keys, Start};
use boomgate::oauth::scope::{READ_ZONES, Scope};
use boomgate::quota::Quota;
use boomgate::revocation::Revocation;
use boomgate::store::{MemoryStore, Outcome, Store, Txn};
use boomgate::time::{Clock as _, ManualClock, UnixSeconds};
use boomgate::tokens::{TokenFault, Tokens};
use serde_json::json;

const ROUNDS: usize = 200;
const CALLERS: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Change {
    Revoke,
    Suspend,
    RevokeAll,
    RemoveKey,
}

struct Gate {
    store: Arc<dyn Store>,
    keys: Arc<Keys>,
    clients: Arc<Clients>,
    revocation: Arc<Revocation>,
    tokens: Arc<Tokens>,
    admission: Admission,
    clock: Arc<ManualClock>,
}

impl Gate {
    async fn open() -> Self {
        let clock = Arc::new(ManualClock::new(UnixSeconds::new(1_767_268_800)));
        let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
        let keys = Arc::new(Keys::open(store.clone()).await.unwrap());
        let first = keys.plan_rotation(Algorithm::EdDsa, Start::Immediately, clock.now()).await.unwrap();
        keys.wait_for(committed(&store, first.change).await).await;
        let clients = Arc::new(Clients::open(store.clone()).await.unwrap());
        clients.wait_for(committed(&store, clients.register(&client()).unwrap()).await).await;
        let revocation = Arc::new(Revocation::open(store.clone()).await.unwrap());
        let tokens = Arc::new(Tokens::new(keys.clone(), clock.clone(), "https://localhost".to_owned()));
        let quota = Quota::open(store.clone(), clock.clone());
        let public = "public".to_owned();
        let admission =
            Admission::new(tokens.clone(), 1_000, revocation.clone(), clients.clone(), quota, clock.clone(), public);
        Self { store, keys, clients, revocation, tokens, admission, clock }
    }

    /// The walk up to the throttle, without limits.
    fn admit(&self, authorization: &str) -> Result<(), Denial> {
        self.admission
            .identify(std::iter::once(authorization.as_bytes()), "", Api::Partner)
            .map(drop)
            .map_err(|refusal| refusal.denial)
    }

    /// Makes a change, and returns when it is in force, as the server does before it answers.
    async fn make(&self, change: Change, token: &str) {
        let access = self.admission.verify_signature_and_expiry(token);
        match change {
            Change::Revoke => {
                let access = access.unwrap();
                let txn = self.revocation.revoke(&access.jti, access.expires_at).unwrap();
                self.revocation.wait_for(committed(&self.store, txn).await).await;
            }
            Change::Suspend | Change::RevokeAll => {
                let (before, stored) = Clients::stored(&*self.store, &client().client_id).await.unwrap().unwrap();
                let mut after = before.clone();
                if let Change::Suspend = change {
                    after.status = Status::Suspended;
                } else {
                    after.revoke_tokens(self.clock.now());
                }
                let txn = Clients::replace(&before, &after, stored).unwrap();
                self.clients.wait_for(committed(&self.store, txn).await).await;
            }
            Change::RemoveKey => {
                let old = self.keys.signing(self.clock.now()).unwrap().kid().to_owned();
                let next =
                    self.keys.plan_rotation(Algorithm::EdDsa, Start::Immediately, self.clock.now().plus(1)).await;
                self.keys.wait_for(committed(&self.store, next.unwrap().change).await).await;
                let removal = self.keys.plan_removal(&old, self.clock.now().plus(1)).await.unwrap();
                self.keys.wait_for(committed(&self.store, removal.change).await).await;
            }
        }
    }
}

async fn committed(store: &Arc<dyn Store>, txn: Txn) -> boomgate::store::Revision {
    match store.commit(txn).await.unwrap() {
        Outcome::Committed(revision) => revision,
        Outcome::Conflict => panic!("no other task writes"),
    }
}

fn client() -> Client {
    let client = json!({
        "client_id": "partner", "client_name": "Partner", "scope": "read:zones", "audience": ["public"],
        "token_ttl": 3600, "limits": { "requests_per_second": 1, "burst": 1, "daily_quota": null, "enforce": true },
        "status": "active", "secrets": [], "created_at": "2021-01-25T15:13:21Z", "updated_at": "2021-01-25T15:13:21Z",
    });
    serde_json::from_value(client).unwrap()
}

fn fits(change: Change, denial: &Denial) -> bool {
    match change {
        Change::Revoke | Change::RevokeAll => matches!(denial, Denial::Revoked),
        Change::Suspend => matches!(denial, Denial::ClientSuspended),
        Change::RemoveKey => matches!(denial, Denial::Token(TokenFault::UnknownKey)),
    }
}

/// Callers present a token for the first time while a change is made, so that each of them may be verifying and remembering
/// it. A request that begins after the change is in force is refused, and so are all later requests.
#[test]
fn a_change_beats_a_verification_that_is_being_remembered() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let (mut overlapped, mut asked_after) = (0, 0);
    for round in 0..ROUNDS {
        let change = [Change::Revoke, Change::Suspend, Change::RevokeAll, Change::RemoveKey][round % 4];
        let gate = Arc::new(runtime.block_on(Gate::open()));
        let scope = Scope::parse("read:zones").unwrap();
        let token = gate.tokens.issue(&client(), "public", scope).unwrap().access_token;
        let authorization = format!("Bearer {token}");
        let (in_force, barrier) = (Arc::new(AtomicBool::new(false)), Arc::new(Barrier::new(CALLERS + 1)));
        let before = Arc::new(AtomicUsize::new(0));
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (gate, authorization, in_force) = (gate.clone(), authorization.clone(), in_force.clone());
                let (barrier, before) = (barrier.clone(), before.clone());
                std::thread::spawn(move || {
                    barrier.wait();
                    let mut after = 0;
                    while after < 20 {
                        let began_after = in_force.load(Ordering::Acquire);
                        match gate.admit(&authorization) {
                            Ok(()) => assert!(!began_after, "{change:?} was in force, and the token was taken"),
                            Err(denial) => assert!(fits(change, &denial), "{change:?}: {denial:?}"),
                        }
                        after += usize::from(began_after);
                        before.fetch_add(usize::from(!began_after), Ordering::Relaxed);
                    }
                    after
                })
            })
            .collect();
        barrier.wait();
        runtime.block_on(gate.make(change, &token));
        in_force.store(true, Ordering::Release);
        for caller in callers {
            asked_after += caller.join().unwrap();
        }
        overlapped += usize::from(before.load(Ordering::Relaxed) > 0);
    }
    assert!(overlapped > 0, "no round had callers on both sides of the change");
    println!(
        "interleavings: {ROUNDS} changes against {CALLERS} threads that verify and remember: {overlapped} met them at \
        it, {asked_after} requests after, 0 taken"
    );
}

/// The whole walk, with any right.
#[test]
fn the_whole_walk_refuses_what_the_first_part_refuses() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
    let gate = runtime.block_on(Gate::open());
    let token = gate.tokens.issue(&client(), "public", Scope::parse("read:zones").unwrap()).unwrap().access_token;
    let authorization = format!("Bearer {token}");
    runtime.block_on(gate.make(Change::Suspend, &token));
    let right = Right { api: Api::Partner, scope_token: Some(READ_ZONES) };
    let walk = runtime.block_on(async { gate.admission.admit(std::iter::once(authorization.as_bytes()), "", &right) });
    let Walk::Decided(decision) = walk else { panic!("it waits for a quota block") };
    assert!(matches!(decision.outcome.map_err(|refusal| refusal.denial), Err(Denial::ClientSuspended)));
}
