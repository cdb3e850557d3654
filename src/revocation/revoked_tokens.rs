//! All revoked tokens in memory.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use super::record::{PackId, REVOCATIONS, Revoked};
use crate::store::{Keyspace, Projection, QuickMap};
use crate::time::{SECONDS_PER_HOUR, UnixSeconds};

/// Over how many tables the packed tokens are spread; a change copies the tables that it touches.
const TABLES: usize = 4_096;

/// The tokens with a record each, and the tokens in packs. A clone is cheap, and never changes.
#[derive(Clone, Default)]
pub(super) struct RevokedTokens {
    single: QuickMap<Uuid, UnixSeconds>,
    packed: Arc<Packed>,
}

/// When each packed token's pack ends, by `jti`.
///
/// A token takes 22 to 44 bytes here, and would take 135 in a map that shares its structure entry by entry.
#[derive(Clone)]
struct Packed {
    tables: Box<[Arc<Table>]>,
    count: usize,
    /// No token ends at this hour or before: the packs of an hour are removed together, and one pass is enough.
    removed_to: Hour,
}

type Table = HashMap<Uuid, Hour, foldhash::fast::RandomState>;

/// The end of an hour, in hours since 1970: half the size of a time in seconds.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Hour(u32);

impl RevokedTokens {
    pub(super) fn contains(&self, jti: &Uuid) -> bool {
        self.single.contains_key(jti) || self.packed.contains(jti)
    }

    /// A token that two nodes revoke at the same time may count twice.
    pub(super) fn count(&self) -> usize {
        self.single.len() + self.packed.count
    }

    /// The tokens with a record each, and when they expire.
    pub(super) fn single(&self) -> impl ExactSizeIterator<Item = (&Uuid, &UnixSeconds)> {
        self.single.iter()
    }
}

impl Projection for RevokedTokens {
    type Record = Revoked;
    const KEYSPACE: Keyspace<Revoked> = REVOCATIONS;
    /// A deleted pack stands for all that end before it.
    const DEPENDS_ON_ORDER: bool = true;

    fn put(&mut self, id: &str, revoked: Revoked) {
        match (&revoked.packed, id.parse()) {
            (Some(jtis), _) => {
                let packed = Arc::make_mut(&mut self.packed);
                let end = Hour::of(revoked.expires_at);
                jtis.iter().for_each(|jti| packed.insert(jti, end));
            }
            (None, Ok(jti)) => drop(self.single.insert(jti, revoked.expires_at)),
            (None, Err(_)) => {}
        }
    }

    fn delete(&mut self, id: &str) {
        if let Ok(jti) = id.parse::<Uuid>() {
            self.single.remove(&jti);
        } else if let Some(pack) = PackId::parse(id) {
            // A pack is deleted after it ends, and then every earlier pack has ended too.
            Arc::make_mut(&mut self.packed).remove(Hour::of(pack.ends_at));
        }
    }
}

impl Packed {
    fn contains(&self, jti: &Uuid) -> bool {
        self.count > 0 && self.tables.get(table_of(jti)).is_some_and(|table| table.contains_key(jti))
    }

    fn insert(&mut self, jti: Uuid, ends_at: Hour) {
        let Some(table) = self.tables.get_mut(table_of(&jti)) else { return };
        let mut is_new = false;
        let end = Arc::make_mut(table).entry(jti).or_insert_with(|| {
            is_new = true;
            ends_at
        });
        *end = ends_at.max(*end);
        self.count += usize::from(is_new);
        if ends_at <= self.removed_to {
            self.removed_to = Hour::default();
        }
    }

    /// Removes the tokens that end at `end` or before.
    fn remove(&mut self, end: Hour) {
        if end <= self.removed_to {
            return;
        }
        self.removed_to = end;
        for table in &mut self.tables {
            let over = table.values().filter(|ends_at| **ends_at <= end).count();
            if over > 0 {
                self.count -= over;
                let table = Arc::make_mut(table);
                table.retain(|_, ends_at| *ends_at > end);
                table.shrink_to_fit();
            }
        }
    }
}

impl Hour {
    /// The hour that ends at `time`, or at the next full hour.
    fn of(time: UnixSeconds) -> Self {
        Self(u32::try_from(time.get().div_ceil(SECONDS_PER_HOUR)).unwrap_or(u32::MAX))
    }
}

impl Default for Packed {
    fn default() -> Self {
        Self { tables: std::iter::repeat_n(Arc::default(), TABLES).collect(), count: 0, removed_to: Hour::default() }
    }
}

/// Which table a token is in, by its last bytes: they are random in every `jti`.
fn table_of(jti: &Uuid) -> usize {
    let [.., high, low] = *jti.as_bytes();
    usize::from(u16::from_be_bytes([high, low])) % TABLES
}
