//! Parking zones: the sample API's facts, and all of its rules.
//!
//! Owns the keys under `zones/`, `zone-numbers/` (which zone of an operator has a number: what keeps
//! numbers unique, on every node), `zone-owners/` and `zone-slots/` (which client created a zone: what bounds the zones
//! of one client) and `zone-samples/`. Reads are answered from memory, fed by the store's watch. A change is decided on
//! what the store holds, is one transaction that checks that it still holds it, and returns once it is durable and
//! reads on this node show it. Who may do what is not decided here.
//!
//! A zone counts for the client that created it until it is deleted, whoever changes it. Sample zones and those of
//! earlier versions count for nobody.

mod near;
mod owners;
mod query;
mod zone;
mod zones;

use std::sync::Arc;

use bytes::Bytes;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use uuid::{NoContext, Timestamp, Uuid};

pub use self::near::{MAX_RADIUS_METRES, Near};
use self::owners::{OWNERS, ZoneSlots};
pub use self::query::{ListRequest, QueryFault};
pub use self::zone::{OperatorId, ValueFault, Zone, ZoneFields, ZoneName, ZoneNumber};
pub use self::zones::{Representation, ZoneFilter, Zones};
use crate::api::cursor::Cursor;
use crate::api::problem::FieldFault;
use crate::idempotency::{Answer, Attempt, DEFAULT_MAX_KEYS, Idempotency, Place};
use crate::json::Document;
use crate::oauth::credentials::ClientId;
use crate::precondition::{Condition, EntityTag};
use crate::store::{
    Key, Keyspace, MAX_OPERATIONS, Outcome, Projection, Reservation, Revision, Store, StoreError, Txn, View,
};
use crate::time::{SharedClock, UnixSeconds};

const ZONES: Keyspace<Zone> = Zones::KEYSPACE;
const NUMBERS: Keyspace<NumberHolder> = Keyspace::new("zone-numbers");
const SAMPLES: Keyspace<SamplesBegun> = Keyspace::new("zone-samples");

/// The zones that a sandbox starts with.
const SAMPLE_ZONES: &str = include_str!("../data/zones.json");
/// Operations that create one zone: a check and a write for it, and for its number.
const OPERATIONS_TO_CREATE: usize = 4;
/// How many zones a client may have created, unless the settings say otherwise.
pub const DEFAULT_MAX_ZONES: u32 = 10_000;
/// What a zone is remembered as by its idempotency key, at whatever address it was created.
const ZONE: &str = "zone";
/// How often a change is tried when others change the same zone at the same time.
const MAX_ATTEMPTS: usize = 16;

/// All zones.
pub struct Parking {
    store: Arc<dyn Store>,
    clock: SharedClock,
    view: Arc<View<Zones>>,
    slots: ZoneSlots,
    idempotency: Arc<Idempotency>,
    bounds: Bounds,
}

/// How much one client may have stored here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Zones that it created.
    pub max_zones: u32,
    /// Answers that are remembered for its idempotency keys.
    pub max_keys: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { max_zones: DEFAULT_MAX_ZONES, max_keys: DEFAULT_MAX_KEYS }
    }
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
    /// The client has created as many zones as it may have. 409, for it can make room itself.
    #[error(
        "this client has created {max_zones} zones, as many as it may have: delete some first, or ask the operator for \
         more"
    )]
    TooManyZones {
        /// How many that is.
        max_zones: u32,
    },
    /// As many answers are remembered for the client as may be. 409.
    #[error(
        "this client used {max_keys} Idempotency-Keys in the last 24 hours, as many as are remembered: use no new one \
         until the first is forgotten, or ask the operator for more"
    )]
    TooManyKeys {
        /// How many that is.
        max_keys: u32,
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
    pub next_cursor: Option<String>,
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
        Self::open_with(store, clock, Bounds::default()).await
    }

    /// The same, with these bounds for each client.
    pub async fn open_with(store: Arc<dyn Store>, clock: SharedClock, bounds: Bounds) -> Result<Self, StoreError> {
        let view = View::open(Arc::clone(&store));
        let idempotency = Idempotency::open(Arc::clone(&store), bounds.max_keys);
        let (view, slots, idempotency) = tokio::try_join!(view, ZoneSlots::open(Arc::clone(&store)), idempotency)?;
        Ok(Self { store, clock, view, slots, idempotency: Arc::new(idempotency), bounds })
    }

    /// What is remembered of creations.
    #[must_use]
    pub fn idempotency(&self) -> &Arc<Idempotency> {
        &self.idempotency
    }

    /// Goes on from the store alone, after its whole content was replaced in that commit.
    pub(crate) async fn start_anew(&self, replaced: Revision) {
        self.view.wait_for(replaced).await;
        self.slots.wait_for(replaced).await;
        self.idempotency.start_anew(replaced).await;
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
    /// Who follows [`Page::next_cursor`] to the end meets each zone that was there all the while exactly once,
    /// whatever is created, changed or deleted meanwhile. A new zone comes last.
    #[must_use]
    pub fn list(&self, request: &ListRequest) -> Page {
        // One more than is shown tells whether there is a next page.
        let mut zones = self.view.load().select(&request.filter, request.after, request.limit + 1);
        let is_last = zones.len() <= request.limit;
        zones.truncate(request.limit);
        let last = zones.last().filter(|_| !is_last);
        let next_cursor = last.map(|last| Cursor::new(&request.filter.list(), &last.id()).into());
        Page { zones, next_cursor }
    }

    /// Creates a zone of this client's below the path `collection`.
    ///
    /// With an `attempt`, the answer is remembered in the same transaction for 24 hours, and given
    /// again to the same request under the same key: also to one that arrives at the same time, on any
    /// node. Nothing is remembered of a failure.
    pub async fn create(
        &self,
        body: &Document,
        collection: &str,
        client_id: &ClientId,
        attempt: Option<&Attempt<'_>>,
    ) -> Result<Created, ParkingError> {
        let fields = ZoneFields::parse_new(body).map_err(ParkingError::Invalid)?;
        for _ in 0..MAX_ATTEMPTS {
            let now = self.clock.now();
            // Asked before the key: what an earlier attempt wrote, it wrote together with its key, and
            // its own zone must not look like another one.
            let holder = self.number_holder(&fields).await?;
            let place = match attempt {
                None => None,
                Some(attempt) => match self.idempotency.place(attempt, ZONE, &fields, now).await? {
                    Place::Free(free) => Some(free),
                    // A transaction without writes: once the view has come so far, it shows the zone too.
                    Place::Answered(answer, remembered) => {
                        if self.commit(remembered).await? {
                            return Ok(Created::replayed(answer));
                        }
                        continue;
                    }
                    Place::Reused => return Err(ParkingError::KeyReused),
                    Place::Full => return Err(ParkingError::TooManyKeys { max_keys: self.bounds.max_keys }),
                },
            };
            if let Some(zone_id) = holder {
                return Err(ParkingError::NumberTaken { zone_id });
            }
            let max_zones = self.bounds.max_zones;
            let Reservation::Reserved(slot) = self.slots.reserve(client_id.as_str(), max_zones).await else {
                if place.is_some() && self.number_holder(&fields).await?.is_some() {
                    // The last slot may have gone to this very attempt, which came twice at once.
                    continue;
                }
                return Err(ParkingError::TooManyZones { max_zones });
            };
            let id = Uuid::new_v7(Timestamp::from_unix(NoContext, now.get(), 0));
            let zone = Zone { id, fields: fields.clone(), created_at: now, updated_at: now };
            let mut txn = creation(&zone)?.and(owners::creation(id, client_id, &slot)?);
            let shown = Representation::new(&zone);
            let location = format!("{collection}/{id}");
            let created = Created { location, etag: shown.etag(), body: shown.body(), replayed: false };
            if let Some(place) = &place {
                txn = txn.and(place.remember(&created.remembered(), now)?);
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
            let owned = OWNERS.get(&*self.store, id).await?.map(|(owned, _)| owned);
            let deletion = Txn::new().equals(key.clone(), value).delete(key).delete(number);
            if self.commit(deletion.and(owners::deletion(id, owned.as_ref()))).await? {
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
                self.view.wait_for(revision).await;
                self.slots.wait_for(revision).await;
                self.idempotency.wait_for(revision).await;
                Ok(true)
            }
            Outcome::Conflict => Ok(false),
        }
    }
}

impl Created {
    fn replayed(answer: Answer) -> Self {
        Self { location: answer.location, etag: answer.etag, body: answer.body.into(), replayed: true }
    }

    fn remembered(&self) -> Answer {
        Answer {
            location: self.location.clone(),
            etag: self.etag.clone(),
            body: String::from_utf8_lossy(&self.body).into_owned(),
            salt: None,
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
    NUMBERS.key(format_args!("{}/{number}", fields.operator_id.as_str()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use async_trait::async_trait;
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use futures_util::future::join_all;
    use serde_json::{Value as Json, json};

    use super::*;
    use crate::api::zone::Settings;
    use crate::idempotency::IdempotencyKey;
    use crate::precondition::Tags;
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

    fn client() -> ClientId {
        ClientId::parse("client-1").unwrap()
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
            let created = self.parking.create(&document(&body(number)), "/zones", &client(), None).await.unwrap();
            let id = created.location.strip_prefix("/zones/").unwrap();
            self.parking.get(Uuid::parse_str(id).unwrap()).expect("a zone is there once it is created")
        }

        async fn attempt(&self, key: &str, path: &str, number: &str) -> Result<Created, ParkingError> {
            let body = body(number).to_string();
            let key = IdempotencyKey::parse(key.as_bytes()).unwrap();
            let client = client();
            let attempt = Attempt::new(&client, key);
            self.parking.create(&Document::parse(body.as_bytes()).unwrap(), path, &client, Some(&attempt)).await
        }

        /// All pages of a list, and how many there were.
        fn walk(&self, text: &str) -> (Vec<Uuid>, usize) {
            let mut request = query(text);
            let (mut found, mut pages) = (Vec::new(), 0);
            loop {
                let page = self.parking.list(&request);
                found.extend(ids(&page));
                pages += 1;
                let Some(next) = page.next_cursor else { return (found, pages) };
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
        let (taken, one) = (document(&body("1")), &client());
        let asked = (0..24).map(|n| if n % 2 == 0 { &set.parking } else { &other_node });
        let answers = join_all(asked.map(|parking| parking.create(&taken, "/zones", one, None))).await;
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
        set.parking.create(&document(&elsewhere), "/zones", one, None).await.unwrap();
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

        let elsewhere = set.attempt("key-1", "/v3/shared/zones", "1").await.unwrap();
        assert_eq!(elsewhere, again, "another address of the same zones");
        let reused = set.attempt("key-1", "/parking/zones", "2").await;
        assert!(matches!(reused, Err(ParkingError::KeyReused)), "{reused:?}");
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
        assert_eq!(set.parking.idempotency().sweep(set.clock.now()).await.unwrap(), 0);
        set.clock.advance(Duration::from_secs(1));
        assert!(!set.attempt("key", "/zones", "2").await.unwrap().replayed);
        set.clock.advance(Duration::from_secs(86_400));
        assert_eq!(set.parking.idempotency().sweep(set.clock.now()).await.unwrap(), 1);
        assert_eq!(set.store.scan(b"idempotency", None, 10).await.unwrap().len(), 0, "nor does its slot stay");
    }

    #[tokio::test]
    async fn an_answer_that_an_earlier_version_remembered_is_given_again_and_counts_for_nobody() {
        let set = empty().await;
        let path = "/parking/zones";
        let text = body("1").to_string();
        let digest =
            |parts: &[&[u8]]| URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, &parts.concat()));
        let record = json!({ "v": 1, "record": { "fingerprint": digest(&[path.as_bytes(), b"\0", text.as_bytes()]),
            "location": "/parking/zones/x", "etag": "\"tag\"", "body": "{}", "expires_at": "2026-03-02T12:00:00Z" } });
        let key = Key::new(format!("idempotency/client-1/{}", digest(&[b"key"])).as_bytes());
        let put = Txn::new().put(key, Value::new(record.to_string().as_bytes()));
        assert!(matches!(set.store.commit(put).await.unwrap(), Outcome::Committed(_)));
        let (client, key) = (client(), IdempotencyKey::parse(b"key").unwrap());
        for (path, text, is_same) in [
            (path, text.clone(), true),
            ("/v3/parking/zones", text.clone(), false),
            (path, body("2").to_string(), false),
        ] {
            let attempt = Attempt::new(&client, key.clone()).sent_as(path, text.as_bytes());
            let document = Document::parse(text.as_bytes()).unwrap();
            match set.parking.create(&document, path, &client, Some(&attempt)).await {
                Ok(again) => assert!(is_same && again.replayed && again.location.ends_with("/x"), "{again:?}"),
                Err(error) => assert!(!is_same && matches!(error, ParkingError::KeyReused), "{error:?}"),
            }
        }
        set.clock.advance(Duration::from_secs(86_400));
        assert_eq!(set.parking.idempotency().sweep(set.clock.now()).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_zone_of_an_earlier_version_is_read_changed_and_deleted_whatever_its_text_is() {
        let set = empty().await;
        let zone = |number: &str, name: &str| {
            json!({ "v": 1, "record": { "id": "00000000-0000-7000-8000-000000000001", "number": number, "name": name,
                "operator_id": "quays", "session_type": "space", "location": { "latitude": 1.0, "longitude": 2.0 },
                "approx_space_count": null, "settings": Settings::default(), "created_at": "2026-01-01T00:00:00Z",
                "updated_at": "2026-01-01T00:00:00Z" } })
        };
        let old = zone("1\u{FE0F}", "a\u{E0041} · b").to_string();
        let id = Uuid::from_u128(0x7000_8000_0000_0000_0001);
        let put = Txn::new().put(ZONES.key(id), Value::new(old.as_bytes()));
        assert!(matches!(set.store.commit(put).await.unwrap(), Outcome::Committed(_)));
        let reopened = over(set.store.clone()).await.parking;
        let shown = reopened.get(id).unwrap();
        assert!(String::from_utf8_lossy(shown.json()).contains("a\u{E0041} · b"));
        let anyway = Condition::default();
        let same = reopened.replace(id, &Document::parse(shown.json()).unwrap(), &anyway).await.unwrap();
        assert_eq!(same.etag(), shown.etag(), "what was shown can be sent back");
        let patch = document(&json!({ "approx_space_count": 3 }));
        assert_eq!(reopened.merge(id, &patch, &anyway).await.unwrap().zone().fields.approx_space_count, Some(3));
        let refused = reopened.merge(id, &document(&json!({ "name": "a\u{E0041}" })), &anyway).await;
        assert!(matches!(refused, Err(ParkingError::Invalid(_))));
        reopened.delete(id, &anyway).await.unwrap();
        assert_eq!(reopened.created_by(&client()), 0);
    }

    #[tokio::test]
    async fn a_client_that_is_at_its_bound_is_answered_as_before_under_the_same_key() {
        let store: Arc<dyn Store> = Arc::new(Yielding(MemoryStore::new()));
        let clock = Arc::new(ManualClock::new(UnixSeconds::parse("2026-03-01T12:00:00Z").unwrap()));
        let bounds = Bounds { max_zones: 1, max_keys: 1 };
        let parking = Parking::open_with(store.clone(), clock.clone(), bounds).await.unwrap();
        let set = Set { store, clock, parking };
        set.parking.seed_samples_if_empty().await.unwrap();
        // The same request several times at once, for the one slot there is.
        let answers = join_all((0..8).map(|_| set.attempt("key", "/zones", "own-1"))).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        assert_eq!(answers.iter().flatten().filter(|created| !created.replayed).count(), 1);
        assert!(matches!(
            set.attempt("other", "/zones", "own-2").await,
            Err(ParkingError::TooManyKeys { max_keys: 1 })
        ));
        let more = set.parking.create(&document(&body("own-2")), "/zones", &client(), None).await;
        assert!(matches!(more, Err(ParkingError::TooManyZones { max_zones: 1 })));
        let other = ClientId::parse("client-2").unwrap();
        set.parking.create(&document(&body("own-3")), "/zones", &other, None).await.unwrap();
        set.parking.forget(&client()).await.unwrap();
        assert_eq!((set.parking.created_by(&client()), set.parking.created_by(&other)), (0, 1));
        set.create("own-4").await;
    }

    #[tokio::test]
    async fn sweeps_come_by_every_answer_a_thousand_at_a_time() {
        let set = empty().await;
        for n in 0..1_100 {
            set.attempt(&format!("key-{n}"), "/zones", &n.to_string()).await.unwrap();
        }
        let later = set.clock.now().plus(86_400);
        assert_eq!(set.parking.idempotency().sweep(later).await.unwrap(), 1_000);
        assert_eq!(set.parking.idempotency().sweep(later).await.unwrap(), 100);
        assert_eq!(set.parking.idempotency().sweep(later).await.unwrap(), 0);
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
            let Some(next) = page.next_cursor else { break };
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
