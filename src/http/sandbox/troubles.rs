//! `/sandbox/troubles`: what happens to a client in real life, each by one name.

use std::ops::RangeInclusive;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Value;

use super::clock::move_clock;
use super::control::Control;
use super::named_client::read_client;
use super::{answer, read_members_if_any};
use crate::administration::{Actor, Administration};
use crate::admission::Admission;
use crate::api::problem::FieldFault;
use crate::api::sandbox::trouble::{ClearedTrouble, ClearedTroubles, Trouble as Shown, TroubleAnswer, TroubleList};
use crate::clients::Clients;
use crate::counts::Label as _;
use crate::http::error::{Problem, ProblemKind, sentence};
use crate::http::request_context::actor;
use crate::json::{Reader, string};
use crate::keys::Schedule;
use crate::sandbox::active_troubles::{Cleared, Outcome, Rooms, TroubleError};
use crate::sandbox::troubles::{Act, TABLE, Trouble, TroubleName};
use crate::sandbox::{GateState, JumpFault, Sandbox, Upkeep};
use crate::text::{closest_match, truncated};
use crate::time::{Clock as _, SharedClock, Span};

/// How long a trouble may last.
const LASTS: RangeInclusive<Span> = Span::from_secs(1)..=Span::from_days(1);

/// What troubles are made of, beside the rooms of the sandbox.
type Parts = (Data<SharedClock>, Data<Clients>, Data<Administration>, Data<Admission>, Data<Schedule>, Data<GateState>);

pub(in crate::http) async fn start(
    _: Control,
    request: HttpRequest,
    name: Path<String>,
    payload: Payload,
    sandbox: Data<Sandbox>,
    upkeep: Data<dyn Upkeep>,
    parts: Parts,
) -> Result<HttpResponse, Problem> {
    let trouble = Trouble::named(&name).ok_or_else(|| unknown(&name))?;
    let members = read_members_if_any(&request, payload, r#"{"client": "demo-writer"}"#).await?;
    let mut reader = Reader::new(&members);
    reader.refuse_unknown(&["client", "for"]);
    if trouble.needs_client {
        reader.require("client", "is required, because this trouble happens to one client");
    }
    let (_, clients, ..) = &parts;
    let client = reader.optional("client", |value| read_client(value, clients));
    if trouble.lasts.is_none() {
        reader.refuse("for", "is not for this trouble, which does not depend on time: leave it out");
    }
    let lasts = reader.optional("for", read_lasts);
    reader.finish(Some(())).map_err(Problem::invalid_fields)?;

    let client_id = client.as_ref().map(|client| client.client_id.clone());
    let outcome = if let Act::Clock(jump) = trouble.act {
        let to = |now| jump.target(client.as_deref(), clients, now);
        move_clock(&sandbox, &**upkeep, "", |clock| clock.until(to(clock.now())).map_err(JumpFault::Clock)).await?;
        Outcome::default()
    } else {
        let _no_jump_of_the_clock = sandbox.enter().await;
        let actor = actor(None, &request);
        sandbox.troubles.start(trouble, client, lasts, &rooms(&sandbox, &parts, &actor)).await?
    };
    let Outcome { secret, kid, scope, ends_in } = outcome;
    let happened = TroubleAnswer {
        name: trouble.name.name().into(),
        description: trouble.description.into(),
        undone: trouble.undone.into(),
        client: client_id,
        now: sandbox.clock.now(),
        ends_in,
        secret_id: secret.as_ref().map(|given| given.secret_id),
        previous_expires_at: secret.as_ref().map(|given| given.previous_expires_at),
        client_secret: secret.and_then(|given| Some(given.secret?.expose().to_owned())),
        kid,
        scope,
    };
    Ok(answer(&mut HttpResponse::Ok(), &happened))
}

pub(in crate::http) async fn list(
    _: Control,
    request: HttpRequest,
    sandbox: Data<Sandbox>,
    parts: Parts,
) -> HttpResponse {
    // It may find that some are over, and record that.
    let _no_return_to_a_snapshot = sandbox.enter().await;
    let actor = actor(None, &request);
    let all_on = sandbox.troubles.list(&rooms(&sandbox, &parts, &actor)).await;
    let shown = |trouble: &Trouble| {
        let on: Vec<_> = all_on.iter().filter(|(name, _)| *name == trouble.name).collect();
        Shown {
            name: trouble.name.name().into(),
            description: trouble.description.into(),
            undone: trouble.undone.into(),
            needs_client: trouble.needs_client,
            lasts: trouble.lasts,
            on: !on.is_empty(),
            clients: on.iter().filter_map(|(_, client)| client.clone()).collect(),
        }
    };
    answer(&mut HttpResponse::Ok(), &TroubleList { data: TABLE.iter().map(shown).collect() })
}

pub(in crate::http) async fn clear(
    _: Control,
    request: HttpRequest,
    sandbox: Data<Sandbox>,
    parts: Parts,
) -> Result<HttpResponse, Problem> {
    let _no_jump_of_the_clock = sandbox.enter().await;
    let actor = actor(None, &request);
    let cleared = sandbox.troubles.clear(&rooms(&sandbox, &parts, &actor)).await?;
    let shown = |Cleared { name, client }| ClearedTrouble {
        name: TroubleName::name(name).into(),
        client,
        undone: Trouble::of(name).map_or("", |trouble| trouble.undone).into(),
    };
    Ok(answer(&mut HttpResponse::Ok(), &ClearedTroubles { data: cleared.into_iter().map(shown).collect() }))
}

fn rooms<'r>(sandbox: &'r Sandbox, parts: &'r Parts, actor: &'r Actor) -> Rooms<'r> {
    let (clock, clients, administration, admission, schedule, gate) = parts;
    let store = &*gate.store;
    Rooms { store, clock, faults: &sandbox.faults, clients, administration, admission, schedule, actor }
}

fn read_lasts(value: &Value) -> Result<Span, String> {
    let span: Span = string(value)?.parse().map_err(|fault| format!("{fault}"))?;
    if LASTS.contains(&span) { Ok(span) } else { Err(format!("must be from {} to {}", LASTS.start(), LASTS.end())) }
}

fn unknown(name: &str) -> Problem {
    let meant = match closest_match(name, TroubleName::ALL.iter().map(|trouble| trouble.name())) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "GET /sandbox/troubles lists them.".to_owned(),
    };
    Problem::new(ProblemKind::NotFound, format!("No trouble is called {:?}: {meant}", truncated(name)))
}

impl From<TroubleError> for Problem {
    fn from(error: TroubleError) -> Self {
        let text = error.to_string();
        match error {
            TroubleError::ClientMissing | TroubleError::NoQuota => {
                Self::invalid_fields(vec![FieldFault::new("/client", text)])
            }
            TroubleError::TooMany | TroubleError::Rule(_) => Self::new(ProblemKind::Conflict, sentence(&text)),
            TroubleError::Change(error) => error.into(),
            TroubleError::Store(error) => error.into(),
        }
    }
}
