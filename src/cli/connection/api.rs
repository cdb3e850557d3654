//! An API of a running server that a bearer token opens: the administration with an access token, the control of a
//! sandbox with its control token.

use std::io::{BufRead, BufReader};

use anyhow::bail;
use serde::Serialize;
use serde::de::DeserializeOwned;
use ureq::Body;
use ureq::http::Response;

use super::{Answer, Connection, Refused};

/// The longest text that is read, in bytes.
const MAX_TEXT_BYTES: u64 = 1_024 * 1_024;

/// Calls one server with one token. Every path starts with `/`.
pub(in crate::cli) struct Api {
    connection: Connection,
    authorization: String,
}

impl Api {
    pub(super) fn new(connection: Connection, token: &str) -> Self {
        Self { connection, authorization: format!("Bearer {token}") }
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

    /// The body of an answer that is no JSON, of at most 1 MiB.
    pub(in crate::cli) fn get_text(&self, path: &str) -> anyhow::Result<String> {
        let request = self.connection.agent.get(self.connection.address(path));
        match request.header("Authorization", &self.authorization).call() {
            Ok(mut response) if response.status() == 200 => {
                Ok(response.body_mut().with_config().limit(MAX_TEXT_BYTES).read_to_string()?)
            }
            other => bail!("{}", self.connection.answer(other)?.refusal()),
        }
    }

    /// Server-sent events, without an end: after the one with this id, if there is one.
    pub(in crate::cli) fn events(
        &self,
        path: &str,
        query: &[(&str, &str)],
        last_event_id: Option<u64>,
    ) -> anyhow::Result<impl BufRead + use<>> {
        let Connection { agent, .. } = &self.connection;
        let request = agent.get(self.connection.address(path)).query_pairs(query.iter().copied());
        let mut request = request.header("Authorization", &self.authorization).header("Accept", "text/event-stream");
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id.to_string());
        }
        match request.config().timeout_global(None).build().call() {
            Ok(response) if response.status() == 200 => Ok(BufReader::new(response.into_body().into_reader())),
            other => bail!("{}", self.connection.answer(other)?.refusal()),
        }
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

    /// Sends no body.
    pub(in crate::cli) fn put_nothing<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let put = || self.connection.agent.put(self.connection.address(path));
        self.call(|| put().header("Authorization", &self.authorization).send_empty())?.read()
    }

    /// Sends a merge patch (RFC 7396).
    pub(in crate::cli) fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> anyhow::Result<T> {
        let request = || self.connection.agent.patch(self.connection.address(path));
        self.call(|| request().header("Authorization", &self.authorization).send_json(body))?.read()
    }

    /// Deletes, and reads what was deleted.
    pub(in crate::cli) fn delete_for<T: DeserializeOwned>(&self, path: &str) -> anyhow::Result<T> {
        let delete = || self.connection.agent.delete(self.connection.address(path));
        self.call(|| delete().header("Authorization", &self.authorization).call())?.read()
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
