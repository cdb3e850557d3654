//! `/sandbox/clock`: the clock of the whole gate.

use actix_web::HttpResponse;
use actix_web::web::Data;

use super::answer;
use super::control::Control;
use crate::api::sandbox::clock::ClockAnswer;
use crate::http::error::Problem;
use crate::sandbox::Sandbox;
use crate::time::{Clock as _, SandboxClock};

const FROZEN: &str = "The clock stands, so tokens, secrets and the quota's day do not go on. The throttle refills all the \
     same, so that a client which obeys Retry-After is not stuck.";

pub(in crate::http) async fn show(_: Control, sandbox: Data<Sandbox>) -> Result<HttpResponse, Problem> {
    Ok(shown(&sandbox.clock))
}

fn shown(clock: &SandboxClock) -> HttpResponse {
    let frozen = clock.is_frozen();
    let answered = ClockAnswer {
        now: clock.now(),
        real_now: clock.real_now(),
        shifted_by_s: clock.shifted_by_ms() / 1_000,
        frozen,
        note: frozen.then(|| FROZEN.to_owned()),
    };
    answer(&mut HttpResponse::Ok(), &answered)
}
