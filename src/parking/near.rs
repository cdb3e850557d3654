//! Distance on the globe, and a grid of squares to find what is near without looking at everything.
//!
//! The grid only narrows down: whether a place is within the radius is decided by its distance. Both
//! poles and the 180th meridian are places like any other.

use super::zone::Location;

/// The largest radius, in metres.
pub const MAX_RADIUS_METRES: f64 = 100_000.0;
/// The mean radius of the Earth, in metres (IUGG): a distance is off by at most 0.6 %.
const EARTH_METRES: f64 = 6_371_008.8;
/// The side of a square, in degrees: 5.6 km to the north, less to the east.
const CELL_DEGREES: f64 = 0.05;
/// Degrees added around a box, so that rounding leaves nothing out.
const MARGIN_DEGREES: f64 = 1e-6;

/// A circle on the globe.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Near {
    centre: Location,
    radius_metres: f64,
}

/// A square of the grid, ordered from west to east within rows from south to north.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell {
    row: i16,
    column: i16,
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

    /// Squares that together cover the circle, as ranges of one row each: at most 40 rows, each in one
    /// part or, across the 180th meridian, two.
    pub(super) fn cell_ranges(self) -> impl Iterator<Item = (Cell, Cell)> {
        let angle = self.radius_metres / EARTH_METRES;
        let height = angle.to_degrees() + MARGIN_DEGREES;
        let south = self.centre.latitude() - height;
        let north = self.centre.latitude() + height;
        let spans = if south <= -90.0 || north >= 90.0 {
            // The circle goes around a pole, and so through every longitude.
            [Some((-180.0, 180.0)), None]
        } else {
            let width = (angle.sin() / self.centre.latitude().to_radians().cos()).min(1.0).asin().to_degrees();
            longitude_spans(self.centre.longitude(), width + MARGIN_DEGREES)
        };
        (cell_index(south.max(-90.0))..=cell_index(north.min(90.0))).flat_map(move |row| {
            spans.into_iter().flatten().map(move |(west, east)| {
                (Cell { row, column: cell_index(west) }, Cell { row, column: cell_index(east) })
            })
        })
    }
}

impl Cell {
    /// The square that holds `place`.
    pub(super) fn of(place: Location) -> Self {
        Self { row: cell_index(place.latitude()), column: cell_index(place.longitude()) }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "at most 180 degrees over 0.05: 3,600")]
fn cell_index(degrees: f64) -> i16 {
    (degrees / CELL_DEGREES).floor() as i16
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
    let (a_latitude, b_latitude) = (a.latitude().to_radians(), b.latitude().to_radians());
    let half_latitude = ((b_latitude - a_latitude) / 2.0).sin();
    let half_longitude = ((b.longitude() - a.longitude()).to_radians() / 2.0).sin();
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
        near.cell_ranges().any(|(first, last)| (first..=last).contains(&Cell::of(place)))
    }

    #[test]
    fn the_squares_cover_the_circle_at_the_poles_and_across_the_180th_meridian() {
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
        fn no_place_in_a_circle_is_outside_its_squares(
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
            prop_assert!(near.cell_ranges().count() <= 80);
        }
    }
}
