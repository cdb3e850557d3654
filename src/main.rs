//! Boomgate.
fn main() {}
