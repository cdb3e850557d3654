//! What a list of zones asks for, read from a query string; and the cursor from page to page.
//!
//! A parameter that is unknown, doubled or out of range is a fault, never ignored: a filter that does
//! nothing would look like an answer. A cursor carries its position and a digest of the filters, and
//! nothing secret: it is checked so that a mistake is told, not to keep anybody out.

use std::num::NonZeroUsize;

use uuid::Uuid;

use super::near::{MAX_RADIUS_METRES, Near};
use super::zone::{OperatorId, ZoneNumber};
use super::zones::ZoneFilter;
use crate::api::cursor::{Cursor, InvalidCursor};
use crate::api::zone::Location;
use crate::text::{closest_match, truncated};

/// Zones on a page when the request does not say.
const DEFAULT_LIMIT: usize = 25;
/// The most zones on a page.
const MAX_LIMIT: usize = 100;

/// The most faults that one answer lists.
const MAX_FAULTS: usize = 8;

/// A list of zones that somebody asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct ListRequest {
    /// Which zones.
    pub filter: ZoneFilter,
    /// Only those whose id is larger.
    pub after: Option<Uuid>,
    /// How many at most, 1 to [`MAX_LIMIT`].
    pub limit: usize,
}

/// Why a query string cannot be followed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryFault {
    /// Parameters are wrong; one sentence for each. 400.
    #[error("{0}")]
    Parameters(String),
    /// The cursor is wrong. 400.
    #[error(transparent)]
    Cursor(#[from] InvalidCursor),
}

/// The parameters, each at most once; `zone_number` is `number`.
#[derive(Default)]
struct Parameters {
    values: [Option<String>; NAMES.len()],
}

const NAMES: [&str; 8] = ["operator_id", "number", "zone_number", "latitude", "longitude", "radius", "limit", "cursor"];

impl ListRequest {
    /// Reads a query string (`application/x-www-form-urlencoded`, without the `?`). Everything that is
    /// wrong is told at once, up to 8 faults.
    pub fn parse(query: &str) -> Result<Self, QueryFault> {
        let mut faults = Faults::default();
        let mut parameters = Parameters::parse(query, &mut faults);
        let operator_id = parameters
            .read("operator_id", &mut faults, |text| OperatorId::parse(text).map_err(|fault| fault.to_string()));
        let read_number = |text: &str| ZoneNumber::parse(text).map_err(|fault| fault.to_string());
        let number = parameters.read("number", &mut faults, read_number);
        let zone_number = parameters.read("zone_number", &mut faults, read_number);
        if number.is_some() && zone_number.is_some() {
            faults.add("number and zone_number are the same parameter: send one of them.");
        }
        let near = parameters.near(&mut faults);
        let limit = parameters.read("limit", &mut faults, |text| {
            let limit = text.parse::<NonZeroUsize>().ok().map(NonZeroUsize::get).filter(|limit| *limit <= MAX_LIMIT);
            limit.ok_or_else(|| format!("must be a whole number from 1 to {MAX_LIMIT}"))
        });
        let cursor = parameters.take("cursor");
        if !faults.0.is_empty() {
            return Err(QueryFault::Parameters(faults.0.join(" ")));
        }
        let filter = ZoneFilter { operator_id, number: number.or(zone_number), near };
        let after = cursor.map(|cursor| Cursor::place(&cursor, &filter.list())).transpose()?;
        Ok(Self { filter, after, limit: limit.unwrap_or(DEFAULT_LIMIT) })
    }
}

impl Parameters {
    fn parse(query: &str, faults: &mut Faults) -> Self {
        let mut parameters = Self::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let index = NAMES.iter().position(|known| *known == name);
            let Some(slot) = index.and_then(|index| parameters.values.get_mut(index)) else {
                let suggestion = match closest_match(&name, NAMES) {
                    Some(meant) => format!("did you mean {meant}?"),
                    None => format!("these are {}.", NAMES.join(", ")),
                };
                faults.add(format!("{:?} is not a parameter of this list: {suggestion}", truncated(&name)));
                continue;
            };
            if slot.replace(value.into_owned()).is_some() {
                faults.add(format!("{name} is there more than once."));
            }
        }
        parameters
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let index = NAMES.iter().position(|known| *known == name)?;
        self.values.get_mut(index)?.take()
    }

    fn read<T>(&mut self, name: &str, faults: &mut Faults, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        match parse(&self.take(name)?) {
            Ok(value) => Some(value),
            Err(detail) => {
                faults.add(format!("{name} {detail}."));
                None
            }
        }
    }

    fn near(&mut self, faults: &mut Faults) -> Option<Near> {
        let (latitude, longitude, radius) = (self.take("latitude"), self.take("longitude"), self.take("radius"));
        if latitude.is_none() && longitude.is_none() && radius.is_none() {
            return None;
        }
        let (Some(latitude), Some(longitude), Some(radius)) = (latitude, longitude, radius) else {
            faults.add("latitude, longitude and radius belong together: send all three or none.");
            return None;
        };
        // What is no number at all fails as one that is out of range does.
        let number = |text: String| text.parse::<f64>().unwrap_or(f64::NAN);
        let Ok(centre) = Location::parse(number(latitude), number(longitude)) else {
            faults.add("latitude is a number of degrees from -90 to 90, and longitude one from -180 to 180.");
            return None;
        };
        let near = Near::new(centre, number(radius));
        if near.is_none() {
            faults.add(format!("radius must be a number of metres from 1 to {MAX_RADIUS_METRES}."));
        }
        near
    }
}

impl ZoneFilter {
    /// The list of the zones that it admits, for their cursors: two filters have the same one only if they admit the same
    /// zones.
    pub(super) fn list(&self) -> String {
        let near = self.near.map(|near| {
            let centre = near.centre();
            [centre.latitude, centre.longitude, near.radius_metres()].map(f64::to_bits)
        });
        let operator_id = self.operator_id.as_ref().map(OperatorId::as_str);
        let number = self.number.as_ref().map(ZoneNumber::as_str);
        // `Debug` of a string escapes its quotes, so no two filters have the same text.
        format!("zones?{operator_id:?} {number:?} {near:?}")
    }
}

#[derive(Default)]
struct Faults(Vec<String>);

impl Faults {
    fn add(&mut self, fault: impl Into<String>) {
        if self.0.len() < MAX_FAULTS {
            self.0.push(fault.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_takes_its_parameters_once_and_no_others() {
        for (query, fault) in [
            ("", None),
            ("&&", None),
            ("operator_id=harbour-parking&limit=100", None),
            ("zone_number=12%2003", None),
            ("latitude=-90&longitude=180.0&radius=1", None),
            ("latitude=5e1&longitude=0&radius=100000", None),
            ("limit=0", Some("limit must be a whole number from 1 to 100.")),
            ("limit=101", Some("limit must be")),
            ("limit=-1", Some("limit must be")),
            ("limit=1.5", Some("limit must be")),
            ("limit=99999999999999999999999", Some("limit must be")),
            ("limit=", Some("limit must be")),
            ("limit=1&limit=1", Some("limit is there more than once.")),
            ("limit=1&limi%74=1", Some("limit is there more than once.")),
            ("operator_id=", Some("operator_id must be 1 to 64")),
            ("operator_id=a%00b", Some("operator_id must be 1 to 64")),
            ("operator_id=%FF", Some("operator_id must be 1 to 64")),
            ("number=%0A", Some("number must not contain U+000A, a control character")),
            ("number=1&zone_number=1", Some("number and zone_number are the same parameter")),
            ("latitude=1", Some("latitude, longitude and radius belong together")),
            ("latitude=1&longitude=1", Some("belong together")),
            ("radius=5", Some("belong together")),
            ("latitude=NaN&longitude=0&radius=5", Some("latitude is a number of degrees from -90 to 90")),
            ("latitude=90.1&longitude=0&radius=5", Some("latitude is a number")),
            ("latitude=0&longitude=inf&radius=5", Some("latitude is a number")),
            ("latitude=0&longitude=0&radius=0.5", Some("radius must be a number of metres from 1 to 100000.")),
            ("latitude=0&longitude=0&radius=1e9", Some("radius must be")),
            ("latitude=0&longitude=0&radius=5km", Some("radius must be")),
            ("opperator_id=a", Some("\"opperator_id\" is not a parameter of this list: did you mean operator_id?")),
            ("colour=red", Some("these are operator_id, number, zone_number, latitude")),
            ("%00=1", Some("\"\\0\" is not a parameter")),
        ] {
            match (ListRequest::parse(query), fault) {
                (Ok(_), None) => (),
                (Err(QueryFault::Parameters(text)), Some(fault)) => assert!(text.contains(fault), "{query}: {text}"),
                (result, _) => panic!("{query}: {result:?}"),
            }
        }
        let faults = ListRequest::parse("limt=1&operator_id=&limit=0").unwrap_err().to_string();
        for name in ["\"limt\"", "operator_id", "limit must"] {
            assert!(faults.contains(name), "all at once: {faults}");
        }
        let many: String = ["p=1&", "q=2&"].repeat(5_000).concat();
        assert!(ListRequest::parse(&many).unwrap_err().to_string().len() < 2_000);
    }

    #[test]
    fn a_cursor_is_good_for_its_filter_alone() {
        let request = |query: &str| ListRequest::parse(query);
        let filter = request("operator_id=a").unwrap().filter;
        let cursor = String::from(Cursor::new(&filter.list(), &Uuid::from_u128(7)));
        let with = |query: &str| request(&format!("{query}cursor={cursor}"));
        assert_eq!(with("operator_id=a&").unwrap().after, Some(Uuid::from_u128(7)));
        assert_eq!(with("limit=3&operator_id=a&").unwrap().after, Some(Uuid::from_u128(7)));
        for query in [
            "",
            "operator_id=b&",
            "number=a&",
            "operator_id=a&number=1&",
            "operator_id=a&latitude=1&longitude=1&radius=1&",
        ] {
            assert_eq!(with(query), Err(InvalidCursor.into()), "{query}");
        }
        for garbage in ["", "x", "%00", "=", "../../etc", &cursor[1..], &format!("{cursor}AA"), &"A".repeat(5_000)] {
            assert_eq!(request(&format!("operator_id=a&cursor={garbage}")), Err(InvalidCursor.into()), "{garbage}");
        }
    }

    proptest! {
        #[test]
        fn no_query_panics(query in ".{0,64}", cursor in "[A-Za-z0-9_-]{0,40}") {
            let _ = ListRequest::parse(&query);
            let _ = ListRequest::parse(&format!("cursor={cursor}"));
        }
    }
}
