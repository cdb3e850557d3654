//! The admin API of a running server, called with an administrator's access token.

use anyhow::bail;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Body;
use ureq::http::Response;

use super::{Answer, Connection, ConnectionOptions, Refused};
use crate::admission::ADMIN_AUDIENCE;
use crate::api::token::TokenResponse;
use crate::cli::credentials::{self, Credentials};
use crate::config::Environment;
use crate::oauth::credentials::ClientId;

/// The admin API of one server. Every path starts with `/`.
pub(in crate::cli) struct AdminApi {
    connection: Connection,
    authorization: String,
    client_id: ClientId,
}

impl AdminApi {
    /// Finds the credentials, and gets an access token for them.
    pub(in crate::cli) fn open(options: &ConnectionOptions, environment: &Environment) -> anyhow::Result<Self> {
        let data_dir = options.data_dir(environment)?;
        let credentials = credentials::find(options.credentials.as_deref(), &data_dir, environment)?;
        Self::with_credentials(&credentials, options, environment)
    }

    /// Gets an access token for these credentials.
    pub(in crate::cli) fn with_credentials(
        credentials: &Credentials,
        options: &ConnectionOptions,
        environment: &Environment,
    ) -> anyhow::Result<Self> {
        let connection = Connection::new(options, credentials, environment)?;
        let answer = connection.token(credentials, ADMIN_AUDIENCE, None)?;
        let authorization = format!("Bearer {}", answer.read::<TokenResponse>()?.access_token);
        // The server has accepted it.
        let client_id = ClientId::parse(&credentials.client_id)?;
        Ok(Self { connection, authorization, client_id })
    }

    /// The client whose credentials are used.
    pub(in crate::cli) fn client_id(&self) -> &ClientId {
        &self.client_id
    }

    /// The server's address.
    pub(in crate::cli) fn server(&self) -> &str {
        self.connection.server()
    }

    /// The flags with which another command finds the server, each after a space.
    pub(in crate::cli) fn flags(&self) -> &str {
        &self.connection.flags
    }

    pub(in crate::cli) fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<T> {
        let Connection { agent, .. } = &self.connection;
        let get = || agent.get(self.connection.address(path)).query_pairs(query.iter().copied());
        self.call(|| get().header("Authorization", &self.authorization).call())?.read()
    }

    pub(in crate::cli) fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let post = || self.connection.agent.post(self.connection.address(path));
        self.call(|| post().header("Authorization", &self.authorization).send_json(body))?.read()
    }

    /// Sends no body.
    pub(in crate::cli) fn post_nothing<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let post = || self.connection.agent.post(self.connection.address(path));
        self.call(|| post().header("Authorization", &self.authorization).send_empty())?.read()
    }

    /// Sends a merge patch (RFC 7396).
    pub(in crate::cli) fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let request = || self.connection.agent.patch(self.connection.address(path));
        self.call(|| request().header("Authorization", &self.authorization).send_json(body))?.read()
    }

    pub(in crate::cli) fn delete(&self, path: &str) -> anyhow::Result<()> {
        let delete = || self.connection.agent.delete(self.connection.address(path));
        self.call(|| delete().header("Authorization", &self.authorization).call()).map(drop)
    }

    fn call(&self, send: impl Fn() -> Result<Response<Body>, ureq::Error>) -> anyhow::Result<Answer> {
        let answer = self.connection.call(send)?;
        match answer.status {
            200..=299 => Ok(answer),
            300..=399 => bail!("{} redirects ({}): name that server with --server", self.server(), answer.status),
            status @ 400..=499 => Err(Refused { status, text: answer.refusal() }.into()),
            _ => bail!("{}", answer.refusal()),
        }
    }
}
