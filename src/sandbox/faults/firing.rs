//! What disturbs one request.

use std::sync::Arc;
use std::time::Duration;

use crate::api::sandbox::fault::Effect;

/// The name of what `Prefer` asks for, in `Boomgate-Fault` and in the journal. No rule may have it.
pub(crate) const PREFERRED: &str = "prefer";

/// A rule that fires at a request, or what `Prefer` asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Firing {
    /// The rule.
    pub(crate) name: Arc<str>,
    /// What happens to the request.
    pub(crate) effect: Arc<Effect>,
    /// How long it waits: one value of the effect's distribution.
    pub(crate) delay: Option<Duration>,
}

impl Firing {
    /// What `Prefer` asks for.
    pub(crate) fn preferred(effect: Effect) -> Self {
        Self { name: PREFERRED.into(), effect: Arc::new(effect), delay: None }
    }
}
