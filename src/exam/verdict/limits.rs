//! What a report does not prove. A reader of "ready" must know it.

use std::borrow::Cow;

use crate::api::exam::Method;

const ALWAYS: [&str; 7] = [
    "Only the command that was run was examined. What the client does elsewhere, in another configuration or version, was not seen.",
    "A check that was not exercised says nothing about the client.",
    "Speed under load was not measured, and neither was what many instances of the client do together.",
    "Nobody looked at how the client stores its secret, or at what it writes to its own logs.",
    "The certificate that the client had to refuse was of a foreign authority: whether it checks the name in one was not seen.",
    "Each scenario was run once: what happens now and then may not have happened.",
    "Whether the answers were understood is judged by the next requests and by the exit code alone.",
];

const ONCE: &str = "The command ran a single time under many faults: a failure may have been caused by another fault than \
                    the one that its check is about, and a success is weaker evidence than that of a run for each scenario.";
const REPLAY: &str = "One plan was replayed: all other scenarios were left out.";
const WATCHED: &str =
    "Requests were watched and nothing was disturbed: only what undisturbed requests show was judged.";

/// The list for a report of this method.
pub(super) fn of(method: Method) -> Vec<Cow<'static, str>> {
    let own = match method {
        Method::Scenarios => None,
        Method::Once => Some(ONCE),
        Method::Replay => Some(REPLAY),
        Method::Watched => Some(WATCHED),
    };
    own.into_iter().chain(ALWAYS).map(Cow::Borrowed).collect()
}
