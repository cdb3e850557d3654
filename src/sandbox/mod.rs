//! What a partner's developer comes for: a server that is the same in every rule, with clients that are
//! known beforehand. Only under `boomgate sandbox`, and only on loopback.

pub mod demo;
