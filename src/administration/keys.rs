//! Changes to signing keys: generate, import, revoke, and remove after their last token.

use super::{Actor, Administration, ChangeError, log_change};
use crate::audit::Action;
use crate::keys::{Algorithm, KeyError, Planned, Schedule, Start};
use crate::store::Outcome;

/// How often a change is planned again because the keys had changed meanwhile.
const MAX_ATTEMPTS: usize = 8;

impl Administration {
    /// Generates the first signing key, and another one if the newest generated key is of another algorithm.
    pub(crate) async fn ensure_signing_key(&self, algorithm: Algorithm) -> Result<(), ChangeError> {
        let newest = self.keys.list(self.clock.now()).pop();
        if newest.is_some_and(|newest| newest.imported || newest.algorithm == algorithm) {
            return Ok(());
        }
        let plan = || self.keys.plan_initial(algorithm, self.clock.now());
        self.change_keys(Action::KeyCreated, &Actor::default(), plan).await?;
        Ok(())
    }

    /// Lets another key sign; returns its `kid`. A second call before that key signs changes nothing, or only the time.
    pub(crate) async fn rotate_keys(
        &self,
        algorithm: Algorithm,
        start: Start,
        actor: &Actor,
    ) -> Result<String, ChangeError> {
        let keys = || self.keys.plan_rotation(algorithm, start, self.clock.now());
        self.change_keys(Action::KeyCreated, actor, keys).await
    }

    /// Lets an operator's RSA key, in PEM, sign; returns its `kid`.
    pub(crate) async fn import_key(&self, pem: &str, start: Start, actor: &Actor) -> Result<String, ChangeError> {
        self.change_keys(Action::KeyImported, actor, || self.keys.plan_import(pem, start, self.clock.now())).await
    }

    /// Revokes a key: every token that it signed is refused from the next request on.
    pub(crate) async fn revoke_key(&self, kid: &str, actor: &Actor) -> Result<(), ChangeError> {
        self.change_keys(Action::KeyRevoked, actor, || self.keys.plan_removal(kid, self.clock.now())).await?;
        Ok(())
    }

    /// Publishes the next key when it is due, and removes keys whose last token has expired.
    pub(crate) async fn maintain_keys(&self, schedule: &Schedule) -> Result<(), ChangeError> {
        let now = self.clock.now();
        // If another node does the same meanwhile, it writes the entry, and this commit fails.
        if let Some(planned) = self.keys.plan_scheduled_rotation(schedule, now).await?
            && let Some(kid) = self.commit_keys(Action::KeyCreated, planned, &Actor::default()).await?
        {
            tracing::info!(%kid, "the next signing key is published");
        }
        while let Some(planned) = self.keys.plan_expired_removal(now).await? {
            self.commit_keys(Action::KeyForgotten, planned, &Actor::default()).await?;
        }
        Ok(())
    }

    async fn change_keys(
        &self,
        action: Action,
        actor: &Actor,
        plan: impl AsyncFn() -> Result<Planned, KeyError>,
    ) -> Result<String, ChangeError> {
        for _ in 0..MAX_ATTEMPTS {
            if let Some(kid) = self.commit_keys(action, plan().await?, actor).await? {
                return Ok(kid);
            }
        }
        Err(KeyError::Busy.into())
    }

    /// The `kid` of the changed key; `None` if the keys changed since the plan was made.
    async fn commit_keys(
        &self,
        action: Action,
        planned: Planned,
        actor: &Actor,
    ) -> Result<Option<String>, ChangeError> {
        let Planned { kid, change, is_idle } = planned;
        let event = self.done(action, &kid, actor);
        let outcome = if is_idle {
            self.store.commit(change).await?
        } else {
            self.audit.commit(&change, &event).await?.map_or(Outcome::Conflict, Outcome::Committed)
        };
        let Outcome::Committed(revision) = outcome else { return Ok(None) };
        self.keys.wait_for(revision).await;
        if !is_idle {
            log_change(&event);
        }
        Ok(Some(kid))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::api::key::{Key, KeyState};
    use crate::audit::Audit;
    use crate::clients::Clients;
    use crate::keys::{Keys, PUBLISHED_FOR_S, VERIFIES_FOR_S};
    use crate::parking::Parking;
    use crate::revocation::Revocation;
    use crate::store::{MAX_SCAN, MemoryStore, Store};
    use crate::time::{Clock as _, ManualClock, SECONDS_PER_DAY, UnixSeconds};

    const START: UnixSeconds = UnixSeconds::new(1_700_000_000);
    const MONTHLY: Schedule = Schedule { algorithm: Algorithm::Es256, rotation_days: 30 };

    struct Fixture {
        store: Arc<dyn Store>,
        clock: Arc<ManualClock>,
    }

    struct Node {
        keys: Arc<Keys>,
        changes: Administration,
        clock: Arc<ManualClock>,
    }

    impl Fixture {
        fn new() -> Self {
            Self { store: Arc::new(MemoryStore::new()), clock: Arc::new(ManualClock::new(START)) }
        }

        async fn node(&self) -> Node {
            let store = self.store.clone();
            let keys = Arc::new(Keys::open(store.clone()).await.unwrap());
            let clients = Arc::new(Clients::open(store.clone()).await.unwrap());
            let revocation = Arc::new(Revocation::open(store.clone()).await.unwrap());
            let audit = Arc::new(Audit::new(store.clone()));
            let parking = Arc::new(Parking::open(store.clone(), self.clock.clone()).await.unwrap());
            let changes =
                Administration::new(store, audit, self.clock.clone(), clients, revocation, keys.clone(), parking);
            changes.ensure_signing_key(MONTHLY.algorithm).await.unwrap();
            Node { keys, changes, clock: self.clock.clone() }
        }

        /// How many entries the audit log has.
        async fn entries(&self) -> usize {
            self.store.scan(b"audit/", None, MAX_SCAN).await.unwrap().len()
        }

        fn advance(&self, seconds: u64) {
            self.clock.advance(Duration::from_secs(seconds));
        }
    }

    impl Node {
        fn list(&self) -> Vec<Key> {
            self.keys.list(self.clock.now())
        }

        fn states(&self) -> Vec<KeyState> {
            self.list().into_iter().map(|key| key.state).collect()
        }

        fn signing(&self) -> String {
            self.keys.signing(self.clock.now()).unwrap().kid().to_owned()
        }
    }

    #[tokio::test]
    async fn a_key_is_replaced_after_its_days_and_removed_after_its_last_token() {
        let fixture = Fixture::new();
        let node = fixture.node().await;
        let first = node.signing();
        fixture.advance(29 * SECONDS_PER_DAY - 1);
        node.changes.maintain_keys(&MONTHLY).await.unwrap();
        assert_eq!(node.states(), [KeyState::Signing], "not yet");

        fixture.advance(1);
        for _ in 0..3 {
            node.changes.maintain_keys(&MONTHLY).await.unwrap();
            assert_eq!(node.states(), [KeyState::Signing, KeyState::Next], "published a day ahead, once");
        }
        fixture.advance(SECONDS_PER_DAY - 1);
        assert_eq!(node.signing(), first);
        fixture.advance(1);
        assert_ne!(node.signing(), first);
        assert_eq!(node.list()[0].verifies_until, Some(START.plus(30 * SECONDS_PER_DAY + VERIFIES_FOR_S)));

        fixture.advance(VERIFIES_FOR_S - 1);
        node.changes.maintain_keys(&MONTHLY).await.unwrap();
        assert!(node.keys.verifies(&first));
        fixture.advance(1);
        node.changes.maintain_keys(&MONTHLY).await.unwrap();
        assert!(!node.keys.verifies(&first));
        assert_eq!(node.states(), [KeyState::Signing]);
        assert_eq!(fixture.entries().await, 3, "created, created, removed");
    }

    #[tokio::test]
    async fn nodes_on_one_store_rotate_once_and_sign_with_the_same_key() {
        let fixture = Fixture::new();
        // All start at once, on an empty store.
        let nodes = <[Node; 3]>::from(tokio::join!(fixture.node(), fixture.node(), fixture.node()));
        assert_eq!(nodes[2].states(), [KeyState::Signing]);
        for month in 1..=6 {
            fixture.advance(29 * SECONDS_PER_DAY);
            let tend = nodes.iter().map(|node| node.changes.maintain_keys(&MONTHLY));
            futures_util::future::try_join_all(tend).await.unwrap();
            for _ in 0..2 {
                // A view may be a moment behind the store.
                while nodes.iter().any(|node| node.list() != nodes[0].list()) {
                    tokio::task::yield_now().await;
                }
                assert!(nodes.iter().all(|node| node.signing() == nodes[0].signing()), "month {month}");
                assert!(nodes[0].list().len() <= 3, "month {month}: {:?}", nodes[0].list());
                fixture.advance(SECONDS_PER_DAY);
            }
        }
        assert_eq!(nodes[0].list().iter().filter(|key| key.state == KeyState::Signing).count(), 1);
    }

    #[tokio::test]
    async fn a_key_that_is_overdue_is_published_before_it_is_replaced() {
        let fixture = Fixture::new();
        let node = fixture.node().await;
        let first = node.signing();
        fixture.advance(365 * SECONDS_PER_DAY);
        node.changes.maintain_keys(&MONTHLY).await.unwrap();
        assert_eq!(node.signing(), first);
        fixture.advance(PUBLISHED_FOR_S);
        assert_ne!(node.signing(), first);
        assert_eq!(node.states(), [KeyState::Verifying, KeyState::Signing], "the old one's last token is young");
    }

    #[tokio::test]
    async fn a_schedule_of_0_days_never_rotates() {
        let fixture = Fixture::new();
        let node = fixture.node().await;
        fixture.advance(3_650 * SECONDS_PER_DAY);
        node.changes.maintain_keys(&Schedule { rotation_days: 0, ..MONTHLY }).await.unwrap();
        assert_eq!(node.states(), [KeyState::Signing]);
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_leaves_a_key_that_signs_and_rotations_in_order() {
        let fixture = Fixture::new();
        let node = fixture.node().await;
        let first = node.signing();
        fixture.clock.set_wall(UnixSeconds::new(1_000_000_000));
        assert_eq!(node.signing(), first);
        node.changes.rotate_keys(Algorithm::Es256, Start::Immediately, &Actor::default()).await.unwrap();
        assert_eq!(node.list()[0].kid, first, "what was made later stands later");
        fixture.clock.set_wall(START);
        assert_ne!(node.signing(), first);
    }
}
