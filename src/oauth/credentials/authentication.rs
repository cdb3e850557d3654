//! How a client authenticates: what it presents in a body or in `Authorization: Basic` (RFC 6749 section 2.3.1).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use zeroize::Zeroizing;

use super::client_id::MAX_CLIENT_ID_BYTES;
use super::client_secret::ClientSecret;

/// The longest `Authorization: Basic` value that is decoded, in bytes.
const MAX_BASIC_BYTES: usize = 2_048;

/// How a client authenticates, with what it presents (RFC 7591 section 2, `token_endpoint_auth_method`). Nothing of it is
/// checked yet.
#[derive(Clone, Debug)]
pub enum ClientAuthentication {
    /// `client_secret_basic`: a secret in the `Authorization` header.
    ClientSecretBasic(PresentedSecret),
    /// `client_secret_post`: a secret in the body.
    ClientSecretPost(PresentedSecret),
}

/// A client identifier and a secret, as presented.
#[derive(Clone, Debug)]
pub struct PresentedSecret {
    /// Any text: it may belong to no client.
    pub client_id: String,
    /// The secret, form-decoded where it came form-encoded.
    pub secret: ClientSecret,
    /// The same without form-decoding, where that makes a difference: many clients, curl's `-u` among them, do not
    /// encode the secret. Either may be the client's.
    pub undecoded: Option<ClientSecret>,
}

/// Why a request's client authentication is malformed or missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthenticationFault {
    /// The request has none.
    Missing,
    /// The `Authorization` header is not `Basic`, or not base64 of `client_id:client_secret`.
    Malformed,
    /// There is more than one header, or the body has credentials too (RFC 6749 section 2.3: "MUST NOT use more than one
    /// authentication method in each request").
    Repeated,
}

impl ClientAuthentication {
    /// The client that authenticates, as presented.
    #[must_use]
    pub fn client_id(&self) -> &str {
        match self {
            Self::ClientSecretBasic(presented) | Self::ClientSecretPost(presented) => &presented.client_id,
        }
    }

    /// The secret, as presented.
    #[must_use]
    pub(crate) fn secret(&self) -> &ClientSecret {
        match self {
            Self::ClientSecretBasic(presented) | Self::ClientSecretPost(presented) => &presented.secret,
        }
    }

    /// A secret in the body, and the same without form-decoding.
    #[must_use]
    pub fn from_body(client_id: &str, secret: Zeroizing<String>, undecoded: Option<Zeroizing<String>>) -> Self {
        Self::ClientSecretPost(PresentedSecret::new(client_id, secret, undecoded))
    }

    /// Credentials in `Authorization: Basic`. Both parts are form-encoded before they are joined (RFC 6749 section
    /// 2.3.1), or joined as they are: a `client_id` reads the same in both ways, a secret is read in both. `Ok(None)`
    /// when there is no such header.
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
        let (client_id, secret) = decoded.split_once(':').ok_or(AuthenticationFault::Malformed)?;
        let undecoded = |text: &str| Zeroizing::new(text.to_owned());
        let either = |text| form_decode(text).unwrap_or_else(|| undecoded(text));
        let presented = PresentedSecret::new(&either(client_id), either(secret), Some(undecoded(secret)));
        Ok(Some(Self::ClientSecretBasic(presented)))
    }
}

impl PresentedSecret {
    fn new(client_id: &str, secret: Zeroizing<String>, undecoded: Option<Zeroizing<String>>) -> Self {
        let client_id = without_line_end(client_id);
        // A longer text is no client's identifier: it is cut, so that it costs no more than one.
        let is_short = client_id.len() <= MAX_CLIENT_ID_BYTES;
        let cut = || client_id.chars().take(MAX_CLIENT_ID_BYTES + 1).collect();
        let client_id = if is_short { client_id.to_owned() } else { cut() };
        let undecoded = undecoded.filter(|undecoded| *undecoded != secret).map(presented);
        Self { client_id, secret: presented(secret), undecoded }
    }
}

/// A secret, without the line end that it may have come with.
fn presented(secret: Zeroizing<String>) -> ClientSecret {
    let value = without_line_end(&secret);
    if value.len() == secret.len() { ClientSecret::new(secret) } else { ClientSecret::new(value.to_owned().into()) }
}

/// `text` without the line end of the file that a client read it from. A space at the end stays: it may have been a `+`
/// before a form was decoded.
fn without_line_end(text: &str) -> &str {
    text.trim_end_matches(['\r', '\n'])
}

/// `None` if the text is not form-encoded UTF-8.
fn form_decode(text: &str) -> Option<Zeroizing<String>> {
    let spaced = Zeroizing::new(text.replace('+', " "));
    let decoded = percent_decode_str(&spaced).decode_utf8().ok()?;
    Some(Zeroizing::new(decoded.into_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::rand::SystemRandom;

    use super::*;

    fn from_basic(value: &str) -> Result<PresentedSecret, AuthenticationFault> {
        match ClientAuthentication::from_headers(std::iter::once(value.as_bytes()))? {
            Some(ClientAuthentication::ClientSecretBasic(presented)) => Ok(presented),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        let secret = ClientSecret::generate(&SystemRandom::new()).unwrap();
        let undecoded = Some(format!("{}+", secret.expose()).into());
        let authentication = ClientAuthentication::from_body("demo", secret.expose().to_owned().into(), undecoded);
        let digest = crate::oauth::credentials::DigestKey::new(&[7; 32]).digest(&secret);
        assert!(!format!("{authentication:?} {digest:?}").contains(&secret.expose()[10..]));
    }

    #[test]
    fn both_parts_of_basic_are_form_decoded() {
        // RFC 6749 section 2.3.1 has its example in this form.
        let presented = from_basic("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3").unwrap();
        assert_eq!((presented.client_id.as_str(), presented.secret.expose()), ("s6BhdRkqt3", "7Fjfp0ZBr1KtDRbnfVdmIw"));
        let encoded = STANDARD.encode("a%2Db:p%3Aw+%25");
        let presented = from_basic(&format!("bAsIc {encoded}")).unwrap();
        assert_eq!((presented.client_id.as_str(), presented.secret.expose()), ("a-b", "p:w %"));
    }

    #[test]
    fn a_secret_in_basic_is_read_decoded_and_undecoded() {
        for (sent, decoded, undecoded) in [
            ("a:b", "b", None),
            ("a:b+c", "b c", Some("b+c")),
            ("a:b%2Bc", "b+c", Some("b%2Bc")),
            ("a:b%zz%", "b%zz%", None),
            ("a:b:c%3a", "b:c:", Some("b:c%3a")),
            // Text that is not form-encoded UTF-8 is read undecoded only.
            ("a:%FFb+c", "%FFb+c", None),
            ("a:\u{e9}+", "\u{e9} ", Some("\u{e9}+")),
            ("a:", "", None),
        ] {
            let read = from_basic(&format!("Basic {}", STANDARD.encode(sent))).unwrap();
            assert_eq!((read.client_id.as_str(), read.secret.expose()), ("a", decoded), "{sent}");
            assert_eq!(read.undecoded.as_ref().map(ClientSecret::expose), undecoded, "{sent}");
        }
        for (sent, client_id) in [("a+b:c", "a b"), ("a%3Ab:c", "a:b"), ("%FF:c", "%FF"), (":c", "")] {
            let read = from_basic(&format!("Basic {}", STANDARD.encode(sent))).unwrap();
            assert_eq!(read.client_id, client_id, "no client has it in either form");
        }
    }

    #[test]
    fn other_headers_are_faults() {
        let not_utf8 = format!("Basic {}", STANDARD.encode([0xFF, b':', b'a']));
        let no_colon = format!("Basic {}", STANDARD.encode("demo"));
        let long = format!("Basic {}", STANDARD.encode("a".repeat(3_000)));
        for value in ["", "Basic", "Basic !", "Bearer abc", &not_utf8, &no_colon, &long] {
            assert_eq!(from_basic(value).unwrap_err(), AuthenticationFault::Malformed, "{value:.40}");
        }
        let twice = [b"Basic YTpi".as_slice(), b"Basic YTpi".as_slice()];
        let fault = ClientAuthentication::from_headers(twice.into_iter()).unwrap_err();
        assert_eq!(fault, AuthenticationFault::Repeated);
        assert!(ClientAuthentication::from_headers(std::iter::empty()).unwrap().is_none());
    }

    proptest! {
        #[test]
        fn no_header_panics(value in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = ClientAuthentication::from_headers(std::iter::once(value.as_slice()));
            let basic = format!("Basic {}", STANDARD.encode(&value));
            let _ = from_basic(&basic);
        }
    }
}
