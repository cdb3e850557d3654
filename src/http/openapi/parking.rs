//! The document of the sample API.

use actix_web::http::StatusCode;
use utoipa::openapi::Required;

use super::operation::{Documented, TAGGED, number, string};
use crate::api::zone::{NewZone, Zone, ZonePatch};
use crate::http::error::ProblemKind as Kind;
use crate::parking::MAX_RADIUS_METRES;

const ZONE: &str = r#"{
    "id": "5f2b8c1e-9a4d-4c37-8e60-2d1f7b9a3c54", "number": "1203", "name": "Quay", "operator_id": "lindenau-mobil",
    "session_type": "vehicle", "location": { "latitude": 51.3397, "longitude": 12.3731 }, "approx_space_count": 40,
    "settings": { "allows_extensions": true, "allows_stops": true, "grace_time": 10 },
    "created_at": "2026-01-25T15:13:21Z", "updated_at": "2026-01-25T15:13:21Z"
}"#;
const NEW_ZONE: &str = r#"{
    "number": "1203", "name": "Quay", "operator_id": "lindenau-mobil", "session_type": "vehicle",
    "location": { "latitude": 51.3397, "longitude": 12.3731 }
}"#;
const PATCH: &str = r#"{ "approx_space_count": 42 }"#;

const CREATED: [&str; 4] = ["ETag", "Cache-Control", "Location", "Idempotent-Replayed"];

pub(super) fn operations() -> Vec<Documented> {
    vec![
        Documented::new("listZones", "Filters narrow the list; each zone must match all of them.")
            .query("operator_id", "Zones of this operator.", string())
            .query("number", "Zones with this number on the sign.", string())
            .query("zone_number", "The same as `number`.", string())
            .query("latitude", "The middle of a circle, with `longitude` and `radius`.", number(-90.0, 90.0))
            .query("longitude", "The middle of a circle.", number(-180.0, 180.0))
            .query("radius", "The radius of the circle, in metres.", number(1.0, MAX_RADIUS_METRES))
            .pages::<Zone<'_>>("A page of zones.", &["Cache-Control"], ZONE),
        Documented::new("createZone", "With an `Idempotency-Key` the request can be sent again without a second zone.")
            .header("Idempotency-Key")
            .body::<NewZone>(Required::True, &["application/json"], NEW_ZONE)
            .answers::<Zone<'_>>(StatusCode::CREATED, "The zone.", &CREATED, ZONE)
            .fails(&[Kind::Conflict, Kind::TooManyZones, Kind::TooManyIdempotencyKeys])
            .fails(&[Kind::IdempotencyKeyInvalid, Kind::IdempotencyKeyReused]),
        Documented::new("getZone", "").read::<Zone<'_>>("The zone.", ZONE).fails(&[Kind::NotFound]),
        Documented::new("replaceZone", "What the body leaves out gets its default.")
            .header("If-Match")
            .header("If-None-Match")
            .body::<NewZone>(Required::True, &["application/json"], NEW_ZONE)
            .answers::<Zone<'_>>(StatusCode::OK, "The zone.", &TAGGED, ZONE)
            .fails(&[Kind::NotFound, Kind::Conflict, Kind::PreconditionFailed]),
        Documented::new("updateZone", "What the body leaves out stays; `null` sets a member back to its default.")
            .header("If-Match")
            .header("If-None-Match")
            .body::<ZonePatch>(Required::True, &["application/merge-patch+json", "application/json"], PATCH)
            .answers::<Zone<'_>>(StatusCode::OK, "The zone.", &TAGGED, ZONE)
            .fails(&[Kind::NotFound, Kind::Conflict, Kind::PreconditionFailed]),
        Documented::new("deleteZone", "")
            .header("If-Match")
            .header("If-None-Match")
            .no_content(StatusCode::NO_CONTENT, "The zone is deleted.", &[])
            .fails(&[Kind::NotFound, Kind::PreconditionFailed]),
    ]
}
