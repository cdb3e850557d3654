//! `/admin/…`: what operators do, behind the same gate as everything else.

pub mod clients;
