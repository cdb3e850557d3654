//! The members of an answer that is one JSON object, in their order.

use std::fmt;

use actix_web::web::Bytes;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::json;

/// The members of an object.
pub(super) struct Members(pub(super) Vec<(String, Value)>);

impl Members {
    /// What `change` makes of a body; the body itself if it is no object.
    pub(super) fn changed(body: &Bytes, change: impl FnOnce(&mut Vec<(String, Value)>)) -> Bytes {
        let Ok(mut members) = serde_json::from_slice::<Self>(body) else { return body.clone() };
        change(&mut members.0);
        json::line(&members).into()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
