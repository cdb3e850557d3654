//! The end of what a command prints: it may print a gigabyte, and must never wait for a reader.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::interrupt::pause;
use crate::text::redaction::redact;

/// How many bytes are stored of each stream.
const MAX_BYTES: usize = 16 * 1_024;
/// What stands for what a command printed before its tail.
const CUT: &str = "[…] ";
/// How often a reader that ends is looked for.
const LOOK: Duration = Duration::from_millis(5);

/// The end of one stream, while it is read.
pub(super) struct OutputTail {
    stored: Arc<Mutex<Stored>>,
    reader: JoinHandle<()>,
}

#[derive(Default)]
struct Stored {
    bytes: VecDeque<u8>,
    is_cut: bool,
}

impl OutputTail {
    /// Reads the stream to its end, on a thread of its own.
    pub(super) fn read(mut stream: impl Read + Send + 'static) -> std::io::Result<Self> {
        let stored = Arc::<Mutex<Stored>>::default();
        let writer = Arc::clone(&stored);
        let read = move || {
            let mut buffer = vec![0; MAX_BYTES];
            while let Ok(count @ 1..) = stream.read(&mut buffer) {
                writer.lock().unwrap_or_else(PoisonError::into_inner).add(buffer.get(..count).unwrap_or_default());
            }
        };
        let reader = thread::Builder::new().name("output".into()).spawn(read)?;
        Ok(Self { stored, reader })
    }

    /// Waits until the stream has ended, so long at most; and says whether it has. A process that has left the group may
    /// hold it open.
    pub(super) fn wait(&self, limit: Duration) -> bool {
        let mut waited = Duration::ZERO;
        while !self.reader.is_finished() && waited < limit {
            pause(LOOK);
            waited += LOOK;
        }
        self.reader.is_finished()
    }

    /// The text so far, without tokens, without secrets by their form, and without these `secrets`.
    pub(super) fn text(&self, secrets: &[String]) -> String {
        self.stored.lock().unwrap_or_else(PoisonError::into_inner).text(secrets)
    }
}

impl Stored {
    fn add(&mut self, bytes: &[u8]) {
        let bytes = bytes.get(bytes.len().saturating_sub(MAX_BYTES)..).unwrap_or(bytes);
        let excess = (self.bytes.len() + bytes.len()).saturating_sub(MAX_BYTES);
        self.is_cut |= excess > 0;
        self.bytes.drain(..excess);
        self.bytes.extend(bytes);
    }

    fn text(&self, secrets: &[String]) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        let text = if self.is_cut {
            // The first word may be the end of a token, which is not known by its start any more.
            let rest = text.split_once(char::is_whitespace).map_or("", |(_, rest)| rest);
            format!("{CUT}{rest}")
        } else {
            text.into_owned()
        };
        let mut text = redact(&text).into_owned();
        for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
            text = text.replace(secret.as_str(), "[secret]");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, repeat};

    use super::*;

    fn tail(bytes: impl Read + Send + 'static, secrets: &[&str]) -> String {
        let tail = OutputTail::read(bytes).unwrap();
        assert!(tail.wait(Duration::from_secs(60)));
        tail.text(&secrets.iter().map(|secret| (*secret).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn a_flood_leaves_its_end() {
        let flood = repeat(b'x').take(64 * 1_024 * 1_024).chain(Cursor::new("\nthe end\n"));
        assert_eq!(tail(flood, &[]), "[…] the end\n");
    }

    #[test]
    fn no_secret_and_no_token_is_in_it() {
        let secret = "bg_secret_demoWriterInTheSandboxOnlyNotForProduction00iDSjJ";
        let token = format!("eyJ{}.eyJ{}.{}", "a".repeat(60), "b".repeat(60), "c".repeat(60));
        let text = tail(Cursor::new(format!("id {secret} token {token} basic ZGVtbw==\n")), &["ZGVtbw=="]);
        assert!(!text.contains("demoWriterInThe") && !text.contains(&token) && !text.contains("ZGVtbw"), "{text}");
        let half = format!("{}{} rest\n", "z".repeat(MAX_BYTES - 100), token);
        assert!(!tail(Cursor::new(half), &[]).contains("ccc"), "a token that is cut off at its start");
    }
}
