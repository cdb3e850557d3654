//! `/sandbox/faults`: the rules that disturb requests.

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::{Map, Value};

use super::control::Control;
use super::vocabulary::with_vocabulary;
use super::{SANDBOX, answer};
use crate::api::problem::FieldFault;
use crate::api::sandbox::fault::{Fault, FaultList, FaultRule};
use crate::clients::Clients;
use crate::http::body;
use crate::http::error::{Problem, ProblemKind, sentence};
use crate::json::Document;
use crate::sandbox::Sandbox;
use crate::sandbox::faults::{AddFault, MAX_ACTIVE, Vocabulary, read_rule};

/// The most faults of a body that one answer lists.
const MAX_FAULTS: usize = 32;
const EXAMPLE: &str = "Send a rule as one JSON object, such as {\"effect\": {\"problem\": \"unavailable\"}}";

/// Rules as a body has them.
struct NewRules {
    rules: Vec<FaultRule>,
    /// The body is one rule, and not an array of rules.
    is_single: bool,
}

pub(in crate::http) async fn add(
    _: Control,
    request: HttpRequest,
    payload: Payload,
    sandbox: Data<Sandbox>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let document = parse(&body::read_json(&request, payload).await?)?;
    let new = with_vocabulary(&clients, |vocabulary| read_rules(&document, vocabulary));
    let NewRules { rules, is_single } = new.map_err(Problem::invalid_fields)?;
    let added = sandbox.faults.add(rules).map_err(|fault| refused(fault, is_single))?;
    let mut response = HttpResponse::Created();
    Ok(match added.as_slice() {
        [added] if is_single => {
            response.insert_header((LOCATION, address(added)));
            answer(&mut response, added)
        }
        _ => answer(&mut response, &FaultList { data: added }),
    })
}

pub(in crate::http) async fn list(_: Control, sandbox: Data<Sandbox>) -> HttpResponse {
    answer(&mut HttpResponse::Ok(), &FaultList { data: sandbox.faults.list() })
}

pub(in crate::http) async fn clear(_: Control, sandbox: Data<Sandbox>) -> HttpResponse {
    sandbox.faults.clear();
    HttpResponse::NoContent().finish()
}

pub(in crate::http) async fn show(
    _: Control,
    name: Path<String>,
    sandbox: Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    let fault = sandbox.faults.get(&name).ok_or_else(unknown)?;
    Ok(answer(&mut HttpResponse::Ok(), &fault))
}

pub(in crate::http) async fn change(
    _: Control,
    request: HttpRequest,
    name: Path<String>,
    payload: Payload,
    sandbox: Data<Sandbox>,
    clients: Data<Clients>,
) -> Result<HttpResponse, Problem> {
    let patch = parse(&body::read_merge_patch(&request, payload).await?)?;
    let current = sandbox.faults.get(&name).ok_or_else(unknown)?.rule;
    let rule = with_vocabulary(&clients, |vocabulary| read_change(&patch, &current, vocabulary));
    let changed = sandbox.faults.change(&name, rule.map_err(Problem::invalid_fields)?).ok_or_else(unknown)?;
    Ok(answer(&mut HttpResponse::Ok(), &changed))
}

pub(in crate::http) async fn remove(
    _: Control,
    name: Path<String>,
    sandbox: Data<Sandbox>,
) -> Result<HttpResponse, Problem> {
    if sandbox.faults.remove(&name) { Ok(HttpResponse::NoContent().finish()) } else { Err(unknown()) }
}

fn parse(body: &[u8]) -> Result<Document, Problem> {
    let malformed =
        |detail| Problem::new(ProblemKind::MalformedBody, format!("{detail} {EXAMPLE}, or an array of them."));
    Document::parse(body).map_err(|fault| malformed(sentence(&fault)))
}

fn read_rules(document: &Document, vocabulary: &Vocabulary<'_>) -> Result<NewRules, Vec<FieldFault>> {
    let elements = match document.value() {
        Value::Object(members) => {
            return read_rule(members, "", vocabulary).map(|rule| NewRules { rules: vec![rule], is_single: true });
        }
        Value::Array(elements) if (1..=MAX_ACTIVE).contains(&elements.len()) => elements,
        Value::Array(_) => return Err(vec![FieldFault::new("", format!("must have 1 to {MAX_ACTIVE} rules"))]),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            return Err(vec![FieldFault::new("", "must be a rule, or an array of rules")]);
        }
    };
    let (mut rules, mut faults) = (Vec::new(), Vec::new());
    for (index, element) in elements.iter().enumerate() {
        match read_element(element, &format!("/{index}"), vocabulary) {
            Ok(rule) => rules.push(rule),
            Err(of_rule) => faults.extend(of_rule),
        }
    }
    faults.truncate(MAX_FAULTS);
    if faults.is_empty() { Ok(NewRules { rules, is_single: false }) } else { Err(faults) }
}

fn read_element(element: &Value, pointer: &str, vocabulary: &Vocabulary<'_>) -> Result<FaultRule, Vec<FieldFault>> {
    let members = element.as_object().ok_or_else(|| vec![FieldFault::new(pointer, "must be an object")])?;
    read_rule(members, pointer, vocabulary)
}

/// `current` once `patch` is merged into it (RFC 7396).
fn read_change(
    patch: &Document,
    current: &FaultRule,
    vocabulary: &Vocabulary<'_>,
) -> Result<FaultRule, Vec<FieldFault>> {
    let no_object = || vec![FieldFault::new("", "must be an object, such as {\"probability\": 0}")];
    let members = patch.members().ok_or_else(no_object)?;
    let is_other = |name: &Value| name.as_str() != current.name.as_deref();
    if members.get("name").is_some_and(is_other) {
        return Err(vec![FieldFault::new("/name", "stays as it is: remove the rule and add another")]);
    }
    let merged = patch.merged_into(serde_json::to_value(current).unwrap_or_default());
    // A merge removes a misspelt name whose value is null, so the names of the patch are checked as well.
    let misspelt: Map<String, Value> = members.iter().filter(|(_, value)| value.is_null()).map(owned).collect();
    let mut members = merged.into_members().unwrap_or_default();
    members.extend(misspelt);
    read_rule(&members, "", vocabulary)
}

fn owned((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// The problem of rules that are right by themselves, and cannot be added to those that there are.
fn refused(fault: AddFault, is_single: bool) -> Problem {
    let (AddFault::NameTaken { index } | AddFault::TooMany { index }) = fault;
    let rule = if is_single { String::new() } else { format!("/{index}") };
    let pointer = match fault {
        AddFault::NameTaken { .. } => format!("{rule}/name"),
        AddFault::TooMany { .. } => rule,
    };
    Problem::invalid_fields(vec![FieldFault::new(pointer, fault.to_string())])
}

fn unknown() -> Problem {
    Problem::new(ProblemKind::NotFound, "No fault has this name: GET /sandbox/faults lists them.")
}

/// A name needs no escaping in a path.
fn address(fault: &Fault) -> String {
    format!("{SANDBOX}/faults/{}", fault.rule.name.as_deref().unwrap_or_default())
}
