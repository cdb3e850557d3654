//! A request and its answer as the journal stores them: without tokens and secrets, and otherwise as they came. What can
//! wait until somebody reads is not worked out here.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::connections::ConnectionFacts;
use super::texts::{Part, Texts};
use crate::api::sandbox::fault::Effect;
use crate::refusals::Facts;
use crate::sandbox::faults::EffectKind;
use crate::time::{UnixMillis, UnixSeconds};

/// What an entry costs beside its texts, in bytes: itself, its reference counts, and its share of what it refers to.
const OVERHEAD_BYTES: usize = size_of::<Recorded>() + 512;

/// One request and its answer.
#[derive(Debug)]
pub(crate) struct Recorded {
    pub(crate) texts: Texts,
    /// When the request came, on the clock of the sandbox.
    pub(crate) at: UnixSeconds,
    /// The same moment on the system's own clock.
    pub(crate) real_at: UnixMillis,
    /// From the head of the request to the end of the answer.
    pub(crate) took: Duration,
    /// The status of the answer; `None` if none was sent.
    pub(crate) status: Option<u16>,
    /// The version of HTTP, as `2` or `1.1`.
    pub(crate) http: &'static str,
    pub(crate) request: Sent,
    pub(crate) answer: Sent,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) connection: Option<Arc<ConnectionFacts>>,
    /// What its walk through the gate saw; `None` for a request that takes none.
    pub(crate) walk: Option<Facts>,
    pub(crate) fault: Option<FiredFault>,
}

/// How much of a message was sent, and whether all of it is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sent {
    /// The bytes of its body that were sent.
    pub(crate) body_bytes: u64,
    /// Whether its body was sent to its end.
    pub(crate) is_complete: bool,
    /// Whether not all of its fields are stored.
    pub(crate) has_more_fields: bool,
    /// Whether not all of its body is stored.
    pub(crate) has_more_body: bool,
}

/// A fault that was injected into the answer.
#[derive(Clone, Debug)]
pub(crate) struct FiredFault {
    /// The name of its rule.
    pub(crate) name: Arc<str>,
    pub(crate) kind: EffectKind,
    pub(crate) effect: Arc<Effect>,
}

impl Recorded {
    /// What it costs in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        OVERHEAD_BYTES + self.texts.len()
    }

    pub(crate) fn text(&self, part: Part) -> &str {
        self.texts.get(part)
    }

    /// The client that the request was of, or claimed to be of.
    pub(crate) fn client(&self) -> Option<&str> {
        Some(self.text(Part::Client)).filter(|client| !client.is_empty())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::texts::TextsWriter;
    use super::*;

    /// An answered request with this id, and a body of so many bytes.
    pub(in super::super) fn recorded(id: &str, body_bytes: usize) -> Arc<Recorded> {
        let mut texts = TextsWriter::new();
        texts.write(Part::RequestId, |out| out.push_str(id));
        texts.write(Part::Client, |out| out.push_str("demo-reader"));
        texts.write(Part::Method, |out| out.push_str("GET"));
        texts.write(Part::Path, |out| out.push_str("/parking/zones"));
        texts.write(Part::AnswerBody, |out| out.extend(std::iter::repeat_n('x', body_bytes)));
        Arc::new(Recorded {
            texts: texts.finish(),
            at: UnixSeconds::new(1_000),
            real_at: UnixMillis::new(2_000_500),
            took: Duration::from_micros(1_250),
            status: Some(200),
            http: "2",
            request: Sent::default(),
            answer: Sent { body_bytes: body_bytes as u64, is_complete: true, ..Sent::default() },
            peer: None,
            connection: None,
            walk: None,
            fault: None,
        })
    }
}
