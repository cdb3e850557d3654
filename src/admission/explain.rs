//! The walk of a protected request in words.

use std::time::Duration;

use super::changes::changes;
use super::{Facts, Unverified};
use crate::api::explanation::{Check, Explanation};
use crate::clients::{Client, Status};
use crate::explanation::{self, Change, Explained, Replayed};
use crate::oauth::bearer::BearerFault;
use crate::oauth::resource::Api;
use crate::quota::Units;
use crate::text::span::span;
use crate::time::UnixSeconds;
use crate::tokens::{AccessToken, TokenFault};

/// The checks up to the throttle, which find out who calls; then the limits; then the scope.
const CHECKS: [Check; 13] = [
    Check::BearerToken,
    Check::Signature,
    Check::Expiry,
    Check::Audience,
    Check::NotBefore,
    Check::Revocation,
    Check::Client,
    Check::ClientTokens,
    Check::GrantedAudience,
    Check::Status,
    Check::Throttle,
    Check::Quota,
    Check::Scope,
];
/// No quota refuses requests to the administration.
const ADMIN_CHECKS: [Check; 12] = [
    Check::BearerToken,
    Check::Signature,
    Check::Expiry,
    Check::Audience,
    Check::NotBefore,
    Check::Revocation,
    Check::Client,
    Check::ClientTokens,
    Check::GrantedAudience,
    Check::Status,
    Check::Throttle,
    Check::Scope,
];
/// How many of them find out who calls.
const OF_CALLER: usize = 10;

impl Facts {
    /// Each check of the walk, and what would have let the request through. Reads these facts and nothing else.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        explanation::explain(self)
    }
}

impl Explained for Facts {
    fn checks(&self) -> &'static [Check] {
        match self.right().api {
            _ if !self.uses_limits => CHECKS.get(..OF_CALLER).unwrap_or(&CHECKS),
            Api::Partner => &CHECKS,
            Api::Admin => &ADMIN_CHECKS,
        }
    }

    fn replayed(&self) -> Replayed {
        Facts::replayed(self)
    }

    fn expected(&self, check: Check) -> String {
        let (token, client) = (self.token(), self.client.as_deref());
        match check {
            Check::BearerToken => "one access token, in the field Authorization: Bearer".to_owned(),
            Check::Signature => "a token that this server signed".to_owned(),
            Check::Expiry => format!("a token that expires after {}", self.moment),
            Check::Audience => format!("a token for {}", self.audience),
            Check::NotBefore => format!("a token that is valid at {}", self.moment),
            Check::Revocation => "a token that was not revoked".to_owned(),
            Check::Client => "a registered client".to_owned(),
            Check::ClientTokens => match client.map(|client| client.tokens_valid_from) {
                Some(from) if from > UnixSeconds::default() => {
                    format!(
                        "a token issued after {from}, when all tokens of the client were revoked or it was registered"
                    )
                }
                _ => "a token issued after the last revocation of all tokens of the client".to_owned(),
            },
            Check::GrantedAudience => {
                format!("a client that may call {}", token.map_or(&*self.audience, |token| &token.audience))
            }
            Check::Status => "an active client".to_owned(),
            Check::Throttle => match self.permits {
                Some(permits) => format!("at most {} requests at once{}", permits.burst, self.rate()),
                None => "no more requests per second than the client may send".to_owned(),
            },
            Check::Quota => match client.map(|client| client.limits.daily_quota) {
                Some(Some(quota)) => format!("at most {quota} requests on {} (UTC)", self.moment.day()),
                _ => "no more requests per day than the client may send".to_owned(),
            },
            Check::Scope => match &self.right().scope_token {
                Some(scope_token) => format!("the scope {scope_token}"),
                None => "any scope".to_owned(),
            },
            Check::Credentials | Check::Secret | Check::Parameters | Check::Signing => String::new(),
        }
    }

    fn got(&self, check: Check) -> String {
        match (check, &self.token) {
            (Check::BearerToken, Err(Unverified::Bearer(fault))) => bearer_fault(*fault).to_owned(),
            (Check::BearerToken, _) => "one access token".to_owned(),
            (Check::Signature, Err(Unverified::Token(fault))) => token_fault(*fault).to_owned(),
            (Check::Signature, Ok(token)) => format!("a token of this server, jti {}", token.jti),
            (_, Ok(token)) => self.got_of(check, token),
            (_, Err(_)) => String::new(),
        }
    }

    fn changes(&self) -> Vec<(Change, Self)> {
        changes(self)
    }
}

impl Facts {
    fn got_of(&self, check: Check, token: &AccessToken) -> String {
        let client = self.client.as_deref();
        match check {
            Check::Expiry if token.expires_at <= self.moment => {
                format!("expired at {}, {}", token.expires_at, self.distance(token.expires_at))
            }
            Check::Expiry => format!("expires at {}, {}", token.expires_at, self.distance(token.expires_at)),
            Check::Audience => format!("for {}", token.audience),
            Check::NotBefore if token.not_before > self.moment => {
                format!("valid from {}, {}", token.not_before, self.distance(token.not_before))
            }
            Check::NotBefore => "valid already".to_owned(),
            Check::Revocation if self.is_revoked => format!("a revoked token, jti {}", token.jti),
            Check::Revocation => "not revoked".to_owned(),
            Check::Client if client.is_none() => format!("{}, which is not registered", token.client_id),
            Check::Client => token.client_id.to_string(),
            Check::ClientTokens => format!("issued at {}", token.issued_at),
            Check::GrantedAudience => match client.map(|client| client.audience.join(" and ")) {
                Some(granted) if !granted.is_empty() => format!("may call {granted}"),
                _ => "may call no API".to_owned(),
            },
            Check::Status => match client.map(|client| client.status) {
                Some(Status::Suspended) => "suspended".to_owned(),
                Some(Status::Active) | None => "active".to_owned(),
            },
            Check::Throttle => self.got_of_throttle(),
            Check::Quota => self.got_of_quota(),
            Check::Scope => self.got_of_scope(token, client),
            Check::BearerToken
            | Check::Signature
            | Check::Credentials
            | Check::Secret
            | Check::Parameters
            | Check::Signing => String::new(),
        }
    }

    fn got_of_throttle(&self) -> String {
        match self.permits.map(|permits| (permits.wait, permits.remaining)) {
            Some((Some(wait), _)) if self.enforces() => format!("one more; the next may come in {}", span(wait)),
            Some((Some(_), _)) => "one more; the limit is not enforced".to_owned(),
            Some((None, remaining)) => format!("{remaining} more may come at once"),
            None => String::new(),
        }
    }

    fn got_of_quota(&self) -> String {
        match &self.units {
            Err(_) => "the store of the server did not answer".to_owned(),
            Ok(None) => "not counted yet".to_owned(),
            Ok(Some(Units { daily_quota: Some(quota), used, .. })) if used > quota => {
                format!("{used} used; the limit is not enforced")
            }
            Ok(Some(Units { admitted: false, used, .. })) => format!("{used} used, and one more"),
            Ok(Some(Units { used, .. })) => format!("{used} used"),
        }
    }

    fn got_of_scope(&self, token: &AccessToken, client: Option<&Client>) -> String {
        let has = |scope: &str| if scope.is_empty() { "no scope".to_owned() } else { format!("the scope {scope}") };
        let is_withdrawn = |scope_token: &str| {
            token.scope.contains(scope_token) && client.is_some_and(|client| !client.scope.contains(scope_token))
        };
        match (self.right().scope_token.as_deref(), client) {
            (Some(scope_token), Some(client)) if is_withdrawn(scope_token) => {
                format!("{}, of which the client has {}", has(token.scope.as_str()), has(client.scope.as_str()))
            }
            _ => has(token.scope.as_str()),
        }
    }

    /// How fast the permits of the throttle come back.
    fn rate(&self) -> String {
        let rate = self.client.as_deref().filter(|_| self.right().api == Api::Partner);
        rate.map_or_else(String::new, |client| format!(", and {} more in a second", client.limits.requests_per_second))
    }

    fn enforces(&self) -> bool {
        self.client.as_deref().is_none_or(|client| client.limits.enforce)
    }

    /// How long before or after the walk a moment is.
    fn distance(&self, moment: UnixSeconds) -> String {
        let ahead = Duration::from_secs(moment.since(self.moment));
        let behind = Duration::from_secs(self.moment.since(moment));
        if ahead > behind { format!("{} later", span(ahead)) } else { format!("{} ago", span(behind)) }
    }
}

fn bearer_fault(fault: BearerFault) -> &'static str {
    match fault {
        BearerFault::Missing => "no access token",
        BearerFault::Malformed => "Bearer without a token",
        BearerFault::InQuery => "an access token in the query string",
        BearerFault::Repeated => "more than one field Authorization",
    }
}

fn token_fault(fault: TokenFault) -> &'static str {
    match fault {
        TokenFault::Malformed => "a text that is not an access token",
        TokenFault::UnknownKey => "a token signed with a key that this server does not have",
        TokenFault::BadSignature => "a token whose signature does not match",
        TokenFault::WrongIssuer => "a token of another issuer",
        TokenFault::Expired => "an expired token",
        TokenFault::NotYetValid => "a token that is not valid yet",
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::admission::Right;
    use crate::api::explanation::{ChangeKind, CheckOutcome, CheckResult};
    use crate::clients::example_client;
    use crate::limits::Limits;
    use crate::oauth::scope::{READ_ADMIN, Scope, WRITE_ZONES};
    use crate::store::StoreError;
    use crate::throttle::Permits;

    const NOON: UnixSeconds = UnixSeconds::new(1_767_268_800); // 2026-01-01T12:00:00Z

    fn limits() -> Limits {
        Limits { requests_per_second: 2.into(), burst: 4, daily_quota: Some(100), enforce: true }
    }

    /// A request that passes every check.
    fn facts() -> Facts {
        let scope = Scope::parse("read:zones write:zones").unwrap();
        let client = Client { scope: scope.clone(), limits: limits(), ..example_client(1) };
        let token = AccessToken {
            jti: Uuid::nil(),
            client_id: client.client_id.clone(),
            audience: "public".to_owned(),
            scope,
            issued_at: UnixSeconds::new(NOON.get() - 600),
            not_before: UnixSeconds::default(),
            expires_at: NOON.plus(3_000),
            epoch: Some(client.token_epoch),
        };
        Facts {
            moment: NOON,
            right: Right { api: Api::Partner, scope_token: Some(WRITE_ZONES) },
            uses_limits: true,
            audience: "public".into(),
            token: Ok(token.into()),
            is_revoked: false,
            client: Some(client.into()),
            permits: Some(Permits { burst: 4, window_s: 2, remaining: 3, full_in_s: 1, wait: None }),
            units: Ok(Some(units(true, 7))),
        }
    }

    fn units(admitted: bool, used: u64) -> Units {
        let (resets_at, daily_quota) = (NOON.day().end(), Some(100));
        let remaining = Some(100_u64.saturating_sub(used));
        Units { admitted, daily_quota, used, remaining, resets_at, resets_in_s: resets_at.since(NOON) }
    }

    fn token(facts: &mut Facts) -> &mut AccessToken {
        Arc::make_mut(facts.token.as_mut().unwrap())
    }

    fn client(facts: &mut Facts) -> &mut Client {
        Arc::make_mut(facts.client.as_mut().unwrap())
    }

    /// The check that failed with what it expected and got, and the nearest changes.
    fn explained(change: impl Fn(&mut Facts)) -> (Check, String, String, Vec<String>) {
        let mut facts = facts();
        change(&mut facts);
        let explanation = facts.explain();
        let failed = explanation.checks.iter().find(|check| check.outcome == CheckOutcome::Failed).unwrap();
        let nearest = explanation.nearest.iter().map(|nearest| match nearest.fails_next {
            Some(next) => format!("{} ({})", nearest.change, next.name()),
            None => nearest.change.clone(),
        });
        (failed.check, failed.expected.clone(), failed.got.clone().unwrap(), nearest.collect())
    }

    #[test]
    fn a_request_that_passes_has_passed_every_check_in_the_order_of_the_walk() {
        let admin = |facts: &mut Facts| {
            facts.right = Right { api: Api::Admin, scope_token: Some(READ_ADMIN) };
            token(facts).scope = Scope::parse("read:admin").unwrap();
            client(facts).scope = Scope::parse("read:admin").unwrap();
        };
        let changes: [&dyn Fn(&mut Facts); 3] = [&|_| (), &admin, &|facts| facts.uses_limits = false];
        for (change, count) in changes.into_iter().zip([13, 12, 10]) {
            let mut facts = facts();
            change(&mut facts);
            let (begun, outcome) = facts.replay();
            assert!(outcome.is_ok(), "{outcome:?}");
            assert_eq!((begun.as_slice(), begun.len()), (facts.checks(), count));
            let explanation = facts.explain();
            assert!(explanation.passed && explanation.nearest.is_empty(), "{explanation:#?}");
            for result in &explanation.checks {
                assert_eq!(result.outcome, CheckOutcome::Passed, "{result:?}");
                assert!(
                    !result.expected.is_empty() && result.got.as_ref().is_some_and(|got| !got.is_empty()),
                    "{result:?}"
                );
            }
        }
    }

    #[allow(clippy::too_many_lines, reason = "a table: a row for each check")]
    #[test]
    fn a_refused_request_is_told_what_was_expected_what_it_had_and_what_would_have_passed() {
        type Row = (fn(&mut Facts), Check, &'static str, &'static str, &'static [&'static str]);
        let rows: [Row; 17] = [
            (
                |facts| facts.token = Err(Unverified::Bearer(BearerFault::Missing)),
                Check::BearerToken,
                "one access token, in the field Authorization: Bearer",
                "no access token",
                &["with a token of this server"],
            ),
            (
                |facts| facts.token = Err(Unverified::Bearer(BearerFault::InQuery)),
                Check::BearerToken,
                "one access token, in the field Authorization: Bearer",
                "an access token in the query string",
                &["with the token in the field Authorization alone"],
            ),
            (
                |facts| facts.token = Err(Unverified::Token(TokenFault::BadSignature)),
                Check::Signature,
                "a token that this server signed",
                "a token whose signature does not match",
                &["with a token of this server"],
            ),
            (
                |facts| token(facts).expires_at = UnixSeconds::new(NOON.get() - 11),
                Check::Expiry,
                "a token that expires after 2026-01-01T12:00:00Z",
                "expired at 2026-01-01T11:59:49Z, 11 s ago",
                &["if the token were 12 s younger", "with a new token"],
            ),
            (
                |facts| "admin".clone_into(&mut token(facts).audience),
                Check::Audience,
                "a token for public",
                "for admin",
                &["with a token for the audience public"],
            ),
            (
                |facts| token(facts).not_before = NOON.plus(90),
                Check::NotBefore,
                "a token that is valid at 2026-01-01T12:00:00Z",
                "valid from 2026-01-01T12:01:30Z, 1 min 30 s later",
                &["1 min 30 s later", "with a new token"],
            ),
            (
                |facts| facts.is_revoked = true,
                Check::Revocation,
                "a token that was not revoked",
                "a revoked token, jti 00000000-0000-0000-0000-000000000000",
                &["with a new token"],
            ),
            (
                |facts| facts.client = None,
                Check::Client,
                "a registered client",
                "client-000001, which is not registered",
                &["if the client client-000001 were still registered"],
            ),
            (
                |facts| client(facts).revoke_tokens(NOON),
                Check::ClientTokens,
                "a token issued after 2026-01-01T12:00:00Z, when all tokens of the client were revoked or it was registered",
                "issued at 2026-01-01T11:50:00Z",
                &["with a new token"],
            ),
            (
                |facts| client(facts).audience = vec!["other".to_owned()].into(),
                Check::GrantedAudience,
                "a client that may call public",
                "may call other",
                &["if the operator granted the client the audience public"],
            ),
            (
                |facts| client(facts).status = Status::Suspended,
                Check::Status,
                "an active client",
                "suspended",
                &["if the operator resumed the client"],
            ),
            (
                |facts| facts.permits.as_mut().unwrap().wait = Some(Duration::from_millis(2_399)),
                Check::Throttle,
                "at most 4 requests at once, and 2 more in a second",
                "one more; the next may come in 2.4 s",
                &["2.4 s later"],
            ),
            (
                |facts| {
                    facts.units = Ok(Some(units(false, 100)));
                    token(facts).expires_at = NOON.plus(43_201);
                },
                Check::Quota,
                "at most 100 requests on 2026-01-01 (UTC)",
                "100 used, and one more",
                &["after 00:00Z, in 12 h"],
            ),
            (
                |facts| facts.units = Ok(Some(units(false, 100))),
                Check::Quota,
                "at most 100 requests on 2026-01-01 (UTC)",
                "100 used, and one more",
                &["after 00:00Z, in 12 h, and with a new token"],
            ),
            (
                |facts| facts.units = Err(StoreError::Unavailable("disk full".into())),
                Check::Quota,
                "at most 100 requests on 2026-01-01 (UTC)",
                "the store of the server did not answer",
                &["once the store of the server answers"],
            ),
            (
                |facts| token(facts).scope = Scope::parse("read:zones").unwrap(),
                Check::Scope,
                "the scope write:zones",
                "the scope read:zones",
                &["with the scope `write:zones`"],
            ),
            (
                |facts| client(facts).scope = Scope::parse("read:zones").unwrap(),
                Check::Scope,
                "the scope write:zones",
                "the scope read:zones write:zones, of which the client has the scope read:zones",
                &["if the operator assigned the scope `write:zones` to the client"],
            ),
        ];
        for (change, check, expected, got, nearest) in rows {
            let nearest = nearest.iter().map(|change| (*change).to_owned()).collect();
            assert_eq!(explained(change), (check, expected.to_owned(), got.to_owned(), nearest));
        }
    }

    #[test]
    fn of_three_faults_the_change_that_leads_furthest_is_named_with_the_check_that_fails_next() {
        let (check, .., nearest) = explained(|facts| {
            token(facts).expires_at = NOON;
            client(facts).status = Status::Suspended;
            facts.units = Err(StoreError::Unavailable("disk full".into()));
        });
        assert_eq!((check, nearest), (Check::Expiry, vec!["if the token were 1 s younger (status)".to_owned()]));
    }

    #[test]
    fn the_scope_of_a_request_to_the_administration_is_refused_whatever_the_quota_says() {
        let mut facts = facts();
        facts.right = Right { api: Api::Admin, scope_token: Some(READ_ADMIN) };
        facts.units = Ok(None);
        let explanation = facts.explain();
        assert_eq!(
            explanation.checks.last().map(|last| (last.check, last.outcome)),
            Some((Check::Scope, CheckOutcome::Failed))
        );
        assert_eq!(
            explanation.nearest.first().map(|nearest| nearest.kinds.clone()),
            Some(vec![ChangeKind::ScopeAssigned])
        );
    }

    /// The conditions of the checks once more, written apart from the walk.
    fn model(facts: &Facts) -> Option<Check> {
        let token = match &facts.token {
            Err(Unverified::Bearer(_)) => return Some(Check::BearerToken),
            Err(Unverified::Token(_)) => return Some(Check::Signature),
            Ok(token) => token,
        };
        let client = facts.client.as_deref();
        let faults = [
            (Check::Expiry, facts.moment >= token.expires_at),
            (Check::Audience, *token.audience != *facts.audience),
            (Check::NotBefore, facts.moment < token.not_before),
            (Check::Revocation, facts.is_revoked),
            (Check::Client, client.is_none()),
            (Check::ClientTokens, client.is_some_and(|client| token.epoch != Some(client.token_epoch))),
            (Check::GrantedAudience, client.is_some_and(|client| !client.audience.contains(&token.audience))),
            (Check::Status, client.is_some_and(|client| client.status == Status::Suspended)),
            (
                Check::Throttle,
                client.is_some_and(|client| client.limits.enforce)
                    && facts.permits.is_some_and(|permits| permits.wait.is_some()),
            ),
            (Check::Quota, facts.units.as_ref().map_or(true, |units| units.is_some_and(|units| !units.admitted))),
            (
                Check::Scope,
                !token.scope.contains(&WRITE_ZONES)
                    || client.is_some_and(|client| !client.scope.contains(&WRITE_ZONES)),
            ),
        ];
        faults.into_iter().find(|(_, is_fault)| *is_fault).map(|(check, _)| check)
    }

    prop_compose! {
        /// A request with some faults.
        fn any_facts()(
            faults in proptest::collection::vec(proptest::bool::weighted(0.15), 14),
            seconds in 0_u64..100_000,
            wait_ms in 1_u64..100_000,
        ) -> Facts {
            let mut facts = facts();
            let apply: [&dyn Fn(&mut Facts); 14] = [
                &|facts| token(facts).expires_at = UnixSeconds::new(NOON.get() - seconds),
                &|facts| "admin".clone_into(&mut token(facts).audience),
                &|facts| token(facts).not_before = NOON.plus(seconds),
                &|facts| facts.is_revoked = true,
                &|facts| client(facts).revoke_tokens(NOON),
                &|facts| client(facts).audience = vec!["admin".to_owned()].into(),
                &|facts| client(facts).status = Status::Suspended,
                &|facts| facts.permits.as_mut().unwrap().wait = Some(Duration::from_millis(wait_ms)),
                &|facts| facts.units = Ok(Some(units(false, 100))),
                &|facts| token(facts).scope = Scope::parse("read:zones").unwrap(),
                &|facts| client(facts).scope = Scope::parse("read:zones").unwrap(),
                &|facts| client(facts).limits.enforce = false,
                &|facts| facts.client = None,
                &|facts| facts.token = Err(Unverified::Token(TokenFault::UnknownKey)),
            ];
            for (apply, _) in apply.iter().zip(&faults).filter(|(_, is_fault)| **is_fault) {
                apply(&mut facts);
            }
            facts
        }
    }

    proptest! {
        #[test]
        fn the_explanation_says_what_the_walk_does(facts in any_facts()) {
            let explanation = facts.explain();
            let expected = model(&facts);
            let failed = explanation.checks.iter().find(|check| check.outcome == CheckOutcome::Failed);
            prop_assert_eq!(failed.map(|failed| failed.check), expected);
            prop_assert_eq!(explanation.passed, expected.is_none());
            prop_assert_eq!(facts.denial().is_none(), expected.is_none());
            // Passed, then at most one that failed, then those that were not reached.
            let rank = |check: &CheckResult| match check.outcome {
                CheckOutcome::Passed => 0,
                CheckOutcome::Failed => 1,
                CheckOutcome::NotReached => 2,
            };
            prop_assert!(explanation.checks.is_sorted_by_key(rank), "{explanation:?}");
            // A change that is said to help does help, by the conditions above.
            let passing = changes(&facts).into_iter().filter(|(_, changed)| model(changed).is_none());
            let passing: Vec<String> = passing.map(|(change, _)| change.words).collect();
            for nearest in explanation.nearest.iter().filter(|nearest| nearest.kinds.len() == 1) {
                prop_assert_eq!(passing.contains(&nearest.change), nearest.fails_next.is_none(), "{:?}", nearest);
            }
            prop_assert!(explanation.passed || passing.is_empty() || explanation.nearest[0].fails_next.is_none());
        }
    }
}
