//! The checks of the group `token`.

mod credentials;
mod loops;
mod loss;
mod renewal;
mod reuse;
mod stampede;

pub(in crate::exam) use self::credentials::{key_rotated, secret_revoked, secret_rotated};
pub(in crate::exam) use self::loops::no_401_loop;
pub(in crate::exam) use self::loss::{token_renewed_on_401, token_revoked};
pub(in crate::exam) use self::renewal::token_renewed_ahead;
pub(in crate::exam) use self::reuse::token_reused;
pub(in crate::exam) use self::stampede::one_renewal;
