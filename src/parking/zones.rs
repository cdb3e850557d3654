//! All zones in memory, indexed for what a list can ask for.
//!
//! Every index is a persistent map or set of ids in order, so each list comes in one order, resumes from
//! any id, and a change copies a few nodes and leaves readers undisturbed.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};
use uuid::Uuid;

use super::near::{Bounds, Cell, Near};
use super::zone::{OperatorId, Zone, ZoneNumber};
use crate::oauth::precondition::EntityTag;
use crate::store::{Keyspace, Projection};

/// A zone, and what is sent for it: made once for each change, not for each request.
#[derive(Debug)]
pub struct Representation {
    /// The zone.
    pub zone: Zone,
    /// The zone as JSON.
    pub body: Bytes,
    /// The tag of `body`.
    pub etag: EntityTag,
}

impl Representation {
    /// The representation of `zone`.
    #[must_use]
    pub fn new(zone: Zone) -> Self {
        // The one way for this to fail is a map whose keys are not strings, and a zone has none.
        let body = Bytes::from(serde_json::to_vec(&zone).unwrap_or_default());
        let etag = EntityTag::of(&body);
        Self { zone, body, etag }
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
    fn admits(&self, zone: &Zone) -> bool {
        self.operator_id.as_ref().is_none_or(|operator_id| *operator_id == zone.fields.operator_id)
            && self.number.as_ref().is_none_or(|number| *number == zone.fields.number)
            && self.near.is_none_or(|near| near.contains(zone.fields.location))
    }
}

/// Every zone. Cloning it is cheap, and a clone never changes.
#[derive(Clone, Default)]
pub struct Zones {
    all: OrdMap<Uuid, Arc<Representation>>,
    by_operator: OrdSet<(OperatorId, Uuid)>,
    by_number: OrdSet<(ZoneNumber, Uuid)>,
    by_sign: OrdMap<(OperatorId, ZoneNumber), Uuid>,
    by_cell: OrdSet<(Cell, Uuid)>,
}

impl Zones {
    /// The zone `id`.
    #[must_use]
    pub fn get(&self, id: Uuid) -> Option<&Arc<Representation>> {
        self.all.get(&id)
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
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        match (&filter.operator_id, &filter.number, filter.near) {
            (Some(operator_id), Some(number), _) => {
                let id = self.by_sign.get(&(operator_id.clone(), number.clone())).copied();
                self.take(id.into_iter().filter(|id| after.is_none_or(|after| *id > after)), filter, limit)
            }
            (None, Some(number), _) => self.take(ids(&self.by_number, number, after), filter, limit),
            (_, None, Some(near)) => self.take(self.ids_near(near, after).into_iter(), filter, limit),
            (Some(operator_id), None, None) => self.take(ids(&self.by_operator, operator_id, after), filter, limit),
            (None, None, None) => {
                self.all.range((from, Bound::Unbounded)).take(limit).map(|(_, found)| Arc::clone(found)).collect()
            }
        }
    }

    fn take(&self, ids: impl Iterator<Item = Uuid>, filter: &ZoneFilter, limit: usize) -> Vec<Arc<Representation>> {
        ids.filter_map(|id| self.all.get(&id)).filter(|found| filter.admits(&found.zone)).take(limit).cloned().collect()
    }

    /// The zones in the box around the circle, in the order of their ids.
    fn ids_near(&self, near: Near, after: Option<Uuid>) -> Vec<Uuid> {
        let in_box = |bounds: Bounds| {
            let ranges = bounds.cell_ranges().into_iter();
            let cells = ranges.flat_map(|(first, last)| self.by_cell.range((first, Uuid::nil())..=(last, Uuid::max())));
            cells.filter(move |(cell, _)| bounds.contains(*cell))
        };
        let ids = near.bounds().flat_map(in_box).map(|(_, id)| *id);
        let mut found: Vec<Uuid> = ids.filter(|id| after.is_none_or(|after| *id > after)).collect();
        found.sort_unstable();
        found
    }

    fn remove(&mut self, id: Uuid) {
        let Some(old) = self.all.remove(&id) else { return };
        let fields = &old.zone.fields;
        self.by_operator.remove(&(fields.operator_id.clone(), id));
        self.by_number.remove(&(fields.number.clone(), id));
        self.by_cell.remove(&(Cell::of(fields.location), id));
        let sign = (fields.operator_id.clone(), fields.number.clone());
        // A scan is no snapshot: it may have shown this zone as it was and the next holder as it is now.
        if self.by_sign.get(&sign) == Some(&id) {
            self.by_sign.remove(&sign);
        }
    }
}

impl Projection for Zones {
    type Record = Zone;
    const KEYSPACE: Keyspace<Zone> = Keyspace::new("zones");

    fn put(&mut self, _id: &str, zone: Zone) {
        let id = zone.id;
        self.remove(id);
        let fields = &zone.fields;
        self.by_operator.insert((fields.operator_id.clone(), id));
        self.by_number.insert((fields.number.clone(), id));
        self.by_sign.insert((fields.operator_id.clone(), fields.number.clone()), id);
        self.by_cell.insert((Cell::of(fields.location), id));
        self.all.insert(id, Arc::new(Representation::new(zone)));
    }

    fn delete(&mut self, id: &str) {
        if let Ok(id) = Uuid::parse_str(id) {
            self.remove(id);
        }
    }
}

/// The ids under `name` in an index, after `after`, in order.
fn ids<'z, N: Ord + Clone>(
    index: &'z OrdSet<(N, Uuid)>,
    name: &N,
    after: Option<Uuid>,
) -> impl Iterator<Item = Uuid> + use<'z, N> {
    let first = match after {
        Some(after) => Bound::Excluded((name.clone(), after)),
        None => Bound::Included((name.clone(), Uuid::nil())),
    };
    index.range((first, Bound::Included((name.clone(), Uuid::max())))).map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::json;

    use super::super::zone::{Location, ZoneFields};
    use super::*;
    use crate::oauth::document::Document;
    use crate::time::UnixSeconds;

    fn zone(id: u128, operator: u8, number: u8, latitude: f64, longitude: f64) -> Zone {
        let body = json!({"number": number.to_string(), "name": "Quay", "operator_id": format!("operator-{operator}"),
            "session_type": "space", "location": {"latitude": latitude, "longitude": longitude}});
        let fields = ZoneFields::parse_new(&Document::parse(body.to_string().as_bytes()).unwrap()).unwrap();
        Zone { id: Uuid::from_u128(id), fields, created_at: UnixSeconds::new(0), updated_at: UnixSeconds::new(0) }
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
        assert_eq!(found.iter().map(|found| found.zone.id).collect::<Vec<_>>(), [Uuid::from_u128(2)]);
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
                .filter(|zone| after.is_none_or(|after| zone.id > after) && filter.admits(zone))
                .map(|zone| zone.id)
                .take(limit)
                .collect();
            let found: Vec<Uuid> = zones.select(&filter, after, limit).iter().map(|found| found.zone.id).collect();
            prop_assert_eq!(found, expected);
            let sizes = [
                zones.all.len(), zones.by_operator.len(), zones.by_number.len(), zones.by_sign.len(), zones.by_cell.len(),
            ];
            prop_assert_eq!(sizes, [model.len(); 5], "an index keeps what is gone");
        }
    }
}
