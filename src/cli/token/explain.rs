//! `boomgate token explain`: shows the claims of a token, and what the server says about it.
//!
//! Times are judged by the gate's own walk; if the server refuses the token, the walk of that refusal is shown.
//! The token itself and its signature are never printed. A token of another issuer is not sent to the server, because it
//! is a secret of that issuer's client.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::bail;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::jwt::{Jwt, distance, moment};
use crate::admission::{ADMIN_AUDIENCE, Facts};
use crate::api::explanation::{Check, Explanation};
use crate::api::introspection::Introspection;
use crate::api::metadata::AuthorizationServer;
use crate::cli::connection::{Connection, ConnectionOptions, METADATA, TIMEOUT};
use crate::cli::credentials::Credentials;
use crate::cli::{output, walk, why};
use crate::config::Environment;
use crate::keys::PublicKey;
use crate::oauth::claims::ACCESS_TOKEN_TYPE;
use crate::time::{Clock as _, SystemClock, UnixSeconds};

pub(super) const EXAMPLES: &str = "Examples:
  boomgate token get --client demo-reader | boomgate token explain
  boomgate token explain token.txt --json
  boomgate token explain --offline < token.txt";

/// Claims that are times.
const TIMES: [&str; 4] = ["iat", "nbf", "exp", "auth_time"];
/// The longest value that is shown whole, in characters.
const MAX_SHOWN: usize = 300;

/// The result of one check of the token.
enum Verdict {
    Good(String),
    Bad(String),
    /// It was not checked, or the check gave no result.
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

/// All results, in the order in which they are shown.
type Verdicts = Vec<(&'static str, Verdict)>;

/// The walk of a request with the token, if the server refused it and says why.
type Walk = Option<Explanation>;

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
    let (mut unreachable, mut walk) = (None, None);
    if offline {
        verdicts.push((
            "signature",
            Verdict::Open("not checked: --offline does not ask the server for its keys".to_owned()),
        ));
    } else {
        let credentials = credentials();
        match ask(token, &jwt, credentials, options, environment) {
            Ok((results, refused)) => {
                verdicts.extend(results);
                walk = refused;
            }
            Err(error) => {
                verdicts
                    .push(("signature", Verdict::Open("not checked: the server's keys could not be read".to_owned())));
                unreachable = Some(error);
            }
        }
    }
    let printed = output::print(&if options.json {
        as_json(&jwt, &verdicts, walk.as_ref())?
    } else {
        let walk = walk.map(|walk| format!("\n\n{}", walk::to_text(&walk, output::color(environment))));
        as_text(&jwt, &verdicts, now) + &walk.unwrap_or_default()
    });
    let bad: Vec<&str> = verdicts
        .iter()
        .filter(|(_, verdict)| matches!(verdict, Verdict::Bad(_)))
        .map(|(_, verdict)| verdict.detail())
        .collect();
    match unreachable {
        _ if !bad.is_empty() => bail!("the token is not valid: {}", bad.join("; ")),
        Some(error) => bail!("{error}; or use --offline, which calls no server"),
        None => Ok(printed?),
    }
}

/// The type (RFC 9068 section 2.1), and `none`, which no server may accept (RFC 8725 section 3.2).
fn kind(jwt: &Jwt<'_>) -> Verdict {
    if jwt.parameter("alg").is_none_or(|alg| alg.eq_ignore_ascii_case("none")) {
        return Verdict::Bad("not signed: alg is none, so anyone can have made it".to_owned());
    }
    match jwt.parameter("typ") {
        Some(typ) if typ.to_ascii_lowercase().trim_start_matches("application/") == ACCESS_TOKEN_TYPE => {
            Verdict::Good(format!("an access token (RFC 9068), {}", whose(jwt)))
        }
        Some(typ) => {
            Verdict::Bad(format!("not an access token: typ is {}, not {ACCESS_TOKEN_TYPE}", shown(&typ.into())))
        }
        None => {
            Verdict::Bad(format!("not an access token: the header has no typ, which should be {ACCESS_TOKEN_TYPE}"))
        }
    }
}

fn whose(jwt: &Jwt<'_>) -> String {
    let claim = |name| jwt.claims.get(name).map_or_else(|| format!("no {name}"), shown);
    let scope = jwt.claim("scope").filter(|scope| !scope.is_empty());
    let may = scope.map_or_else(|| "without any scope".to_owned(), |scope| format!("scope {}", shown(&scope.into())));
    format!("issued to {}, for {}, {may}", claim("client_id"), claim("aud"))
}

/// When the token is valid, as the gate's own walk sees it.
fn time(jwt: &Jwt<'_>, now: UnixSeconds) -> Verdict {
    let not_before = jwt.moment("nbf").unwrap_or_default();
    let facts = jwt.moment("exp").and_then(|expires_at| Facts::of_times(not_before, expires_at, now));
    let Some(explanation) = facts.map(|facts| facts.explain()) else {
        return Verdict::Bad("exp, when it expires, is missing or not a number".to_owned());
    };
    let checked =
        explanation.failed().or_else(|| explanation.checks.iter().find(|result| result.check == Check::Expiry));
    let got = checked.and_then(|result| result.got.as_deref()).unwrap_or_default();
    match explanation.nearest.first() {
        None => Verdict::Good(format!("current: {got}")),
        Some(nearest) => Verdict::Bad(format!("{got}; it would pass {}", nearest.change)),
    }
}

/// The checks that need the server and its keys.
fn ask(
    token: &str,
    jwt: &Jwt<'_>,
    credentials: anyhow::Result<Credentials>,
    options: &ConnectionOptions,
    environment: &Environment,
) -> anyhow::Result<(Verdicts, Walk)> {
    let issuer = credentials.as_ref().ok().and_then(|credentials| credentials.issuer.clone());
    let connection = Connection::with_timeout(TIMEOUT, options, issuer.as_deref(), environment)?;
    let AuthorizationServer { issuer, .. } = document(&connection, METADATA)?;
    if jwt.claim("iss") != Some(&issuer) {
        let by = jwt.claims.get("iss").map_or_else(|| "no issuer".to_owned(), shown);
        let foreign = format!("issued by {by}, and this server is {}", clipped(&issuer));
        let unchecked = "not checked: only the keys of its own issuer verify it".to_owned();
        return Ok((vec![("issuer", Verdict::Bad(foreign)), ("signature", Verdict::Open(unchecked))], None));
    }
    let mut results = vec![("issuer", Verdict::Good(issuer))];
    let signature = signature(jwt, &document(&connection, "/.well-known/jwks.json")?);
    // A token with a wrong signature is not sent to the server.
    let is_genuine = matches!(signature, Verdict::Good(_));
    results.push(("signature", signature));
    if !is_genuine {
        return Ok((results, None));
    }
    let (verdict, walk) = active(token, jwt, credentials, &connection)?;
    results.push(("server", verdict));
    Ok((results, walk))
}

fn document<T: DeserializeOwned>(connection: &Connection, path: &str) -> anyhow::Result<T> {
    let answer = connection.get(path)?;
    if answer.status != 200 {
        bail!("{} answered {} to {path}: is it a boomgate server?", connection.server(), answer.status);
    }
    answer.read()
}

/// Verifies the signature with the key that `kid` names, and with that key's algorithm only.
fn signature(jwt: &Jwt<'_>, jwk_set: &Value) -> Verdict {
    let Some(kid) = jwt.parameter("kid") else {
        return Verdict::Bad("cannot be checked: the header names no key (kid)".to_owned());
    };
    let Some(key) = PublicKey::find(jwk_set, kid) else {
        return Verdict::Bad(format!(
            "by a key that this server does not have, or has revoked: {}",
            shown(&kid.into())
        ));
    };
    let algorithm = key.algorithm().name();
    if jwt.parameter("alg") != Some(algorithm) {
        return Verdict::Bad(format!("not genuine: the key that the token names signs with {algorithm}"));
    }
    if !key.verifies(jwt.signing_input, &jwt.signature) {
        return Verdict::Bad("not genuine: the token was changed, or forged".to_owned());
    }
    Verdict::Good(format!("genuine: {algorithm}, by the key {kid}"))
}

/// Introspection (RFC 7662) says whether the token is active. If not, a request with the token says why.
fn active(
    token: &str,
    jwt: &Jwt<'_>,
    credentials: anyhow::Result<Credentials>,
    connection: &Connection,
) -> anyhow::Result<(Verdict, Walk)> {
    let credentials = match credentials {
        Ok(credentials) => credentials,
        Err(error) => return Ok((Verdict::Open(format!("not asked whether the token is active: {error}")), None)),
    };
    let Credentials { client_id, source, .. } = &credentials;
    let answer = connection.post_token("/oauth2/introspect", token, &credentials)?;
    if answer.status != 200 {
        let refusal = answer.refusal();
        let detail = format!("does not tell {client_id} (from {source}) whether the token is active: {refusal}");
        return Ok((Verdict::Open(detail), None));
    }
    if answer.read::<Introspection>()?.active {
        return Ok((Verdict::Good("active: the server accepts requests with the token".to_owned()), None));
    }
    // The gate refuses the token before it counts the request, so this uses nothing of a quota.
    let path = if jwt.claim("aud") == Some(ADMIN_AUDIENCE) { "/admin/keys" } else { "/oauth2/usage" };
    let answer = connection.get_with_token(path, token)?;
    if answer.status != 401 {
        let detail = format!(
            "does not tell {client_id} whether the token is active: a client may ask about its own tokens only"
        );
        return Ok((Verdict::Open(detail), None));
    }
    let why = answer.oauth_error().map_or_else(|| "it does not say why".to_owned(), |(_, description)| description);
    // Without its walk, the refusal has its reason all the same.
    let walk = answer.request_id().and_then(|id| why::ask(&id, &credentials, connection).ok().flatten());
    let walk = walk.map(|refusal| refusal.explanation.clone());
    Ok((Verdict::Bad(format!("not active: {}", why.trim_end_matches('.'))), walk))
}

fn as_text(jwt: &Jwt<'_>, verdicts: &Verdicts, now: UnixSeconds) -> String {
    let mut text = String::new();
    for (title, members) in [("header", &jwt.header), ("claims", &jwt.claims)] {
        let width = members.keys().map(|name| name.chars().count()).max().unwrap_or_default().min(24);
        let _written = writeln!(text, "{title}");
        for (name, value) in members {
            let moment = moment(value).filter(|_| TIMES.contains(&name.as_str()));
            let value = moment.map_or_else(|| shown(value), |at| format!("{at} ({})", distance(at, now)));
            let _written = writeln!(text, "  {:width$}  {value}", clipped(name));
        }
    }
    text.push('\n');
    let findings: Vec<(&str, String)> =
        verdicts.iter().map(|(name, verdict)| (*name, verdict.detail().to_owned())).collect();
    text + &output::members(&findings)
}

/// What `--json` prints.
#[derive(Serialize)]
struct ExplanationJson<'t> {
    header: &'t Map<String, Value>,
    claims: &'t Map<String, Value>,
    /// The claims that are times, as RFC 3339 has them.
    times: BTreeMap<&'static str, UnixSeconds>,
    findings: BTreeMap<&'static str, FindingJson<'t>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    walk: Option<&'t Explanation>,
}

#[derive(Serialize)]
struct FindingJson<'t> {
    verdict: &'static str,
    detail: &'t str,
}

fn as_json(jwt: &Jwt<'_>, verdicts: &Verdicts, walk: Option<&Explanation>) -> anyhow::Result<String> {
    output::json(&ExplanationJson {
        header: &jwt.header,
        claims: &jwt.claims,
        times: TIMES.iter().filter_map(|name| Some((*name, jwt.moment(name)?))).collect(),
        findings: verdicts
            .iter()
            .map(|(name, verdict)| (*name, FindingJson { verdict: verdict.word(), detail: verdict.detail() }))
            .collect(),
        walk,
    })
}

/// A value for people: a string without quotes, cut if it is long.
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
