//! Parking zones: the sample API's facts, and all of its rules.
//!
//! Owns the keys under `zones/`, `zone-numbers/` (which zone of an operator has a number: what keeps
//! numbers unique, on every node), `zone-samples/` and `idempotency/`. Reads are answered from memory,
//! fed by the store's watch. A change is decided on what the store holds, is one transaction that
//! checks that it still holds it, and returns once it is durable and reads on this node show it.
//! Who may do what is not decided here.

mod idempotency;
mod near;
mod query;
mod zone;
mod zones;

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};

pub use self::idempotency::{Attempt, IdempotencyKey, InvalidKey};
use self::idempotency::{IDEMPOTENCY, Remembered};
pub use self::near::{MAX_RADIUS_METRES, Near};
pub use self::query::{Cursor, DEFAULT_LIMIT, InvalidCursor, ListRequest, MAX_LIMIT, QueryFault};
pub use self::zone::{Location, OperatorId, SessionType, Settings, ValueFault, Zone, ZoneFields, ZoneName, ZoneNumber};
pub use self::zones::{Representation, ZoneFilter, Zones};
use crate::oauth::document::Document;
use crate::oauth::fault::FieldFault;
use crate::oauth::precondition::{Condition, EntityTag};
use crate::store::{Key, Keyspace, MAX_OPERATIONS, MAX_SCAN, Outcome, Projection, Store, StoreError, Txn, View};
use crate::time::{SharedClock, UnixSeconds};

const ZONES: Keyspace<Zone> = Zones::KEYSPACE;
const NUMBERS: Keyspace<NumberHolder> = Keyspace::new("zone-numbers");
const SAMPLES: Keyspace<SamplesBegun> = Keyspace::new("zone-samples");

/// The zones that a sandbox starts with.
const SAMPLE_ZONES: &str = include_str!("../data/zones.json");
/// Operations that create one zone: a check and a write for it, and for its number.
const OPERATIONS_TO_CREATE: usize = 4;
/// How often a change is tried when others change the same zone at the same time.
const MAX_ATTEMPTS: usize = 16;

/// All zones.
pub struct Parking {
    store: Arc<dyn Store>,
    clock: SharedClock,
    view: Arc<View<Zones>>,
    /// Up to where the last sweep came; `None` to start anew.
    swept: Mutex<Option<Key>>,
}

/// Why a zone was not shown or changed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ParkingError {
    /// No zone has this id. 404.
    #[error("no zone has this id")]
    NotFound,
    /// `If-Match` or `If-None-Match` does not hold. 412 (RFC 9110 section 13).
    #[error("the zone is not in the state that the request names")]
    PreconditionFailed,
    /// Another zone of the operator has the number. 409.
    #[error("the operator's zone {zone_id} has this number already")]
    NumberTaken {
        /// That zone.
        zone_id: Uuid,
    },
    /// Members of the body are wrong: all of them, at most 32. 422.
    #[error("members of the body are wrong")]
    Invalid(Vec<FieldFault>),
    /// The `Idempotency-Key` came before with another request. 422.
    #[error("the idempotency key came before with another request")]
    KeyReused,
    /// Others changed the same zone each time that this change was tried. 503.
    #[error("others are changing the same zone at this moment")]
    Contended,
    /// The store did not answer. 503.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The answer to a creation.
#[derive(Clone, Debug, PartialEq)]
pub struct Created {
    /// The path of the new zone.
    pub location: String,
    /// The tag of the zone's JSON.
    pub etag: EntityTag,
    /// The zone as a line of JSON, as it was when it was created.
    pub body: Bytes,
    /// Whether the zone was created by an earlier attempt with the same idempotency key.
    pub replayed: bool,
}

/// A part of a list.
#[derive(Clone, Debug)]
pub struct Page {
    /// The zones, in the order of their ids.
    pub zones: Vec<Arc<Representation>>,
    /// Where the next page starts; `None` on the last.
    pub next: Option<Cursor>,
}

/// Which zone has a number of an operator.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct NumberHolder {
    zone_id: Uuid,
}

/// There while the sample zones are being written.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct SamplesBegun {
    at: UnixSeconds,
}

impl Parking {
    /// Reads all zones, and follows them in a task of the current tokio runtime.
    pub async fn open(store: Arc<dyn Store>, clock: SharedClock) -> Result<Self, StoreError> {
        let view = View::open(Arc::clone(&store)).await?;
        Ok(Self { store, clock, view, swept: Mutex::new(None) })
    }

    /// The zone `id`: one look into memory.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<Arc<Representation>> {
        self.view.load().get(id).cloned()
    }

    /// How many zones there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.view.load().count()
    }

    /// A page of the zones that the request's filter admits, from memory.
    ///
    /// Who follows [`Page::next`] to the end meets each zone that was there all the while exactly once,
    /// whatever is created, changed or deleted meanwhile. A new zone comes last.
    #[must_use]
    pub fn list(&self, request: &ListRequest) -> Page {
        // One more than is shown tells whether there is a next page.
        let mut zones = self.view.load().select(&request.filter, request.after, request.limit + 1);
        let is_last = zones.len() <= request.limit;
        zones.truncate(request.limit);
        let next = zones.last().filter(|_| !is_last).map(|last| Cursor::new(last.id(), &request.filter));
        Page { zones, next }
    }

    /// Creates a zone below the path `collection`.
    ///
    /// With an `attempt`, the answer is remembered in the same transaction for 24 hours, and given
    /// again to the same request under the same key: also to one that arrives at the same time, on any
    /// node. Nothing is remembered of a failure.
    pub async fn create(
        &self,
        body: &Document,
        collection: &str,
        attempt: Option<&Attempt<'_>>,
    ) -> Result<Created, ParkingError> {
        let fields = ZoneFields::parse_new(body).map_err(ParkingError::Invalid)?;
        for _ in 0..MAX_ATTEMPTS {
            let now = self.clock.now();
            let mut txn = Txn::new();
            // Asked before the key: what an earlier attempt wrote, it wrote together with its key, and
            // its own zone must not look like another one.
            let holder = self.number_holder(&fields).await?;
            if let Some(attempt) = attempt {
                let key = IDEMPOTENCY.key(attempt.id());
                match IDEMPOTENCY.get(&*self.store, attempt.id()).await? {
                    Some((remembered, value)) if !remembered.has_expired(now) => {
                        // A transaction without writes: once the view has come so far, it shows the zone too.
                        if self.commit(Txn::new().equals(key, value)).await? {
                            return remembered.replay(attempt).ok_or(ParkingError::KeyReused);
                        }
                        continue;
                    }
                    Some((_, value)) => txn = txn.equals(key, value),
                    None => txn = txn.absent(key),
                }
            }
            if let Some(zone_id) = holder {
                return Err(ParkingError::NumberTaken { zone_id });
            }
            let id = Uuid::new_v7(Timestamp::from_unix(NoContext, now.get(), 0));
            let zone = Zone { id, fields: fields.clone(), created_at: now, updated_at: now };
            txn = txn.and(creation(&zone)?);
            let shown = Representation::new(&zone);
            let location = format!("{collection}/{id}");
            let created = Created { location, etag: shown.etag(), body: shown.body(), replayed: false };
            if let Some(attempt) = attempt {
                let remembered = Remembered::new(attempt, &created, now);
                txn = txn.put(IDEMPOTENCY.key(attempt.id()), IDEMPOTENCY.encode(&remembered)?);
            }
            if self.commit(txn).await? {
                return Ok(created);
            }
        }
        Err(ParkingError::Contended)
    }

    /// Replaces what a request may set of the zone `id`, if `condition` allows it.
    pub async fn replace(
        &self,
        id: Uuid,
        body: &Document,
        condition: &Condition,
    ) -> Result<Representation, ParkingError> {
        self.change(id, condition, |current| ZoneFields::parse_replacement(body, current)).await
    }

    /// Merges `patch` (RFC 7396) into the zone `id`, if `condition` allows it.
    pub async fn merge(
        &self,
        id: Uuid,
        patch: &Document,
        condition: &Condition,
    ) -> Result<Representation, ParkingError> {
        self.change(id, condition, |current| ZoneFields::parse_merged(patch, current)).await
    }

    /// Deletes the zone `id`, if `condition` allows it.
    pub async fn delete(&self, id: Uuid, condition: &Condition) -> Result<(), ParkingError> {
        for _ in 0..MAX_ATTEMPTS {
            let (zone, value) = ZONES.get(&*self.store, id).await?.ok_or(ParkingError::NotFound)?;
            let number = number_key(&zone.fields);
            if !condition.allows_write(&Representation::new(&zone).etag()) {
                return Err(ParkingError::PreconditionFailed);
            }
            let key = ZONES.key(id);
            if self.commit(Txn::new().equals(key.clone(), value).delete(key).delete(number)).await? {
                return Ok(());
            }
        }
        Err(ParkingError::Contended)
    }

    /// Writes the sample zones, if there are no zones; says how many. Goes on where a process that was
    /// stopped half-way left off.
    pub async fn seed_samples_if_empty(&self) -> Result<usize, StoreError> {
        let marker = SAMPLES.key("begun");
        if self.store.get(&marker).await?.is_none() {
            if !self.store.scan(&ZONES.prefix(), None, 1).await?.is_empty() {
                return Ok(0);
            }
            let begun = SamplesBegun { at: self.clock.now() };
            self.commit(Txn::new().put(marker.clone(), SAMPLES.encode(&begun)?)).await?;
        }
        let samples: Vec<Zone> = serde_json::from_str(SAMPLE_ZONES)
            .map_err(|cause| StoreError::Corrupt { key: marker.clone(), reason: cause.to_string().into() })?;
        let mut written = 0;
        for chunk in samples.chunks(MAX_OPERATIONS / OPERATIONS_TO_CREATE) {
            let mut txn = Txn::new();
            for zone in chunk {
                txn = txn.and(creation(zone)?);
            }
            // A conflict: this chunk is there, from before or from another node.
            written += if self.commit(txn).await? { chunk.len() } else { 0 };
        }
        self.commit(Txn::new().delete(marker)).await?;
        Ok(written)
    }

    /// Forgets answers that were remembered for long enough; says how many. A call looks at no more
    /// than 1,000 of them and goes on where the one before stopped.
    pub async fn sweep(&self, now: UnixSeconds) -> Result<usize, StoreError> {
        let after = self.swept().take();
        let page = self.store.scan(&IDEMPOTENCY.prefix(), after.as_ref(), MAX_SCAN).await?;
        if page.len() == MAX_SCAN {
            *self.swept() = page.last().map(|(key, _)| key.clone());
        }
        let mut expired = Vec::new();
        for (key, value) in page {
            // One that a newer program wrote is that program's to forget.
            if IDEMPOTENCY.decode(&key, &value).is_ok_and(|remembered| remembered.has_expired(now)) {
                expired.push((key, value));
            }
        }
        let mut forgotten = 0;
        for chunk in expired.chunks(MAX_OPERATIONS / 2) {
            let forget =
                |txn: Txn, (key, value): &(Key, _)| txn.equals(key.clone(), Clone::clone(value)).delete(key.clone());
            // A conflict: one of the keys is in use again. The next sweep takes the others.
            if let Outcome::Committed(_) = self.store.commit(chunk.iter().fold(Txn::new(), forget)).await? {
                forgotten += chunk.len();
            }
        }
        Ok(forgotten)
    }

    fn swept(&self) -> std::sync::MutexGuard<'_, Option<Key>> {
        self.swept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the fields of the zone `id` to what `fields_of` makes of its current state. What changes
    /// nothing writes nothing.
    async fn change(
        &self,
        id: Uuid,
        condition: &Condition,
        fields_of: impl Fn(&Zone) -> Result<ZoneFields, Vec<FieldFault>>,
    ) -> Result<Representation, ParkingError> {
        for _ in 0..MAX_ATTEMPTS {
            let (current, value) = ZONES.get(&*self.store, id).await?.ok_or(ParkingError::NotFound)?;
            let shown = Representation::new(&current);
            if !condition.allows_write(&shown.etag()) {
                return Err(ParkingError::PreconditionFailed);
            }
            let fields = fields_of(&current).map_err(ParkingError::Invalid)?;
            if fields == current.fields {
                return Ok(shown);
            }
            let mut txn = Txn::new().equals(ZONES.key(id), value);
            let (old_number, new_number) = (number_key(&current.fields), number_key(&fields));
            if old_number != new_number {
                if let Some(zone_id) = self.number_holder(&fields).await? {
                    return Err(ParkingError::NumberTaken { zone_id });
                }
                let holder = NUMBERS.encode(&NumberHolder { zone_id: id })?;
                txn = txn.absent(new_number.clone()).delete(old_number).put(new_number, holder);
            }
            // A clock that was set back does not make a zone change before it was made.
            let updated_at = self.clock.now().max(current.updated_at);
            let changed = Zone { id, fields, created_at: current.created_at, updated_at };
            if self.commit(txn.put(ZONES.key(id), ZONES.encode(&changed)?)).await? {
                return Ok(Representation::new(&changed));
            }
        }
        Err(ParkingError::Contended)
    }

    /// The zone that has the operator and the number of `fields`.
    async fn number_holder(&self, fields: &ZoneFields) -> Result<Option<Uuid>, StoreError> {
        let key = number_key(fields);
        let value = self.store.get(&key).await?;
        value.map(|value| NUMBERS.decode(&key, &value).map(|holder| holder.zone_id)).transpose()
    }

    /// Whether the transaction's checks held; if so, reads on this node show what it wrote.
    async fn commit(&self, txn: Txn) -> Result<bool, StoreError> {
        match self.store.commit(txn).await? {
            Outcome::Committed(revision) => {
                self.view.reach(revision).await;
                Ok(true)
            }
            Outcome::Conflict => Ok(false),
        }
    }
}

/// Writes `zone`, if neither its id nor its number is there.
fn creation(zone: &Zone) -> Result<Txn, StoreError> {
    let (key, number) = (ZONES.key(zone.id), number_key(&zone.fields));
    let holder = NUMBERS.encode(&NumberHolder { zone_id: zone.id })?;
    Ok(Txn::new().absent(key.clone()).absent(number.clone()).put(key, ZONES.encode(zone)?).put(number, holder))
}

/// Where it says which zone has the number. At most 461 bytes: 32 characters of 4 bytes, escaped.
fn number_key(fields: &ZoneFields) -> Key {
    let number = utf8_percent_encode(fields.number.as_str(), NON_ALPHANUMERIC);
    NUMBERS.key(format_args!("{}/{number}", fields.operator_id))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use async_trait::async_trait;
    use futures_util::future::join_all;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::oauth::precondition::Tags;
    use crate::store::{MemoryStore, SledStore, Value, Watch};
    use crate::time::{Clock as _, ManualClock};

    /// A store that lets others go first before it does anything: every step of two changes that run at
    /// the same time interleaves.
    struct Yielding(MemoryStore);

    #[async_trait]
    impl Store for Yielding {
        async fn get(&self, key: &Key) -> Result<Option<Value>, StoreError> {
            tokio::task::yield_now().await;
            self.0.get(key).await
        }

        async fn scan(
            &self,
            prefix: &[u8],
            after: Option<&Key>,
            limit: usize,
        ) -> Result<Vec<(Key, Value)>, StoreError> {
            self.0.scan(prefix, after, limit).await
        }

        async fn commit(&self, txn: Txn) -> Result<Outcome, StoreError> {
            tokio::task::yield_now().await;
            self.0.commit(txn).await
        }

        fn watch(&self) -> Watch {
            self.0.watch()
        }

        async fn close(&self) -> Result<(), StoreError> {
            self.0.close().await
        }
    }

    struct Set {
        store: Arc<dyn Store>,
        clock: Arc<ManualClock>,
        parking: Parking,
    }

    async fn empty() -> Set {
        over(Arc::new(Yielding(MemoryStore::new()))).await
    }

    async fn over(store: Arc<dyn Store>) -> Set {
        let clock = Arc::new(ManualClock::new(UnixSeconds::parse("2026-03-01T12:00:00Z").unwrap()));
        let parking = Parking::open(store.clone(), clock.clone()).await.unwrap();
        Set { store, clock, parking }
    }

    async fn with_samples() -> Set {
        let set = empty().await;
        set.parking.seed_samples_if_empty().await.unwrap();
        set
    }

    fn document(body: &Json) -> Document {
        Document::parse(body.to_string().as_bytes()).unwrap()
    }

    fn body(number: &str) -> Json {
        json!({"number": number, "name": "Quay", "operator_id": "quays", "session_type": "space",
            "location": {"latitude": 1.25, "longitude": 103.75}})
    }

    fn query(text: &str) -> ListRequest {
        ListRequest::parse(text).unwrap()
    }

    fn if_match(etag: &EntityTag) -> Condition {
        Condition { if_match: Some(Tags::parse(&[etag.as_bytes()])), if_none_match: None }
    }

    fn ids(page: &Page) -> Vec<Uuid> {
        page.zones.iter().map(|found| found.id()).collect()
    }

    impl Set {
        async fn create(&self, number: &str) -> Arc<Representation> {
            let created = self.parking.create(&document(&body(number)), "/zones", None).await.unwrap();
            let id = created.location.strip_prefix("/zones/").unwrap();
            self.parking.get(Uuid::parse_str(id).unwrap()).expect("a zone is there once it is created")
        }

        async fn attempt(&self, key: &str, path: &str, number: &str) -> Result<Created, ParkingError> {
            let body = body(number).to_string();
            let key = IdempotencyKey::parse(key.as_bytes()).unwrap();
            let attempt = Attempt::new("client-1", key, path, body.as_bytes());
            self.parking.create(&Document::parse(body.as_bytes()).unwrap(), path, Some(&attempt)).await
        }

        /// All pages of a list, and how many there were.
        fn walk(&self, text: &str) -> (Vec<Uuid>, usize) {
            let mut request = query(text);
            let (mut found, mut pages) = (Vec::new(), 0);
            loop {
                let page = self.parking.list(&request);
                found.extend(ids(&page));
                pages += 1;
                let Some(next) = page.next else { return (found, pages) };
                let joint = if text.is_empty() { "" } else { "&" };
                request = query(&format!("{text}{joint}cursor={next}"));
            }
        }
    }

    #[tokio::test]
    async fn the_samples_are_sixty_zones_or_more_that_the_api_itself_would_take() {
        let set = with_samples().await;
        let samples: Vec<Zone> = serde_json::from_str(SAMPLE_ZONES).unwrap();
        assert!(samples.len() >= 60);
        for zone in &samples {
            let body = document(&serde_json::to_value(zone).unwrap());
            assert_eq!(ZoneFields::parse_replacement(&body, zone).unwrap(), zone.fields);
            assert!(zone.created_at <= zone.updated_at && zone.updated_at <= set.clock.now());
            assert_eq!(set.parking.get(zone.id).unwrap().zone(), *zone);
        }
        // Each city is near itself, and far from the others.
        for (place, count) in [
            ("latitude=34.72&longitude=-76.66", 22),
            ("latitude=56.42&longitude=-2.92", 22),
            ("latitude=51.35&longitude=12.28", 22),
            ("latitude=0&longitude=0", 0),
        ] {
            assert_eq!(set.walk(&format!("{place}&radius=20000")).0.len(), count, "{place}");
            assert!(set.walk(&format!("{place}&radius=1500")).0.len() <= count / 2, "{place}");
        }
        assert_eq!(set.walk("").0.len(), samples.len());
    }

    #[tokio::test]
    async fn the_samples_are_written_once_and_whole() {
        let set = with_samples().await;
        assert_eq!(set.parking.seed_samples_if_empty().await.unwrap(), 0);

        // A process that stopped half-way: the marker is there, and the second half is not.
        let samples: Vec<Zone> = serde_json::from_str(SAMPLE_ZONES).unwrap();
        for zone in &samples[32..] {
            set.parking.delete(zone.id, &Condition::default()).await.unwrap();
        }
        let marker = SAMPLES.encode(&SamplesBegun { at: set.clock.now() }).unwrap();
        let _ = set.store.commit(Txn::new().put(SAMPLES.key("begun"), marker)).await.unwrap();
        assert_eq!(set.parking.seed_samples_if_empty().await.unwrap(), samples.len() - 32);
        assert_eq!(set.walk("").0.len(), samples.len());

        // Somebody's own zones are left alone.
        let own = empty().await;
        own.create("1").await;
        assert_eq!(own.parking.seed_samples_if_empty().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_zone_is_created_changed_and_deleted() {
        let set = empty().await;
        let created = set.create("1").await;
        assert_eq!(created.zone().created_at, set.clock.now());
        set.clock.advance(Duration::from_secs(60));

        let patch = document(&json!({"settings": {"grace_time": 9}}));
        let merged = set.parking.merge(created.id(), &patch, &if_match(&created.etag())).await.unwrap();
        assert_ne!(merged.etag(), created.etag());
        assert_eq!((merged.zone().created_at, merged.zone().updated_at), (created.zone().created_at, set.clock.now()));
        assert_eq!(set.parking.get(merged.id()).unwrap().body(), merged.body(), "the next read shows it");

        let replaced =
            set.parking.replace(merged.id(), &document(&body("2")), &if_match(&merged.etag())).await.unwrap();
        assert_eq!(replaced.zone().fields.settings, Settings::default(), "what is left out is set back");
        set.create("1").await;

        let stale = set.parking.delete(replaced.id(), &if_match(&merged.etag())).await;
        assert!(matches!(stale, Err(ParkingError::PreconditionFailed)));
        set.parking.delete(replaced.id(), &if_match(&replaced.etag())).await.unwrap();
        assert!(set.parking.get(replaced.id()).is_none());
        let again = set.parking.delete(replaced.id(), &Condition::default()).await;
        assert!(matches!(again, Err(ParkingError::NotFound)));
        set.create("2").await;
    }

    #[tokio::test]
    async fn a_change_that_changes_nothing_leaves_the_zone_as_it_is() {
        let set = empty().await;
        let created = set.create("1").await;
        set.clock.advance(Duration::from_secs(60));
        let same = set.parking.replace(created.id(), &document(&body("1")), &Condition::default()).await.unwrap();
        assert_eq!(same.etag(), created.etag());
        let patch = document(&json!({"name": "Quay"}));
        assert_eq!(
            set.parking.merge(created.id(), &patch, &Condition::default()).await.unwrap().etag(),
            created.etag()
        );
    }

    #[tokio::test]
    async fn a_clock_that_is_set_back_does_not_make_a_zone_older() {
        let set = empty().await;
        let created = set.create("1").await;
        set.clock.set_wall(UnixSeconds::new(0));
        let patch = document(&json!({"name": "Pier"}));
        let merged = set.parking.merge(created.id(), &patch, &Condition::default()).await.unwrap();
        assert_eq!(merged.zone().updated_at, created.zone().updated_at);
    }

    #[tokio::test]
    async fn one_number_of_an_operator_goes_to_one_zone_however_many_ask_on_two_nodes() {
        let set = empty().await;
        let other_node = Parking::open(set.store.clone(), set.clock.clone()).await.unwrap();
        let taken = document(&body("1"));
        let asked = (0..24).map(|n| if n % 2 == 0 { &set.parking } else { &other_node });
        let answers = join_all(asked.map(|parking| parking.create(&taken, "/zones", None))).await;
        let created: Vec<_> = answers.iter().flatten().collect();
        assert_eq!(created.len(), 1);
        for answer in &answers {
            if let Err(ParkingError::NumberTaken { zone_id }) = answer {
                assert_eq!(created[0].location, format!("/zones/{zone_id}"));
            } else {
                assert!(answer.is_ok(), "{answer:?}");
            }
        }

        // And of zones that are renumbered at the same time.
        let mut zones = Vec::new();
        for number in ["11", "12", "13", "14"] {
            zones.push(set.create(number).await.id());
        }
        let patch = document(&json!({"number": "20"}));
        let anyway = Condition::default();
        let answers = join_all(zones.iter().map(|id| set.parking.merge(*id, &patch, &anyway))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert_eq!(set.walk("number=20").0.len(), 1);

        // The same number of another operator is another number.
        let mut elsewhere = body("20");
        elsewhere["operator_id"] = "piers".into();
        set.parking.create(&document(&elsewhere), "/zones", None).await.unwrap();
        assert_eq!(set.walk("number=20").0.len(), 2);
        assert_eq!(set.walk("zone_number=20&operator_id=piers").0.len(), 1);
    }

    #[tokio::test]
    async fn no_change_is_lost_when_many_are_made_at_the_same_time() {
        let set = empty().await;
        let created = set.create("1").await;
        let (zone, etag) = (created.zone(), &created.etag());
        let patches =
            [json!({"name": "Pier"}), json!({"approx_space_count": 3}), json!({"settings": {"grace_time": 3}})];
        let patches = patches.map(|patch| document(&patch));
        let anyway = Condition::default();
        for answer in join_all(patches.iter().map(|patch| set.parking.merge(zone.id, patch, &anyway))).await {
            answer.unwrap();
        }
        let changed = set.parking.get(zone.id).unwrap().zone().fields;
        assert_eq!((changed.approx_space_count, changed.settings.grace_time), (Some(3), 3));

        // With the state that they were made for, only one of them is.
        let condition = if_match(etag);
        set.parking.replace(zone.id, &document(&body("1")), &anyway).await.unwrap();
        let answers = join_all(patches.iter().map(|patch| set.parking.merge(zone.id, patch, &condition))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
    }

    #[tokio::test]
    async fn the_same_attempt_gets_the_same_answer_and_makes_one_zone() {
        let set = empty().await;
        let first = set.attempt("key-1", "/parking/zones", "1").await.unwrap();
        assert!(!first.replayed);
        // Also when the zone has changed since, or is gone.
        let id = Uuid::parse_str(first.location.rsplit('/').next().unwrap()).unwrap();
        set.parking.delete(id, &Condition::default()).await.unwrap();
        let again = set.attempt("key-1", "/parking/zones", "1").await.unwrap();
        assert_eq!(again, Created { replayed: true, ..first });

        for (key, path, number) in [("key-1", "/parking/zones", "2"), ("key-1", "/v3/parking/zones", "1")] {
            let reused = set.attempt(key, path, number).await;
            assert!(matches!(reused, Err(ParkingError::KeyReused)), "{key} {path} {number}: {reused:?}");
        }
        set.attempt("key-2", "/parking/zones", "1").await.unwrap();
        let taken = set.attempt("key-3", "/parking/zones", "1").await;
        assert!(matches!(taken, Err(ParkingError::NumberTaken { .. })));
        // Nothing was remembered of that failure.
        set.attempt("key-3", "/parking/zones", "3").await.unwrap();
    }

    #[tokio::test]
    async fn attempts_at_the_same_time_all_get_the_one_answer() {
        let set = empty().await;
        let answers = join_all((0..16).map(|_| set.attempt("key", "/zones", "1"))).await;
        let created: Vec<Created> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(created.iter().filter(|created| !created.replayed).count(), 1);
        let locations: BTreeSet<_> = created.iter().map(|created| (&created.location, created.body.as_ref())).collect();
        assert_eq!(locations.len(), 1);
        assert_eq!(set.walk("").0.len(), 1);

        // Of different requests under one key, one is served.
        let numbers: Vec<String> = (10..18).map(|number| number.to_string()).collect();
        let answers = join_all(numbers.iter().map(|number| set.attempt("other", "/zones", number))).await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        assert!(answers.iter().all(|answer| matches!(answer, Ok(_) | Err(ParkingError::KeyReused))));
        assert_eq!(set.walk("").0.len(), 2);
    }

    #[tokio::test]
    async fn on_disk_too_a_replay_is_shown_and_a_restart_forgets_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let set = over(Arc::new(SledStore::open(&folder.path().join("db")).unwrap())).await;
        set.parking.seed_samples_if_empty().await.unwrap();
        let answers = join_all((0..8).map(|_| set.attempt("key", "/zones", "1"))).await;
        let first = answers.into_iter().map(Result::unwrap).find(|created| !created.replayed).unwrap();
        let before = set.walk("").0;
        set.store.close().await.unwrap();
        drop(set);

        let set = over(Arc::new(SledStore::open(&folder.path().join("db")).unwrap())).await;
        assert_eq!(set.walk("").0, before);
        assert_eq!(set.attempt("key", "/zones", "1").await.unwrap(), Created { replayed: true, ..first });
        assert_eq!(set.parking.seed_samples_if_empty().await.unwrap(), 0);
    }

    #[tokio::test]
    async fn an_answer_is_remembered_for_a_day_and_then_swept_away() {
        let set = empty().await;
        set.attempt("key", "/zones", "1").await.unwrap();
        set.clock.advance(Duration::from_secs(86_399));
        assert!(set.attempt("key", "/zones", "1").await.unwrap().replayed);
        assert_eq!(set.parking.sweep(set.clock.now()).await.unwrap(), 0);
        set.clock.advance(Duration::from_secs(1));
        assert!(!set.attempt("key", "/zones", "2").await.unwrap().replayed);
        set.clock.advance(Duration::from_secs(86_400));
        assert_eq!(set.parking.sweep(set.clock.now()).await.unwrap(), 1);
        assert_eq!(set.store.scan(&IDEMPOTENCY.prefix(), None, 10).await.unwrap().len(), 0);
    }

    #[tokio::test]
    async fn sweeps_come_by_every_answer_a_thousand_at_a_time() {
        let set = empty().await;
        for n in 0..1_100 {
            set.attempt(&format!("key-{n}"), "/zones", &n.to_string()).await.unwrap();
        }
        let later = set.clock.now().plus(86_400);
        assert_eq!(set.parking.sweep(later).await.unwrap(), 1_000);
        assert_eq!(set.parking.sweep(later).await.unwrap(), 100);
        assert_eq!(set.parking.sweep(later).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_walk_meets_every_zone_once_whatever_else_happens() {
        let set = with_samples().await;
        let before: BTreeSet<Uuid> = set.walk("limit=100").0.into_iter().collect();
        let deleted = *before.iter().nth(40).unwrap();
        let (mut found, mut request) = (Vec::new(), query("limit=7"));
        loop {
            let page = set.parking.list(&request);
            found.extend(ids(&page));
            let Some(next) = page.next else { break };
            set.clock.advance(Duration::from_secs(1));
            set.create(&found.len().to_string()).await;
            // The very zone that the cursor stands on goes too.
            let _ = set.parking.delete(*found.last().unwrap(), &Condition::default()).await;
            let _ = set.parking.delete(deleted, &Condition::default()).await;
            request = query(&format!("limit=7&cursor={next}"));
        }
        let once: BTreeSet<Uuid> = found.iter().copied().collect();
        assert_eq!(once.len(), found.len());
        assert!(before.iter().all(|id| *id == deleted || once.contains(id)));
        assert!(!once.contains(&deleted));
        assert!(found.is_sorted(), "and a new zone comes last");
    }

    #[tokio::test]
    async fn a_page_that_ends_with_the_last_zone_is_the_last_page() {
        let set = empty().await;
        assert_eq!(set.walk(""), (vec![], 1));
        for number in 0..6 {
            set.create(&number.to_string()).await;
        }
        for (limit, pages) in [(1, 6), (2, 3), (3, 2), (5, 2), (6, 1), (7, 1)] {
            assert_eq!(set.walk(&format!("operator_id=quays&limit={limit}")).1, pages, "{limit}");
        }
    }

    #[tokio::test]
    async fn a_store_that_does_not_answer_is_told_apart_from_every_refusal() {
        let set = empty().await;
        let created = set.create("1").await;
        set.store.close().await.unwrap();
        assert!(matches!(set.attempt("key", "/zones", "2").await, Err(ParkingError::Store(_))));
        let deleted = set.parking.delete(created.id(), &Condition::default()).await;
        assert!(matches!(deleted, Err(ParkingError::Store(_))));
        assert!(set.parking.get(created.id()).is_some(), "reads go on");
    }
}
