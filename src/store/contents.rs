//! Everything in a store at one moment, and the way back to it: what the snapshots of a sandbox are made of.
//!
//! Only a store that this process has to itself offers it: in a store that others share, everything would be more than
//! this server's own. A replacement writes only what differs, so that going back a few changes costs as much as those
//! changes.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::{Change, Key, MAX_KEY_BYTES, MAX_VALUE_BYTES, Revision, StoreError, Value};

/// A store whose whole content can be read and replaced.
#[async_trait]
pub trait Contents: Send + Sync {
    /// Whether the content outlives this process.
    fn is_lasting(&self) -> bool;

    /// All entries, as they are at one moment. They are durable, and every watch has them already.
    async fn entries(&self) -> Result<Entries, StoreError>;

    /// Makes `entries` the whole content: all of it or none, whatever fails or crashes meanwhile.
    ///
    /// When this returns `Ok`, the content is on disk and survives a power cut, and every [`Watch`](super::Watch) has
    /// what changed as one [`Replaced`](super::ChangeEvent::Replaced). After an `Err` the content may be the old one or
    /// the new one.
    async fn replace(&self, entries: &Entries) -> Result<Revision, StoreError>;
}

/// Keys and their values, in the order of the keys. A clone is cheap and shares them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries(Arc<[(Key, Value)]>);

impl Entries {
    /// All of them, in order.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Value)> {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// The entries whose keys start with `prefix`, in order.
    #[must_use]
    pub fn starting_with(&self, prefix: &[u8]) -> impl ExactSizeIterator<Item = (&Key, &Value)> {
        let first = self.0.partition_point(|(key, _)| key.as_bytes() < prefix);
        let (_, from) = self.0.split_at(first);
        let count = from.partition_point(|(key, _)| key.as_bytes().starts_with(prefix));
        from.iter().take(count).map(|(key, value)| (key, value))
    }

    /// The bytes of all keys and values.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.iter().map(|(key, value)| key.as_bytes().len() + value.as_bytes().len()).sum()
    }

    /// The writes that make these entries of `present`, which is in the order of its keys.
    pub(super) fn changes_from<B: AsRef<[u8]>, E>(
        &self,
        present: impl Iterator<Item = Result<(B, B), E>>,
    ) -> Result<Vec<Change>, E> {
        let put = |(key, value): &(Key, Value)| Change { key: key.clone(), value: Some(value.clone()) };
        let (mut wanted, mut changes) = (self.0.iter().peekable(), Vec::new());
        for entry in present {
            let (key, value) = entry?;
            let key = key.as_ref();
            while let Some(absent) = wanted.next_if(|(wanted, _)| wanted.as_bytes() < key) {
                changes.push(put(absent));
            }
            match wanted.next_if(|(wanted, _)| wanted.as_bytes() == key) {
                None => changes.push(Change { key: Key::new(key), value: None }),
                Some(wanted) if wanted.1.as_bytes() != value.as_ref() => changes.push(put(wanted)),
                Some(_) => {}
            }
        }
        changes.extend(wanted.map(put));
        Ok(changes)
    }

    /// `Err` unless each key and value is within the limits of the store.
    pub(super) fn within_limits(&self) -> Result<(), StoreError> {
        let fits = |(key, value): (&Key, &Value)| {
            key.as_bytes().len() <= MAX_KEY_BYTES && value.as_bytes().len() <= MAX_VALUE_BYTES
        };
        if self.iter().all(fits) { Ok(()) } else { Err(StoreError::TooLarge { operations: self.0.len() }) }
    }

    /// These entries as bytes, for a file.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode(self.iter().map(|(key, value)| (key, Some(value))))
    }

    /// What [`encode`](Self::encode) made; `None` if it was something else.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        decode(bytes)?.into_iter().map(|Change { key, value }| Some((key, value?))).collect()
    }
}

/// Of two values for one key, the later counts.
impl FromIterator<(Key, Value)> for Entries {
    fn from_iter<I: IntoIterator<Item = (Key, Value)>>(entries: I) -> Self {
        let entries: Vec<_> = entries.into_iter().collect();
        if entries.is_sorted_by(|(one, _), (other, _)| one < other) {
            return Self(entries.into());
        }
        Self(entries.into_iter().collect::<BTreeMap<_, _>>().into_iter().collect())
    }
}

/// Writes as bytes. Each is the length of the key in two bytes, the key, the length of the value in four, the value;
/// for a deletion, the length of the value is the largest number.
pub(super) fn encode<'c>(writes: impl Iterator<Item = (&'c Key, Option<&'c Value>)>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, value) in writes {
        let (key, value) = (key.as_bytes(), value.map(Value::as_bytes));
        // Keys and values are far shorter than the largest lengths.
        let key_length = u16::try_from(key.len()).unwrap_or(u16::MAX);
        let value_length = value.map_or(DELETED, |value| u32::try_from(value.len()).unwrap_or(DELETED));
        bytes.extend_from_slice(&key_length.to_be_bytes());
        bytes.extend_from_slice(key);
        bytes.extend_from_slice(&value_length.to_be_bytes());
        bytes.extend_from_slice(value.unwrap_or_default());
    }
    bytes
}

/// The length that stands for a deletion.
const DELETED: u32 = u32::MAX;

/// What [`encode`] made; `None` if it was something else.
pub(super) fn decode(mut bytes: &[u8]) -> Option<Vec<Change>> {
    let mut writes = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        let (length, rest) = rest.split_first_chunk()?;
        let value = match u32::from_be_bytes(*length) {
            DELETED => None,
            length => Some(rest.split_at_checked(usize::try_from(length).ok()?)?),
        };
        bytes = value.map_or(rest, |(_, rest)| rest);
        writes.push(Change { key: Key::new(key), value: value.map(|(value, _)| Value::new(value)) });
    }
    Some(writes)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    type Map = BTreeMap<Vec<u8>, Vec<u8>>;

    fn map() -> impl Strategy<Value = Map> {
        let bytes = |most| proptest::collection::vec(proptest::sample::select(vec![0, b'a', 0xff]), 0..most);
        proptest::collection::btree_map(bytes(4), bytes(3), 0..20)
    }

    fn entries(map: &Map) -> Entries {
        map.iter().map(|(key, value)| (Key::new(key), Value::new(value))).collect()
    }

    proptest! {
        #[test]
        fn the_changes_between_two_contents_are_few_and_make_one_of_the_other(before in map(), after in map()) {
            let present = before.iter().map(Ok::<_, Infallible>);
            let changes = entries(&after).changes_from(present).unwrap();
            let mut made = before.clone();
            for Change { key, value } in &changes {
                let key = key.as_bytes().to_vec();
                let changed = match value {
                    Some(value) => made.insert(key, value.as_bytes().to_vec()).as_deref() != Some(value.as_bytes()),
                    None => made.remove(&key).is_some(),
                };
                prop_assert!(changed, "a write that changes nothing");
            }
            prop_assert_eq!(made, after);
        }

        #[test]
        fn entries_read_back_from_their_bytes_and_a_part_of_the_bytes_is_refused(map in map(), cut: proptest::sample::Index) {
            let entries = entries(&map);
            let bytes = entries.encode();
            prop_assert_eq!(Entries::decode(&bytes), Some(entries.clone()));
            let (part, _) = bytes.split_at(cut.index(bytes.len() + 1));
            let read = Entries::decode(part);
            prop_assert!(part == bytes || read.is_none_or(|read| read.0.len() < entries.0.len()));
        }
    }

    #[test]
    fn a_deletion_reads_back_from_its_bytes() {
        let (key, value) = (Key::new(b"a"), Value::new(b"1"));
        let bytes = encode([(&key, None), (&key, Some(&value))].into_iter());
        let [deleted, put] = &decode(&bytes).unwrap()[..] else { panic!("{bytes:?}") };
        assert_eq!((deleted.value.as_ref(), put.value.as_ref()), (None, Some(&value)));
        assert_eq!(Entries::decode(&bytes), None, "entries have values");
    }

    #[test]
    fn entries_are_in_order_and_the_later_value_of_a_key_counts() {
        let entry = |key: &str, value: &str| (Key::new(key.as_bytes()), Value::new(value.as_bytes()));
        let entries: Entries =
            [entry("b/2", "old"), entry("a", ""), entry("b/1", ""), entry("b/2", "new")].into_iter().collect();
        let keys: Vec<_> =
            entries.starting_with(b"b/").map(|(key, value)| (key.as_bytes(), value.as_bytes())).collect();
        assert_eq!(keys, [(&b"b/1"[..], &b""[..]), (b"b/2", b"new")]);
        assert_eq!((entries.iter().len(), entries.bytes()), (3, 10));
    }
}
