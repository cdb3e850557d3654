//! The rooms of the server as the walk asks them, and what they say of a request that is refused.

use std::iter::{Empty, empty};
use std::sync::Arc;

use super::walk::{Rooms, Seen};
use super::{Admission, Admitted, Denial, Denied, Facts, Right, Standing, VerifiedToken, admin_limits, quota_limits};
use crate::clients::Client;
use crate::limits::Limits;
use crate::oauth::bearer::{self, BearerFault, Presented};
use crate::oauth::resource::Api;
use crate::quota::Units;
use crate::store::StoreError;
use crate::throttle::{Permits, Throttle};
use crate::time::UnixSeconds;
use crate::tokens::TokenFault;

/// The rooms of the server, for one request.
pub(super) struct Live<'a, A> {
    admission: &'a Admission,
    authorization: Option<A>,
    query: &'a str,
    right: &'a Right,
    moment: UnixSeconds,
    uses_limits: bool,
}

impl<'a, A> Live<'a, A> {
    /// For a request with these `Authorization` values and this query string, now.
    #[inline]
    pub(super) fn new(admission: &'a Admission, authorization: A, query: &'a str, right: &'a Right) -> Self {
        let moment = admission.clock.now();
        Self { admission, authorization: Some(authorization), query, right, moment, uses_limits: true }
    }

    /// The request costs nothing of any limit.
    pub(super) fn without_limits(self) -> Self {
        Self { uses_limits: false, ..self }
    }
}

impl<'a> Live<'a, Empty<&'a [u8]>> {
    /// For a walk that began at this moment and knows its token.
    pub(super) fn at(admission: &'a Admission, moment: UnixSeconds, right: &'a Right) -> Self {
        Self { admission, authorization: Some(empty()), query: "", right, moment, uses_limits: true }
    }

    /// What the walk of a request saw that was let through.
    pub(super) fn facts_of(&self, admitted: &Admitted, standing: Option<Standing>) -> Facts {
        let admitted = admitted.clone();
        let seen = match standing {
            Some(standing) => Seen::Standing(admitted, standing),
            None => Seen::Client(admitted),
        };
        self.facts(seen, None)
    }
}

impl<A> Live<'_, A> {
    fn throttle(&self) -> &Throttle {
        match self.right.api {
            Api::Partner => &self.admission.throttle,
            Api::Admin => &self.admission.admin_throttle,
        }
    }

    /// What was seen, and what the checks behind would have seen. Changes nothing, and reads memory alone.
    fn facts(&self, seen: Seen<Arc<VerifiedToken>>, store_error: Option<StoreError>) -> Facts {
        let Admission { revocation, clients, public_audience, admin_audience, .. } = self.admission;
        let audience = match self.right.api {
            Api::Partner => public_audience.clone(),
            Api::Admin => admin_audience.clone(),
        };
        let (token, client, standing) = match seen {
            Seen::Unverified(fault) => (Err(fault), None, None),
            Seen::Token(token) => {
                let client = clients.get(token.client_id.as_str());
                (Ok(token), client, None)
            }
            Seen::Client(Admitted { client, token }) => (Ok(token), Some(client), None),
            Seen::Standing(Admitted { client, token }, standing) => (Ok(token), Some(client), Some(standing)),
        };
        let standing = standing.or_else(|| client.as_deref().map(|client| self.peek(client)));
        Facts {
            moment: self.moment,
            right: self.right.clone(),
            uses_limits: self.uses_limits,
            audience,
            is_revoked: token.as_ref().is_ok_and(|token| revocation.is_revoked(&token.jti)),
            token: token.map(|token| Arc::new((**token).clone())),
            client,
            permits: standing.map(|standing| standing.permits),
            units: store_error.map_or(Ok(standing.and_then(|standing| standing.units)), Err),
        }
    }

    /// What the client has left of its quota, if memory can tell. No quota refuses requests to the administration.
    fn units(&self, client: &Client) -> Option<Units> {
        match self.right.api {
            Api::Partner => self.admission.quota.peek_in_memory(&client.client_id, client.limits),
            Api::Admin => None,
        }
    }

    fn peek(&self, client: &Client) -> Standing {
        let limits = limits_of(self.right.api, client);
        Standing { permits: self.throttle().peek(&client.client_id, limits), units: self.units(client) }
    }
}

/// The limits that the throttle holds a client to.
fn limits_of(api: Api, client: &Client) -> Limits {
    match api {
        Api::Partner => client.limits,
        Api::Admin => admin_limits(client.limits),
    }
}

impl<'r, A: Iterator<Item = &'r [u8]>> Rooms for Live<'_, A> {
    type Presented = Presented<'r>;
    type Token = Arc<VerifiedToken>;
    type Refusal = Box<Denied>;

    fn right(&self) -> &Right {
        self.right
    }

    fn moment(&self) -> UnixSeconds {
        self.moment
    }

    fn audience(&self) -> &str {
        match self.right.api {
            Api::Partner => &self.admission.public_audience,
            Api::Admin => &self.admission.admin_audience,
        }
    }

    fn presented(&mut self) -> Result<Presented<'r>, BearerFault> {
        // A walk presents its token once.
        self.authorization.take().map_or(Err(BearerFault::Missing), |values| bearer::parse(values, self.query))
    }

    fn verify(&mut self, presented: Presented<'r>) -> Result<Arc<VerifiedToken>, TokenFault> {
        self.admission.verified_tokens.verify(presented, self.moment)
    }

    fn is_not_revoked(&self, token: &Arc<VerifiedToken>) -> bool {
        self.admission.revocation.is_not_revoked(&token.jti, &token.not_revoked)
    }

    fn client(&self, token: &Arc<VerifiedToken>) -> Option<Arc<Client>> {
        self.admission.clients.get_cached(token.client_id.as_str(), &token.client)
    }

    fn use_permit(&self, client: &Client) -> Permits {
        self.throttle().check(&client.client_id, limits_of(self.right.api, client))
    }

    fn spend(&self, client: &Client) -> Result<Option<Units>, StoreError> {
        let limits = quota_limits(client.limits, self.right.api);
        Ok(self.admission.quota.spend_available(&client.client_id, limits, self.moment))
    }

    fn peek_units(&self, client: &Client) -> Option<Units> {
        self.units(client)
    }

    #[cold]
    fn refuse(&self, denial: Denial, seen: Seen<Arc<VerifiedToken>>) -> Box<Denied> {
        let store_error = if let Denial::Store(error) = &denial { Some(error.clone()) } else { None };
        let facts = Arc::new(self.facts(seen, store_error));
        Box::new(Denied { denial, facts })
    }
}
