//! The demo clients: fixed credentials, the same in every sandbox and in the documentation.
//!
//! Nothing here is secret. A sandbox listens on loopback only, and `boomgate serve` never registers these clients.

use zeroize::Zeroizing;

use crate::administration::OPERATOR_LIMITS;
use crate::admission::ADMIN_AUDIENCE;
use crate::api::credentials::{CredentialsFile, DemoCredentialsFile};
use crate::api::policy::RegistrationPolicy;
use crate::clients::registration::Registration;
use crate::limits::{Limits, Rate};
use crate::oauth::credentials::{ClientId, ClientIdFault, ClientSecret};
use crate::oauth::scope::{Scope, ScopeFault};

/// A client that every sandbox has.
#[derive(Clone, Copy, Debug)]
pub struct Demo {
    /// Its identifier.
    pub client_id: &'static str,
    /// Its secret, which is published.
    pub client_secret: &'static str,
    /// Its name.
    pub client_name: &'static str,
    /// What it demonstrates, in few words.
    pub shows: &'static str,
    /// Its scope.
    pub scope: &'static str,
    limits: Option<Limits>,
    admin: bool,
}

/// All of them.
pub const DEMOS: [Demo; 4] = [
    Demo {
        client_id: "demo-reader",
        client_secret: "bg_secret_demoReaderInTheSandboxOnlyNotForProduction00QG1iY",
        client_name: "Demo: reads zones",
        shows: "reads zones",
        scope: "read:zones",
        limits: None,
        admin: false,
    },
    Demo {
        client_id: "demo-writer",
        client_secret: "bg_secret_demoWriterInTheSandboxOnlyNotForProduction00iDSjJ",
        client_name: "Demo: reads and writes zones",
        shows: "reads, writes zones",
        scope: "read:zones write:zones",
        limits: None,
        admin: false,
    },
    Demo {
        client_id: "demo-limited",
        client_secret: "bg_secret_demoLimitedInTheSandboxOnlyNotForProduction3Fv5PB",
        client_name: "Demo: 2 requests a second, 20 a day",
        shows: "2 a second, 20 a day",
        scope: "read:zones",
        limits: Some(Limits {
            requests_per_second: Rate::per_second(2),
            burst: 2,
            daily_quota: Some(20),
            enforce: true,
        }),
        admin: false,
    },
    Demo {
        client_id: "demo-admin",
        client_secret: "bg_secret_demoAdminInTheSandboxOnlyNotForProduction004CCSqY",
        client_name: "Demo: registers clients",
        shows: "registers clients",
        scope: "read:admin read:zones write:admin write:zones",
        limits: Some(OPERATOR_LIMITS),
        admin: true,
    },
];

impl Demo {
    /// Its identifier, as a type.
    pub(crate) fn client_id(&self) -> Result<ClientId, ClientIdFault> {
        ClientId::parse(self.client_id)
    }

    /// Its secret, as a type.
    pub(crate) fn secret(&self) -> ClientSecret {
        ClientSecret::new(Zeroizing::new(self.client_secret.to_owned()))
    }

    /// Its registration.
    pub(crate) fn registration(&self, policy: &RegistrationPolicy) -> Result<Registration, ScopeFault> {
        let mut audience: Vec<String> = policy.audiences.first().cloned().into_iter().collect();
        if self.admin {
            audience.push(ADMIN_AUDIENCE.to_owned());
        }
        Ok(Registration {
            client_name: self.client_name.to_owned(),
            scope: Scope::parse(self.scope)?,
            audience: audience.into(),
            token_ttl: policy.client_defaults.token_ttl,
            report_required: false,
            limits: self.limits.unwrap_or(policy.client_defaults.limits),
        })
    }
}

/// The content of `DATA_DIR/demo-clients.json`, for the server `issuer`.
pub(crate) fn credentials(issuer: &str) -> DemoCredentialsFile {
    let file = |demo: Demo| (demo.client_id.to_owned(), CredentialsFile::new(demo.client_id, demo.client_secret, None));
    DemoCredentialsFile { issuer: Some(issuer.to_owned()), clients: DEMOS.map(file).into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_demo_client_has_a_secret_of_the_documented_form() {
        for demo in DEMOS {
            assert!(demo.secret().is_well_formed(), "{}", demo.client_id);
            assert!(demo.client_id().is_ok() && Scope::parse(demo.scope).is_ok(), "{}", demo.client_id);
        }
    }
}
