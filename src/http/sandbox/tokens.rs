//! `POST /sandbox/tokens`: access tokens that are wrong on purpose.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, ResponseError as _};
use serde_json::Value;

use super::control::Control;
use super::named_client::read_client;
use super::{answer, read_members};
use crate::administration::Administration;
use crate::api::policy::RegistrationPolicy;
use crate::api::problem::FieldFault;
use crate::api::sandbox::token::ForgedToken;
use crate::clients::Clients;
use crate::counts::Label as _;
use crate::http::error::Problem;
use crate::http::request_context::actor;
use crate::http::response::Site;
use crate::json::{Reader, string};
use crate::keys::Keys;
use crate::sandbox::Sandbox;
use crate::sandbox::demo::DEMOS;
use crate::sandbox::forge::{Forge, ForgeError, Forged, ForgedKind};
use crate::text::closest_match;
use crate::time::SharedClock;

/// What a token is made with.
type Rooms = (Data<SharedClock>, Data<RegistrationPolicy>, Data<Keys>, Data<Clients>, Data<Administration>);

pub(in crate::http) async fn forge(
    _control: Control,
    request: HttpRequest,
    payload: Payload,
    sandbox: Data<Sandbox>,
    site: Data<Site>,
    (clock, policy, keys, clients, administration): Rooms,
) -> Result<HttpResponse, Problem> {
    let members = read_members(&request, payload, r#"{"kind": "expired"}"#).await?;
    let mut reader = Reader::new(&members);
    reader.refuse_unknown(&["kind", "client_id"]);
    let kind = reader.required("kind", read_kind);
    let client = if reader.has("client_id") {
        reader.optional("client_id", |value| read_client(value, &clients))
    } else {
        let demo = DEMOS.first().and_then(|demo| clients.get(demo.client_id));
        if demo.is_none() {
            reader.require("client_id", "is required: this sandbox has no demo-reader");
        }
        demo
    };
    let (kind, client) = reader.finish(kind.zip(client)).map_err(Problem::invalid_fields)?;
    let forge = Forge {
        keys: &keys,
        clients: &clients,
        administration: &administration,
        policy: &policy,
        clock: &clock,
        issuer: &site.issuer,
        helpers: &sandbox.helpers,
    };
    let _no_jump_of_the_clock = sandbox.enter().await;
    let Forged { access_token, client_id, denial } = forge.forge(kind, &client, &actor(None, &request)).await?;
    let expected_reason = denial.reason().name().to_owned();
    let refusal = Problem::from(denial);
    let forged = ForgedToken {
        access_token,
        kind: kind.name().to_owned(),
        description: kind.description().to_owned(),
        client_id,
        expected_status: refusal.status_code().as_u16(),
        expected_problem: refusal.kind().slug().to_owned(),
        expected_reason,
    };
    Ok(answer(&mut HttpResponse::Created(), &forged))
}

fn read_kind(value: &Value) -> Result<ForgedKind, String> {
    let text = string(value)?;
    ForgedKind::named(text).ok_or_else(|| {
        let names = || ForgedKind::ALL.iter().map(|kind| kind.name());
        match closest_match(text, names()) {
            Some(meant) => format!("is not a kind: did you mean {meant}?"),
            None => format!("is not a kind: these are {}", names().collect::<Vec<_>>().join(", ")),
        }
    })
}

impl From<ForgeError> for Problem {
    fn from(error: ForgeError) -> Self {
        match error {
            ForgeError::ClientRefused => Self::invalid_fields(vec![FieldFault::new("/client_id", error.to_string())]),
            ForgeError::Change(error) => error.into(),
            ForgeError::Key(error) => error.into(),
        }
    }
}
