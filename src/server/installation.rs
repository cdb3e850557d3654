//! What an operator asks about the server around the rules: its store, its certificate, its files.

use std::sync::Arc;

use super::checkup;
use crate::api::health::CertificateInUse;
use crate::config::Config;
use crate::http::admin::health::Installation;
use crate::store::{Contents, Store};
use crate::time::{Clock as _, SystemClock};
use crate::tls::Tls;

/// For a server that starts now.
pub(super) fn installation(config: &Config, issuer: &str, store: &dyn Store, tls: &Arc<Tls>) -> Installation {
    let (config, tls) = (config.clone(), tls.clone());
    Installation {
        edition: config.edition.name(),
        issuer: issuer.to_owned(),
        started_at: SystemClock::new().now(),
        has_lasting_store: store.contents().is_none_or(Contents::is_lasting),
        certificate: Box::new(move || CertificateInUse {
            names: tls.names(),
            not_after: tls.not_after(),
            renews_itself: tls.ca_path().is_some(),
        }),
        findings: Box::new(move || checkup::findings(&config, SystemClock::new().now())),
    }
}
