//! Combinations of settings that are valid and hardly ever intended.

use std::net::{IpAddr, SocketAddr};

use super::{Config, Edition};
use crate::host;
use crate::http::cors::ANY;
use crate::http::hsts;

impl Config {
    /// One line for each, with the setting to change. A start logs them; `config check` and `doctor` print them.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        [
            self.unreachable_issuer(),
            self.moving_issuer(),
            self.respelled_issuer(),
            self.open_metrics(),
            self.open_origins(),
            self.pages_from_disk(),
            self.unused_names(),
            self.unsent_hsts(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// The host that clients call.
    #[must_use]
    pub(crate) fn issuer_host(&self) -> &str {
        self.issuer.as_deref().map_or("localhost", host::of_issuer)
    }

    fn unreachable_issuer(&self) -> Option<String> {
        let address = self.listen.iter().find(|address| !address.ip().is_loopback())?;
        if self.issuer.is_some() {
            return None;
        }
        let port = Some(address.port()).filter(|port| *port != 443 && *port != 0);
        let port = port.map_or_else(String::new, |port| format!(":{port}"));
        let names = if self.tls.files.is_none() { ", and tls.names to the same host" } else { "" };
        Some(format!(
            "listen answers other machines at {address}, and issuer is the default, https://localhost{port}: every \
             address in the metadata and in tokens leads clients to their own machine. Set issuer to the address that \
             clients call, such as \"https://gate.example.com{port}\"{names}"
        ))
    }

    fn moving_issuer(&self) -> Option<String> {
        let is_free_port = self.listen.first().is_some_and(|first| first.port() == 0);
        (self.edition == Edition::Serve && self.issuer.is_none() && is_free_port).then(|| {
            "listen has port 0, so each start takes another port, and the default issuer changes with it: tokens from \
             before a restart are refused. Name a port in listen, or set issuer"
                .to_owned()
        })
    }

    /// RFC 8414 section 3.3 compares issuers as text, and clients write a URL in the form that their library gives it.
    fn respelled_issuer(&self) -> Option<String> {
        let issuer = self.issuer.as_deref()?;
        let usual = issuer.to_ascii_lowercase();
        let usual = usual.strip_suffix(":443").unwrap_or(&usual);
        (usual != issuer).then(|| {
            format!(
                "issuer is {issuer}, and many clients write that as {usual} and then refuse the server, because the \
                 two differ: set issuer to {usual} before the first token is issued"
            )
        })
    }

    fn open_metrics(&self) -> Option<String> {
        let address = self.ops_listen.filter(|address| is_reached_from_afar(*address))?;
        Some(format!(
            "ops_listen answers /metrics without a token to every caller that can reach {address}: set it to an \
             address that only probes and Prometheus can reach, or protect it with a firewall"
        ))
    }

    fn open_origins(&self) -> Option<String> {
        self.cors_origins.iter().any(|origin| origin == ANY).then(|| {
            "cors_origins is \"*\": a page of any site that gets hold of an access token can call the partner API with it, \
             from the browser of anyone who looks at the page. Name the origins of the partners' applications instead"
                .to_owned()
        })
    }

    fn pages_from_disk(&self) -> Option<String> {
        let folder = self.static_dir.as_ref().filter(|_| self.edition == Edition::Serve)?;
        Some(format!(
            "static_dir is {}: anyone who may write there can change the scripts of every page. It is for work on the pages; \
             remove it",
            folder.display()
        ))
    }

    fn unused_names(&self) -> Option<String> {
        (self.tls.files.is_some() && !self.tls.names.is_empty()).then(|| {
            "tls.names has no effect beside tls.certificate, since that certificate has its own names: remove it"
                .to_owned()
        })
    }

    fn unsent_hsts(&self) -> Option<String> {
        let is_chosen = ![0, hsts::DEFAULT_MAX_AGE_S].contains(&self.http.hsts_max_age_s);
        let is_sent = self.edition == Edition::Serve && host::is_public_name(self.issuer_host());
        (is_chosen && !is_sent).then(|| {
            "http.hsts_max_age_s has no effect: only serve sends the header, if the issuer's host is a name with a dot"
                .to_owned()
        })
    }
}

/// Whether the address is public, or includes all addresses of the machine.
fn is_reached_from_afar(address: SocketAddr) -> bool {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => !(ip.is_loopback() || ip.is_private() || ip.is_link_local()),
        IpAddr::V6(ip) => !(ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local()),
    }
}
