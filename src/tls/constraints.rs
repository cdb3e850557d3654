//! Which names the local CA may sign for (RFC 5280 section 4.2.1.10).
//!
//! A machine that trusts a CA accepts every certificate that it signs. A thief of this CA's key can sign for the names
//! of this server, and for no others. As the RFC defines it, a name permits itself and all names below it: `localhost`
//! permits `gate.localhost` too. An address permits only itself.

use std::collections::BTreeSet;
use std::net::IpAddr;

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;

use crate::host::Host;

/// The names that a CA may sign for, according to its certificate.
pub(super) struct Constraints {
    /// Names that are permitted with all names below them; `None` permits any.
    names: Option<Vec<String>>,
    /// Networks that are permitted, each an address and a mask; `None` permits any.
    networks: Option<Vec<Vec<u8>>>,
}

/// The extension for a CA of these names.
pub(super) fn for_names<'h>(names: impl IntoIterator<Item = &'h Host>) -> NameConstraints {
    let mut permitted = BTreeSet::new();
    let mut addresses = BTreeSet::new();
    for name in names {
        match name {
            Host::Dns(name) => {
                permitted.insert(name.strip_prefix("*.").unwrap_or(name).to_owned());
            }
            Host::Ip(address) => {
                addresses.insert(*address);
            }
        }
    }
    let whole = |address: IpAddr| CidrSubnet::from_addr_prefix(address, if address.is_ipv4() { 32 } else { 128 });
    let names = permitted.into_iter().map(GeneralSubtree::DnsName);
    let addresses = addresses.into_iter().map(|address| GeneralSubtree::IpAddress(whole(address)));
    NameConstraints { permitted_subtrees: names.chain(addresses).collect(), excluded_subtrees: Vec::new() }
}

impl Constraints {
    /// The constraints of a certificate; an `Err` if it has the extension twice, or cannot be read.
    pub(super) fn of(certificate: &X509Certificate<'_>) -> Result<Self, String> {
        let found = certificate.name_constraints().map_err(|error| error.to_string())?;
        let subtrees = found.and_then(|found| found.value.permitted_subtrees.as_deref()).unwrap_or_default();
        let (mut names, mut networks) = (Vec::new(), Vec::new());
        for subtree in subtrees {
            if let GeneralName::DNSName(name) = &subtree.base {
                names.push(name.trim_start_matches('.').to_ascii_lowercase());
            } else if let GeneralName::IPAddress(network) = &subtree.base {
                networks.push(network.to_vec());
            }
        }
        // A kind of name without a subtree is not constrained.
        let some = |is_empty: bool| (!is_empty).then_some(());
        Ok(Self {
            names: some(names.is_empty()).map(|()| names),
            networks: some(networks.is_empty()).map(|()| networks),
        })
    }

    /// Whether any name of one of the kinds is permitted.
    pub(super) fn are_missing(&self) -> bool {
        self.names.is_none() || self.networks.is_none()
    }

    /// Whether clients accept a certificate for this name.
    pub(super) fn permit(&self, host: &Host) -> bool {
        match host {
            Host::Dns(name) => {
                let name = name.strip_prefix("*.").unwrap_or(name);
                let is_below =
                    |base: &str| name.strip_suffix(base).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                self.names.as_ref().is_none_or(|names| names.iter().any(|base| is_below(base)))
            }
            Host::Ip(IpAddr::V4(address)) => self.permit_address(&address.octets()),
            Host::Ip(IpAddr::V6(address)) => self.permit_address(&address.octets()),
        }
    }

    fn permit_address(&self, address: &[u8]) -> bool {
        let is_in = |network: &Vec<u8>| {
            let (base, mask) = network.split_at(network.len() / 2);
            base.len() == address.len()
                && address.iter().zip(base).zip(mask).all(|((byte, base), mask)| byte & mask == base & mask)
        };
        self.networks.as_ref().is_none_or(|networks| networks.iter().any(is_in))
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
    use x509_parser::prelude::FromDer as _;

    use super::*;

    fn constraints(names: Option<&[&str]>) -> Constraints {
        let hosts: Vec<Host> = names.unwrap_or_default().iter().map(|name| Host::parse(name).unwrap()).collect();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.name_constraints = names.map(|_| for_names(&hosts));
        let key = KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Constraints::of(&X509Certificate::from_der(certificate.der()).unwrap().1).unwrap()
    }

    #[test]
    fn a_name_permits_all_names_below_it_and_an_address_only_itself() {
        let ours = constraints(Some(&["localhost", "*.lot.example", "my_service", "127.0.0.1", "::1"]));
        assert!(!ours.are_missing());
        for (name, permitted) in [
            ("localhost", true),
            ("gate.localhost", true),
            ("lot.example", true),
            ("a.lot.example", true),
            ("*.lot.example", true),
            ("my_service", true),
            ("127.0.0.1", true),
            ("::1", true),
            ("notlocalhost", false),
            ("localhost.example", false),
            ("*.example", false),
            ("127.0.0.2", false),
            ("::2", false),
            ("::ffff:127.0.0.1", false),
        ] {
            assert_eq!(ours.permit(&Host::parse(name).unwrap()), permitted, "{name}");
        }
    }

    #[test]
    fn a_ca_without_constraints_may_sign_for_any_name() {
        let older = constraints(None);
        assert!(older.are_missing());
        for name in ["gate.example.com", "192.0.2.1"] {
            assert!(older.permit(&Host::parse(name).unwrap()));
        }
        assert!(constraints(Some(&["localhost"])).are_missing(), "any address");
    }
}
