//! Distance on the globe, and an order of all places in which what is near lies close together.
//!
//! The order (Morton's: the globe is quartered, each quarter again, and so on) has no size of its own: a circle
//! is a few stretches of it, whether its radius is a metre or a hundred kilometres, and few places in them
//! are outside the circle, however densely these lie. It only narrows down: whether a place is within the
//! radius is decided by its distance. Both poles and the 180th meridian are places like any other.

use crate::api::zone::Location;

/// The largest radius, in metres.
pub const MAX_RADIUS_METRES: f64 = 100_000.0;
/// The mean radius of the Earth, in metres (IUGG): a distance is off by at most 0.6 %.
const EARTH_METRES: f64 = 6_371_008.8;
/// The most quarters that a box is covered with: three by three of about its size always fit.
const MAX_QUARTERS: usize = 9;
/// How often the globe can be quartered: then a quarter is half a centimetre.
const QUARTERINGS: u32 = u32::BITS;
/// Degrees added around a box, so that rounding leaves nothing out.
const MARGIN_DEGREES: f64 = 1e-6;

/// A circle on the globe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    centre: Location,
    radius_metres: f64,
}

/// A place to half a centimetre: its latitude and longitude in 2^32 steps each, bit by bit in turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell(u64);

/// Latitudes and longitudes from one to another, in steps, both ends included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    south: u32,
    north: u32,
    west: u32,
    east: u32,
}

/// A part of the globe that has been quartered so many times; named by its south-western corner.
#[derive(Clone, Copy)]
struct Quarter {
    south: u32,
    west: u32,
    quarterings: u32,
}

impl Near {
    /// The circle around `centre`; `None` unless the radius is 1 to [`MAX_RADIUS_METRES`].
    #[must_use]
    pub fn new(centre: Location, radius_metres: f64) -> Option<Self> {
        (1.0..=MAX_RADIUS_METRES).contains(&radius_metres).then_some(Self { centre, radius_metres })
    }

    /// The centre.
    #[must_use]
    pub fn centre(self) -> Location {
        self.centre
    }

    /// The radius, in metres.
    #[must_use]
    pub fn radius_metres(self) -> f64 {
        self.radius_metres
    }

    /// Whether `place` is in the circle.
    #[must_use]
    pub fn contains(self, place: Location) -> bool {
        metres_between(self.centre, place) <= self.radius_metres
    }

    /// What together holds the circle: one box or, across the 180th meridian, two.
    pub(super) fn bounds(self) -> impl Iterator<Item = Bounds> {
        let angle = self.radius_metres / EARTH_METRES;
        let height = angle.to_degrees() + MARGIN_DEGREES;
        let south = self.centre.latitude - height;
        let north = self.centre.latitude + height;
        let spans = if south <= -90.0 || north >= 90.0 {
            // The circle goes around a pole, and so through every longitude.
            [Some((-180.0, 180.0)), None]
        } else {
            let width = (angle.sin() / self.centre.latitude.to_radians().cos()).min(1.0).asin().to_degrees();
            longitude_spans(self.centre.longitude, width + MARGIN_DEGREES)
        };
        spans.into_iter().flatten().map(move |(west, east)| Bounds {
            south: latitude_steps(south),
            north: latitude_steps(north),
            west: longitude_steps(west),
            east: longitude_steps(east),
        })
    }
}

impl Cell {
    /// The cell of `place`.
    pub(super) fn of(place: Location) -> Self {
        Self::at(latitude_steps(place.latitude), longitude_steps(place.longitude))
    }

    fn at(latitude: u32, longitude: u32) -> Self {
        Self(spread(latitude) << 1 | spread(longitude))
    }
}

impl Bounds {
    /// Whether a place of this cell may be inside.
    pub(super) fn contains(self, cell: Cell) -> bool {
        (self.south..=self.north).contains(&gathered(cell.0 >> 1))
            && (self.west..=self.east).contains(&gathered(cell.0))
    }

    /// Stretches of cells that together hold the box, at most [`MAX_QUARTERS`], in order.
    pub(super) fn cell_ranges(self) -> Vec<(Cell, Cell)> {
        let mut inside = Vec::with_capacity(MAX_QUARTERS);
        let mut across = vec![Quarter { south: 0, west: 0, quarterings: 0 }];
        loop {
            let (mut whole, mut parts) = (Vec::new(), Vec::new());
            for quarter in across.iter().flat_map(|quarter| quarter.quartered()).filter(|quarter| quarter.meets(self)) {
                if quarter.is_within(self) { whole.push(quarter) } else { parts.push(quarter) }
            }
            let is_smallest = across.first().is_none_or(|quarter| quarter.quarterings == QUARTERINGS);
            if is_smallest || inside.len() + whole.len() + parts.len() > MAX_QUARTERS {
                break;
            }
            inside.append(&mut whole);
            across = parts;
        }
        let mut ranges: Vec<_> = inside.iter().chain(&across).map(|quarter| quarter.cells()).collect();
        ranges.sort_unstable();
        // Neighbours in the order are looked up in one go.
        ranges.dedup_by(|next, last| {
            let joins = last.1.0.checked_add(1) == Some(next.0.0);
            if joins {
                last.1 = next.1;
            }
            joins
        });
        ranges
    }
}

impl Quarter {
    /// Its own quarters; none of the smallest.
    fn quartered(self) -> impl Iterator<Item = Self> {
        let quarterings = self.quarterings + 1;
        let half = 1_u32.checked_shl(QUARTERINGS.wrapping_sub(quarterings));
        [(0, 0), (0, 1), (1, 0), (1, 1)].into_iter().filter_map(move |(north, east)| {
            let half = half.filter(|_| quarterings <= QUARTERINGS)?;
            Some(Self { south: self.south + north * half, west: self.west + east * half, quarterings })
        })
    }

    /// How far the last of its steps is from the first.
    fn last_step(self) -> u32 {
        u32::MAX.checked_shr(self.quarterings).unwrap_or(0)
    }

    fn meets(self, bounds: Bounds) -> bool {
        let (north, east) = (self.south + self.last_step(), self.west + self.last_step());
        self.south <= bounds.north && north >= bounds.south && self.west <= bounds.east && east >= bounds.west
    }

    fn is_within(self, bounds: Bounds) -> bool {
        let (north, east) = (self.south + self.last_step(), self.west + self.last_step());
        self.south >= bounds.south && north <= bounds.north && self.west >= bounds.west && east <= bounds.east
    }

    /// Its first and last cell.
    fn cells(self) -> (Cell, Cell) {
        let (north, east) = (self.south + self.last_step(), self.west + self.last_step());
        (Cell::at(self.south, self.west), Cell::at(north, east))
    }
}

fn latitude_steps(degrees: f64) -> u32 {
    steps((degrees + 90.0) / 180.0)
}

fn longitude_steps(degrees: f64) -> u32 {
    steps((degrees + 180.0) / 360.0)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast from a float stops at the ends")]
fn steps(part: f64) -> u32 {
    (part * f64::from(u32::MAX)) as u32
}

/// The bits of `number` with a free one before each.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits << 2) & 0x3333_3333_3333_3333;
    (bits | bits << 1) & 0x5555_5555_5555_5555
}

/// Every second bit: what [`spread`] made of a number, whatever is in between.
#[allow(clippy::cast_possible_truncation, reason = "the upper half has become empty")]
fn gathered(bits: u64) -> u32 {
    let mut bits = bits & 0x5555_5555_5555_5555;
    bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
    bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    (bits | bits >> 16) as u32
}

/// The longitudes within `width` of `centre`, cut where the count starts anew.
fn longitude_spans(centre: f64, width: f64) -> [Option<(f64, f64)>; 2] {
    let (west, east) = (centre - width, centre + width);
    if west < -180.0 {
        [Some((-180.0, east)), Some((west + 360.0, 180.0))]
    } else if east > 180.0 {
        [Some((-180.0, east - 360.0)), Some((west, 180.0))]
    } else {
        [Some((west, east)), None]
    }
}

/// The length of the great circle between two places, by the haversine formula, which stays exact for
/// places that are close.
fn metres_between(a: Location, b: Location) -> f64 {
    let (a_latitude, b_latitude) = (a.latitude.to_radians(), b.latitude.to_radians());
    let half_latitude = ((b_latitude - a_latitude) / 2.0).sin();
    let half_longitude = ((b.longitude - a.longitude).to_radians() / 2.0).sin();
    let haversine = half_latitude.powi(2) + a_latitude.cos() * b_latitude.cos() * half_longitude.powi(2);
    2.0 * EARTH_METRES * haversine.min(1.0).sqrt().asin()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn place(latitude: f64, longitude: f64) -> Location {
        Location::parse(latitude, longitude).unwrap()
    }

    #[test]
    fn distances_agree_with_known_ones() {
        for (a, b, metres) in [
            // Berlin to Paris, and New York to London, as great-circle tables give them.
            (place(52.52, 13.405), place(48.8566, 2.3522), 877_500.0),
            (place(40.7128, -74.006), place(51.5074, -0.1278), 5_570_200.0),
            // A degree of latitude, one of longitude at 60° north, half-way round, and across the 180th meridian.
            (place(0.0, 0.0), place(1.0, 0.0), 111_195.1),
            (place(60.0, 0.0), place(60.0, 1.0), 55_597.0),
            (place(0.0, -90.0), place(0.0, 90.0), 20_015_114.4),
            (place(10.0, 179.9995), place(10.0, -179.9995), 109.5),
            (place(90.0, 0.0), place(90.0, 123.0), 0.0),
        ] {
            let found = metres_between(a, b);
            assert!((found - metres).abs() <= metres * 0.001 + 0.001, "{a:?} to {b:?}: {found}, expected {metres}");
        }
    }

    fn covers(near: Near, place: Location) -> bool {
        let cell = Cell::of(place);
        let in_order =
            |bounds: Bounds| bounds.cell_ranges().iter().any(|(first, last)| (*first..=*last).contains(&cell));
        near.bounds().any(|bounds| bounds.contains(cell) && in_order(bounds))
    }

    #[test]
    fn the_stretches_cover_the_circle_at_the_poles_and_across_the_180th_meridian() {
        for (centre, radius, inside) in [
            (place(89.99, 0.0), 5_000.0, place(89.99, 180.0)),
            (place(-90.0, 0.0), 1.0, place(-90.0, -180.0)),
            (place(0.0, 180.0), 10.0, place(0.0, -180.0)),
            (place(0.0, -179.99), 2_000.0, place(0.0, 179.999)),
            (place(0.0, 179.0), 100_000.0, place(0.0, 179.5)),
            (place(10.0, 20.0), 1.0, place(10.0, 20.0)),
        ] {
            let near = Near::new(centre, radius).unwrap();
            assert!(near.contains(inside) && covers(near, inside), "{near:?} {inside:?}");
        }
        for radius in [0.0, 0.999, 100_000.1, -1.0, f64::NAN, f64::INFINITY] {
            assert_eq!(Near::new(place(0.0, 0.0), radius), None);
        }
    }

    proptest! {
        #[test]
        fn no_place_in_a_circle_is_outside_its_stretches(
            latitude in -90.0..=90.0_f64, longitude in -180.0..=180.0_f64, radius in 1.0..=MAX_RADIUS_METRES,
            north in -1.0..=1.0_f64, east in -180.0..=180.0_f64,
        ) {
            let near = Near::new(place(latitude, longitude), radius).unwrap();
            // A degree and a bit is 100 km; longitudes near a pole may be anywhere.
            let other = place((latitude + north).clamp(-90.0, 90.0), if latitude.abs() > 88.0 { east } else {
                let wrapped = longitude + east / 30.0;
                if wrapped > 180.0 { wrapped - 360.0 } else if wrapped < -180.0 { wrapped + 360.0 } else { wrapped }
            });
            prop_assert!(!near.contains(other) || covers(near, other));
            prop_assert!(near.bounds().all(|bounds| (1..=MAX_QUARTERS).contains(&bounds.cell_ranges().len())));
        }

        #[test]
        fn a_circle_looks_at_little_beside_itself(
            latitude in -70.0..=70.0_f64, longitude in -170.0..=170.0_f64, radius in 1.0..=MAX_RADIUS_METRES,
        ) {
            let near = Near::new(place(latitude, longitude), radius).unwrap();
            for bounds in near.bounds() {
                let cells: u64 = bounds.cell_ranges().iter().map(|(first, last)| last.0 - first.0 + 1).sum();
                let wanted = u64::from(bounds.north - bounds.south + 1) * u64::from(bounds.east - bounds.west + 1);
                prop_assert!(cells <= 32 * wanted, "{cells} cells for {wanted}");
            }
        }

        #[test]
        fn a_cell_says_where_it_is(latitude in any::<u32>(), longitude in any::<u32>()) {
            let cell = Cell::at(latitude, longitude);
            prop_assert_eq!((gathered(cell.0 >> 1), gathered(cell.0)), (latitude, longitude));
        }
    }
}
