//! The record of a client: what it is registered with, and what it may do.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::client_report::ClientReport;
use super::registration::Registration;
use super::secret::Secret;
use crate::api::client::Status;
use crate::api::passport::PresentedReport;
use crate::api::secret::SecretStanding;
use crate::limits::{Limits, UnprovenLimits};
use crate::oauth::audience::{ADMIN_AUDIENCE, Audience};
use crate::oauth::credentials::{ClientId, Fingerprint};
use crate::oauth::scope::{Scope, WRITE_ADMIN};
use crate::oauth::token_epoch::TokenEpoch;
use crate::time::UnixSeconds;

/// The most secrets that one client has at a time.
pub(crate) const MAX_SECRETS: usize = 2;
/// The most former secrets of one client whose fingerprints are stored.
const MAX_RETIRED: usize = 16;

/// A registered client; its members have the names of RFC 7591 section 2 where that has one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Client {
    /// Its identifier, given at registration.
    pub client_id: ClientId,
    /// Its name for people.
    pub client_name: String,
    /// All that it may ask for.
    pub scope: Scope,
    /// The API sets that it may call.
    pub audience: Audience,
    /// How long its access tokens live, in seconds.
    pub token_ttl: u64,
    /// How much it may call now. That is what it was assigned, unless it lacks a report that is required of it.
    pub limits: Limits,
    /// Whether it may call at all.
    pub status: Status,
    /// Its secrets; at most [`MAX_SECRETS`].
    pub secrets: Vec<Secret>,
    /// Its former secrets, the latest last; none of them can be set again. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub retired_secrets: Vec<Fingerprint>,
    /// What is required and known of the report of its exam. Of most clients nothing is, and older records have no such
    /// member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report: Option<Box<ClientReport>>,
    /// Whether a file of declared clients names it, or once did. Only such a client may be deleted because the file no
    /// longer names it. Older records have no such mark.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declared: bool,
    /// When all its tokens were last revoked; when it was registered, if they never were.
    #[serde(default)]
    pub tokens_valid_from: UnixSeconds,
    /// The epoch of its tokens that are not revoked; see [`accepts`](Self::accepts).
    #[serde(default)]
    pub token_epoch: TokenEpoch,
    /// When it was registered.
    pub created_at: UnixSeconds,
    /// When this record last changed.
    pub updated_at: UnixSeconds,
}

impl Client {
    /// The secrets that are accepted at `now`.
    pub(crate) fn live_secrets(&self, now: UnixSeconds) -> impl Iterator<Item = &Secret> {
        self.secrets.iter().filter(move |secret| secret.is_live(now))
    }

    /// Its registration, with every change since.
    #[must_use]
    pub(crate) fn registration(&self) -> Registration {
        Registration {
            client_name: self.client_name.clone(),
            scope: self.scope.clone(),
            audience: self.audience.clone(),
            token_ttl: self.token_ttl,
            report_required: self.report_required(),
            limits: self.assigned_limits(),
        }
    }

    /// Whether it has the limits that it was assigned only while it has a valid report of an exam.
    #[must_use]
    pub fn report_required(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.required)
    }

    /// The report that it has shown, if its passport is valid.
    #[must_use]
    pub fn shown_report(&self) -> Option<&PresentedReport> {
        self.report.as_ref()?.shown.as_ref()
    }

    /// When a report was last withdrawn: a passport that was signed until then does not count again.
    pub(crate) fn report_withdrawn_at(&self) -> Option<UnixSeconds> {
        self.report.as_ref()?.withdrawn_at
    }

    /// How much it may call with the report that is required of it, if one is.
    #[must_use]
    pub fn assigned_limits(&self) -> Limits {
        self.report.as_ref().and_then(|report| report.assigned).unwrap_or(self.limits)
    }

    /// Requires a report, or no longer. This and the three changes below count once the limits are
    /// [settled](Self::settle_limits).
    pub(crate) fn require_report(&mut self, required: bool) {
        if required != self.report_required() {
            self.report.get_or_insert_default().required = required;
        }
    }

    /// Assigns other limits.
    pub(crate) fn assign_limits(&mut self, assigned: Limits) {
        self.limits = assigned;
        if let Some(report) = &mut self.report {
            report.assigned = None;
        }
    }

    /// Shows a report.
    pub(crate) fn show_report(&mut self, shown: PresentedReport) {
        self.report.get_or_insert_default().shown = Some(shown);
    }

    /// Withdraws the report that it has shown; `None` if there is none.
    pub(crate) fn withdraw_report(&mut self, now: UnixSeconds) -> Option<PresentedReport> {
        let report = self.report.as_mut()?;
        let withdrawn = report.shown.take()?;
        report.withdrawn_at = Some(now);
        Some(withdrawn)
    }

    /// Sets the limits that count at `now`, and forgets a report whose passport has expired. Every change of the record ends
    /// with this.
    pub(crate) fn settle_limits(&mut self, unproven: UnprovenLimits, now: UnixSeconds) {
        let assigned = self.assigned_limits();
        let Some(report) = self.report.take() else { return };
        self.limits = report.limits_due(assigned, unproven, now);
        self.report = report.settled(assigned, self.limits, now).map(Box::new);
    }

    /// Whether [`settle_limits`](Self::settle_limits) would change anything.
    pub(crate) fn is_unsettled(&self, unproven: UnprovenLimits, now: UnixSeconds) -> bool {
        let Some(report) = &self.report else { return false };
        report.has_expired(now) || self.limits != report.limits_due(self.assigned_limits(), unproven, now)
    }

    /// Whether the passport of its report has expired.
    pub(crate) fn has_expired_report(&self, now: UnixSeconds) -> bool {
        self.report.as_ref().is_some_and(|report| report.has_expired(now))
    }

    /// Whether its registration makes it an administrator: it can change who may call, if it is active and has a
    /// secret that is accepted.
    #[must_use]
    pub(crate) fn is_for_administration(&self) -> bool {
        self.may_call(ADMIN_AUDIENCE, &WRITE_ADMIN)
    }

    /// Whether it was assigned the scope token and granted the audience: a right needs both.
    #[must_use]
    pub(crate) fn may_call(&self, audience: &str, scope_token: &str) -> bool {
        self.scope.contains(scope_token) && self.audience.iter().any(|granted| granted == audience)
    }

    /// Whether a token of this epoch, issued at this time, was issued after the last revocation of all tokens. A token
    /// without an epoch is older than epochs are, and so is every revocation while the client's epoch is 0: then the
    /// time decides. Every other revocation came after that token.
    #[must_use]
    pub(crate) fn accepts(&self, token_epoch: Option<TokenEpoch>, issued_at: UnixSeconds) -> bool {
        match token_epoch {
            Some(epoch) => epoch == self.token_epoch,
            None => self.token_epoch == TokenEpoch::default() && issued_at >= self.tokens_valid_from,
        }
    }

    /// Revokes all tokens that it was issued until now.
    pub fn revoke_tokens(&mut self, now: UnixSeconds) {
        (self.token_epoch, self.tokens_valid_from) = (TokenEpoch::random(), now);
    }

    /// What the secret of this fingerprint is to it.
    #[must_use]
    pub(crate) fn standing_of(&self, fingerprint: Fingerprint) -> SecretStanding {
        let mut same = self.secrets.iter().filter(|secret| secret.fingerprint == fingerprint);
        match same.next() {
            Some(secret) if secret.expires_at.is_none() => SecretStanding::Current,
            Some(_) => SecretStanding::Former,
            None if self.retired_secrets.contains(&fingerprint) => SecretStanding::Former,
            None => SecretStanding::Unknown,
        }
    }

    /// Whether it has this secret, or once had it.
    #[must_use]
    pub(crate) fn had_secret(&self, fingerprint: Fingerprint) -> bool {
        self.standing_of(fingerprint) != SecretStanding::Unknown
    }

    /// Removes the secrets that `wanted` rejects, and stores their fingerprints.
    pub(crate) fn retire_secrets(&mut self, wanted: impl Fn(&Secret) -> bool) {
        let dropped = self.secrets.iter().filter(|secret| !wanted(secret)).map(|secret| secret.fingerprint);
        self.retired_secrets.extend(dropped);
        let surplus = self.retired_secrets.len().saturating_sub(MAX_RETIRED);
        self.retired_secrets.drain(..surplus);
        self.secrets.retain(wanted);
    }

    /// Whether it has the secret of this identifier.
    pub(crate) fn has_secret(&self, secret_id: &Uuid) -> bool {
        self.secrets.iter().any(|secret| secret.secret_id == *secret_id)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::oauth::credentials::{ClientSecret, DigestKey};

    pub(crate) fn client(number: usize) -> Client {
        Client {
            client_id: ClientId::parse(&format!("client-{number:06}")).unwrap(),
            client_name: format!("Partner {number}"),
            scope: Scope::parse("read:zones").unwrap(),
            audience: vec!["public".to_owned()].into(),
            token_ttl: 3_600,
            limits: Limits { requests_per_second: 1.into(), burst: 1, daily_quota: None, enforce: true },
            report: None,
            status: Status::Active,
            secrets: Vec::new(),
            retired_secrets: Vec::new(),
            declared: false,
            tokens_valid_from: UnixSeconds::new(0),
            token_epoch: TokenEpoch::default(),
            created_at: UnixSeconds::new(0),
            updated_at: UnixSeconds::new(0),
        }
    }

    #[test]
    fn a_token_without_an_epoch_is_accepted_until_the_first_revocation() {
        let moment = UnixSeconds::new;
        // A record of that time: its tokens were revoked up to a second that may be ahead.
        let mut client = client(0);
        client.tokens_valid_from = moment(100);
        let none = TokenEpoch::default();
        for (epoch, issued_at, accepted, reason) in [
            (None, moment(99), false, "issued before the last revocation of that time"),
            (None, moment(100), true, "issued after it"),
            (Some(none), moment(50), true, "issued since there are epochs, by a clock that was set back"),
            (Some(TokenEpoch::random()), moment(100), false, "of another client that had this client_id"),
        ] {
            assert_eq!(client.accepts(epoch, issued_at), accepted, "{reason}");
        }
        client.revoke_tokens(moment(50));
        for (epoch, issued_at) in [(None, moment(100)), (Some(none), moment(50))] {
            assert!(!client.accepts(epoch, issued_at), "{epoch:?}");
        }
        assert!(client.accepts(Some(client.token_epoch), moment(0)));
        let mut record = serde_json::to_value(&client).unwrap();
        assert_eq!(serde_json::from_value::<Client>(record.clone()).unwrap(), client);
        record.as_object_mut().unwrap().remove("token_epoch");
        assert_eq!(serde_json::from_value::<Client>(record).unwrap().token_epoch, none, "an older record reads too");
    }

    #[test]
    fn fingerprints_of_former_secrets_are_stored_up_to_a_bound() {
        let now = UnixSeconds::new(0);
        let key = DigestKey::new(&[7; 32]);
        let secret = |number: usize| Secret::from_plaintext(&key, &ClientSecret::new(number.to_string().into()), now);
        let mut client = client(0);
        for number in 0..MAX_RETIRED + 3 {
            client.secrets = vec![secret(number)];
            assert!(client.had_secret(secret(number).fingerprint));
            client.retire_secrets(|_| false);
        }
        assert!(client.secrets.is_empty());
        assert_eq!(client.retired_secrets.len(), MAX_RETIRED);
        assert!(!client.had_secret(secret(2).fingerprint) && client.had_secret(secret(3).fingerprint));
        let written = serde_json::to_string(&client).unwrap();
        assert_eq!(serde_json::from_str::<Client>(&written).unwrap(), client);
        let before = written.replace("\"retired_secrets\"", "\"something_else\"");
        assert!(
            serde_json::from_str::<Client>(&before).unwrap().retired_secrets.is_empty(),
            "an older record reads too"
        );
    }

    #[test]
    fn a_record_of_a_client_without_a_report_is_written_as_it_was() {
        let written = serde_json::to_string(&client(0)).unwrap();
        assert!(!written.contains("report"), "its ETag stays what it was: {written}");
    }

    #[test]
    fn a_record_without_the_declared_mark_is_written_as_it_was() {
        let mut client = client(0);
        let before = serde_json::to_string(&client).unwrap();
        assert!(!before.contains("declared"), "its ETag stays what it was");
        assert!(!serde_json::from_str::<Client>(&before).unwrap().declared);
        client.declared = true;
        let written = serde_json::to_string(&client).unwrap();
        assert_eq!(serde_json::from_str::<Client>(&written).unwrap(), client);
    }
}
