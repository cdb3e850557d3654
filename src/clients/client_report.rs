//! What the report of an exam means for the limits of a client.
//!
//! A client that a report is required of has lower limits while it has none that is valid. Which limits count is written in
//! its record with each change, and when the passport of its report expires: a request reads them as those of any other
//! client, and decides nothing.

use serde::{Deserialize, Serialize};

use crate::api::passport::PresentedReport;
use crate::limits::{Limits, UnprovenLimits};
use crate::time::UnixSeconds;

/// What is required and known of the report of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientReport {
    /// Whether the client has the limits that it was assigned only while it has a valid report.
    pub(super) required: bool,
    /// The report that the client has shown, if its passport is valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) shown: Option<PresentedReport>,
    /// When a report was last withdrawn: a passport that was signed until then does not count again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) withdrawn_at: Option<UnixSeconds>,
    /// The limits that the client was assigned, while lower ones count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) assigned: Option<Limits>,
}

impl ClientReport {
    /// The limits that count at `now`, for a client that was assigned these.
    pub(super) fn limits_due(&self, assigned: Limits, unproven: UnprovenLimits, now: UnixSeconds) -> Limits {
        let is_proven = self.shown.as_ref().is_some_and(|shown| now < shown.expires_at);
        if self.required && !is_proven { unproven.lower(assigned) } else { assigned }
    }

    /// Whether the passport of the report has expired.
    pub(super) fn has_expired(&self, now: UnixSeconds) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.expires_at <= now)
    }

    /// Itself without a report whose passport has expired; `None` if it says nothing.
    pub(super) fn settled(mut self, assigned: Limits, due: Limits, now: UnixSeconds) -> Option<Self> {
        self.shown.take_if(|shown| shown.expires_at <= now);
        self.assigned = (due != assigned).then_some(assigned);
        (self != Self::default()).then_some(self)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use uuid::Uuid;

    use super::super::client::Client;
    use super::super::client::tests::client;
    use super::*;
    use crate::api::passport::PassportProfile;

    /// A report whose passport expires then.
    pub(in crate::clients) fn report_until(expires_at: UnixSeconds) -> PresentedReport {
        let issued_at = UnixSeconds::new(expires_at.get() - 10);
        PresentedReport {
            boomgate_version: "0.1.0".to_owned(),
            commit: None,
            exam_at: issued_at,
            expires_at,
            issued_at,
            issuer: "https://gate.example".to_owned(),
            jti: Uuid::nil(),
            kid: "key".to_owned(),
            presented_at: issued_at,
            profile: PassportProfile { name: "strict".to_owned(), digest: None },
            report_sha256: "0".repeat(64),
        }
    }

    const NOW: UnixSeconds = UnixSeconds::new(1_000);
    const END: UnixSeconds = UnixSeconds::new(1_010);

    fn unproven() -> UnprovenLimits {
        UnprovenLimits { requests_per_second: 1.into(), burst: 2, daily_quota: Some(3) }
    }

    fn assigned() -> Limits {
        Limits { requests_per_second: 10.into(), burst: 20, daily_quota: None, enforce: false }
    }

    fn lowered() -> Limits {
        Limits { requests_per_second: 1.into(), burst: 2, daily_quota: Some(3), enforce: false }
    }

    /// A client that a report is required of.
    fn unproven_client() -> Client {
        let mut client = client(0);
        client.assign_limits(assigned());
        client.require_report(true);
        assert!(client.is_unsettled(unproven(), NOW));
        client.settle_limits(unproven(), NOW);
        client
    }

    #[test]
    fn a_client_has_its_own_limits_only_while_its_report_is_valid() {
        let mut client = unproven_client();
        assert_eq!((client.limits, client.assigned_limits()), (lowered(), assigned()));
        let tighter = UnprovenLimits { burst: 1, ..unproven() };
        assert!(!client.is_unsettled(unproven(), NOW) && client.is_unsettled(tighter, NOW), "a setting was changed");

        client.show_report(report_until(END));
        client.settle_limits(unproven(), NOW);
        assert_eq!((client.limits, client.assigned_limits()), (assigned(), assigned()));
        let last = UnixSeconds::new(END.get() - 1);
        assert!(!client.is_unsettled(unproven(), last) && client.is_unsettled(unproven(), END));
        client.settle_limits(unproven(), END);
        assert_eq!((client.limits, client.assigned_limits(), client.shown_report()), (lowered(), assigned(), None));
        let written = serde_json::to_string(&client).unwrap();
        assert_eq!(serde_json::from_str::<Client>(&written).unwrap(), client);
    }

    #[test]
    fn a_change_of_the_assigned_limits_is_none_of_those_that_count_for_want_of_a_report() {
        let mut client = unproven_client();
        client.assign_limits(Limits { burst: 30, daily_quota: Some(2), ..assigned() });
        client.settle_limits(unproven(), NOW);
        assert_eq!(client.limits, Limits { daily_quota: Some(2), ..lowered() });
        assert_eq!(client.assigned_limits(), Limits { burst: 30, daily_quota: Some(2), ..assigned() });
        client.require_report(false);
        client.settle_limits(unproven(), NOW);
        assert_eq!(client.limits.burst, 30);
        assert_eq!(client.report, None, "the record is that of a client that never had to show one");
    }

    #[test]
    fn a_report_may_be_shown_before_it_is_required() {
        let mut client = client(0);
        let before = client.limits;
        client.show_report(report_until(END));
        client.settle_limits(unproven(), NOW);
        client.require_report(true);
        client.settle_limits(unproven(), NOW);
        assert_eq!((client.limits, client.is_unsettled(unproven(), NOW)), (before, false));
        assert_eq!(client.withdraw_report(NOW), Some(report_until(END)));
        assert_eq!((client.withdraw_report(NOW), client.report_withdrawn_at()), (None, Some(NOW)));
    }
}
