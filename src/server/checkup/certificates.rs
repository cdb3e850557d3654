//! The certificate and the local authority: their dates, and the names that they are for.

use super::Finding;
use crate::config::Config;
use crate::host;
use crate::time::{SECONDS_PER_DAY, UnixSeconds};
use crate::tls::CertificateFacts;

/// A certificate that the operator renews is due for renewal this long before its end.
const RENEW_WITHIN_S: u64 = 14 * SECONDS_PER_DAY;
/// The local authority is replaced before its end, and then every client has to trust the new one: warn this long
/// before.
const CA_ENDS_WITHIN_S: u64 = 90 * SECONDS_PER_DAY;

/// What clients will find of them, `now` by their own clock.
pub(crate) fn certificates(config: &Config, now: UnixSeconds) -> Vec<Finding> {
    const CHECK: &str = "certificate";
    let tls = config.data_dir.join("tls");
    let host = config.issuer.as_deref().map_or("localhost", host::of_issuer);
    if let Some(files) = &config.tls.files {
        return vec![match CertificateFacts::read(&files.certificate, Some(&files.private_key)) {
            Ok(facts) => operator_certificate(&facts, host, now),
            Err(error) => Finding::failed(CHECK, &error),
        }];
    }
    let (ca, leaf) = (tls.join("ca.pem"), tls.join("leaf.pem"));
    if !ca.exists() {
        return vec![Finding::ok(CHECK, "none yet: the first start creates it, with a local authority")];
    }
    let mut findings = vec![match CertificateFacts::read(&ca, Some(&tls.join("ca-key.pem"))) {
        Ok(facts) => local_authority(&facts, &config.tls.names, now),
        Err(error) => Finding::failed("authority", &error),
    }];
    findings.push(match CertificateFacts::read(&leaf, Some(&tls.join("leaf-key.pem"))) {
        Ok(facts) => local_certificate(&facts, host, &config.tls.names, now),
        Err(error) => Finding::warn(CHECK, error.to_string(), "the next start creates another"),
    });
    findings
}

/// A certificate from the operator's own files, which the server does not renew.
fn operator_certificate(facts: &CertificateFacts, host: &str, now: UnixSeconds) -> Finding {
    const CHECK: &str = "certificate";
    let until = facts.not_after;
    if until < now {
        return Finding::fail(
            CHECK,
            format!("expired at {until}"),
            "renew it; the server reads the new files by itself",
        );
    }
    if facts.not_before > now {
        let fix = "wait, or set this machine's clock";
        return Finding::fail(CHECK, format!("is not valid before {}", facts.not_before), fix);
    }
    if !facts.is_for(host) {
        let fix = "use one that is, or set issuer to the name that clients call";
        return Finding::fail(CHECK, format!("is not for {host}, which is what clients call"), fix);
    }
    if until.since(now) < RENEW_WITHIN_S {
        return Finding::warn(
            CHECK,
            format!("expires at {until}"),
            "renew it; the server reads the new files by itself",
        );
    }
    if !facts.is_self_signed() {
        return Finding::ok(CHECK, format!("for {host}, until {until}"));
    }
    let detail = format!("for {host}, until {until}; self-signed, so clients must trust the certificate itself");
    if facts.is_authority() {
        let fix = "some clients refuse one that may sign others: make it with basicConstraints=critical,CA:FALSE";
        return Finding::warn(CHECK, detail, fix);
    }
    Finding::ok(CHECK, detail)
}

fn local_authority(facts: &CertificateFacts, names: &[String], now: UnixSeconds) -> Finding {
    const ANOTHER: &str = "delete tls/ca.pem in the data folder and start the server again: it creates another \
                           authority, which every client then has to trust (boomgate ca trust)";
    let until = facts.not_after;
    if let Some(name) = names.iter().find(|name| !facts.may_sign_for(name)) {
        let detail = format!("may not sign for {name}, which is in tls.names: it was created for other names");
        return Finding::fail("authority", detail, format!("{ANOTHER}. Or remove the name from tls.names"));
    }
    if facts.not_before > now {
        let detail = format!("is not valid before {}", facts.not_before);
        return Finding::fail("authority", detail, "set this machine's clock");
    }
    if until.since(now) < CA_ENDS_WITHIN_S {
        let fix = "the server creates another in its last 30 days, which clients then have to trust";
        return Finding::warn("authority", format!("ends at {until}"), fix);
    }
    if facts.may_sign_for_any_name() {
        let detail = format!("until {until}; it may sign for any name, so who has its key can pose as any site");
        return Finding::warn("authority", detail, ANOTHER);
    }
    Finding::ok("authority", format!("until {until}, for this server's names only"))
}

/// A certificate of the local authority, which the server renews itself.
fn local_certificate(facts: &CertificateFacts, host: &str, names: &[String], now: UnixSeconds) -> Finding {
    const CHECK: &str = "certificate";
    let until = facts.not_after;
    if until < now || facts.not_before > now {
        let detail = format!("is valid only from {} to {until}", facts.not_before);
        return Finding::warn(CHECK, detail, "the running server or its next start creates another");
    }
    // Clients do not call a wildcard.
    if let Some(missing) = names.iter().find(|name| !name.starts_with('*') && !facts.is_for(name)) {
        return Finding::warn(
            CHECK,
            format!("is not yet for {missing}, which is in tls.names"),
            "start the server again",
        );
    }
    if !facts.is_for(host) {
        let fix = format!("add it to tls.names, and start the server again: names = [\"{host}\"]");
        return Finding::fail(CHECK, format!("is not for {host}, which is what clients call"), fix);
    }
    Finding::ok(CHECK, format!("for {host}, until {until}"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::api::health::Outcome::{self, Fail, Ok, Warn};

    /// A certificate for these names that ends this many days after 2026-01-01.
    fn facts(names: &[&str], days: i64) -> CertificateFacts {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        facts_of(rcgen::CertificateParams::new(names).unwrap(), days)
    }

    /// An authority's certificate, which may sign for these names, or for any name if the list is empty.
    fn ca(permitted: &[&str], days: i64) -> CertificateFacts {
        let subtree = |name: &&str| match name.parse() {
            std::result::Result::Ok(address) => {
                rcgen::GeneralSubtree::IpAddress(rcgen::CidrSubnet::from_addr_prefix(address, 32))
            }
            Err(_) => rcgen::GeneralSubtree::DnsName((*name).to_owned()),
        };
        let mut params = rcgen::CertificateParams::default();
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Constrained(0));
        params.name_constraints = Some(rcgen::NameConstraints {
            permitted_subtrees: permitted.iter().map(subtree).collect(),
            excluded_subtrees: Vec::new(),
        });
        facts_of(params, days)
    }

    fn facts_of(mut params: rcgen::CertificateParams, days: i64) -> CertificateFacts {
        params.not_before = ::time::macros::datetime!(2025-12-01 00:00 UTC);
        params.not_after = ::time::macros::datetime!(2026-01-01 00:00 UTC) + ::time::Duration::days(days);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("certificate.pem");
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        fs::write(&path, params.self_signed(&key).unwrap().pem()).unwrap();
        CertificateFacts::read(&path, None).unwrap()
    }

    #[test]
    fn the_result_depends_on_the_dates_and_names_of_a_certificate() {
        let now = UnixSeconds::parse("2026-01-01T00:00:00Z").unwrap();
        for (names, days, host, outcome) in [
            (&["gate.example.com"][..], 90, "gate.example.com", Ok),
            (&["*.example.com"], 90, "gate.example.com", Ok),
            (&["127.0.0.1"], 90, "127.0.0.1", Ok),
            (&["gate.example.com"], 3, "gate.example.com", Warn),
            (&["gate.example.com"], -1, "gate.example.com", Fail),
            (&["gate.example.com"], 90, "api.example.com", Fail),
        ] {
            let found: Outcome = operator_certificate(&facts(names, days), host, now).outcome;
            assert_eq!(found, outcome, "{names:?} {days} {host}");
        }
        let early = UnixSeconds::parse("2025-11-01T00:00:00Z").unwrap();
        assert_eq!(operator_certificate(&facts(&["a.example"], 90), "a.example", early).outcome, Fail);
        let names = ["gate.example.com".to_owned()];
        for (permitted, days, now, outcome) in [
            (&["gate.example.com", "127.0.0.1"][..], 3_000, now, Ok),
            (&["gate.example.com", "127.0.0.1"], 3_000, early, Fail),
            (&["gate.example.com", "127.0.0.1"], 30, now, Warn),
            (&["localhost", "127.0.0.1"], 3_000, now, Fail),
            (&[], 3_000, now, Warn),
        ] {
            assert_eq!(local_authority(&ca(permitted, days), &names, now).outcome, outcome, "{permitted:?} {days}");
        }
        let local = facts(&["localhost"], 300);
        assert_eq!(local_certificate(&local, "localhost", &[], now).outcome, Ok);
        assert_eq!(local_certificate(&local, "localhost", &["gate.example.com".to_owned()], now).outcome, Warn);
        assert_eq!(local_certificate(&local, "gate.example.com", &[], now).outcome, Fail);
        assert_eq!(local_certificate(&local, "localhost", &[], early).outcome, Warn);
    }
}
