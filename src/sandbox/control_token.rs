//! The token that controls a sandbox: not an access token, because those expire when the clock moves.

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::files;
use crate::text::hex::push_hex;
pub use crate::text::redaction::marks::CONTROL_TOKEN_PREFIX;

/// The token's file in the data folder.
pub const CONTROL_TOKEN_FILE: &str = "sandbox-token";
/// 256 random bits.
const BYTES: usize = 32;

/// The prefix, and 64 hexadecimal digits. Its memory is wiped when it is dropped.
pub struct ControlToken(Zeroizing<String>);

impl ControlToken {
    /// The token in a data folder; generated if there is none, and kept across restarts. The file has mode 0600.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let path = data_dir.join(CONTROL_TOKEN_FILE);
        match fs::read_to_string(&path).map(Zeroizing::new) {
            Ok(text) => {
                if let Some(token) = Self::parse(&text) {
                    return Ok(token);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let token = Self::generate()?;
        files::write_private(&path, Zeroizing::new(format!("{}\n", token.expose())).as_bytes())?;
        Ok(token)
    }

    fn generate() -> io::Result<Self> {
        let mut bytes = Zeroizing::new([0_u8; BYTES]);
        let filled = SystemRandom::new().fill(bytes.as_mut());
        filled.map_err(|_| io::Error::other("the system's random source did not answer"))?;
        let mut text = Zeroizing::new(String::with_capacity(CONTROL_TOKEN_PREFIX.len() + 2 * BYTES));
        text.push_str(CONTROL_TOKEN_PREFIX);
        push_hex(&mut text, bytes.as_ref());
        Ok(Self(text))
    }

    /// A token as its file or a variable has it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let digits = text.strip_prefix(CONTROL_TOKEN_PREFIX)?;
        let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f');
        let is_token = digits.len() == 2 * BYTES && digits.bytes().all(is_digit);
        is_token.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// Whether this is the token, in the same time whatever differs.
    #[must_use]
    pub fn is(&self, presented: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(presented).into()
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The token does not print.
impl fmt::Debug for ControlToken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ControlToken")
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_has_one_token_which_is_private_and_stays() {
        let folder = tempfile::tempdir().unwrap();
        let first = ControlToken::open(folder.path()).unwrap();
        let again = ControlToken::open(folder.path()).unwrap();
        assert_eq!(first.expose(), again.expose());
        assert!(again.is(first.expose().as_bytes()));
        let file = folder.path().join(CONTROL_TOKEN_FILE);
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert_ne!(first.expose(), ControlToken::open(tempfile::tempdir().unwrap().path()).unwrap().expose());

        fs::write(&file, "cut").unwrap();
        let mended = ControlToken::open(folder.path()).unwrap();
        assert!(!mended.is(b"cut") && !mended.is(b"") && !mended.is(first.expose().as_bytes()));
        assert_eq!(format!("{mended:?}"), "ControlToken");
    }

    #[test]
    fn a_token_is_the_prefix_and_64_hexadecimal_digits() {
        let digits = "0123456789abcdef".repeat(4);
        assert!(ControlToken::parse(&format!("  bg_sandbox_{digits}\r\n")).is_some());
        for wrong in ["", "bg_sandbox_", &digits, &format!("bg_sandbox_{digits}0"), &format!("bg_secret_{digits}")] {
            assert!(ControlToken::parse(wrong).is_none(), "{wrong}");
        }
    }
}
