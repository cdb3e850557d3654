//! What stands in place of a token or a secret, and the names whose values are one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;

/// What every client secret that this server makes starts with, so that secret scanners find it.
pub(crate) const SECRET_PREFIX: &str = "bg_secret_";
/// What every token that controls a sandbox starts with, so that secret scanners find it.
pub const CONTROL_TOKEN_PREFIX: &str = "bg_sandbox_";

/// How a JWT starts: its header is a JSON object in base64url.
pub(crate) const TOKEN_START: &str = "eyJ";
/// How secrets of this server start: those of clients, and the token that controls a sandbox.
pub(crate) const SECRET_STARTS: [&str; 2] = [SECRET_PREFIX, CONTROL_TOKEN_PREFIX];
/// What stands for text that has a secret at an unknown place.
pub(crate) const WITHHELD: &str = "[withheld]";
const TOKEN: &str = "[token]";
const SECRET: &str = "[secret]";

/// The fewest characters of a secret whose last four are shown: of a shorter one they would say too much.
const MIN_SHOWN_CHARS: usize = 16;
/// The longest `jti` that is shown, in bytes.
const MAX_JTI_BYTES: usize = 64;

/// How the names of secrets end, in lower case and without punctuation.
const SECRET_NAMES: [&str; 6] = ["secret", "password", "passwd", "passphrase", "privatekey", "apikey"];
/// The same of tokens.
const TOKEN_NAMES: [&str; 3] = ["token", "assertion", "jwt"];
/// The other parameters of OAuth that have credentials: the authorization code (RFC 6749), its verifier (RFC 7636), and the
/// codes of a device (RFC 8628).
const OAUTH_SECRETS: [&str; 4] = ["code", "codeverifier", "devicecode", "usercode"];
/// The token that an OpenID Connect client sends as a hint.
const ID_TOKEN_HINT: &str = "idtokenhint";

/// What the value of a member, a parameter or a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sensitive {
    Token,
    Secret,
}

impl Sensitive {
    /// By its name, however that is written: `client_secret`, `clientSecret`, `X-Api-Key`.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        let name = letters(name);
        let name = name.as_str();
        let ends_with = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        if ends_with(&SECRET_NAMES) || OAUTH_SECRETS.contains(&name) {
            Some(Self::Secret)
        } else if ends_with(&TOKEN_NAMES) || name == ID_TOKEN_HINT {
            Some(Self::Token)
        } else {
            None
        }
    }

    /// What stands for such a value. Nothing stays nothing: that a secret was empty is worth knowing, and no secret.
    pub(crate) fn mark(self, value: &str) -> String {
        let value = value.trim();
        match self {
            _ if value.is_empty() => String::new(),
            _ if is_secret(value) => secret_mark(value),
            _ if value.starts_with(TOKEN_START) => token_mark(value),
            Self::Token => TOKEN.to_owned(),
            Self::Secret => secret_mark(value),
        }
    }
}

/// Whether a name is that of a client's identifier, however that is written.
pub(crate) fn is_client_id(name: &str) -> bool {
    letters(name) == "clientid"
}

/// The letters and digits of a name, in lower case.
fn letters(name: &str) -> String {
    // No name that counts is longer, and a name is not copied without a bound.
    const MAX_NAME_CHARS: usize = 64;
    let letters = name.chars().filter(char::is_ascii_alphanumeric).take(MAX_NAME_CHARS);
    letters.map(|letter| letter.to_ascii_lowercase()).collect()
}

/// An identifier that is no client's and may be a secret, by its last four characters. It is visible ASCII.
pub(crate) fn client_id_mark(client_id: &str) -> String {
    let last = client_id.len().checked_sub(4).and_then(|at| client_id.get(at..)).unwrap_or_default();
    format!("[client_id:…{last}]")
}

/// Whether it starts as a secret of this server does.
pub(crate) fn is_secret(value: &str) -> bool {
    SECRET_STARTS.iter().any(|start| value.starts_with(start))
}

/// A secret, by its last four characters.
pub(crate) fn secret_mark(secret: &str) -> String {
    let is_text = secret.bytes().all(|byte| byte.is_ascii_graphic());
    match secret.len().checked_sub(4).and_then(|at| secret.get(at..)) {
        Some(last) if is_text && secret.len() >= MIN_SHOWN_CHARS => format!("[secret:…{last}]"),
        Some(_) | None => SECRET.to_owned(),
    }
}

/// A token, by the `jti` that it claims, whether or not its signature is valid.
pub(crate) fn token_mark(token: &str) -> String {
    claimed_jti(token).map_or_else(|| TOKEN.to_owned(), |jti| jti_mark(&jti))
}

/// A token, by its `jti`.
pub(crate) fn jti_mark(jti: &impl std::fmt::Display) -> String {
    format!("[jti:{jti}]")
}

#[derive(Deserialize)]
struct Claims {
    jti: String,
}

/// Of the first part that claims one: the header may be missing where it was encoded once more.
fn claimed_jti(token: &str) -> Option<String> {
    let claims = |part: &str| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let Claims { jti } = token.split('.').take(2).find_map(claims)?;
    // A caller chooses what its token claims.
    let is_plain = jti.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_sensitive = jti.contains(TOKEN_START);
    (is_plain && !is_sensitive && (1..=MAX_JTI_BYTES).contains(&jti.len())).then_some(jti)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_its_value_is() {
        let secrets =
            ["client_secret", "clientSecret", "CLIENT-SECRET", "password", "private_key", "X-Api-Key", "secret"];
        let of_oauth = ["code", "Code", "code_verifier", "device_code", "user_code"];
        for name in secrets.into_iter().chain(of_oauth) {
            assert_eq!(Sensitive::of_name(name), Some(Sensitive::Secret), "{name}");
        }
        let tokens = ["access_token", "token", "refresh_token", "refreshToken", "id_token", "x-auth-token"];
        let of_oauth = ["assertion", "client_assertion", "subject_token", "actor_token", "id_token_hint"];
        for name in tokens.into_iter().chain(of_oauth) {
            assert_eq!(Sensitive::of_name(name), Some(Sensitive::Token), "{name}");
        }
        let plain =
            ["client_id", "token_type", "token_type_hint", "secret_id", "client_secret_expires_at", "secrets", ""];
        let of_oauth =
            ["client_assertion_type", "subject_token_type", "code_challenge", "response_type", "status_code"];
        for name in plain.into_iter().chain(of_oauth) {
            assert_eq!(Sensitive::of_name(name), None, "{name}");
        }
    }

    #[test]
    fn a_token_shows_as_its_jti_and_a_secret_as_its_last_four_characters() {
        let token = |claims: &str| format!("eyJhbGciOiJFUzI1NiJ9.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims));
        let secret = "bg_secret_demoReaderInTheSandboxOnlyNotForProduction00QG1iY";
        for (value, kind, expected) in [
            (
                token(r#"{"jti":"0198a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b"}"#),
                Sensitive::Token,
                "[jti:0198a1b2-7c3d-7e4f-8a5b-6c7d8e9f0a1b]",
            ),
            (token(r#"{"jti":"a b"}"#), Sensitive::Token, "[token]"),
            (token(r#"{"jti":"eyJhIjoxfQ"}"#), Sensitive::Token, "[token]"),
            (token(r#"{"sub":"a"}"#), Sensitive::Token, "[token]"),
            ("eyJhbGci".to_owned(), Sensitive::Token, "[token]"),
            ("opaque".to_owned(), Sensitive::Token, "[token]"),
            (secret.to_owned(), Sensitive::Secret, "[secret:…G1iY]"),
            (secret.to_owned(), Sensitive::Token, "[secret:…G1iY]"),
            ("0123456789abcdef".to_owned(), Sensitive::Secret, "[secret:…cdef]"),
            ("0123456789abcde".to_owned(), Sensitive::Secret, "[secret]"),
            ("0123456789 abcdef".to_owned(), Sensitive::Secret, "[secret]"),
            ("0123456789abcdé".to_owned(), Sensitive::Secret, "[secret]"),
            (" ".to_owned(), Sensitive::Secret, ""),
        ] {
            assert_eq!(kind.mark(&value), expected, "{value}");
        }
    }
}
