//! `/sandbox/clock`: the clock of the whole gate.

use std::time::Duration;

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::control::Control;
use super::{answer, read_members};
use crate::api::problem::FieldFault;
use crate::api::sandbox::clock::ClockAnswer;
use crate::http::error::{Problem, sentence};
use crate::json::{Reader, string};
use crate::sandbox::{JumpFault, Sandbox, Upkeep};
use crate::store::StoreError;
use crate::time::{Clock as _, SPAN_FORM, SandboxClock, UnixSeconds, parse_span};

const FROZEN: &str = "The clock stands, so tokens, secrets and the quota's day do not go on. The throttle refills all the \
     same, so that a client which obeys Retry-After is not stuck. The clock stands until you resume it, after a restart too.";

pub(in crate::http) async fn show(_: Control, sandbox: Data<Sandbox>) -> Result<HttpResponse, Problem> {
    Ok(shown(&sandbox.clock))
}

pub(in crate::http) async fn advance(
    _: Control,
    request: HttpRequest,
    payload: Payload,
    sandbox: Data<Sandbox>,
    upkeep: Data<dyn Upkeep>,
) -> Result<HttpResponse, Problem> {
    let members = read_members(&request, payload, r#"{"by": "90m"}"#).await?;
    let mut reader = Reader::new(&members);
    reader.refuse_unknown(&["by"]);
    let span = |value| string(value).ok().and_then(parse_span).ok_or_else(|| format!("must be {SPAN_FORM}"));
    let by = reader.required("by", span);
    let by = reader.finish(by).map_err(Problem::invalid_fields)?;
    jump(&sandbox, &**upkeep, "/by", |_| Ok(by)).await
}

pub(in crate::http) async fn set(
    _: Control,
    request: HttpRequest,
    payload: Payload,
    sandbox: Data<Sandbox>,
    upkeep: Data<dyn Upkeep>,
) -> Result<HttpResponse, Problem> {
    let members = read_members(&request, payload, r#"{"to": "2030-01-31T00:00:00Z"}"#).await?;
    let mut reader = Reader::new(&members);
    reader.refuse_unknown(&["to"]);
    let moment = |value| {
        let moment = string(value).ok().and_then(UnixSeconds::parse);
        moment.ok_or("must be an RFC 3339 time, such as 2030-01-31T00:00:00Z")
    };
    let to = reader.required("to", moment);
    let to = reader.finish(to).map_err(Problem::invalid_fields)?;
    jump(&sandbox, &**upkeep, "/to", |clock| clock.until(to).map_err(JumpFault::Clock)).await
}

pub(in crate::http) async fn freeze(
    _: Control,
    sandbox: Data<Sandbox>,
    upkeep: Data<dyn Upkeep>,
) -> Result<HttpResponse, Problem> {
    let clock = &sandbox.clock;
    let was_running = !clock.is_frozen();
    clock.freeze();
    if let Err(fault) = upkeep.record(clock).await {
        if was_running {
            clock.resume();
        }
        return Err(not_recorded(fault));
    }
    Ok(shown(clock))
}

pub(in crate::http) async fn resume(
    _: Control,
    sandbox: Data<Sandbox>,
    upkeep: Data<dyn Upkeep>,
) -> Result<HttpResponse, Problem> {
    let clock = &sandbox.clock;
    let was_frozen = clock.is_frozen();
    clock.resume();
    if let Err(fault) = upkeep.record(clock).await {
        if was_frozen {
            clock.freeze();
        }
        return Err(not_recorded(fault));
    }
    Ok(shown(clock))
}

/// The clock is as it was before.
fn not_recorded(fault: StoreError) -> Problem {
    Problem::caused_by(fault, "The store did not take the change, so the clock is as it was.")
}

/// Moves the clock as far as `distance` says; `pointer` names the member that asks for it.
async fn jump(
    sandbox: &Sandbox,
    upkeep: &dyn Upkeep,
    pointer: &str,
    distance: impl FnOnce(&SandboxClock) -> Result<Duration, JumpFault>,
) -> Result<HttpResponse, Problem> {
    move_clock(sandbox, upkeep, pointer, distance).await?;
    Ok(shown(&sandbox.clock))
}

/// The same without an answer. The clock moves once no request is under way.
pub(super) async fn move_clock(
    sandbox: &Sandbox,
    upkeep: &dyn Upkeep,
    pointer: &str,
    distance: impl FnOnce(&SandboxClock) -> Result<Duration, JumpFault>,
) -> Result<(), Problem> {
    let _quiet = sandbox.quiet().await?;
    let moved = match distance(&sandbox.clock) {
        Ok(by) => upkeep.advance(&sandbox.clock, by).await,
        Err(fault) => Err(fault),
    };
    moved.map_err(|fault| match fault {
        JumpFault::Clock(fault) => Problem::invalid_fields(vec![FieldFault::new(pointer, fault.to_string())]),
        JumpFault::Overdue => Problem::unavailable(sentence(&fault)),
    })
}

fn shown(clock: &SandboxClock) -> HttpResponse {
    let frozen = clock.is_frozen();
    let answered = ClockAnswer {
        now: clock.now(),
        real_now: clock.real_now(),
        // A jump ends at its moment, whatever time it took itself: a shift by an hour is some milliseconds less.
        shifted_by_s: (clock.shifted_by_ms() + 500).div_euclid(1_000),
        frozen,
        note: frozen.then(|| FROZEN.to_owned()),
    };
    answer(&mut HttpResponse::Ok(), &answered)
}
