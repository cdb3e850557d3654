//! What could have been otherwise: the facts of a walk with one change.
//!
//! None of these says which check it helps to pass; the walk is taken again to find out.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::{Facts, Right, Unverified};
use crate::api::explanation::ChangeKind;
use crate::clients::{Client, Status};
use crate::explanation::Change;
use crate::limits::{Limits, Rate};
use crate::oauth::bearer::BearerFault;
use crate::oauth::credentials::ClientId;
use crate::oauth::resource::Api;
use crate::oauth::scope::Scope;
use crate::oauth::token_epoch::TokenEpoch;
use crate::text::span::span;
use crate::time::{SECONDS_PER_HOUR, UnixSeconds};
use crate::tokens::AccessToken;

impl Facts {
    /// What the gate would see at `moment` of a token of which only the times are known: nothing else of it is at fault.
    #[must_use]
    pub(crate) fn of_times(not_before: UnixSeconds, expires_at: UnixSeconds, moment: UnixSeconds) -> Option<Self> {
        let unknown = Self {
            moment,
            right: Right::any(Api::Partner),
            uses_limits: false,
            audience: "".into(),
            token: Err(Unverified::Bearer(BearerFault::Missing)),
            is_revoked: false,
            client: None,
            permits: None,
            units: Ok(None),
        };
        with_token(&fit(&unknown)?, |token| {
            (token.not_before, token.expires_at) = (not_before, expires_at);
        })
    }
}

/// The facts with each change that is possible, the nearest first.
pub(super) fn changes(facts: &Facts) -> Vec<(Change, Facts)> {
    let others = [
        younger_token,
        token_in_header,
        own_token,
        new_token,
        token_for_audience,
        token_with_scope,
        resumed,
        scope_assigned,
        audience_granted,
        registered,
        store_answers,
    ];
    moments(facts).into_iter().chain(others.iter().filter_map(|change| change(facts))).collect()
}

/// The moments at which something changes by itself, the first of them first.
fn moments(facts: &Facts) -> Vec<(Change, Facts)> {
    let until = |moment: UnixSeconds| Duration::from_secs(moment.since(facts.moment));
    let permit = facts.permits.and_then(|permits| permits.wait).map(|wait| (wait, format!("{} later", span(wait))));
    let valid = facts.token.as_ref().ok().map(|token| token.not_before).filter(|from| *from > facts.moment);
    let valid = valid.map(|from| (until(from), format!("{} later", span(until(from)))));
    let day = facts.units.as_ref().ok().copied().flatten().map(|units| units.resets_at);
    let day = day.map(|day| (until(day), format!("after 00:00Z, in {}", span(until(day)))));
    let mut moments: Vec<_> = permit.into_iter().chain(valid).chain(day).collect();
    moments.sort();
    moments.into_iter().map(|(wait, words)| (Change::later(wait, words), facts.later(wait))).collect()
}

fn younger_token(facts: &Facts) -> Option<(Change, Facts)> {
    let token = facts.token.as_ref().ok().filter(|token| token.expires_at <= facts.moment)?;
    let by_s = facts.moment.since(token.expires_at) + 1;
    let words = format!("if the token were {} younger", span(Duration::from_secs(by_s)));
    let younger = with_token(facts, |token| {
        (token.issued_at, token.expires_at) = (token.issued_at.plus(by_s), token.expires_at.plus(by_s));
    });
    Some((Change::new(ChangeKind::YoungerToken, words), younger?))
}

fn token_in_header(facts: &Facts) -> Option<(Change, Facts)> {
    let words = match facts.token {
        Err(Unverified::Bearer(BearerFault::InQuery)) => "with the token in the field Authorization alone",
        Err(Unverified::Bearer(BearerFault::Repeated)) => "with one field Authorization",
        _ => return None,
    };
    Some((Change::new(ChangeKind::TokenInHeader, words), fit(facts)?))
}

fn own_token(facts: &Facts) -> Option<(Change, Facts)> {
    match facts.token {
        Err(Unverified::Token(_) | Unverified::Bearer(BearerFault::Missing | BearerFault::Malformed)) => {
            Some((Change::new(ChangeKind::OwnToken, "with a token of this server"), fit(facts)?))
        }
        _ => None,
    }
}

fn new_token(facts: &Facts) -> Option<(Change, Facts)> {
    let client = facts.client.clone()?;
    let mut changed = with_token(facts, |token| {
        token.issued_at = facts.moment;
        token.not_before = UnixSeconds::default();
        token.expires_at = facts.moment.plus(client.token_ttl);
        token.epoch = Some(client.token_epoch);
    })?;
    changed.is_revoked = false;
    Some((Change::new(ChangeKind::NewToken, "with a new token"), changed))
}

fn token_for_audience(facts: &Facts) -> Option<(Change, Facts)> {
    facts.token.as_ref().ok().filter(|token| *token.audience != *facts.audience)?;
    let words = format!("with a token for the audience {}", facts.audience);
    let changed = with_token(facts, |token| facts.audience.as_ref().clone_into(&mut token.audience))?;
    Some((Change::new(ChangeKind::Audience, words), changed))
}

fn token_with_scope(facts: &Facts) -> Option<(Change, Facts)> {
    let needed = facts.right.scope_token.as_deref()?;
    let scope = added(&facts.token.as_ref().ok()?.scope, needed)?;
    let changed = with_token(facts, |token| token.scope = scope)?;
    Some((Change::new(ChangeKind::Scope, format!("with the scope `{needed}`")), changed))
}

fn scope_assigned(facts: &Facts) -> Option<(Change, Facts)> {
    let needed = facts.right.scope_token.as_deref()?;
    let scope = added(&facts.client.as_ref()?.scope, needed)?;
    let mut changed = with_client(facts, |client| client.scope = scope)?;
    let mut words = format!("if the operator assigned the scope `{needed}` to the client");
    if let Some((_, with_scope)) = token_with_scope(&changed) {
        changed = with_scope;
        words += ", and a new token had it";
    }
    Some((Change::new(ChangeKind::ScopeAssigned, words), changed))
}

fn resumed(facts: &Facts) -> Option<(Change, Facts)> {
    facts.client.as_ref().filter(|client| client.status == Status::Suspended)?;
    let changed = with_client(facts, |client| client.status = Status::Active)?;
    Some((Change::new(ChangeKind::ClientResumed, "if the operator resumed the client"), changed))
}

fn audience_granted(facts: &Facts) -> Option<(Change, Facts)> {
    let audience = facts.token.as_ref().ok()?.audience.clone();
    facts.client.as_ref().filter(|client| !client.audience.contains(&audience))?;
    let words = format!("if the operator granted the client the audience {audience}");
    let granted = |client: &mut Client| {
        client.audience = client.audience.iter().cloned().chain([audience]).collect::<Vec<_>>().into();
    };
    Some((Change::new(ChangeKind::AudienceGranted, words), with_client(facts, granted)?))
}

fn registered(facts: &Facts) -> Option<(Change, Facts)> {
    let token = facts.token.as_ref().ok().filter(|_| facts.client.is_none())?;
    let words = format!("if the client {} were still registered", token.client_id);
    let client = Some(client_of(token).into());
    Some((Change::new(ChangeKind::ClientRegistered, words), Facts { client, ..facts.clone() }))
}

fn store_answers(facts: &Facts) -> Option<(Change, Facts)> {
    facts.units.as_ref().err()?;
    let words = "once the store of the server answers";
    Some((Change::new(ChangeKind::StoreAnswers, words), Facts { units: Ok(None), ..facts.clone() }))
}

fn with_token(facts: &Facts, change: impl FnOnce(&mut AccessToken)) -> Option<Facts> {
    let mut changed = facts.clone();
    change(Arc::make_mut(changed.token.as_mut().ok()?));
    Some(changed)
}

fn with_client(facts: &Facts, change: impl FnOnce(&mut Client)) -> Option<Facts> {
    let mut changed = facts.clone();
    change(Arc::make_mut(changed.client.as_mut()?));
    Some(changed)
}

/// The scope with one more scope token, unless it has that.
fn added(scope: &Scope, scope_token: &str) -> Option<Scope> {
    let all = || scope.iter().chain([scope_token]).collect::<Vec<_>>().join(" ");
    (!scope.contains(scope_token)).then(|| Scope::parse(&all()).ok()).flatten()
}

/// The facts with a token of some client that may do all that the request needs. Nothing is known of the client that sent
/// the request, so nothing else of it can be at fault.
fn fit(facts: &Facts) -> Option<Facts> {
    let Facts { moment, right: Right { scope_token, .. }, audience, .. } = facts;
    let token = AccessToken {
        jti: Uuid::nil(),
        client_id: ClientId::parse("client").ok()?,
        audience: audience.as_ref().to_owned(),
        scope: scope_token.as_deref().map(Scope::parse).transpose().ok()?.unwrap_or_default(),
        issued_at: *moment,
        not_before: UnixSeconds::default(),
        expires_at: moment.plus(SECONDS_PER_HOUR),
        epoch: Some(TokenEpoch::default()),
    };
    let client = Some(client_of(&token).into());
    let (permits, units, is_revoked) = (None, Ok(None), false);
    Some(Facts { token: Ok(token.into()), client, permits, units, is_revoked, ..facts.clone() })
}

/// A client that may do all that its token may, without limits.
fn client_of(token: &AccessToken) -> Client {
    let rate = Rate::per_second(1);
    Client {
        client_id: token.client_id.clone(),
        client_name: String::new(),
        scope: token.scope.clone(),
        audience: vec![token.audience.clone()].into(),
        token_ttl: SECONDS_PER_HOUR,
        limits: Limits { requests_per_second: rate, burst: 1, daily_quota: None, enforce: true },
        report: None,
        status: Status::Active,
        secrets: Vec::new(),
        retired_secrets: Vec::new(),
        declared: false,
        tokens_valid_from: UnixSeconds::default(),
        token_epoch: token.epoch.unwrap_or_default(),
        created_at: UnixSeconds::default(),
        updated_at: UnixSeconds::default(),
    }
}
