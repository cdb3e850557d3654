//! The JSON schemas of values that have a type of their own and one form on the wire.
//!
//! They stand here and not beside their types, so that only this room and the OpenAPI document know how schemas are
//! written.

use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};
use utoipa::openapi::{KnownFormat, RefOr};
use utoipa::{PartialSchema, ToSchema};

use super::audit::EntryDigest;
use super::client::{DailyQuota, UNLIMITED};
use crate::limits::Rate;
use crate::oauth::audience::Audience;
use crate::oauth::credentials::{ClientId, Fingerprint};
use crate::oauth::scope::{MAX_SCOPE_BYTES, Scope};
use crate::time::UnixSeconds;

macro_rules! schemas {
    ($($type:ty: $schema:expr;)*) => {
        $(
            impl PartialSchema for $type {
                fn schema() -> RefOr<Schema> {
                    Schema::from($schema).into()
                }
            }

            impl ToSchema for $type {}
        )*
    };
}

schemas! {
    UnixSeconds: text("A time: RFC 3339, in UTC and whole seconds.", "2026-01-25T15:13:21Z")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
        .pattern(Some(r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"));
    ClientId: text("A client's identifier.", "demo-reader").pattern(Some(r"^[A-Za-z0-9._~-]{1,64}$"));
    Scope: text("Scope tokens with one space between them (RFC 6749 section 3.3).", "read:zones write:zones")
        .min_length(Some(1))
        .max_length(Some(MAX_SCOPE_BYTES))
        .pattern(Some(r"^[!#-\[\]-~]+( [!#-\[\]-~]+)*$"));
    Fingerprint: text("16 hexadecimal digits that tell whether two secrets are the same.", "6f1d0b3c2a495e78")
        .pattern(Some("^[0-9a-f]{16}$"));
    EntryDigest: text("SHA-256, as unpadded base64url.", "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU")
        .pattern(Some("^[A-Za-z0-9_-]{43}$"));
    Rate: ObjectBuilder::new()
        .schema_type(Type::Number)
        .description(Some("Requests per second, with at most six decimals."))
        .minimum(Some(0.001))
        .maximum(Some(1_000_000.0))
        .examples([20]);
    Audience: ArrayBuilder::new()
        .items(ObjectBuilder::new().schema_type(Type::String))
        .description(Some("API sets, by their names."))
        .examples([serde_json::Value::from(vec!["public.api.passportinc.com"])]);
    DailyQuota: OneOfBuilder::new()
        .description(Some("Requests in a UTC day; `null` and `\"unlimited\"` are no limit."))
        .item(
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(1))
                .maximum(Some(100_000_000_000_u64)),
        )
        .item(ObjectBuilder::new().schema_type(Type::Null))
        .item(ObjectBuilder::new().schema_type(Type::String).enum_values(Some([UNLIMITED])));
}

fn text(description: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).description(Some(description)).examples([example])
}
