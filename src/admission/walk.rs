//! The checks of a protected request: their order and their conditions, once.
//!
//! The walk asks [`Rooms`] for each fact. The live rooms look into memory and are compiled into the walk; other rooms are the
//! [`Facts`](super::Facts) of an earlier walk. So what explains a decision is the code that made it.

use std::sync::Arc;

use super::{Admitted, Decision, Denial, NeedsLease, Right, Standing, VerifiedToken, Walk};
use crate::api::explanation::Check;
use crate::clients::{Client, Status};
use crate::oauth::bearer::BearerFault;
use crate::oauth::resource::Api;
use crate::quota::Units;
use crate::store::StoreError;
use crate::throttle::Permits;
use crate::time::UnixSeconds;
use crate::tokens::{AccessToken, TokenFault};

/// A token that this server signed.
pub trait Genuine {
    /// What it says.
    fn access_token(&self) -> &AccessToken;
}

impl Genuine for Arc<VerifiedToken> {
    fn access_token(&self) -> &AccessToken {
        self
    }
}

impl Genuine for Arc<AccessToken> {
    fn access_token(&self) -> &AccessToken {
        self
    }
}

/// Why a request has no token of this server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unverified {
    /// It does not have one token, in the right place.
    Bearer(BearerFault),
    /// This server did not sign the token.
    Token(TokenFault),
}

/// Where a walk gets its facts from.
pub(super) trait Rooms {
    /// A token as the request has it.
    type Presented;
    /// A token that this server signed.
    type Token: Genuine;
    /// What a walk ends with when a check fails.
    type Refusal;

    /// Notes that the walk has reached a check. Live rooms do not.
    fn begins(&mut self, _check: Check) {}

    fn right(&self) -> &Right;
    /// The moment of the whole walk: a look at the clock costs as much as a step.
    fn moment(&self) -> UnixSeconds;
    /// The audience of the API that the request is for.
    fn audience(&self) -> &str;

    fn presented(&mut self) -> Result<Self::Presented, BearerFault>;
    /// The token, if this server signed it, whether or not it has expired.
    fn verify(&mut self, presented: Self::Presented) -> Result<Self::Token, TokenFault>;
    fn is_not_revoked(&self, token: &Self::Token) -> bool;
    fn client(&self, token: &Self::Token) -> Option<Arc<Client>>;
    /// Uses one permit of the throttle.
    fn use_permit(&self, client: &Client) -> Permits;
    /// Spends one unit of the quota; `None` if a block must be leased first.
    fn spend(&self, client: &Client) -> Result<Option<Units>, StoreError>;
    /// What the client has left of its quota, if memory can tell.
    fn peek_units(&self, client: &Client) -> Option<Units>;

    fn refuse(&self, denial: Denial, seen: Seen<Self::Token>) -> Self::Refusal;
}

/// How far a walk came that ends with a refusal.
pub(super) enum Seen<T> {
    /// To a token that is not this server's.
    Unverified(Unverified),
    /// To a token that is not active.
    Token(T),
    /// The same, and to its client.
    Client(Admitted<T>),
    /// To a limit, or beyond.
    Standing(Admitted<T>, Standing),
}

/// The whole walk.
#[inline]
pub(super) fn walk<R: Rooms>(rooms: &mut R) -> Walk<R::Token, R::Refusal> {
    let moment = rooms.moment();
    let admitted = match identify(rooms) {
        Ok(admitted) => admitted,
        Err(refusal) => return Walk::Decided(Decision { outcome: Err(refusal), standing: None, moment }),
    };
    rooms.begins(Check::Throttle);
    let permits = rooms.use_permit(&admitted.client);
    if let Some(wait) = permits.wait.filter(|_| admitted.client.limits.enforce) {
        let units = rooms.peek_units(&admitted.client);
        return Walk::Decided(deny(rooms, admitted, Denial::Throttled(wait), Standing { permits, units }));
    }
    match rooms.spend(&admitted.client) {
        Ok(Some(units)) => Walk::Decided(walk_on(rooms, admitted, permits, Ok(units))),
        Ok(None) => Walk::NeedsLease(NeedsLease { admitted, permits, right: rooms.right().clone(), moment }),
        Err(error) => Walk::Decided(walk_on(rooms, admitted, permits, Err(error))),
    }
}

/// The walk from the quota on, which has `spent` a unit, or has none left. The quota counts requests to the administration
/// and refuses none, whether or not they can be counted.
#[inline]
pub(super) fn walk_on<R: Rooms>(
    rooms: &mut R,
    admitted: Admitted<R::Token>,
    permits: Permits,
    spent: Result<Units, StoreError>,
) -> Decision<R::Token, R::Refusal> {
    let mut standing = Standing { permits, units: None };
    if rooms.right().api == Api::Partner {
        rooms.begins(Check::Quota);
        match spent {
            Ok(units) => standing.units = Some(units),
            Err(error) => return deny(rooms, admitted, Denial::Store(error), standing),
        }
        if let Some(units) = standing.units.filter(|units| !units.admitted) {
            return deny(rooms, admitted, Denial::QuotaExceeded(units), standing);
        }
    }
    rooms.begins(Check::Scope);
    match rooms.right().scope_token.as_ref().filter(|scope_token| !admitted.may(scope_token)) {
        Some(missing) => {
            let denial = Denial::InsufficientScope(missing.clone());
            deny(rooms, admitted, denial, standing)
        }
        None => Decision { outcome: Ok(admitted), standing: Some(standing), moment: rooms.moment() },
    }
}

fn deny<R: Rooms>(
    rooms: &R,
    admitted: Admitted<R::Token>,
    denial: Denial,
    standing: Standing,
) -> Decision<R::Token, R::Refusal> {
    let outcome = Err(rooms.refuse(denial, Seen::Standing(admitted, standing)));
    Decision { outcome, standing: Some(standing), moment: rooms.moment() }
}

/// The walk up to the throttle: who calls.
#[inline]
pub(super) fn identify<R: Rooms>(rooms: &mut R) -> Result<Admitted<R::Token>, R::Refusal> {
    rooms.begins(Check::BearerToken);
    let presented = match rooms.presented() {
        Ok(presented) => presented,
        Err(fault) => {
            let denial = match fault {
                BearerFault::Missing => Denial::TokenMissing,
                BearerFault::Malformed => Denial::Token(TokenFault::Malformed),
                BearerFault::InQuery | BearerFault::Repeated => Denial::TokenMisplaced(fault),
            };
            return Err(rooms.refuse(denial, Seen::Unverified(Unverified::Bearer(fault))));
        }
    };
    rooms.begins(Check::Signature);
    let token = match rooms.verify(presented) {
        Ok(token) => token,
        Err(fault) => {
            return Err(rooms.refuse(Denial::Token(fault), Seen::Unverified(Unverified::Token(fault))));
        }
    };
    rooms.begins(Check::Expiry);
    if let Err(expired) = token.access_token().check_expiry(rooms.moment()) {
        return Err(rooms.refuse(Denial::Token(expired), Seen::Token(token)));
    }
    rooms.begins(Check::Audience);
    if token.access_token().audience != rooms.audience() {
        return Err(rooms.refuse(Denial::WrongAudience, Seen::Token(token)));
    }
    check_active(rooms, token)
}

/// Checks what may change after a token was issued: its time, its revocation, its client.
#[inline]
pub(super) fn check_active<R: Rooms>(rooms: &mut R, token: R::Token) -> Result<Admitted<R::Token>, R::Refusal> {
    rooms.begins(Check::NotBefore);
    if token.access_token().not_before > rooms.moment() {
        return Err(rooms.refuse(Denial::Token(TokenFault::NotYetValid), Seen::Token(token)));
    }
    rooms.begins(Check::Revocation);
    if !rooms.is_not_revoked(&token) {
        return Err(rooms.refuse(Denial::Revoked, Seen::Token(token)));
    }
    rooms.begins(Check::Client);
    let Some(client) = rooms.client(&token) else {
        return Err(rooms.refuse(Denial::ClientUnknown, Seen::Token(token)));
    };
    let AccessToken { epoch, issued_at, audience, .. } = token.access_token();
    rooms.begins(Check::ClientTokens);
    if !client.accepts(*epoch, *issued_at) {
        return Err(rooms.refuse(Denial::Revoked, Seen::Client(Admitted { client, token })));
    }
    rooms.begins(Check::GrantedAudience);
    if !client.audience.contains(audience) {
        return Err(rooms.refuse(Denial::AudienceWithdrawn, Seen::Client(Admitted { client, token })));
    }
    rooms.begins(Check::Status);
    match client.status {
        Status::Active => Ok(Admitted { client, token }),
        Status::Suspended => Err(rooms.refuse(Denial::ClientSuspended, Seen::Client(Admitted { client, token }))),
    }
}
