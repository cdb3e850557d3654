//! `boomgate token revoke`: ends one token, as its own client or as an administrator.

use anyhow::bail;
use serde::Serialize;

use super::jwt::Jwt;
use crate::api::revocation::{RevokedToken, TokenRevocation};
use crate::cli::connection::{AdminApi, AsSent, Connection, ConnectionOptions};
use crate::cli::credentials::{Credentials, CredentialsSource};
use crate::cli::output;
use crate::config::Environment;
use crate::time::UnixSeconds;

pub(super) const EXAMPLES: &str = "Examples:
  boomgate token revoke < token.txt
  boomgate token revoke leaked.txt --credentials partner.json
  echo \"$TOKEN\" | boomgate token revoke --client demo-reader";

/// What `--json` prints if the client itself revoked the token: the answer then has no body (RFC 7009 section 2.2).
#[derive(Serialize)]
struct RevokedByClient<'t> {
    jti: Option<&'t str>,
    expires_at: Option<UnixSeconds>,
}

/// The administrator of the data folder revokes any token, another client revokes its own (RFC 7009).
pub(super) fn revoke(
    token: &str,
    credentials: &Credentials,
    options: &ConnectionOptions,
    environment: &Environment,
) -> anyhow::Result<()> {
    // A text that is not a token is not sent anywhere.
    let jwt = Jwt::parse(token)?;
    let as_admin = |server: &AdminApi| {
        let body = TokenRevocation { token: Some(token.to_owned()), ..TokenRevocation::default() };
        let revoked: AsSent<RevokedToken> = server.post("/admin/revocations", &body)?;
        output::json(&revoked)
    };
    let json = match credentials.source {
        CredentialsSource::Administrator(_) => {
            as_admin(&AdminApi::with_credentials(credentials, options, environment)?)?
        }
        CredentialsSource::Variables | CredentialsSource::Named(_) => {
            let connection = Connection::new(options, credentials, environment)?;
            let answer = connection.post_token("/oauth2/revoke", token, credentials)?;
            match (answer.status, answer.oauth_error()) {
                (200, _) => output::json(&RevokedByClient { jti: jwt.claim("jti"), expires_at: jwt.moment("exp") })?,
                // The token is another client's: an administrator may revoke it.
                (_, Some((error, _))) if error == "unauthorized_client" => {
                    match AdminApi::with_credentials(credentials, options, environment) {
                        Ok(server) => as_admin(&server)?,
                        Err(_) => bail!("{}", answer.refusal()),
                    }
                }
                _ => bail!("{} did not revoke the token: {}", connection.server(), answer.refusal()),
            }
        }
    };
    if options.json {
        output::print_result(&json, || "The token is revoked anyway".to_owned())?;
    }
    output::message("The token is refused from now on.");
    Ok(())
}
