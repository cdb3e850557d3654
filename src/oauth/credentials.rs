//! A client's credentials: its identifier, its secret, and how it presents them (RFC 6749, section 2.3).
//!
//! A secret is made here, shown once, and kept only as a digest under the key of the installation: 256 random bits
//! need no slow hash. Its text never prints and is wiped from memory when it is dropped.

mod authentication;
mod strength;

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{Context, SHA256, digest};
use ring::error::Unspecified;
use ring::hkdf;
use ring::hmac;
use ring::rand::SecureRandom;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use subtle::{Choice, ConstantTimeEq};
use zeroize::Zeroizing;

pub use self::authentication::{AuthenticationFault, ClientAuthentication, Method};
use self::strength::Strength;

/// What every client secret starts with, so that secret scanners find it.
pub const SECRET_PREFIX: &str = "bg_secret_";
/// Base62 digits for 256 random bits.
const RANDOM_DIGITS: usize = 43;
/// Base62 digits for the CRC-32 that ends a secret.
const CHECK_DIGITS: usize = 6;
/// What a secret of somebody's own making must have at least, in characters: its digest is quick to make, which is no
/// shield for a password.
const MIN_CHOSEN_CHARS: usize = 32;
/// The longest secret of somebody's own making, in characters.
const MAX_CHOSEN_CHARS: usize = 256;
/// The longest client identifier, in bytes.
const MAX_CLIENT_ID_BYTES: usize = 64;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `client_id` (RFC 6749 section 2.2): 1 to 64 of `A-Z a-z 0-9 . _ ~ -`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(Arc<str>);

/// Not a `client_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client_id is 1 to {MAX_CLIENT_ID_BYTES} letters, digits, dots, underscores, tildes or hyphens")]
pub struct ClientIdFault;

impl ClientId {
    /// Reads an identifier.
    pub fn parse(text: &str) -> Result<Self, ClientIdFault> {
        let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'~' | b'-');
        if !(1..=MAX_CLIENT_ID_BYTES).contains(&text.len()) || !text.bytes().all(unreserved) {
            return Err(ClientIdFault);
        }
        Ok(Self(text.into()))
    }

    /// The identifier as it goes over the wire.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for ClientId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for ClientId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, out)
    }
}

impl Serialize for ClientId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ClientId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

/// `client_secret`, in the clear: it does not print, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// A new secret: [`SECRET_PREFIX`], 43 random base62 digits (256 bits), and the CRC-32 of all
    /// that in 6 base62 digits. `Err` when the system gives no randomness.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, Unspecified> {
        Self::of_digits(|bytes| random.fill(bytes))
    }

    /// The secret that always follows from these two: HKDF-SHA256 (RFC 5869) of `key`, in the form that
    /// [`generate`](Self::generate) gives. As hard to guess as `key` is for who knows `salt`.
    pub fn derive(salt: &[u8], key: &[u8]) -> Result<Self, Unspecified> {
        let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, salt).extract(key);
        let mut round = 0_u8;
        Self::of_digits(|bytes| {
            let info = [b"boomgate client secret".as_slice(), &[round]];
            round = round.wrapping_add(1);
            extracted.expand(&info, Length(bytes.len()))?.fill(bytes)
        })
    }

    fn of_digits(mut fill: impl FnMut(&mut [u8]) -> Result<(), Unspecified>) -> Result<Self, Unspecified> {
        let mut text = Zeroizing::new(String::with_capacity(SECRET_PREFIX.len() + RANDOM_DIGITS + CHECK_DIGITS));
        text.push_str(SECRET_PREFIX);
        let mut bytes = Zeroizing::new([0_u8; 64]);
        while text.len() < SECRET_PREFIX.len() + RANDOM_DIGITS {
            fill(bytes.as_mut())?;
            let wanted = SECRET_PREFIX.len() + RANDOM_DIGITS - text.len();
            // Six bits make a digit; 62 and 63 are drawn again, so that every digit is as likely.
            let digits = bytes.iter().filter_map(|byte| BASE62.get(usize::from(byte & 0x3F)));
            text.extend(digits.take(wanted).map(|&digit| char::from(digit)));
        }
        push_check_digits(&mut text);
        Ok(Self(text))
    }

    /// A secret that somebody presents, whatever it looks like.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// A secret of somebody's own making that this client may have, or one without an identifier yet.
    pub fn chosen(text: Zeroizing<String>, client_id: Option<&ClientId>) -> Result<Self, WeakSecret> {
        let secret = Self::of_form(text)?;
        secret.weakness(client_id).map_or(Ok(secret), Err)
    }

    /// A secret of the right form, however easy it is to guess.
    pub fn of_form(text: Zeroizing<String>) -> Result<Self, WeakSecret> {
        let fits = (MIN_CHOSEN_CHARS..=MAX_CHOSEN_CHARS).contains(&text.len());
        let is_mistyped = |secret: &Self| secret.0.starts_with(SECRET_PREFIX) && !secret.is_well_formed();
        let is_graphic = text.bytes().all(|byte| byte.is_ascii_graphic());
        let secret = Self(text);
        if !fits || !is_graphic || is_mistyped(&secret) {
            return Err(WeakSecret::Form);
        }
        Ok(secret)
    }

    /// What makes it easy to guess for somebody who knows the client's identifier, if anything does.
    #[must_use]
    pub fn weakness(&self, client_id: Option<&ClientId>) -> Option<WeakSecret> {
        let strength = Strength::of(&self.0, client_id);
        (!strength.is_enough()).then_some(WeakSecret::Guessable { counted: strength.counted, needed: strength.needed })
    }

    /// What somebody who writes the secret into a request by hand should know; `None` where nothing can go wrong.
    #[must_use]
    pub fn spelling_warning(&self) -> Option<String> {
        let in_form = self.0.contains('&').then_some(
            "in a form body form-encode it, for it would end at its & \
             (curl: --data-urlencode)",
        );
        let in_json = self.0.contains(['"', '\\']).then_some("in a JSON body escape its \" and \\");
        let advice: Vec<&str> = in_form.into_iter().chain(in_json).collect();
        (!advice.is_empty())
            .then(|| format!("client_secret has characters that a request must encode: {}", advice.join("; ")))
    }

    /// Its SHA-256.
    fn plain_digest(&self) -> PlainDigest {
        let mut bytes = [0; DIGEST_BYTES];
        bytes.copy_from_slice(digest(&SHA256, self.0.as_bytes()).as_ref());
        PlainDigest(bytes)
    }

    /// The secret itself, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it has the form that [`generate`](Self::generate) gives, check digits included.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let Some((body, _)) = self.0.split_at_checked(SECRET_PREFIX.len() + RANDOM_DIGITS) else { return false };
        let mut expected = Zeroizing::new(body.to_owned());
        push_check_digits(&mut expected);
        body.starts_with(SECRET_PREFIX) && *expected == *self.0
    }
}

/// How many bytes are derived.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

fn push_check_digits(text: &mut String) {
    let mut rest = crc32fast::hash(text.as_bytes());
    let mut digits = ['0'; CHECK_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62.get((rest % 62) as usize).map_or('0', |&byte| char::from(byte));
        rest /= 62;
    }
    text.extend(digits);
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ClientSecret(…)")
    }
}

/// Not a secret that a client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakSecret {
    /// Too short, too long, with other characters than visible ASCII ones, or with this server's prefix and wrong
    /// check digits.
    #[error(
        "must be {MIN_CHOSEN_CHARS} to {MAX_CHOSEN_CHARS} visible ASCII characters (one that starts with \
         {SECRET_PREFIX} must have the right check digits)"
    )]
    Form,
    /// Made of what a guesser tries first.
    #[error(
        "is easy to guess: a part that is repeated, counts, or is a common word, a row of a keyboard or the client_id \
         counts as one character, so that it has {counted} of the {needed} it needs; `openssl rand -hex 32` makes one \
         that is not"
    )]
    Guessable {
        /// How many of its characters count.
        counted: usize,
        /// How many must.
        needed: usize,
    },
}

const DIGEST_BYTES: usize = 32;

/// What an installation digests client secrets with: HMAC-SHA-256 under a random key of its own. Without the key nobody
/// can test a guess at a secret on its digest or its fingerprint.
pub struct DigestKey(hmac::Key);

impl DigestKey {
    /// The key of these bytes.
    #[must_use]
    pub fn new(bytes: &[u8; DIGEST_BYTES]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// What is kept of a secret.
    #[must_use]
    pub fn digest(&self, secret: &ClientSecret) -> SecretDigest {
        self.of_plain_digest(&secret.plain_digest())
    }

    /// What may be told of a secret.
    #[must_use]
    pub fn fingerprint(&self, secret: &ClientSecret) -> Fingerprint {
        self.of_plain_fingerprint(secret.plain_digest().fingerprint())
    }

    /// What is kept of the secret that has this SHA-256.
    #[must_use]
    pub fn of_plain_digest(&self, digest: &PlainDigest) -> SecretDigest {
        let mut bytes = [0; DIGEST_BYTES];
        bytes.copy_from_slice(hmac::sign(&self.0, &digest.0).as_ref());
        SecretDigest(bytes)
    }

    /// What may be told of the secret that was told of by this fingerprint while there was no key.
    #[must_use]
    pub fn of_plain_fingerprint(&self, fingerprint: Fingerprint) -> Fingerprint {
        let mut context = hmac::Context::with_key(&self.0);
        context.update(FINGERPRINT_OF);
        context.update(&fingerprint.0);
        Fingerprint::of(context.sign().as_ref())
    }
}

/// SHA-256 of a client secret, which is what records had before there was a [`DigestKey`]; as unpadded base64url.
pub struct PlainDigest([u8; DIGEST_BYTES]);

impl PlainDigest {
    /// What was told of the secret then.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut context = Context::new(&SHA256);
        context.update(FINGERPRINT_OF);
        context.update(&self.0);
        Fingerprint::of(context.finish().as_ref())
    }
}

impl<'de> Deserialize<'de> for PlainDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SecretDigest::deserialize(deserializer).map(|SecretDigest(bytes)| Self(bytes))
    }
}

/// A client secret under the [`DigestKey`]; in records as unpadded base64url.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretDigest([u8; DIGEST_BYTES]);

impl SecretDigest {
    /// A digest that no secret has: what an unknown client's secret is compared with.
    pub const NONE: Self = Self([0; DIGEST_BYTES]);
}

const FINGERPRINT_BYTES: usize = 8;
const FINGERPRINT_OF: &[u8] = b"boomgate secret fingerprint\0";

/// Tells whether two secrets of this installation are the same, and nothing of either: a part of a digest under the
/// [`DigestKey`], in 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; FINGERPRINT_BYTES]);

impl Fingerprint {
    fn of(digest: &[u8]) -> Self {
        let mut bytes = [0; FINGERPRINT_BYTES];
        bytes.iter_mut().zip(digest).for_each(|(byte, from)| *byte = *from);
        Self(bytes)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = u64::from_str_radix(&text, 16).ok().filter(|_| text.len() == 2 * FINGERPRINT_BYTES);
        let number = number.ok_or_else(|| D::Error::custom("a fingerprint is 16 hexadecimal digits"))?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// Takes the same time wherever the two differ; eight bytes a step, for nothing may shorten the 32 steps of single ones.
impl ConstantTimeEq for SecretDigest {
    fn ct_eq(&self, other: &Self) -> Choice {
        let [(ours, _), (theirs, _)] = [self, other].map(|digest| digest.0.as_chunks());
        let pairs = ours.iter().zip(theirs);
        pairs
            .fold(0, |unlike, (ours, theirs)| unlike | (u64::from_ne_bytes(*ours) ^ u64::from_ne_bytes(*theirs)))
            .ct_eq(&0)
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SecretDigest(…)")
    }
}

impl Serialize for SecretDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for SecretDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = URL_SAFE_NO_PAD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        bytes.try_into().map(Self).map_err(|_| D::Error::custom("a digest of a secret has 32 bytes"))
    }
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use ring::rand::SystemRandom;

    use super::*;

    fn from_basic(value: &str) -> Result<Option<ClientAuthentication>, AuthenticationFault> {
        ClientAuthentication::from_headers(std::iter::once(value.as_bytes()))
    }

    #[test]
    fn a_new_secret_has_the_documented_form_and_a_typing_error_shows() {
        let secret = ClientSecret::generate(&SystemRandom::new()).unwrap();
        let text = secret.expose();
        assert_eq!(text.len(), 59);
        assert!(text.starts_with("bg_secret_") && text.bytes().skip(10).all(|byte| byte.is_ascii_alphanumeric()));
        assert!(secret.is_well_formed());
        assert_ne!(text, ClientSecret::generate(&SystemRandom::new()).unwrap().expose());

        let mut mistyped = text.to_owned().into_bytes();
        mistyped[20] = if mistyped[20] == b'x' { b'y' } else { b'x' };
        let mistyped = String::from_utf8(mistyped).unwrap();
        for wrong in [mistyped.as_str(), "", "bg_secret_", &text[..58], &text[1..]] {
            assert!(!ClientSecret::new(Zeroizing::new(wrong.to_owned())).is_well_formed(), "{wrong}");
        }
    }

    #[test]
    fn a_derived_secret_follows_from_the_salt_and_the_key_alone() {
        let derive = |salt: &[u8], key: &[u8]| ClientSecret::derive(salt, key).unwrap();
        let secret = derive(b"salt", b"key");
        assert!(secret.is_well_formed());
        assert_eq!(secret.expose(), derive(b"salt", b"key").expose());
        for (salt, key) in [(b"salt".as_slice(), b"kez".as_slice()), (b"salu", b"key"), (b"sal", b"tkey"), (b"", b"")] {
            assert_ne!(secret.expose(), derive(salt, key).expose());
        }
    }

    #[test]
    fn a_secret_does_not_print() {
        let secret = ClientSecret::generate(&SystemRandom::new()).unwrap();
        let authentication = ClientAuthentication::from_body("demo", secret.expose().to_owned().into())
            .or_as_it_stands(Some(format!("{}+", secret.expose()).into()));
        let digest = DigestKey::new(&[7; 32]).digest(&secret);
        assert!(!format!("{authentication:?} {digest:?}").contains(&secret.expose()[10..]));
    }

    #[test]
    fn digests_and_fingerprints_hang_on_the_key_and_follow_from_those_without_one() {
        let secret = ClientSecret::new("a".repeat(40).into());
        let [one, other] = [1, 2].map(|byte| DigestKey::new(&[byte; 32]));
        assert!(one.digest(&secret) == one.digest(&secret) && one.digest(&secret) != other.digest(&secret));
        assert_ne!(one.fingerprint(&secret), other.fingerprint(&secret));
        let plain = URL_SAFE_NO_PAD.encode(digest(&SHA256, secret.expose().as_bytes()));
        let plain: PlainDigest = serde_json::from_value(plain.into()).unwrap();
        assert_eq!(one.of_plain_digest(&plain), one.digest(&secret));
        assert_ne!(plain.fingerprint(), one.fingerprint(&secret));
        assert_eq!(one.of_plain_fingerprint(plain.fingerprint()), one.fingerprint(&secret));
    }

    #[test]
    fn a_chosen_secret_has_a_form_and_is_not_easy_to_guess() {
        let chosen = |text: &str| ClientSecret::chosen(text.to_owned().into(), None).map(drop);
        assert_eq!(chosen("9f86d081884c7d659a2feaa0c55ad015"), Ok(()));
        for text in ["9f86d081884c7d659a2feaa0c55ad01", &"x".repeat(257), "9f86d081884c7d65 9a2feaa0c55ad015", "\u{e9}"]
        {
            assert_eq!(chosen(text), Err(WeakSecret::Form), "{text}");
        }
        let weak = chosen("passwordpasswordpasswordpassword").unwrap_err();
        assert!(
            weak.to_string().starts_with("is easy to guess")
                && weak.to_string().contains("it has 2 of the 20 it needs"),
            "{weak}"
        );
    }

    #[test]
    fn a_secret_that_must_be_encoded_comes_with_a_warning() {
        let warning = |text: &str| ClientSecret::new(text.to_owned().into()).spelling_warning();
        // Read as it stands where it is not encoded.
        assert_eq!(warning("a+b%41c=d:e#f/g?h"), None);
        assert!(warning("a&b").unwrap().contains("--data-urlencode"));
        assert!(warning("a\"b").unwrap().contains("JSON") && warning("a\\b").unwrap().contains("JSON"));
    }

    #[test]
    fn both_parts_of_basic_are_form_decoded() {
        // RFC 6749 section 2.3.1 has its example in this form.
        let authentication = from_basic("Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3").unwrap().unwrap();
        assert_eq!(authentication.client_id, "s6BhdRkqt3");
        assert_eq!(authentication.client_secret.expose(), "7Fjfp0ZBr1KtDRbnfVdmIw");
        let encoded = STANDARD.encode("a%2Db:p%3Aw+%25");
        let authentication = from_basic(&format!("bAsIc {encoded}")).unwrap().unwrap();
        assert_eq!((authentication.client_id.as_str(), authentication.client_secret.expose()), ("a-b", "p:w %"));
    }

    #[test]
    fn a_secret_in_basic_is_read_as_encoded_and_as_it_stands() {
        for (sent, decoded, as_it_stands) in [
            ("a:b", "b", None),
            ("a:b+c", "b c", Some("b+c")),
            ("a:b%2Bc", "b+c", Some("b%2Bc")),
            ("a:b%zz%", "b%zz%", None),
            ("a:b:c%3a", "b:c:", Some("b:c%3a")),
            // What nobody can have encoded is read as it stands alone.
            ("a:%FFb+c", "%FFb+c", None),
            ("a:\u{e9}+", "\u{e9} ", Some("\u{e9}+")),
            ("a:", "", None),
        ] {
            let read = from_basic(&format!("Basic {}", STANDARD.encode(sent))).unwrap().unwrap();
            assert_eq!((read.client_id.as_str(), read.client_secret.expose()), ("a", decoded), "{sent}");
            assert_eq!(read.secret_as_it_stands.as_ref().map(ClientSecret::expose), as_it_stands, "{sent}");
        }
        for (sent, client_id) in [("a+b:c", "a b"), ("a%3Ab:c", "a:b"), ("%FF:c", "%FF"), (":c", "")] {
            let read = from_basic(&format!("Basic {}", STANDARD.encode(sent))).unwrap().unwrap();
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

        #[test]
        fn a_client_id_is_what_it_was_read_from(text in ".{0,80}") {
            if let Ok(client_id) = ClientId::parse(&text) {
                prop_assert_eq!(client_id.as_str(), text);
            }
        }
    }
}
