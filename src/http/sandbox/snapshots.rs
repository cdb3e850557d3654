//! `/sandbox/snapshots` and `/sandbox/reset`: states of the sandbox to go back to.

use std::future::Future;

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use super::answer;
use super::control::Control;
use crate::api::sandbox::snapshot::Restored;
use crate::http::error::{Problem, ProblemKind, sentence};
use crate::sandbox::{GateState, InvalidName, Sandbox, SnapshotError, SnapshotName};
use crate::time::Clock as _;

/// What goes back, in the answer.
const NOTE: &str = "The whole store went back, and the audit log with it; so did the clock, the limits, what is \
     remembered of failures, and the rules for faults. Metrics did not: they only grow.";

/// The answer when a change panicked.
const BROKE_OFF: &str = "The change broke off in the middle, by a fault of this server: its output says where. Reset the \
     sandbox, or restore a snapshot.";

pub(in crate::http) async fn list(_: Control, sandbox: Data<Sandbox>) -> Result<HttpResponse, Problem> {
    Ok(answer(&mut HttpResponse::Ok(), &sandbox.snapshots.list().await?))
}

pub(in crate::http) async fn save(
    _: Control,
    sandbox: Data<Sandbox>,
    gate: Data<GateState>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let name = SnapshotName::parse(&path)?;
    to_its_end(async move {
        let saved = {
            let quiet = sandbox.quiet().await?;
            gate.capture(&quiet).await?
        };
        let shown = saved.facts.shown(&name);
        let is_new = sandbox.snapshots.save(name, saved).await?;
        Ok(answer(&mut if is_new { HttpResponse::Created() } else { HttpResponse::Ok() }, &shown))
    })
    .await
}

pub(in crate::http) async fn restore(
    _: Control,
    sandbox: Data<Sandbox>,
    gate: Data<GateState>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    let name = SnapshotName::parse(&path)?;
    to_its_end(async move {
        let saved = sandbox.snapshots.get(&name).await?;
        let quiet = sandbox.quiet().await?;
        gate.restore(&saved, &quiet).await?;
        Ok(answer(&mut HttpResponse::Ok(), &restored(Some(name), &gate, &sandbox)))
    })
    .await
}

pub(in crate::http) async fn remove(
    _: Control,
    sandbox: Data<Sandbox>,
    path: Path<String>,
) -> Result<HttpResponse, Problem> {
    sandbox.snapshots.remove(&SnapshotName::parse(&path)?).await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(in crate::http) async fn reset(
    _: Control,
    sandbox: Data<Sandbox>,
    gate: Data<GateState>,
) -> Result<HttpResponse, Problem> {
    to_its_end(async move {
        let seed = gate.make_seed().await?;
        let quiet = sandbox.quiet().await?;
        gate.reset(&seed, &quiet).await?;
        sandbox.journal.clear();
        Ok(answer(&mut HttpResponse::Ok(), &restored(None, &gate, &sandbox)))
    })
    .await
}

fn restored(name: Option<SnapshotName>, gate: &GateState, sandbox: &Sandbox) -> Restored {
    Restored {
        name: name.map(|name| name.to_string()),
        now: gate.clock.now(),
        clients: gate.clients.count(),
        zones: gate.parking.count(),
        last: sandbox.journal.last(),
        note: NOTE.into(),
    }
}

/// Runs `change` to its end, even if the caller goes away in the middle: half of a return is no state.
async fn to_its_end(
    change: impl Future<Output = Result<HttpResponse, Problem>> + 'static,
) -> Result<HttpResponse, Problem> {
    let ended = actix_web::rt::spawn(change).await;
    ended.unwrap_or_else(|ended| {
        Err(Problem::unavailable(if ended.is_panic() { BROKE_OFF } else { "The sandbox stops." }))
    })
}

impl From<InvalidName> for Problem {
    fn from(fault: InvalidName) -> Self {
        Self::new(ProblemKind::NotFound, sentence(&fault))
    }
}

impl From<SnapshotError> for Problem {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Unknown => Self::new(ProblemKind::NotFound, sentence(&error)),
            SnapshotError::TooMany
            | SnapshotError::TooLarge(_)
            | SnapshotError::Unreadable { .. }
            | SnapshotError::Foreign
            | SnapshotError::SharedStore => Self::new(ProblemKind::Conflict, sentence(&error)),
            SnapshotError::Disk { .. } => Self::unavailable(sentence(&error)),
            SnapshotError::Store(error) => error.into(),
        }
    }
}
