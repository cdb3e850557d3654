//! A client's credentials: its identifier, its secret, and how it presents them (RFC 6749 section 2.3).
//!
//! The server shows a secret once, and records hold only a digest under the key of the installation: 256 random bits need
//! no slow hash.

mod authentication;
mod client_id;
mod client_secret;
mod digest;
mod strength;

pub use self::authentication::{AuthenticationFault, ClientAuthentication, PresentedSecret};
pub use self::client_id::{ClientId, ClientIdFault};
pub(crate) use self::client_secret::SECRET_PREFIX;
pub use self::client_secret::{ClientSecret, WeakSecret};
pub use self::digest::{DigestKey, Fingerprint, PlainDigest, SecretDigest};
