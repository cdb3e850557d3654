//! Audience: the API sets that a client may call. Each access token is for one of them.

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// The API set of the administration: with [`WRITE_ADMIN`](crate::oauth::scope::WRITE_ADMIN), it makes a client an
/// administrator.
pub const ADMIN_AUDIENCE: &str = "admin.api.boomgate";

/// Names of API sets, in the order in which they were granted. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "Vec<String>")]
pub struct Audience(Arc<[String]>);

impl Deref for Audience {
    type Target = [String];

    fn deref(&self) -> &[String] {
        &self.0
    }
}

impl From<Vec<String>> for Audience {
    fn from(names: Vec<String>) -> Self {
        Self(names.into())
    }
}

impl Serialize for Audience {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(&**self)
    }
}
