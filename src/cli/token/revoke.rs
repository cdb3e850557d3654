//! `boomgate token revoke`: the end of one token, by its own client or by an administrator.

use anyhow::bail;
use serde_json::json;

use super::super::connection::{Administration, Connection, ConnectionOptions, refusal, text};
use super::super::credentials::{Credentials, Found};
use super::super::output;
use super::jwt::Jwt;
use crate::config::Environment;

pub(super) const EXAMPLES: &str = "Examples:
  boomgate token revoke < token.txt
  boomgate token revoke leaked.txt --credentials partner.json
  echo \"$TOKEN\" | boomgate token revoke --client demo-reader";

/// The administrator of the data folder revokes any token, a client its own (RFC 7009).
pub(super) fn revoke(
    token: &str,
    credentials: &Credentials,
    options: &ConnectionOptions,
    environment: &Environment,
) -> anyhow::Result<()> {
    // What cannot be a token is told here, and sent nowhere.
    let jwt = Jwt::parse(token)?;
    let revoked = match credentials.found {
        Found::Administrator(_) => {
            let server = Administration::of(credentials, options, environment)?;
            server.post("/admin/revocations", &json!({ "token": token }))?
        }
        Found::Variables | Found::Named(_) => {
            let connection = Connection::new(options, credentials, environment)?;
            let answer = connection.inspect("/oauth2/revoke", token, credentials)?;
            match (answer.status, text(&answer.body, "error")) {
                (200, _) => json!({ "jti": jwt.claim("jti"), "expires_at": jwt.moment("exp") }),
                // Somebody else's: an administrator may all the same.
                (_, Some("unauthorized_client")) => match Administration::of(credentials, options, environment) {
                    Ok(server) => server.post("/admin/revocations", &json!({ "token": token }))?,
                    Err(_) => bail!("{}", refusal(answer.status, &answer.body)),
                },
                (status, _) => bail!("{} did not revoke it: {}", connection.server(), refusal(status, &answer.body)),
            }
        }
    };
    if options.json {
        output::print_result(&format!("{revoked:#}"), || "The token is revoked all the same".to_owned())?;
    }
    output::message("It is refused from now on.");
    Ok(())
}
