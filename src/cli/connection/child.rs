//! A sandbox that this process has started, called as the line says with which it introduced itself.

use std::net::{Ipv4Addr, SocketAddr};

use anyhow::anyhow;
use ureq::http::Uri;
use zeroize::Zeroizing;

use super::{Api, Connection, Route, TIMEOUT, Target, Trusted};
use crate::admission::ADMIN_AUDIENCE;
use crate::api::sandbox::ready::Ready;
use crate::api::token::TokenResponse;
use crate::cli::credentials::{Credentials, CredentialsSource};
use crate::oauth::credentials::ClientSecret;

impl Api {
    /// Its control.
    pub(in crate::cli) fn control_of_child(ready: &Ready) -> anyhow::Result<Self> {
        Ok(Self::new(connect(ready)?, &ready.sandbox_token))
    }

    /// Its administration, with a new token of the client `administrator`.
    pub(in crate::cli) fn admin_of_child(ready: &Ready, administrator: &str) -> anyhow::Result<Self> {
        let client = ready.clients.get(administrator);
        let client = client.ok_or_else(|| anyhow!("the sandbox has no client {administrator}"))?;
        let credentials = Credentials {
            client_id: administrator.to_owned(),
            client_secret: ClientSecret::new(Zeroizing::new(client.client_secret.clone())),
            issuer: None,
            source: CredentialsSource::Variables,
        };
        let connection = connect(ready)?;
        let answer = connection.token(&credentials, ADMIN_AUDIENCE, None)?;
        let access_token = Zeroizing::new(answer.read::<TokenResponse>()?.access_token);
        Ok(Self::new(connection, &access_token))
    }
}

fn connect(ready: &Ready) -> anyhow::Result<Connection> {
    let address: Uri = ready.url.parse()?;
    let port = address.port_u16().ok_or_else(|| anyhow!("the sandbox says no port: {}", ready.url))?;
    let authority = ready.ca_file.clone().ok_or_else(|| anyhow!("the sandbox says no certificate authority"))?;
    let target = Target {
        server: ready.url.clone(),
        route: Route::To(vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))]),
        trusted: vec![Trusted::Authority(authority)],
        is_own: true,
        caveat: None,
        flags: String::new(),
    };
    Connection::to(target, TIMEOUT)
}
