//! The walk of a token request in words, and what could have been otherwise.

use std::sync::Arc;

use super::facts::{Facts, Proof};
use super::targets::Asked;
use crate::api::explanation::{ChangeKind, Check, Explanation};
use crate::api::secret::SecretStanding;
use crate::clients::{Client, Status};
use crate::explanation::{self, Change, Explained, Replayed};
use crate::limits::{Limits, Rate};
use crate::oauth::credentials::{AuthenticationFault, ClientId};
use crate::oauth::scope::Scope;
use crate::oauth::token_epoch::TokenEpoch;
use crate::oauth::token_request::RequestFault;
use crate::text::span::span;
use crate::text::truncated;
use crate::time::{SECONDS_PER_HOUR, UnixSeconds};

/// Every check, in the order of the walk.
const CHECKS: [Check; 8] = [
    Check::Credentials,
    Check::Secret,
    Check::Status,
    Check::Throttle,
    Check::Parameters,
    Check::Audience,
    Check::Scope,
    Check::Signing,
];

impl Facts {
    /// Each check of the walk, and what would have let the request through. Reads these facts and nothing else.
    #[must_use]
    pub fn explain(&self) -> Explanation {
        explanation::explain(self)
    }
}

impl Explained for Facts {
    fn checks(&self) -> &'static [Check] {
        &CHECKS
    }

    fn replayed(&self) -> Replayed {
        Facts::replayed(self)
    }

    fn expected(&self, check: Check) -> String {
        let client = self.client();
        let text = match check {
            Check::Credentials => "client_id and client_secret, in the body or in Authorization: Basic",
            Check::Secret => "a secret of the client",
            Check::Status => "an active client",
            Check::Throttle => "no more token requests per second than a client may send",
            Check::Parameters => "grant_type=client_credentials, and scope tokens with one space between them",
            Check::Audience => {
                return match client.map(|client| client.audience.join(" or ")) {
                    Some(granted) if !granted.is_empty() => format!("an audience that the client may call: {granted}"),
                    _ => "an audience that the client may call".to_owned(),
                };
            }
            Check::Scope => {
                return match client {
                    Some(client) => format!("a part of the scope that the client has: {}", client.scope.as_str()),
                    None => "a part of the scope that the client has".to_owned(),
                };
            }
            Check::Signing => "a signature of the server",
            Check::BearerToken
            | Check::Signature
            | Check::Expiry
            | Check::NotBefore
            | Check::Revocation
            | Check::Client
            | Check::ClientTokens
            | Check::GrantedAudience
            | Check::Quota => "",
        };
        text.to_owned()
    }

    fn got(&self, check: Check) -> String {
        let asked = self.asked.as_ref().ok();
        match check {
            Check::Credentials => match &self.credentials {
                Ok(()) => "one client_id and one client_secret".to_owned(),
                Err(fault) => fault_in_words(fault),
            },
            Check::Secret => self.got_of_secret(),
            Check::Status => match self.client().map(|client| client.status) {
                Some(Status::Suspended) => "suspended".to_owned(),
                Some(Status::Active) | None => "active".to_owned(),
            },
            Check::Throttle => match self.wait {
                Some(wait) => format!("one more; the next may come in {}", span(wait)),
                None => "within the limit".to_owned(),
            },
            Check::Parameters => match &self.asked {
                Ok(_) => "well-formed parameters".to_owned(),
                Err(fault) => fault_in_words(fault),
            },
            Check::Audience => asked.map_or_else(String::new, |asked| self.got_of_audience(asked)),
            Check::Scope => match asked.and_then(|asked| asked.scope.as_ref()) {
                Some(scope) => format!("scope={}", scope.as_str()),
                None => "no scope, which asks for all".to_owned(),
            },
            Check::Signing if self.signing_failed => "no signature: the server could not sign".to_owned(),
            Check::Signing => "a signed token".to_owned(),
            Check::BearerToken
            | Check::Signature
            | Check::Expiry
            | Check::NotBefore
            | Check::Revocation
            | Check::Client
            | Check::ClientTokens
            | Check::GrantedAudience
            | Check::Quota => String::new(),
        }
    }

    fn changes(&self) -> Vec<(Change, Self)> {
        let others = [readable, right_secret, resumed, well_formed, audience_of_client, scope_of_client, signed];
        later(self).into_iter().chain(others.iter().filter_map(|change| change(self))).collect()
    }
}

impl Facts {
    fn got_of_secret(&self) -> String {
        let named = self.named.as_str();
        match &self.proof {
            Proof::Proven(client) => format!("a secret of {}", client.client_id),
            Proof::Unread => String::new(),
            Proof::Unproven { registered: None, .. } => format!("{named}, which is no registered client"),
            Proof::Unproven { standing: Some(SecretStanding::Former), .. } => {
                format!("a former secret of {named}")
            }
            Proof::Unproven { wait: Some(wait), .. } => {
                format!("not a secret of {named}, too often; the next attempt may come in {}", span(*wait))
            }
            Proof::Unproven { .. } => format!("not a secret of {named}"),
        }
    }

    fn got_of_audience(&self, asked: &Asked) -> String {
        let Asked { audience, resources, .. } = asked;
        let audience = audience.as_deref().map(|audience| format!("audience={}", truncated(audience)));
        let resources = resources.iter().map(|resource| format!("resource={}", truncated(resource)));
        let named: Vec<String> = audience.into_iter().chain(resources).collect();
        match (named.is_empty(), &self.targets.default_audience) {
            (false, _) => named.join(" "),
            (true, Some(default)) => format!("neither audience nor resource, so the default {default}"),
            (true, None) => "neither audience nor resource".to_owned(),
        }
    }
}

fn later(facts: &Facts) -> Option<(Change, Facts)> {
    let wait = facts.wait?;
    let changed = Facts { moment: facts.moment.plus(wait.as_secs()), wait: None, ..facts.clone() };
    Some((Change::later(wait, format!("{} later", span(wait))), changed))
}

fn readable(facts: &Facts) -> Option<(Change, Facts)> {
    facts.credentials.as_ref().err()?;
    let words = "with one client_id and its client_secret, in the body or in Authorization: Basic";
    let asked = facts.asked.as_ref().map_or_else(|_| Ok(Asked::default()), |asked| Ok(asked.clone()));
    let changed = Facts { credentials: Ok(()), asked, ..facts.clone() };
    Some((Change::new(ChangeKind::Credentials, words), proven(&changed)?))
}

fn right_secret(facts: &Facts) -> Option<(Change, Facts)> {
    let Proof::Unproven { registered, .. } = &facts.proof else { return None };
    let words = match registered {
        Some(client) => format!("with a current secret of {}", client.client_id),
        None => "with the client_id and the client_secret of a registered client".to_owned(),
    };
    Some((Change::new(ChangeKind::RightSecret, words), proven(facts)?))
}

fn resumed(facts: &Facts) -> Option<(Change, Facts)> {
    facts.client().filter(|client| client.status == Status::Suspended)?;
    let changed = with_client(facts, |client| client.status = Status::Active)?;
    Some((Change::new(ChangeKind::ClientResumed, "if the operator resumed the client"), changed))
}

fn well_formed(facts: &Facts) -> Option<(Change, Facts)> {
    let words = match facts.asked.as_ref().err()? {
        RequestFault::GrantTypeMissing | RequestFault::GrantTypeUnsupported => "with grant_type=client_credentials",
        RequestFault::Scope => "with one space between the scope tokens, and no quotes",
        RequestFault::Parameters(_) | RequestFault::Authentication(_) | RequestFault::TokenMissing => return None,
    };
    // What the request asks for beside the fault was not read: the client may call the first of its audiences.
    let audience = facts.client().and_then(|client| client.audience.first().cloned());
    let asked = Ok(Asked { audience, ..Asked::default() });
    Some((Change::new(ChangeKind::Parameters, words), Facts { asked, ..facts.clone() }))
}

fn audience_of_client(facts: &Facts) -> Option<(Change, Facts)> {
    let (asked, client) = (facts.asked.as_ref().ok()?, facts.client()?);
    let audience = client.audience.first()?;
    facts.targets.choose(asked, client).err()?;
    let words = format!("with audience={audience}");
    let asked = Ok(Asked { audience: Some(audience.clone()), resources: Vec::new(), ..asked.clone() });
    Some((Change::new(ChangeKind::Audience, words), Facts { asked, ..facts.clone() }))
}

fn scope_of_client(facts: &Facts) -> Option<(Change, Facts)> {
    let (asked, client) = (facts.asked.as_ref().ok()?, facts.client()?);
    let scope = asked.scope.as_ref().filter(|scope| !scope.is_within(&client.scope))?;
    let both: Vec<&str> = scope.iter().filter(|scope_token| client.scope.contains(scope_token)).collect();
    let (words, scope) = match Scope::parse(&both.join(" ")) {
        Ok(scope) => (format!("with scope={}", scope.as_str()), Some(scope)),
        Err(_) => ("without scope".to_owned(), None),
    };
    let asked = Ok(Asked { scope, ..asked.clone() });
    Some((Change::new(ChangeKind::Scope, words), Facts { asked, ..facts.clone() }))
}

fn signed(facts: &Facts) -> Option<(Change, Facts)> {
    let changed = Facts { signing_failed: false, ..facts.clone() };
    let change = Change::new(ChangeKind::StoreAnswers, "once the server can sign");
    facts.signing_failed.then_some((change, changed))
}

/// The facts of the same request with a secret of its client. If the client is not registered, it is one that may have all
/// that the request asks for.
fn proven(facts: &Facts) -> Option<Facts> {
    let client = match &facts.proof {
        Proof::Proven(client) | Proof::Unproven { registered: Some(client), .. } => client.clone(),
        Proof::Unread | Proof::Unproven { registered: None, .. } => Arc::new(some_client(facts)?),
    };
    let mut changed = Facts { proof: Proof::Proven(client), ..facts.clone() };
    // Nothing was read of a request whose credentials could not be read: it asks for what any client may.
    if let (Proof::Unread, Ok(asked)) = (&facts.proof, &mut changed.asked)
        && asked.audience.is_none()
        && asked.resources.is_empty()
    {
        asked.audience = Some(facts.targets.public_audience.clone());
    }
    Some(changed)
}

fn with_client(facts: &Facts, change: impl FnOnce(&mut Client)) -> Option<Facts> {
    let mut client = facts.client()?.clone();
    change(Arc::make_mut(&mut client));
    Some(Facts { proof: Proof::Proven(client), ..facts.clone() })
}

fn some_client(facts: &Facts) -> Option<Client> {
    let asked = facts.asked.as_ref().ok();
    let named = asked.and_then(|asked| asked.audience.iter().chain(&asked.resources).next().cloned());
    let audiences = [Some(facts.targets.public_audience.clone()), facts.targets.default_audience.clone(), named];
    let rate = Rate::per_second(1);
    Some(Client {
        client_id: facts.named_client().cloned().or_else(|| ClientId::parse("client").ok())?,
        client_name: String::new(),
        scope: asked.and_then(|asked| asked.scope.clone()).unwrap_or_default(),
        audience: audiences.into_iter().flatten().collect::<Vec<_>>().into(),
        token_ttl: SECONDS_PER_HOUR,
        limits: Limits { requests_per_second: rate, burst: 1, daily_quota: None, enforce: true },
        report: None,
        status: Status::Active,
        secrets: Vec::new(),
        retired_secrets: Vec::new(),
        declared: false,
        tokens_valid_from: UnixSeconds::default(),
        token_epoch: TokenEpoch::default(),
        created_at: UnixSeconds::default(),
        updated_at: UnixSeconds::default(),
    })
}

fn fault_in_words(fault: &RequestFault) -> String {
    let text = match fault {
        RequestFault::Parameters(fault) => return fault.to_string(),
        RequestFault::Authentication(AuthenticationFault::Missing) => "no client authentication",
        RequestFault::Authentication(AuthenticationFault::Malformed) => "a client authentication that cannot be read",
        RequestFault::Authentication(AuthenticationFault::Repeated) => "more than one client authentication",
        RequestFault::GrantTypeMissing => "no grant_type",
        RequestFault::GrantTypeUnsupported => "another grant_type",
        RequestFault::Scope => "a scope that is not scope tokens with one space between them",
        RequestFault::TokenMissing => "no token",
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::explanation::CheckOutcome;
    use crate::client_credentials::Targets;
    use crate::client_credentials::stored::Named;
    use crate::clients::example_client;
    use crate::oauth::parameters::ParameterFault;
    use crate::time::UnixSeconds;

    /// A request that passes every check.
    fn facts() -> Facts {
        let client = Client { scope: Scope::parse("read:zones write:zones").unwrap(), ..example_client(1) };
        let targets = Targets {
            issuer: "https://localhost".to_owned(),
            public_audience: "public".to_owned(),
            default_audience: None,
        };
        Facts {
            moment: UnixSeconds::new(1_000),
            named: Named::Client(client.client_id.clone()),
            credentials: Ok(()),
            proof: Proof::Proven(client.into()),
            wait: None,
            asked: Ok(Asked { audience: Some("public".to_owned()), ..Asked::default() }),
            targets: targets.into(),
            signing_failed: false,
        }
    }

    #[test]
    fn a_request_that_passes_has_passed_every_check_in_the_order_of_the_walk() {
        let facts = facts();
        assert_eq!(Explained::replayed(&facts), Replayed { begun: CHECKS.to_vec(), passed: true });
        for result in facts.explain().checks {
            assert_eq!(result.outcome, CheckOutcome::Passed, "{result:?}");
            assert!(!result.expected.is_empty() && result.got.is_some_and(|got| !got.is_empty()));
        }
    }

    #[test]
    fn a_refused_request_is_told_what_it_had_and_what_would_have_passed() {
        type Row = (fn(&mut Facts), Check, &'static str, &'static [&'static str]);
        fn asked(facts: &mut Facts) -> &mut Asked {
            facts.asked.as_mut().unwrap()
        }
        fn client(facts: &mut Facts) -> &mut Client {
            let Proof::Proven(client) = &mut facts.proof else { panic!("the client is proven") };
            Arc::make_mut(client)
        }
        let rows: [Row; 11] = [
            (
                |facts| {
                    let fault = RequestFault::Authentication(AuthenticationFault::Repeated);
                    (facts.credentials, facts.asked) = (Err(fault.clone()), Err(fault));
                    (facts.proof, facts.named) = (Proof::Unread, Named::Unnamed);
                },
                Check::Credentials,
                "more than one client authentication",
                &["with one client_id and its client_secret, in the body or in Authorization: Basic"],
            ),
            (
                |facts| {
                    let standing = Some(SecretStanding::Former);
                    let registered = facts.client().cloned();
                    facts.proof = Proof::Unproven { registered, standing, wait: None };
                },
                Check::Secret,
                "a former secret of client-000001",
                &["with a current secret of client-000001"],
            ),
            (
                |facts| facts.proof = Proof::Unproven { registered: None, standing: None, wait: None },
                Check::Secret,
                "client-000001, which is no registered client",
                &["with the client_id and the client_secret of a registered client"],
            ),
            (
                |facts| {
                    facts.proof = Proof::Unproven { registered: None, standing: None, wait: None };
                    facts.named = Named::Withheld;
                },
                Check::Secret,
                "what looks like a secret or a token in the place of the client_id, which is no registered client",
                &["with the client_id and the client_secret of a registered client"],
            ),
            (
                |facts| client(facts).status = Status::Suspended,
                Check::Status,
                "suspended",
                &["if the operator resumed the client"],
            ),
            (
                |facts| facts.wait = Some(std::time::Duration::from_millis(750)),
                Check::Throttle,
                "one more; the next may come in 0.8 s",
                &["0.8 s later"],
            ),
            (
                |facts| facts.asked = Err(RequestFault::Scope),
                Check::Parameters,
                "a scope that is not scope tokens with one space between them",
                &["with one space between the scope tokens, and no quotes"],
            ),
            (
                |facts| asked(facts).resources.push("https://localhost/admin".to_owned()),
                Check::Audience,
                "audience=public resource=https://localhost/admin",
                &["with audience=public"],
            ),
            (
                |facts| asked(facts).audience = None,
                Check::Audience,
                "neither audience nor resource",
                &["with audience=public"],
            ),
            (
                |facts| asked(facts).scope = Some(Scope::parse("read:admin").unwrap()),
                Check::Scope,
                "scope=read:admin",
                &["without scope"],
            ),
            (
                |facts| facts.signing_failed = true,
                Check::Signing,
                "no signature: the server could not sign",
                &["once the server can sign"],
            ),
        ];
        for (change, check, got, nearest) in rows {
            let mut facts = facts();
            change(&mut facts);
            let explanation = facts.explain();
            let failed = explanation.failed().unwrap();
            let changes: Vec<&str> = explanation.nearest.iter().map(|nearest| nearest.change.as_str()).collect();
            assert_eq!((failed.check, failed.got.as_deref(), changes.as_slice()), (check, Some(got), nearest));
            assert!(explanation.nearest.iter().all(|nearest| nearest.fails_next.is_none()), "{explanation:?}");
        }
    }

    #[test]
    fn a_fault_of_the_parameters_names_the_parameter() {
        let fault = RequestFault::Parameters(ParameterFault::Repeated("scope"));
        assert_eq!(fault_in_words(&fault), "scope is there more than once");
    }
}
