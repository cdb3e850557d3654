//! The admin API of a running server, called with an administrator's access token.

use std::ops::Deref;

use super::{Api, Connection, ConnectionOptions};
use crate::admission::ADMIN_AUDIENCE;
use crate::api::token::TokenResponse;
use crate::cli::credentials::{self, Credentials};
use crate::config::Environment;
use crate::oauth::credentials::ClientId;

/// The admin API of one server.
pub(in crate::cli) struct AdminApi {
    api: Api,
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
        let access_token = answer.read::<TokenResponse>()?.access_token;
        // The server has accepted it.
        let client_id = ClientId::parse(&credentials.client_id)?;
        Ok(Self { api: Api::new(connection, &access_token), client_id })
    }

    /// The client whose credentials are used.
    pub(in crate::cli) fn client_id(&self) -> &ClientId {
        &self.client_id
    }
}

impl Deref for AdminApi {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}
