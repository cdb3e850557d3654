//! `boomgate token explain`: what a token says in plain words, and what the server says of it.
//!
//! The token itself and its signature are never printed. A token of another server is not sent to this
//! one: it is somebody else's secret.

use std::fmt::Write as _;

use anyhow::{anyhow, bail};
use serde_json::{Map, Value, json};

use super::super::connection::{Connection, ConnectionOptions, refusal, text};
use super::super::credentials::Credentials;
use super::super::output;
use super::jwt::{Jwt, distance, moment};
use crate::admission::ADMIN_AUDIENCE;
use crate::config::Environment;
use crate::keys::PublicKey;
use crate::oauth::claims::ACCESS_TOKEN_TYPE;
use crate::time::{Clock as _, SystemClock, UnixSeconds};

pub(super) const EXAMPLES: &str = "Examples:
  boomgate token get --client demo-reader | boomgate token explain
  boomgate token explain token.txt --json
  boomgate token explain --offline < token.txt";

/// Claims that are moments.
const MOMENTS: [&str; 4] = ["iat", "nbf", "exp", "auth_time"];
/// The most that is shown of one value, in characters.
const MAX_SHOWN: usize = 300;

/// What was found of one thing about the token.
enum Verdict {
    Good(String),
    Bad(String),
    /// It could not be found out, or was not to be.
    Open(String),
}

impl Verdict {
    fn word(&self) -> &'static str {
        match self {
            Self::Good(_) => "good",
            Self::Bad(_) => "bad",
            Self::Open(_) => "open",
        }
    }

    fn detail(&self) -> &str {
        match self {
            Self::Good(detail) | Self::Bad(detail) | Self::Open(detail) => detail,
        }
    }
}

/// All that was found, in the order that it is told.
type Verdicts = Vec<(&'static str, Verdict)>;

pub(super) fn explain(
    token: &str,
    credentials: impl FnOnce() -> anyhow::Result<Credentials>,
    offline: bool,
    options: &ConnectionOptions,
    environment: &Environment,
) -> anyhow::Result<()> {
    let now = SystemClock::new().now();
    let jwt = Jwt::parse(token)?;
    let mut verdicts = vec![("type", kind(&jwt)), ("time", time(&jwt, now))];
    let mut unreachable = None;
    if offline {
        verdicts.push(("signature", Verdict::Open("not checked: --offline asks no server for its keys".to_owned())));
    } else {
        let credentials = credentials();
        match ask(token, &jwt, credentials, options, environment) {
            Ok(said) => verdicts.extend(said),
            Err(error) => {
                verdicts.push(("signature", Verdict::Open("not checked: the server did not tell its keys".to_owned())));
                unreachable = Some(error);
            }
        }
    }
    let printed = output::print(&if options.json { as_json(&jwt, &verdicts) } else { as_text(&jwt, &verdicts, now) });
    let bad: Vec<&str> = verdicts
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Bad(_)))
        .map(|(_, verdict)| verdict.detail())
        .collect();
    match unreachable {
        _ if !bad.is_empty() => bail!("the token is no good: {}", bad.join("; ")),
        Some(error) => bail!("{error}; or leave the server out with --offline"),
        None => Ok(printed?),
    }
}

/// RFC 9068 section 2.1, and what no server may take (RFC 8725 section 3.2).
fn kind(jwt: &Jwt<'_>) -> Verdict {
    if jwt.parameter("alg").is_none_or(|alg| alg.eq_ignore_ascii_case("none")) {
        return Verdict::Bad("not signed: alg is none, so anybody can have made it".to_owned());
    }
    match jwt.parameter("typ") {
        Some(typ) if typ.to_ascii_lowercase().trim_start_matches("application/") == ACCESS_TOKEN_TYPE => {
            Verdict::Good(format!("an access token (RFC 9068), {}", whose(jwt)))
        }
        Some(typ) => Verdict::Bad(format!("no access token: typ is {}, not {ACCESS_TOKEN_TYPE}", shown(&typ.into()))),
        None => Verdict::Bad(format!("no access token: the header has no typ, which should be {ACCESS_TOKEN_TYPE}")),
    }
}

fn whose(jwt: &Jwt<'_>) -> String {
    let said = |name| jwt.claims.get(name).map_or_else(|| "nobody".to_owned(), shown);
    let scope = jwt.claim("scope").filter(|scope| !scope.is_empty());
    let may = scope.map_or_else(|| "without any scope".to_owned(), |scope| format!("scope {}", shown(&scope.into())));
    format!("issued to {}, for {}, {may}", said("client_id"), said("aud"))
}

fn time(jwt: &Jwt<'_>, now: UnixSeconds) -> Verdict {
    let told = |moment| distance(moment, now);
    match (jwt.moment("nbf").filter(|from| *from > now), jwt.moment("exp")) {
        (Some(from), _) => Verdict::Bad(format!("not yet valid: from {from}, {}", told(from))),
        (None, None) => Verdict::Bad("exp, when it expires, is missing or no number".to_owned()),
        (None, Some(expires)) if expires <= now => Verdict::Bad(format!("expired {}", told(expires))),
        (None, Some(expires)) => Verdict::Good(format!("current: expires {}", told(expires))),
    }
}

/// What the server and its keys say.
fn ask(
    token: &str,
    jwt: &Jwt<'_>,
    credentials: anyhow::Result<Credentials>,
    options: &ConnectionOptions,
    environment: &Environment,
) -> anyhow::Result<Verdicts> {
    let issuer = credentials.as_ref().ok().and_then(|credentials| credentials.issuer.clone());
    let connection = Connection::within(super::super::connection::TIMEOUT, options, issuer.as_deref(), environment)?;
    let document = |path: &str| {
        let answer = connection.look(path)?;
        if answer.status != 200 || answer.body.is_null() {
            bail!("{} answered {} to {path}: is it a boomgate server?", connection.server(), answer.status);
        }
        Ok(answer.body)
    };
    let metadata = document("/.well-known/oauth-authorization-server")?;
    let issuer = text(&metadata, "issuer").ok_or_else(|| anyhow!("{} names no issuer", connection.server()))?;
    if jwt.claim("iss") != Some(issuer) {
        let by = jwt.claims.get("iss").map_or_else(|| "nobody".to_owned(), shown);
        let foreign = format!("issued by {by}, and this server is {}", shown(&issuer.into()));
        let unasked = "not checked: that is for the keys of its own issuer".to_owned();
        return Ok(vec![("issuer", Verdict::Bad(foreign)), ("signature", Verdict::Open(unasked))]);
    }
    let mut said = vec![("issuer", Verdict::Good(issuer.to_owned()))];
    let signature = signature(jwt, &document("/.well-known/jwks.json")?);
    // What the server has not signed is none of its business.
    let is_genuine = matches!(signature, Verdict::Good(_));
    said.push(("signature", signature));
    if is_genuine {
        said.push(("server", active(token, jwt, credentials, &connection)?));
    }
    Ok(said)
}

/// The key that `kid` names, by its own algorithm and no other.
fn signature(jwt: &Jwt<'_>, jwk_set: &Value) -> Verdict {
    let Some(kid) = jwt.parameter("kid") else {
        return Verdict::Bad("not to be checked: the header names no key (kid)".to_owned());
    };
    let Some(key) = PublicKey::find(jwk_set, kid) else {
        return Verdict::Bad(format!(
            "of a key that this server does not have, or has revoked: {}",
            shown(&kid.into())
        ));
    };
    let algorithm = key.algorithm().name();
    if jwt.parameter("alg") != Some(algorithm) {
        return Verdict::Bad(format!("not genuine: the key that it names signs with {algorithm}"));
    }
    if !key.verifies(jwt.signing_input, &jwt.signature) {
        return Verdict::Bad("not genuine: the token was changed, or forged".to_owned());
    }
    Verdict::Good(format!("genuine: {algorithm}, by the key {kid}"))
}

/// Introspection (RFC 7662) says whether; the gate itself, asked with the token, says why not.
fn active(
    token: &str,
    jwt: &Jwt<'_>,
    credentials: anyhow::Result<Credentials>,
    connection: &Connection,
) -> anyhow::Result<Verdict> {
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => return Ok(Verdict::Open(format!("not asked whether it is active: {error}"))),
    };
    let answer = connection.inspect("/oauth2/introspect", token, &credentials)?;
    let active = answer.body.get("active").and_then(Value::as_bool);
    match (answer.status, active) {
        (200, Some(true)) => return Ok(Verdict::Good("active: requests with it are let through".to_owned())),
        (200, Some(false)) => {}
        (status, _) => {
            let refused = refusal(status, &answer.body);
            return Ok(Verdict::Open(format!(
                "does not say whether it is active to {} (from {}): {refused}",
                credentials.client_id, credentials.found
            )));
        }
    }
    // Refused before any limit is asked, so the question costs nothing.
    let path = if jwt.claim("aud") == Some(ADMIN_AUDIENCE) { "/admin/keys" } else { "/oauth2/usage" };
    let answer = connection.look_with(path, token)?;
    let why = text(&answer.body, "error_description").unwrap_or("it does not say why").trim_end_matches('.');
    Ok(if answer.status == 401 {
        Verdict::Bad(format!("not active: {why}"))
    } else {
        let client = &credentials.client_id;
        Verdict::Open(format!("does not say whether it is active to {client}, which may ask after its own tokens only"))
    })
}

fn as_text(jwt: &Jwt<'_>, verdicts: &Verdicts, now: UnixSeconds) -> String {
    let mut told = String::new();
    for (title, members) in [("header", &jwt.header), ("claims", &jwt.claims)] {
        let width = members.keys().map(|name| name.chars().count()).max().unwrap_or_default().min(24);
        let _written = writeln!(told, "{title}");
        for (name, value) in members {
            let moment = moment(value).filter(|_| MOMENTS.contains(&name.as_str()));
            let value = moment.map_or_else(|| shown(value), |at| format!("{at} ({})", distance(at, now)));
            let _written = writeln!(told, "  {:width$}  {value}", clipped(name));
        }
    }
    told.push('\n');
    let findings: Vec<(&str, String)> =
        verdicts.iter().map(|(name, verdict)| (*name, verdict.detail().to_owned())).collect();
    told + &output::members(&findings)
}

fn as_json(jwt: &Jwt<'_>, verdicts: &Verdicts) -> String {
    let times: Map<String, Value> =
        MOMENTS.iter().filter_map(|name| Some(((*name).to_owned(), jwt.moment(name)?.to_string().into()))).collect();
    let findings: Map<String, Value> = verdicts
        .iter()
        .map(|(name, verdict)| ((*name).to_owned(), json!({ "verdict": verdict.word(), "detail": verdict.detail() })))
        .collect();
    format!("{:#}", json!({ "header": jwt.header, "claims": jwt.claims, "times": times, "findings": findings }))
}

/// A value for people: a text without its quotes, nothing that moves a terminal, not all of a long one.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => clipped(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            clipped(&value.to_string())
        }
    }
}

fn clipped(text: &str) -> String {
    let shown: String = text.chars().take(MAX_SHOWN).collect();
    let more = if shown.len() < text.len() { "…" } else { "" };
    format!("{}{more}", output::printable(&shown))
}
