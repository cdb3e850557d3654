//! Reports of exams: who had one signed, and what a client that has shown one may call.
//!
//! Whether a passport counts, [`Passports`](crate::passports::Passports) has decided. The limits of a client follow from its
//! record alone, and are settled with each change of it; what the time or a setting changes is settled by the upkeep.

use super::{Actor, Administration, ChangeError};
use crate::api::passport::PresentedReport;
use crate::audit::Action;
use crate::clients::Client;
use crate::oauth::credentials::ClientId;
use crate::store::Txn;
use crate::time::UnixSeconds;

/// How many clients one upkeep settles; the next one goes on.
const MAX_SETTLED: usize = 1_000;

impl Administration {
    /// Adds an audit entry that a passport was signed for a report of this client.
    pub(crate) async fn report_signed(&self, client_id: &ClientId, actor: &Actor) -> Result<(), ChangeError> {
        let event = self.done(Action::ReportSigned, client_id.as_str(), actor);
        self.audit.commit(&Txn::new(), &event).await?;
        super::log_change(&event);
        Ok(())
    }

    /// Gives a client the limits that it was assigned, for as long as the passport of this report is valid. The same
    /// passport again changes nothing.
    pub(crate) async fn present_report(
        &self,
        client_id: &ClientId,
        report: &PresentedReport,
        actor: &Actor,
    ) -> Result<Client, ChangeError> {
        let edit = |client: &mut Client, _: UnixSeconds| {
            if let Some(withdrawn_at) = client.report_withdrawn_at().filter(|at| report.issued_at <= *at) {
                return Err(ChangeError::PassportWithdrawn(withdrawn_at));
            }
            if client.shown_report().is_none_or(|shown| shown.jti != report.jti) {
                client.show_report(report.clone());
            }
            Ok(Action::ReportPresented)
        };
        self.alter(client_id, edit, actor).await
    }

    /// Withdraws the report of a client. Its passport does not count again for any client, and no other that was
    /// signed until now.
    pub(crate) async fn withdraw_report(&self, client_id: &ClientId, actor: &Actor) -> Result<Client, ChangeError> {
        let edit = |client: &mut Client, now: UnixSeconds| {
            client.withdraw_report(now).ok_or(ChangeError::ReportUnknown)?;
            Ok(Action::ReportWithdrawn)
        };
        self.alter(client_id, edit, actor).await
    }

    /// Settles the limits of clients whose passport has expired, or for whom a setting has changed since.
    pub(crate) async fn settle_limits(&self) -> Result<(), ChangeError> {
        let edit = |client: &mut Client, now: UnixSeconds| {
            Ok(if client.has_expired_report(now) { Action::ReportExpired } else { Action::ClientChanged })
        };
        for client_id in self.clients.unsettled(self.unproven, self.clock.now(), MAX_SETTLED) {
            match self.alter(&client_id, edit, &Actor::default()).await {
                // It was deleted meanwhile.
                Ok(_) | Err(ChangeError::ClientUnknown) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
