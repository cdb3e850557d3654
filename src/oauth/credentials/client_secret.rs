//! A client's secret, in the clear.
//!
//! The server generates or derives it, or an operator chooses it. Its text never prints, and its memory is wiped when it
//! is dropped.

use std::fmt;

use ring::error::Unspecified;
use ring::hkdf;
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use super::client_id::ClientId;
use super::strength::Strength;
pub(crate) use crate::text::redaction::marks::SECRET_PREFIX;

/// Base62 digits for 256 random bits.
const RANDOM_DIGITS: usize = 43;
/// Base62 digits for the CRC-32 that ends a secret.
const CHECK_DIGITS: usize = 6;
/// The shortest chosen secret, in characters. Its digest is quick to compute, and so does not protect a short password.
const MIN_CHOSEN_CHARS: usize = 32;
/// The longest chosen secret, in characters.
const MAX_CHOSEN_CHARS: usize = 256;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `client_secret`, in the clear: it does not print, and its memory is wiped when it is dropped.
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<String>);

impl ClientSecret {
    /// A new secret: [`SECRET_PREFIX`], 43 random base62 digits (256 bits), and the CRC-32 of all
    /// that in 6 base62 digits. `Err` when the system gives no randomness.
    pub fn generate(random: &dyn SecureRandom) -> Result<Self, Unspecified> {
        Self::of_digits(|bytes| random.fill(bytes))
    }

    /// The same secret for the same arguments: HKDF-SHA256 (RFC 5869) of `key`, in the form of
    /// [`generate`](Self::generate). For an attacker who knows `salt`, it is as hard to guess as `key`.
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
            // Six bits make a digit; 62 and 63 are drawn again, so that all digits are equally likely.
            let digits = bytes.iter().filter_map(|byte| BASE62.get(usize::from(byte & 0x3F)));
            text.extend(digits.take(wanted).map(|&digit| char::from(digit)));
        }
        push_check_digits(&mut text);
        Ok(Self(text))
    }

    /// A secret as a client presents it, in any form.
    #[must_use]
    pub fn new(text: Zeroizing<String>) -> Self {
        Self(text)
    }

    /// A secret that an operator chose for this client, or for one that has no identifier yet.
    pub fn chosen(text: Zeroizing<String>, client_id: Option<&ClientId>) -> Result<Self, WeakSecret> {
        let secret = Self::of_form(text)?;
        secret.weakness(client_id).map_or(Ok(secret), Err)
    }

    /// Whether a text could be a secret by its length and its characters.
    #[must_use]
    pub(crate) fn has_form(text: &str) -> bool {
        (MIN_CHOSEN_CHARS..=MAX_CHOSEN_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    }

    /// A secret of the right form, even if it is easy to guess.
    pub(crate) fn of_form(text: Zeroizing<String>) -> Result<Self, WeakSecret> {
        let is_mistyped = |secret: &Self| secret.0.starts_with(SECRET_PREFIX) && !secret.is_well_formed();
        let has_form = Self::has_form(&text);
        let secret = Self(text);
        if !has_form || is_mistyped(&secret) {
            return Err(WeakSecret::Form);
        }
        Ok(secret)
    }

    /// Why it is easy to guess for an attacker who knows the client's identifier; `None` if it is not.
    #[must_use]
    pub(crate) fn weakness(&self, client_id: Option<&ClientId>) -> Option<WeakSecret> {
        let strength = Strength::of(&self.0, client_id);
        (!strength.is_enough()).then_some(WeakSecret::Guessable { counted: strength.counted, needed: strength.needed })
    }

    /// A warning for people who write the secret into a request by hand; `None` if it needs no encoding.
    #[must_use]
    pub(crate) fn spelling_warning(&self) -> Option<String> {
        let in_form = self.0.contains('&').then_some(
            "in a form body form-encode it, for it would end at its & \
             (curl: --data-urlencode)",
        );
        let in_json = self.0.contains(['"', '\\']).then_some("in a JSON body escape its \" and \\");
        let advice: Vec<&str> = in_form.into_iter().chain(in_json).collect();
        (!advice.is_empty())
            .then(|| format!("client_secret has characters that a request must encode: {}", advice.join("; ")))
    }

    /// The secret itself, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it has the form that [`generate`](Self::generate) gives, check digits included.
    #[must_use]
    pub(crate) fn is_well_formed(&self) -> bool {
        let Some((body, _)) = self.0.split_at_checked(SECRET_PREFIX.len() + RANDOM_DIGITS) else { return false };
        let mut expected = Zeroizing::new(body.to_owned());
        push_check_digits(&mut expected);
        body.starts_with(SECRET_PREFIX) && *expected == *self.0
    }
}

/// How many bytes HKDF derives.
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

/// Why a client may not have a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakSecret {
    /// Too short or too long, not all visible ASCII characters, or this server's prefix with wrong check digits.
    #[error(
        "must be {MIN_CHOSEN_CHARS} to {MAX_CHOSEN_CHARS} visible ASCII characters (one that starts with \
         {SECRET_PREFIX} must have the right check digits)"
    )]
    Form,
    /// Made of text that an attacker tries first.
    #[error(
        "is easy to guess: a repeated part, a series, a common word, a row of a keyboard and the client_id each count \
         as one character, so it has {counted} of the {needed} it needs; `openssl rand -hex 32` makes a strong secret"
    )]
    Guessable {
        /// How many of its characters count.
        counted: usize,
        /// How many must count.
        needed: usize,
    },
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;

    use super::*;

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
}
