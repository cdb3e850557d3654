//! How a client authenticates: what it presents in a body or in `Authorization: Basic` (RFC 6749 section 2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::{ClientSecret, MAX_CLIENT_ID_BYTES};

/// The longest `Authorization: Basic` value that is decoded, in bytes.
const MAX_BASIC_BYTES: usize = 2_048;

/// Who a request says it is, and its proof: not yet believed.
#[derive(Clone, Debug)]
pub struct ClientAuthentication {
    /// As presented: it may be no client's, or no `client_id` at all.
    pub client_id: String,
    /// As presented.
    pub client_secret: ClientSecret,
    /// The same without form-decoding, where that makes a difference: many clients, curl's `-u` among them, send a
    /// secret as it is. Either may be the client's own.
    pub secret_as_it_stands: Option<ClientSecret>,
    /// Where both were.
    pub method: Method,
}

/// How a client authenticates (RFC 7591 section 2, `token_endpoint_auth_method`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `client_secret_basic`: the `Authorization` header.
    Basic,
    /// `client_secret_post`: members of the body.
    Post,
}

/// Why a request's client authentication cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationFault {
    /// There is none.
    Missing,
    /// The `Authorization` header is not `Basic`, or not base64 of `client_id:client_secret`.
    Malformed,
    /// The header is there more than once, or the body has credentials too (RFC 6749 section 2.3: "MUST
    /// NOT use more than one authentication method in each request").
    Repeated,
}

impl ClientAuthentication {
    /// Credentials in the body.
    #[must_use]
    pub fn from_body(client_id: &str, client_secret: Zeroizing<String>) -> Self {
        Self::new(client_id, client_secret, Method::Post)
    }

    /// The same, if the secret may be this one as well.
    #[must_use]
    pub fn or_as_it_stands(self, client_secret: Option<Zeroizing<String>>) -> Self {
        let another = client_secret.filter(|secret| **secret != *self.client_secret.0);
        Self { secret_as_it_stands: another.map(presented), ..self }
    }

    /// Credentials in `Authorization: Basic`, both parts form-encoded before they are joined (RFC 6749
    /// section 2.3.1), or joined as they are: a `client_id` reads the same in both ways, a secret is read in
    /// both. `Ok(None)` when there is no such header.
    pub fn from_headers<'r>(
        mut authorization: impl Iterator<Item = &'r [u8]>,
    ) -> Result<Option<Self>, AuthenticationFault> {
        let Some(credentials) = authorization.next() else { return Ok(None) };
        if authorization.next().is_some() {
            return Err(AuthenticationFault::Repeated);
        }
        let (scheme, encoded) = credentials.split_at_checked(6).ok_or(AuthenticationFault::Malformed)?;
        if !scheme.eq_ignore_ascii_case(b"basic ") || encoded.len() > MAX_BASIC_BYTES {
            return Err(AuthenticationFault::Malformed);
        }
        let decoded = STANDARD.decode(encoded.trim_ascii()).map_err(|_| AuthenticationFault::Malformed)?;
        let decoded = Zeroizing::new(String::from_utf8(decoded).map_err(|_| AuthenticationFault::Malformed)?);
        let (client_id, client_secret) = decoded.split_once(':').ok_or(AuthenticationFault::Malformed)?;
        let as_it_stands = |text: &str| Zeroizing::new(text.to_owned());
        let either = |text| form_decode(text).unwrap_or_else(|| as_it_stands(text));
        let authentication = Self::new(&either(client_id), either(client_secret), Method::Basic);
        Ok(Some(authentication.or_as_it_stands(Some(as_it_stands(client_secret)))))
    }

    fn new(client_id: &str, secret: Zeroizing<String>, method: Method) -> Self {
        let client_id = without_line_end(client_id);
        // Cut at a bound that no client_id reaches: what is longer is nobody's anyway.
        let is_short = client_id.len() <= MAX_CLIENT_ID_BYTES;
        let cut = || client_id.chars().take(MAX_CLIENT_ID_BYTES + 1).collect();
        let client_id = if is_short { client_id.to_owned() } else { cut() };
        Self { client_id, client_secret: presented(secret), secret_as_it_stands: None, method }
    }
}

/// A secret as it was presented.
fn presented(secret: Zeroizing<String>) -> ClientSecret {
    let value = without_line_end(&secret);
    if value.len() == secret.len() { ClientSecret::new(secret) } else { ClientSecret::new(value.to_owned().into()) }
}

/// `text` without the line end of the file that it was in, which clients send along. A blank stays: it may have been a
/// `+` before a form was decoded.
fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// `None` for what nobody can have encoded: it is not UTF-8.
fn form_decode(text: &str) -> Option<Zeroizing<String>> {
    let spaced = Zeroizing::new(text.replace('+', " "));
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(Zeroizing::new(decoded.into_owned()))
}
