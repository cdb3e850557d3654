//! The bodies of the sandbox's control plane, which only `boomgate sandbox` has.

pub mod request;
