//! What a client may do, and what of it it did when nothing disturbed it.

use std::collections::BTreeSet;

use crate::api::exam::Coverage;

use super::conversation::{Exchange, Kind};
use super::run::Examination;

/// The coverage of the undisturbed runs.
pub(super) fn of(examination: &Examination) -> Coverage {
    let called = called(examination);
    let mut coverage = Coverage { scopes: examination.scopes.clone(), ..Coverage::default() };
    let mut used = BTreeSet::new();
    for (operation, scope) in &examination.operations {
        if called.iter().any(|called| is_of(called, operation)) {
            coverage.operations.push(operation.clone());
            used.insert(scope.as_str());
        } else {
            coverage.unused_operations.push(operation.clone());
        }
    }
    coverage.unused_scopes =
        examination.scopes.iter().filter(|scope| !used.contains(scope.as_str())).cloned().collect();
    coverage
}

/// The signatures of the requests that the gate let through.
fn called(examination: &Examination) -> BTreeSet<String> {
    let exchanges = examination.undisturbed().flat_map(|run| run.conversation.all());
    exchanges.filter(|exchange| was_let_through(exchange)).map(operation_called).collect()
}

fn was_let_through(exchange: &Exchange) -> bool {
    let is_refused = |status| matches!(status, 401 | 403 | 429 | 500..);
    exchange.kind == Kind::Resource && exchange.status().is_some_and(|status| !is_refused(status))
}

/// The signature under the first name of a resource: zones have two, and HEAD is a GET without its body.
fn operation_called(exchange: &Exchange) -> String {
    let signature = exchange.signature().replacen(" /shared/zones", " /parking/zones", 1);
    match signature.strip_prefix("HEAD ") {
        Some(path) => format!("GET {path}"),
        None => signature,
    }
}

/// Whether what was called is this operation, whose parameters are in braces.
fn is_of(called: &str, operation: &str) -> bool {
    let mut segments = called.split('/');
    let is_same = operation.split('/').all(|expected| {
        let is_parameter = expected.starts_with('{') && expected.ends_with('}');
        segments.next().is_some_and(|segment| segment == expected || is_parameter && !segment.is_empty())
    });
    is_same && segments.next().is_none()
}
