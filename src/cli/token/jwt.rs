//! The parts of a JWT (RFC 7519), before its signature is verified.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::oauth::credentials::SECRET_PREFIX;
use crate::time::{SECONDS_PER_DAY, UnixSeconds};

/// A JWT in three parts (RFC 7515 section 3.1).
pub(super) struct Jwt<'t> {
    pub(super) header: Map<String, Value>,
    pub(super) claims: Map<String, Value>,
    /// The text that is signed.
    pub(super) signing_input: &'t str,
    pub(super) signature: Vec<u8>,
}

/// Why a text is not a JWT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum JwtFault {
    #[error("there is no token: the input is empty")]
    Empty,
    #[error(
        "this is a client secret, not a token: `boomgate token get` gets a token for it. So can everyone who saw it"
    )]
    ClientSecret,
    #[error("not a JWT: it has white space; it must be one line without spaces")]
    WhiteSpace,
    #[error("not a JWT that can be read: it has five parts, so it is encrypted (RFC 7516)")]
    Encrypted,
    #[error("not a JWT: {0} parts, not three with dots between them (header, claims, signature)")]
    Parts(usize),
    #[error("not a JWT: the {0} is not base64url")]
    Encoding(Part),
    #[error("not a JWT: the {0} is not JSON")]
    Json(Part),
    #[error("not a JWT: the {0} is JSON, but not an object")]
    Object(Part),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Header,
    Claims,
    Signature,
}

impl fmt::Display for Part {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Header => "header, the first part,",
            Self::Claims => "claims, the second part,",
            Self::Signature => "signature, the third part,",
        })
    }
}

/// Whether a text looks like a token, complete or not.
pub(super) fn looks_like_one(text: &str) -> bool {
    // `{"` in base64url.
    text.starts_with("eyJ") && text.len() > 40
}

impl<'t> Jwt<'t> {
    pub(super) fn parse(text: &'t str) -> Result<Self, JwtFault> {
        if text.is_empty() {
            return Err(JwtFault::Empty);
        }
        if text.starts_with(SECRET_PREFIX) {
            return Err(JwtFault::ClientSecret);
        }
        if text.contains(char::is_whitespace) {
            return Err(JwtFault::WhiteSpace);
        }
        let parts: Vec<&str> = text.split('.').take(6).collect();
        let &[header, claims, signature] = parts.as_slice() else {
            return Err(if parts.len() == 5 { JwtFault::Encrypted } else { JwtFault::Parts(text.split('.').count()) });
        };
        let (signing_input, _) = text.rsplit_once('.').ok_or(JwtFault::Parts(1))?;
        Ok(Self {
            header: object(Part::Header, header)?,
            claims: object(Part::Claims, claims)?,
            signing_input,
            signature: bytes(Part::Signature, signature)?,
        })
    }

    /// A header parameter, if it is a string.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// A claim, if it is a string.
    pub(super) fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name)?.as_str()
    }

    /// A claim, if it is a time: a `NumericDate` (RFC 7519 section 2), without fractions of a second.
    pub(super) fn moment(&self, name: &str) -> Option<UnixSeconds> {
        moment(self.claims.get(name)?)
    }
}

pub(super) fn moment(value: &Value) -> Option<UnixSeconds> {
    let fraction = || Some(Duration::try_from_secs_f64(value.as_f64()?).ok()?.as_secs());
    value.as_u64().or_else(fraction).map(UnixSeconds::new)
}

fn bytes(part: Part, text: &str) -> Result<Vec<u8>, JwtFault> {
    URL_SAFE_NO_PAD.decode(text).map_err(|_| JwtFault::Encoding(part))
}

fn object(part: Part, text: &str) -> Result<Map<String, Value>, JwtFault> {
    match serde_json::from_slice(&bytes(part, text)?) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(JwtFault::Object(part)),
        Err(_) => Err(JwtFault::Json(part)),
    }
}

/// The time between `moment` and `now`: `in 59 min`, `3 min ago`.
pub(super) fn distance(moment: UnixSeconds, now: UnixSeconds) -> String {
    let (seconds, is_past) = (moment.since(now).max(now.since(moment)), moment < now);
    let count = |unit_s: u64| seconds / unit_s;
    let span = match seconds {
        0 => return "now".to_owned(),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", count(60)),
        7_200..172_800 => format!("{} h", count(3_600)),
        _ => format!("{} days", count(SECONDS_PER_DAY)),
    };
    if is_past { format!("{span} ago") } else { format!("in {span}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn the_error_says_why_a_text_is_not_a_jwt() {
        let (object, list) = (encoded("{}"), encoded("[]"));
        for (text, fault) in [
            (String::new(), JwtFault::Empty),
            ("bg_secret_demoReaderInTheSandboxOnly".to_owned(), JwtFault::ClientSecret),
            ("a b.c.d".to_owned(), JwtFault::WhiteSpace),
            ("garbage".to_owned(), JwtFault::Parts(1)),
            ("a.b".to_owned(), JwtFault::Parts(2)),
            ("a.b.c.d".to_owned(), JwtFault::Parts(4)),
            ("a.b.c.d.e".to_owned(), JwtFault::Encrypted),
            (".".repeat(9), JwtFault::Parts(10)),
            (format!("+.{object}.AA"), JwtFault::Encoding(Part::Header)),
            (format!("{object}.{}.AA", encoded("{")), JwtFault::Json(Part::Claims)),
            (format!("{list}.{object}.AA"), JwtFault::Object(Part::Header)),
            (format!("{object}.{list}.AA"), JwtFault::Object(Part::Claims)),
            (format!("{object}.{object}.A"), JwtFault::Encoding(Part::Signature)),
        ] {
            assert_eq!(Jwt::parse(&text).err(), Some(fault), "{text}");
        }
        let text = format!("{object}.{object}.");
        let unsigned = Jwt::parse(&text).ok().unwrap();
        assert_eq!((unsigned.signature.len(), unsigned.signing_input), (0, &text[..text.len() - 1]));
    }

    #[test]
    fn a_time_is_a_number_of_seconds() {
        for (value, expected) in [
            (serde_json::json!(1_700_000_000), Some(1_700_000_000)),
            (serde_json::json!(1_700_000_000.9), Some(1_700_000_000)),
            (serde_json::json!(u64::MAX), Some(253_402_300_799)),
            (serde_json::json!(-1), None),
            (serde_json::json!("1700000000"), None),
        ] {
            assert_eq!(moment(&value).map(UnixSeconds::get), expected, "{value}");
        }
    }

    #[test]
    fn a_distance_has_one_unit() {
        let now = UnixSeconds::new(1_000_000);
        for (seconds, text) in [
            (1_000_000, "now"),
            (1_000_001, "in 1 s"),
            (999_881, "119 s ago"),
            (1_003_540, "in 59 min"),
            (1_000_180, "in 3 min"),
            (992_800, "2 h ago"),
            (1_172_800, "in 2 days"),
            (0, "11 days ago"),
        ] {
            assert_eq!(distance(UnixSeconds::new(seconds), now), text);
        }
    }
}
