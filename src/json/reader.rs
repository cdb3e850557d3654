//! The members of an object, read one by one, with all that is wrong with them.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use crate::api::problem::FieldFault;
use crate::text::closest_match;

/// The most faults that one answer lists.
const MAX_FAULTS: usize = 32;

/// Reads the members of one object, and collects the faults in the order in which the caller looks for them.
pub(crate) struct Reader<'m> {
    members: &'m Map<String, Value>,
    /// Where the object is in the body, as a JSON Pointer; empty for the body itself.
    pointer: String,
    /// Whether a member that is `null` counts as absent.
    ignores_nulls: bool,
    faults: Vec<FieldFault>,
}

impl<'m> Reader<'m> {
    /// A reader of the body's own members.
    pub(crate) fn new(members: &'m Map<String, Value>) -> Self {
        Self { members, pointer: String::new(), ignores_nulls: false, faults: Vec::new() }
    }

    /// A reader of the members of an object that is at this place of the body: a JSON Pointer.
    pub(crate) fn at(members: &'m Map<String, Value>, pointer: &str) -> Self {
        Self { pointer: pointer.to_owned(), ..Self::new(members) }
    }

    /// The same; a member that is `null` counts as absent from now on.
    pub(crate) fn ignoring_nulls(self) -> Self {
        Self { ignores_nulls: true, ..self }
    }

    /// Goes on with other members of the same body, such as those after a merge. The faults stay.
    pub(crate) fn continue_with(self, members: &Map<String, Value>) -> Reader<'_> {
        let Self { pointer, ignores_nulls, faults, .. } = self;
        Reader { members, pointer, ignores_nulls, faults }
    }

    /// Whether the object has this member.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the member `name` is an object.
    pub(crate) fn is_object(&self, name: &str) -> bool {
        self.get(name).is_some_and(Value::is_object)
    }

    fn get(&self, name: &str) -> Option<&'m Value> {
        self.members.get(name).filter(|value| !self.ignores_nulls || !value.is_null())
    }

    /// A fault of the member `name`.
    pub(crate) fn fault(&mut self, name: &str, detail: impl Into<String>) {
        self.push(FieldFault::of_member(&self.pointer, name, detail));
    }

    fn push(&mut self, fault: FieldFault) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault);
        }
    }

    /// A fault of each member that is not `known`, unless it has one already.
    pub(crate) fn refuse_unknown(&mut self, known: &[&str]) {
        let unknown: Vec<&String> = self.members.keys().filter(|name| !known.contains(&name.as_str())).collect();
        for name in unknown.into_iter().filter(|name| !self.has_fault(name)).take(MAX_FAULTS).collect::<Vec<_>>() {
            let detail = match (closest_match(name, known.iter().copied()), known) {
                (Some(meant), _) => format!("is not a member: did you mean {meant}?"),
                (None, [only]) => format!("is not a member: the only one is {only}"),
                (None, _) => format!("is not a member: these are {}", known.join(", ")),
            };
            self.fault(name, detail);
        }
    }

    fn has_fault(&self, name: &str) -> bool {
        let FieldFault { pointer, .. } = FieldFault::of_member(&self.pointer, name, "");
        self.faults.iter().any(|fault| fault.pointer == pointer)
    }

    /// The same in the object that the member `name` is, if it is one.
    pub(crate) fn refuse_unknown_in(&mut self, name: &str, known: &[&str]) {
        if self.is_object(name) {
            self.object(name, |reader| reader.refuse_unknown(known));
        }
    }

    /// A fault of the member `name` if the object has it, whatever it is.
    pub(crate) fn refuse(&mut self, name: &str, detail: impl Into<String>) {
        self.read_only(name, |_| false, detail);
    }

    /// A fault of the member `name` if the object has it and it is not what `is_current` takes: the server sets it. A
    /// `null` is a value like any other here.
    pub(crate) fn read_only(&mut self, name: &str, is_current: impl FnOnce(&Value) -> bool, detail: impl Into<String>) {
        if self.members.get(name).is_some_and(|value| !is_current(value)) {
            self.fault(name, detail);
        }
    }

    /// A fault of the member `name` if the object does not have it.
    pub(crate) fn require(&mut self, name: &str, detail: impl Into<String>) {
        if !self.has(name) {
            self.fault(name, detail);
        }
    }

    /// The member `name`, as `read` reads it; `None` if it is absent, or wrong, which is a fault.
    pub(crate) fn optional<T, E: Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'m Value) -> Result<T, E>,
    ) -> Option<T> {
        read(self.get(name)?).map_err(|fault| self.fault(name, fault.to_string())).ok()
    }

    /// The same; it is a fault too if it is absent.
    pub(crate) fn required<T, E: Display>(
        &mut self,
        name: &str,
        read: impl FnOnce(&'m Value) -> Result<T, E>,
    ) -> Option<T> {
        self.require(name, "is required");
        self.optional(name, read)
    }

    /// The member `name`, as `read` reads it; if it is absent or wrong, `detail` says what it must be.
    pub(crate) fn expected<T>(
        &mut self,
        name: &str,
        detail: impl Into<String>,
        read: impl FnOnce(&'m Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(name).and_then(read);
        if value.is_none() {
            self.fault(name, detail);
        }
        value
    }

    /// The object that the member `name` is, as `read` reads its members; `None` if it is absent, or no object, which is
    /// a fault.
    pub(crate) fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Reader<'m>) -> T) -> Option<T> {
        let members = self.optional(name, |value| value.as_object().ok_or("must be an object"))?;
        let pointer = format!("{}/{name}", self.pointer);
        let (ignores_nulls, faults) = (self.ignores_nulls, std::mem::take(&mut self.faults));
        let mut reader = Reader { members, pointer, ignores_nulls, faults };
        let read = read(&mut reader);
        self.faults = reader.faults;
        Some(read)
    }

    /// What was read, if there was no fault. The caller has `None` only where there was one.
    pub(crate) fn finish<T>(self, read: Option<T>) -> Result<T, Vec<FieldFault>> {
        read.filter(|_| self.faults.is_empty()).ok_or(self.faults)
    }
}

/// A text.
pub(crate) fn string(value: &Value) -> Result<&str, &'static str> {
    value.as_str().ok_or("must be a string")
}

/// `true` or `false`.
pub(crate) fn flag(value: &Value) -> Result<bool, &'static str> {
    value.as_bool().ok_or("must be true or false")
}

/// A whole number in `range`.
pub(crate) fn whole_number<N: TryFrom<u64>>(value: &Value, range: &RangeInclusive<u64>) -> Result<N, String> {
    let number = value.as_u64().filter(|number| range.contains(number)).and_then(|number| number.try_into().ok());
    number.ok_or_else(|| format!("must be a whole number from {} to {}", range.start(), range.end()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn faults(body: &Value, read: impl FnOnce(&mut Reader<'_>)) -> Vec<String> {
        let mut reader = Reader::new(body.as_object().unwrap());
        read(&mut reader);
        let faults = reader.finish(Some(())).err().unwrap_or_default();
        faults.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.detail)).collect()
    }

    #[test]
    fn every_fault_is_reported_in_the_order_of_reading() {
        let body =
            json!({ "qu/ant~um": 1, "burts": 1, "name": 7, "flag": null, "place": { "x": 11, "z": 0 }, "id": 1 });
        let faults = faults(&body, |reader| {
            reader.refuse_unknown(&["name", "burst", "flag", "place", "id"]);
            reader.refuse_unknown_in("place", &["x"]);
            reader.refuse_unknown_in("name", &["x"]);
            reader.read_only("id", |id| *id == 2, "is set by the server");
            reader.read_only("flag", Value::is_null, "is set by the server");
            assert_eq!(reader.required("name", string), None);
            assert_eq!(reader.required("burst", |value| whole_number::<u8>(value, &(1..=10))), None);
            assert_eq!(reader.optional("flag", flag), None);
            let place = reader.object("place", |reader| {
                (reader.required("x", |value| whole_number::<u8>(value, &(1..=10))), reader.optional("y", flag))
            });
            assert_eq!(place, Some((None, None)));
            assert_eq!(reader.object("name", |_| ()), None);
        });
        insta::assert_snapshot!(faults.join("\n"), @r"
        /burts is not a member: did you mean burst?
        /qu~1ant~0um is not a member: these are name, burst, flag, place, id
        /place/z is not a member: did you mean x?
        /id is set by the server
        /name must be a string
        /burst is required
        /flag must be true or false
        /place/x must be a whole number from 1 to 10
        /name must be an object
        ");
    }

    #[test]
    fn a_null_may_count_as_absent() {
        let body = json!({ "flag": null, "place": { "x": null } });
        let mut reader = Reader::new(body.as_object().unwrap()).ignoring_nulls();
        assert_eq!(reader.optional("flag", flag), None);
        assert_eq!(reader.object("place", |reader| reader.optional("x", flag)), Some(None));
        reader.read_only("flag", |_| false, "is set by the server");
        assert_eq!(reader.finish(Some(())).unwrap_err().len(), 1, "that the server sets it is said all the same");
    }

    #[test]
    fn faults_are_bounded_however_many_members_are_wrong() {
        let body: Map<String, Value> = (0..5_000).map(|n| (format!("m{n}"), n.into())).collect();
        let mut reader = Reader::new(&body);
        reader.refuse_unknown(&["number"]);
        assert_eq!(reader.finish(Some(())).unwrap_err().len(), MAX_FAULTS);
    }
}
