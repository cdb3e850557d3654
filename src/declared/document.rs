//! Reads the text of the file, TOML or JSON, into the members of each client and the lines that they are on.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::Fault;
use crate::api::problem::FieldFault;
use crate::json::{Document, number};
use crate::text::{closest_match, truncated};

/// The only member of the file.
const CLIENTS: &str = "clients";

/// The text of one client.
pub(super) struct Entry {
    /// Its members as JSON, from TOML too.
    pub(super) members: Map<String, Value>,
    line: Option<usize>,
    lines: BTreeMap<String, usize>,
}

impl Entry {
    /// The line of a member, else the client's first line.
    pub(super) fn line_of(&self, member: &str) -> Option<usize> {
        self.lines.get(member).copied().or(self.line)
    }

    /// A fault of this client, which is the one at `index`.
    pub(super) fn fault(&self, index: usize, fault: &FieldFault) -> Fault {
        let member = fault.pointer.trim_start_matches('/');
        let line = self.line_of(member);
        let place = format!("{CLIENTS}[{index}].{}", member.escape_debug());
        Fault { line, place, detail: fault.detail.clone() }
    }
}

/// Reads each client. A file is JSON if its name ends with `.json`, or if it starts with `{`, as no TOML does.
pub(super) fn entries(path: &Path, text: &str) -> Result<Vec<Entry>, Vec<Fault>> {
    let is_named_json = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"));
    if is_named_json || text.trim_start().starts_with('{') { read_json(text) } else { read_toml(text) }
}

fn file_fault(line: Option<usize>, detail: impl Into<String>) -> Vec<Fault> {
    vec![Fault { line, place: String::new(), detail: detail.into() }]
}

fn read_json(text: &str) -> Result<Vec<Entry>, Vec<Fault>> {
    let document =
        Document::parse(text.as_bytes()).map_err(|fault| file_fault(None, format!("is not JSON: {}", fault.why())))?;
    let members =
        document.into_members().ok_or_else(|| file_fault(None, "must be one JSON object, with the member clients"))?;
    let mut faults: Vec<Fault> = members.keys().filter_map(|name| unknown(name, None)).collect();
    let mut entries = Vec::new();
    match members.into_iter().find(|(name, _)| name == CLIENTS) {
        Some((_, Value::Array(clients))) => {
            for (index, client) in clients.into_iter().enumerate() {
                if let Value::Object(members) = client {
                    entries.push(Entry { members, line: None, lines: BTreeMap::new() });
                } else {
                    faults.push(not_a_client(index, None));
                }
            }
        }
        Some(_) => faults.push(not_a_list(None)),
        None => faults.push(missing()),
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

fn read_toml(text: &str) -> Result<Vec<Entry>, Vec<Fault>> {
    let line_ends: Vec<usize> = text.match_indices('\n').map(|(offset, _)| offset).collect();
    let line = |offset: usize| line_ends.partition_point(|end| *end < offset) + 1;
    let document = DeTable::parse(text).map_err(|error| {
        let at = error.span().map(|span| line(span.start));
        file_fault(at, format!("is not TOML: {}", error.message().lines().collect::<Vec<_>>().join(" ")))
    })?;
    let mut faults = Vec::new();
    let mut entries = Vec::new();
    let mut has_clients = false;
    for (name, value) in document.get_ref() {
        let at = line(name.span().start);
        if name.get_ref() != CLIENTS {
            faults.extend(unknown(name.get_ref(), Some(at)));
            continue;
        }
        has_clients = true;
        let Some(clients) = value.get_ref().as_array() else {
            faults.push(not_a_list(Some(at)));
            continue;
        };
        for (index, client) in clients.iter().enumerate() {
            let at = line(client.span().start);
            let Some(table) = client.get_ref().as_table() else {
                faults.push(not_a_client(index, Some(at)));
                continue;
            };
            let lines = table.keys().map(|name| (name.get_ref().to_string(), line(name.span().start))).collect();
            entries.push(Entry { members: members(table), line: Some(at), lines });
        }
    }
    if !has_clients {
        faults.push(missing());
    }
    if faults.is_empty() { Ok(entries) } else { Err(faults) }
}

fn unknown(name: &str, line: Option<usize>) -> Option<Fault> {
    let detail = match closest_match(name, [CLIENTS]) {
        _ if name == CLIENTS => return None,
        Some(meant) => format!("is not a member: did you mean {meant}?"),
        None => format!("is not a member: the only one is {CLIENTS}"),
    };
    Some(Fault { line, place: truncated(name).escape_debug().to_string(), detail })
}

fn not_a_list(line: Option<usize>) -> Fault {
    let detail = "must be a list of clients: in TOML, each under [[clients]]".to_owned();
    Fault { line, place: CLIENTS.to_owned(), detail }
}

fn not_a_client(index: usize, line: Option<usize>) -> Fault {
    let detail = "must be a client: members with names".to_owned();
    Fault { line, place: format!("{CLIENTS}[{index}]"), detail }
}

/// An empty file is probably a mistake; `clients = []` declares no client.
fn missing() -> Fault {
    let detail = "is required: a list of clients, in TOML each under [[clients]]".to_owned();
    Fault { line: None, place: CLIENTS.to_owned(), detail }
}

fn members(table: &DeTable<'_>) -> Map<String, Value> {
    table.iter().map(|(name, value)| (name.get_ref().to_string(), value_of(value.get_ref()))).collect()
}

fn value_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(integer) => {
            let number = u64::from_str_radix(integer.as_str(), integer.radix()).map(Value::from);
            number.unwrap_or_else(|_| not_in_json("a number below 0 or beyond 64 bits"))
        }
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(number);
            number.map_or_else(|| not_in_json("a number"), Value::Number)
        }
        DeValue::Boolean(boolean) => (*boolean).into(),
        DeValue::Datetime(_) => not_in_json("a time"),
        DeValue::Array(values) => values.iter().map(|value| value_of(value.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(members(table)),
    }
}

/// Stands for a TOML value that JSON does not have: an object, which no member accepts.
fn not_in_json(kind: &str) -> Value {
    Value::Object(Map::from_iter([("kind".to_owned(), kind.into())]))
}
