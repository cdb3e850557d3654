//! The names that a rule, or a search of the journal, may have: problems of this gate, and clients that are registered.

use crate::api::sandbox::fault::Phase;
use crate::clients::Clients;
use crate::http::error::{Occasion, ProblemKind, injected};
use crate::sandbox::faults::{KnownProblem, Vocabulary};
use crate::time::UnixSeconds;

/// The most clients among which one is looked for that was probably meant.
const MAX_CLIENTS: usize = 1_000;

/// What `read` reads with the names of this server.
pub(super) fn with_vocabulary<T>(clients: &Clients, read: impl FnOnce(&Vocabulary<'_>) -> T) -> T {
    let is_client = |client_id: &str| clients.get(client_id).is_some();
    let client_ids = || {
        let found = clients.list(None, MAX_CLIENTS, |_| true);
        found.clients.iter().map(|client| client.client_id.as_str().to_owned()).collect()
    };
    read(&Vocabulary { problems: &known_problems(), is_client: &is_client, client_ids: &client_ids })
}

/// Every problem that a fault can give.
fn known_problems() -> Vec<KnownProblem> {
    ProblemKind::ALL.iter().filter_map(|kind| known_problem(*kind)).collect()
}

fn known_problem(kind: ProblemKind) -> Option<KnownProblem> {
    let phase = match (is_injectable(kind, Phase::Token), is_injectable(kind, Phase::Resource)) {
        (true, true) => None,
        (true, false) => Some(Phase::Token),
        (false, true) => Some(Phase::Resource),
        (false, false) => return None,
    };
    Some(KnownProblem { name: kind.slug(), phase })
}

/// Whether a request of this phase can have a problem of this kind.
pub(super) fn is_injectable(kind: ProblemKind, phase: Phase) -> bool {
    let occasion = Occasion { now: UnixSeconds::default(), scope_token: None, assigned: None, retry_after: None };
    injected(kind, phase, &occasion).is_some()
}
