//! Files and folders that hold secrets or are trusted: who may own, read and change them, and how they are written.
//!
//! The rule is that of `PostgreSQL` for its key files. The owner is this process's user or root. Other users have no
//! rights at all. A group may have rights if it is one of this process's own groups, as with Kubernetes' `fsGroup`. Of
//! a file that root owns, any group may read, as with Debian's `ssl-cert`. After a crash a file has its old content or
//! its new one, never a part of one.
//!
//! A file that holds no secret and still decides who is an administrator, such as the settings, may be read by all
//! users. It has the same owners, and the same groups may change it.

mod exposure;
mod lock;
mod read;
mod temporary;
mod write;

pub(crate) use self::exposure::{Exposure, Reader};
pub(crate) use self::exposure::{
    distrust_of, exposure, exposure_of, foreign_within, make_private_within, names_a_descriptor, quoted,
};
pub(crate) use self::lock::{lock, try_lock};
pub(crate) use self::read::PrivateFault;
pub(crate) use self::read::{read_pem, read_private, read_text, read_trusted};
pub(crate) use self::temporary::{TemporaryFolder, new_path};
pub(crate) use self::write::{make_folder, remove, rewrite, write_private, write_public};
