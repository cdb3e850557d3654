//! What a finding shows: requests, and moments of a run, in words.

use super::conversation::Exchange;
use super::run::{Ended, Run};
use crate::api::exam::Evidence;
use crate::counts::Label as _;
use crate::time::UnixMillis;

impl Run {
    /// A request and its answer, and how long after the answer before it came.
    pub(crate) fn shows(&self, exchange: &Exchange) -> Evidence {
        match self.conversation.gap_before_ms(exchange) {
            Some(gap) => self.shows_that(exchange, &format!("{} after the answer before", span(gap))),
            None => self.evidence(Some(exchange), exchange.words()),
        }
    }

    /// A request and its answer, and what is to be seen in it.
    pub(crate) fn shows_that(&self, exchange: &Exchange, what: &str) -> Evidence {
        self.evidence(Some(exchange), format!("{}, {what}", exchange.words()))
    }

    /// How the command ended, and how long after `since`.
    pub(crate) fn shows_end(&self, since: UnixMillis) -> Evidence {
        let at = Some(self.ended_at);
        Evidence {
            at,
            ..self.evidence(None, format!("{} {} later", self.ended.words(), between(since, self.ended_at)))
        }
    }

    /// That nothing of a kind came from `since` until the run was over, with how long that was.
    pub(crate) fn shows_silence(&self, what: &str, since: UnixMillis) -> Evidence {
        let at = Some(self.ended_at);
        let waited = between(since, self.ended_at);
        Evidence { at, ..self.evidence(None, format!("no {what} in {waited}; then {}", self.ended.words())) }
    }

    fn evidence(&self, exchange: Option<&Exchange>, note: String) -> Evidence {
        Evidence {
            scenario: self.own.clone().map_or_else(|| self.scenario.name().into(), Into::into),
            request_id: exchange.map(|exchange| exchange.recorded.line.request_id.clone()),
            at: exchange.map(|exchange| exchange.started_at),
            note,
        }
    }
}

impl Exchange {
    /// Its method, path and answer: "`GET /parking/zones` 401 token-expired (injected)".
    pub(crate) fn words(&self) -> String {
        let line = &self.recorded.line;
        format!("{} {}", code(&format!("{} {}", line.method, line.path)), self.answer_words())
    }

    /// Its method and path, without ids, in a sentence.
    pub(crate) fn in_short(&self) -> String {
        code(&self.signature())
    }

    /// Its answer: `200`, `429 throttled (injected)`, `no answer (injected)`.
    pub(crate) fn answer_words(&self) -> String {
        let mut words = self.status().map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        if let Some(reason) = self.reason() {
            words.extend([" ", reason]);
        }
        // A delay and a variation leave the answer as it is.
        if self.fault().is_some_and(|fault| !matches!(fault.kind.as_str(), "delay" | "variation")) {
            words.push_str(" (injected)");
        }
        words
    }
}

impl Ended {
    /// How it ended, as the end of a sentence about the command.
    pub(crate) fn words(self) -> String {
        match self {
            Self::Exit(code) => format!("the command ended with exit code {code}"),
            Self::Signal(signal) => format!("the command was ended by signal {signal}"),
            Self::Deadline => "the exam ended the command, whose time was over".to_owned(),
            Self::Enough => "the exam ended the command, since all was seen".to_owned(),
            Self::WentOn => "the command went on".to_owned(),
            Self::Watched => "the watch was over".to_owned(),
        }
    }
}

/// What a client or the API calls something, in a sentence: a report shows it as it is.
pub(crate) fn code(text: &str) -> String {
    format!("`{text}`")
}

/// The same for several.
pub(crate) fn codes<T: AsRef<str>>(texts: &[T]) -> String {
    texts.iter().map(|text| code(text.as_ref())).collect::<Vec<_>>().join(", ")
}

/// The time between two moments, in words.
pub(crate) fn between(from: UnixMillis, to: UnixMillis) -> String {
    span(to.get().saturating_sub(from.get()))
}

/// Milliseconds in words: `40 ms`, `2.0 s`, `59 min`.
pub(crate) fn span(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        120_000.. => format!("{} min", milliseconds / 60_000),
        _ => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
    }
}

/// A number and its noun, which takes an `s` for more than one.
pub(crate) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
