//! The last requests that a walk refused, and why.

mod facts;

pub use self::facts::Facts;
