//! All zones in memory, indexed for what a list can ask for.
//!
//! Every index is a persistent map or set of ids in order, so each list comes in one order, resumes from
//! any id, and a change copies a few nodes and leaves readers undisturbed. An index knows a name by its hash, and
//! each zone it tells of is asked whether it has that name: no text is kept twice.

use std::cmp::Ordering;
use std::hash::{BuildHasher as _, RandomState};
use std::iter;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use uuid::Uuid;

use super::near::{Cell, Near};
use super::zone::{OperatorId, Zone, ZoneNumber};
use crate::api::zone::Location;
use crate::precondition::EntityTag;
use crate::store::{Keyspace, Projection};

/// What is sent for a zone, and what it is found by: made once for each change, not for each request.
#[derive(Debug)]
pub struct Representation {
    id: Uuid,
    location: Location,
    /// The JSON and a line end, its tag, the number and the operator, one after another: one piece of memory without a
    /// spare byte, for this is most of what a zone costs.
    text: Bytes,
    json_bytes: u16,
    number_bytes: u8,
}

/// About the longest text of a usual zone, in bytes.
const USUAL_BYTES: usize = 512;

impl Representation {
    /// The representation of `zone`.
    #[must_use]
    #[allow(
        clippy::cast_possible_truncation,
        reason = "a zone as JSON has less than 2,000 bytes, and its number at most 128"
    )]
    pub fn new(zone: &Zone) -> Self {
        let mut text = Vec::with_capacity(USUAL_BYTES);
        // The one way for this to fail is a map whose keys are not strings, and a zone has none.
        let _ = serde_json::to_writer(&mut text, zone);
        let json_bytes = text.len() as u16;
        let (number, operator_id) = (zone.fields.number.as_str(), zone.fields.operator_id.as_str());
        let etag = EntityTag::of(&text);
        for part in [b"\n", &**etag.as_bytes(), number.as_bytes(), operator_id.as_bytes()] {
            text.extend_from_slice(part);
        }
        let text = Bytes::from(text.into_boxed_slice());
        Self { id: zone.id, location: zone.fields.location, text, json_bytes, number_bytes: number.len() as u8 }
    }

    /// The zone's identity.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// The zone as JSON.
    #[must_use]
    pub fn json(&self) -> &[u8] {
        self.text.split_at(self.json_bytes.into()).0
    }

    /// The same to be sent, as a line: not a copy.
    #[must_use]
    pub fn body(&self) -> Bytes {
        self.text.slice(..self.tag_at())
    }

    /// The tag of the JSON: not a copy either.
    #[must_use]
    pub fn etag(&self) -> EntityTag {
        EntityTag::again(self.text.slice(self.tag_at()..self.number_at()))
    }

    /// Its number and its operator.
    fn sign(&self) -> (&[u8], &[u8]) {
        self.text.split_at(self.number_at()).1.split_at(self.number_bytes.into())
    }

    fn tag_at(&self) -> usize {
        usize::from(self.json_bytes) + 1
    }

    fn number_at(&self) -> usize {
        self.tag_at() + EntityTag::LENGTH
    }
}

/// What a list of zones is narrowed to; the default takes all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ZoneFilter {
    /// Only zones of this operator.
    pub operator_id: Option<OperatorId>,
    /// Only zones with this number.
    pub number: Option<ZoneNumber>,
    /// Only zones near this place.
    pub near: Option<Near>,
}

impl ZoneFilter {
    fn admits(&self, zone: &Representation) -> bool {
        let (number, operator_id) = zone.sign();
        self.operator_id.as_ref().is_none_or(|wanted| wanted.as_str().as_bytes() == operator_id)
            && self.number.as_ref().is_none_or(|wanted| wanted.as_str().as_bytes() == number)
            && self.near.is_none_or(|near| near.contains(zone.location))
    }
}

/// Every zone. Cloning it is cheap, and a clone never changes.
#[derive(Clone, Default)]
pub struct Zones {
    all: OrdMap<Id, Arc<Representation>>,
    /// Under the hash of each [`Name`] the zones that have it, and by a rare chance one that has not.
    by_name: OrdSet<(u64, Uuid)>,
    by_cell: OrdSet<(Cell, Uuid)>,
    /// Names are of anybody's choice: how they are hashed is nobody's to know.
    hashes: RandomState,
}

/// A zone's id, compared as one number and not byte by byte: each request for a zone does so some ten times.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Id(Uuid);

impl Ord for Id {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.as_u128().cmp(&other.0.as_u128())
    }
}

impl PartialOrd for Id {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// What zones are found by, besides their place.
#[derive(Hash)]
enum Name<'n> {
    Operator(&'n [u8]),
    Number(&'n [u8]),
    /// A number of an operator: one zone has it.
    Sign(&'n [u8], &'n [u8]),
}

impl Zones {
    /// The zone `id`.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<&Arc<Representation>> {
        self.all.get(&Id(id))
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.all.len()
    }

    /// The first `limit` zones that `filter` admits, in the order of their ids, after `after`.
    ///
    /// Costs what the most telling part of the filter selects, not what there is: a zone by its sign
    /// one step, a number or an operator a page, a place the zones in the box around it.
    #[must_use]
    pub fn select(&self, filter: &ZoneFilter, after: Option<Uuid>, limit: usize) -> Vec<Arc<Representation>> {
        let operator_id = filter.operator_id.as_ref().map(|operator_id| operator_id.as_str().as_bytes());
        let number = filter.number.as_ref().map(|number| number.as_str().as_bytes());
        let name = match (operator_id, number, filter.near) {
            (Some(operator_id), Some(number), _) => Name::Sign(operator_id, number),
            (None, Some(number), _) => Name::Number(number),
            (_, None, Some(near)) => {
                let mut ids = self.ids_near(near, after);
                return self.take(in_order(&mut ids, 2 * limit), filter, limit);
            }
            (Some(operator_id), None, None) => Name::Operator(operator_id),
            (None, None, None) => {
                let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(Id(after)));
                return self.all.range((from, Bound::Unbounded)).take(limit).map(|(_, found)| found.clone()).collect();
            }
        };
        self.take(self.ids_named(&name, after), filter, limit)
    }

    fn take(&self, ids: impl Iterator<Item = Uuid>, filter: &ZoneFilter, limit: usize) -> Vec<Arc<Representation>> {
        ids.filter_map(|id| self.all.get(&Id(id))).filter(|found| filter.admits(found)).take(limit).cloned().collect()
    }

    /// The zones under `name`, after `after`, in the order of their ids.
    fn ids_named(&self, name: &Name<'_>, after: Option<Uuid>) -> impl Iterator<Item = Uuid> {
        let hash = self.hashes.hash_one(name);
        let first = after.map_or(Bound::Included((hash, Uuid::nil())), |after| Bound::Excluded((hash, after)));
        self.by_name.range((first, Bound::Included((hash, Uuid::max())))).map(|(_, id)| *id)
    }

    /// The zones in the box around the circle, after `after`, in no order.
    fn ids_near(&self, near: Near, after: Option<Uuid>) -> Vec<Uuid> {
        let mut ids = Vec::new();
        for bounds in near.bounds() {
            let listed = self.listed(bounds.cell_ranges()).filter(|(cell, _)| bounds.contains(*cell));
            ids.extend(listed.map(|(_, id)| *id).filter(|id| after.is_none_or(|after| *id > after)));
        }
        ids
    }

    /// What is listed under the cells of these stretches, which are in order. A stretch without a zone costs nothing: the
    /// list is read on from zone to zone, and searched anew only where some lie between two stretches.
    fn listed(&self, stretches: Vec<(Cell, Cell)>) -> impl Iterator<Item = &(Cell, Uuid)> {
        let from = |cell| self.by_cell.range((cell, Uuid::nil())..);
        let mut stretches = stretches.into_iter();
        let mut stretch = stretches.next();
        let mut entries = stretch.map(|(first, _)| from(first));
        iter::from_fn(move || {
            let entries = entries.as_mut()?;
            loop {
                let entry = entries.next()?;
                while stretch.is_some_and(|(_, last)| last < entry.0) {
                    stretch = stretches.next();
                }
                if stretch?.0 <= entry.0 {
                    return Some(entry);
                }
                *entries = from(stretch?.0);
            }
        })
    }

    /// The hashes of a zone's names.
    fn names(&self, zone: &Representation) -> [u64; 3] {
        let (number, operator_id) = zone.sign();
        [Name::Operator(operator_id), Name::Number(number), Name::Sign(operator_id, number)]
            .map(|name| self.hashes.hash_one(name))
    }

    /// Takes a zone out of all indexes.
    fn unlist(&mut self, old: &Representation) {
        for name in self.names(old) {
            self.by_name.remove(&(name, old.id));
        }
        self.by_cell.remove(&(Cell::of(old.location), old.id));
    }
}

impl Projection for Zones {
    type Record = Zone;
    const KEYSPACE: Keyspace<Zone> = Keyspace::new("zones");

    fn put(&mut self, _id: &str, zone: Zone) {
        let new = Arc::new(Representation::new(&zone));
        if let Some(old) = self.all.insert(Id(new.id), Arc::clone(&new)) {
            self.unlist(&old);
        }
        for name in self.names(&new) {
            self.by_name.insert((name, new.id));
        }
        self.by_cell.insert((Cell::of(new.location), new.id));
    }

    fn delete(&mut self, id: &str) {
        let id = Uuid::parse_str(id).ok();
        if let Some(old) = id.and_then(|id| self.all.remove(&Id(id))) {
            self.unlist(&old);
        }
    }
}

/// All of `ids` in order. The first few are found without putting the others in order, for a page seldom asks for more.
fn in_order(ids: &mut [Uuid], few: usize) -> impl Iterator<Item = Uuid> {
    let few = few.min(ids.len());
    if few < ids.len() {
        ids.select_nth_unstable(few);
    }
    let (first, rest) = ids.split_at_mut(few);
    first.sort_unstable();
    let rest = iter::once_with(|| {
        rest.sort_unstable();
        &*rest
    });
    first.iter().chain(rest.flatten()).copied()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::super::zone::ZoneFields;
    use super::*;
    use crate::json::Document;
    use crate::time::UnixSeconds;

    fn zone(id: u128, operator: u8, number: u8, latitude: f64, longitude: f64) -> Zone {
        let body = json!({"number": number.to_string(), "name": "Quay", "operator_id": format!("operator-{operator}"),
            "session_type": "space", "location": {"latitude": latitude, "longitude": longitude}});
        let fields = ZoneFields::parse_new(&Document::parse(body.to_string().as_bytes()).unwrap()).unwrap();
        Zone { id: Uuid::from_u128(id), fields, created_at: UnixSeconds::new(0), updated_at: UnixSeconds::new(0) }
    }

    impl Representation {
        /// The zone that it shows.
        pub(in crate::parking) fn zone(&self) -> Zone {
            serde_json::from_slice(self.json()).unwrap()
        }
    }

    /// What [`ZoneFilter`] says, asked of the zone itself.
    fn admits(filter: &ZoneFilter, zone: &Zone) -> bool {
        let fields = &zone.fields;
        filter.operator_id.as_ref().is_none_or(|operator_id| *operator_id == fields.operator_id)
            && filter.number.as_ref().is_none_or(|number| *number == fields.number)
            && filter.near.is_none_or(|near| near.contains(fields.location))
    }

    fn sign(zone: &Zone) -> (OperatorId, ZoneNumber) {
        (zone.fields.operator_id.clone(), zone.fields.number.clone())
    }

    #[test]
    fn a_sign_that_has_gone_to_another_zone_stays_with_it() {
        let mut zones = Zones::default();
        for zone in [zone(1, 0, 1, 0.0, 0.0), zone(2, 0, 1, 0.0, 0.0), zone(1, 0, 2, 0.0, 0.0)] {
            zones.put("", zone);
        }
        let (operator_id, number) = sign(&zone(2, 0, 1, 0.0, 0.0));
        let filter = ZoneFilter { operator_id: Some(operator_id), number: Some(number), near: None };
        let found = zones.select(&filter, None, 2);
        assert_eq!(found.iter().map(|found| found.id()).collect::<Vec<_>>(), [Uuid::from_u128(2)]);
    }

    #[test]
    fn the_longest_zone_is_shown_whole_and_found() {
        let long = |chars: usize| "\u{1F17F}".repeat(chars);
        let body = json!({"number": long(32), "name": long(200), "operator_id": "o".repeat(64), "session_type": "vehicle",
            "location": {"latitude": -89.123_456_789_012_34, "longitude": -179.123_456_789_012_34},
            "approx_space_count": u32::MAX});
        let fields = ZoneFields::parse_new(&Document::parse(body.to_string().as_bytes()).unwrap()).unwrap();
        let zone = Zone { fields, ..zone(1, 0, 0, 0.0, 0.0) };
        let mut zones = Zones::default();
        zones.put("", zone.clone());
        let (operator_id, number) = sign(&zone);
        let filter = ZoneFilter { operator_id: Some(operator_id), number: Some(number), near: None };
        let found = zones.select(&filter, None, 1).pop().unwrap();
        assert_eq!(found.json(), serde_json::to_vec(&zone).unwrap());
        assert_eq!(
            (found.body(), found.etag()),
            (Bytes::from(format!("{}\n", serde_json::to_string(&zone).unwrap())), EntityTag::of(found.json()))
        );
    }

    #[test]
    fn a_zone_under_the_hash_of_another_name_does_not_have_that_name() {
        let mut zones = Zones::default();
        zones.put("", zone(1, 0, 1, 0.0, 0.0));
        let (operator_id, number) = sign(&zone(2, 1, 2, 0.0, 0.0));
        let (operator, digits) = (operator_id.as_str().as_bytes(), number.as_str().as_bytes());
        for name in [Name::Operator(operator), Name::Number(digits), Name::Sign(operator, digits)] {
            zones.by_name.insert((zones.hashes.hash_one(name), Uuid::from_u128(1)));
        }
        for (operator_id, number) in
            [(Some(&operator_id), None), (None, Some(&number)), (Some(&operator_id), Some(&number))]
        {
            let filter = ZoneFilter { operator_id: operator_id.cloned(), number: number.cloned(), near: None };
            assert!(zones.select(&filter, None, 1).is_empty(), "{filter:?}");
        }
    }

    prop_compose! {
        /// A zone near the meeting of the equator and the 180th meridian, or near the North Pole.
        fn any_zone()(
            id in 0..64_u128, operator in 0..3_u8, number in 0..20_u8, north in -2.0..2.0_f64, east in -2.0..2.0_f64,
            pole in prop::bool::weighted(0.1),
        ) -> Zone {
            let latitude = if pole { 90.0 - north.abs() } else { north };
            zone(id, operator, number, latitude, if east < 0.0 { 180.0 + east } else { -180.0 + east })
        }
    }

    prop_compose! {
        fn any_filter()(
            operator in prop::option::of(0..3_u8), number in prop::option::of(0..20_u8),
            near in prop::option::of((-2.0..2.0_f64, 178.0..180.0_f64, 1.0..100_000.0_f64)),
        ) -> ZoneFilter {
            ZoneFilter {
                operator_id: operator.map(|operator| OperatorId::parse(&format!("operator-{operator}")).unwrap()),
                number: number.map(|number| ZoneNumber::parse(&number.to_string()).unwrap()),
                near: near.map(|(north, east, radius)| Near::new(Location::parse(north, east).unwrap(), radius).unwrap()),
            }
        }
    }

    proptest! {
        #[test]
        fn every_index_selects_what_looking_at_every_zone_would(
            changes in proptest::collection::vec((any_zone(), any::<bool>()), 0..80),
            filter in any_filter(), after in prop::option::of(0..64_u128), limit in 1..8_usize,
        ) {
            let (mut zones, mut model) = (Zones::default(), BTreeMap::new());
            for (zone, delete) in changes {
                if delete {
                    zones.delete(&zone.id.to_string());
                    model.remove(&zone.id);
                } else if !model.values().any(|other: &Zone| other.id != zone.id && sign(other) == sign(&zone)) {
                    model.insert(zone.id, zone.clone());
                    zones.put("", zone);
                }
            }
            let after = after.map(Uuid::from_u128);
            let expected: Vec<Uuid> = model.values()
                .filter(|zone| after.is_none_or(|after| zone.id > after) && admits(&filter, zone))
                .map(|zone| zone.id)
                .take(limit)
                .collect();
            let found: Vec<Uuid> = zones.select(&filter, after, limit).iter().map(|found| found.id()).collect();
            prop_assert_eq!(found, expected);
            let sizes = [zones.all.len(), zones.by_name.len() / 3, zones.by_name.len() % 3, zones.by_cell.len()];
            prop_assert_eq!(sizes, [model.len(), model.len(), 0, model.len()], "an index keeps what is gone");
        }
    }
}
