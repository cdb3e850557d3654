//! What a sandbox has beside a production server: clients whose credentials are published. All rules are the same. Only
//! under `boomgate sandbox`, and only on loopback.

pub mod demo;
pub(crate) mod forge;
