//! A bounded queue of log lines, and the one thread that writes them.
//!
//! A thread that logs copies its line into memory and goes on. While the output blocks (an unread pipe, a stopped
//! terminal, a full disk), the queue fills; further lines are dropped and counted. As soon as the output accepts lines
//! again, one line says how many were dropped before it.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The most bytes in the queue. As many more may be on their way to the output.
const CAPACITY: usize = 1024 * 1024;
/// The pause before a non-blocking output is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(20);

/// Lines that wait for the thread that writes them.
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    /// Notified when there is text to write.
    filled: Condvar,
    /// Notified when all text is written.
    written: Condvar,
    dropped: AtomicU64,
}

struct Waiting {
    text: Vec<u8>,
    /// Lines that were dropped after the last line of `text`.
    dropped: u64,
    /// Whether the writer is writing text that it has taken.
    is_writing: bool,
}

impl Waiting {
    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.dropped == 0
    }
}

impl Queue {
    pub(super) const fn new() -> Self {
        Self {
            waiting: Mutex::new(Waiting { text: Vec::new(), dropped: 0, is_writing: false }),
            filled: Condvar::new(),
            written: Condvar::new(),
            dropped: AtomicU64::new(0),
        }
    }

    /// Adds a line, which ends with a newline, or drops it if the queue is full. Never waits for the output.
    pub(super) fn push(&self, line: &[u8]) {
        let mut waiting = self.lock();
        let was_empty = waiting.is_empty();
        // After a dropped line, all are dropped until the writer has taken the text: so there is one gap.
        if waiting.dropped > 0 || waiting.text.len() + line.len() > CAPACITY {
            waiting.dropped += 1;
            self.dropped.fetch_add(1, Ordering::Relaxed);
        } else {
            waiting.text.extend_from_slice(line);
        }
        drop(waiting);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// How many lines were dropped so far.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Waits until every line is written; `false` if that takes longer than `limit`.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let is_busy = |waiting: &mut Waiting| waiting.is_writing || !waiting.is_empty();
        let waited = self.written.wait_timeout_while(self.lock(), limit, is_busy);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Writes lines as they come, for ever. `gap` formats the line that says how many were dropped.
    pub(super) fn write_to(&self, out: impl Write, gap: impl Fn(u64) -> String) {
        let (mut output, mut text, mut unreported) = (Output { out, is_mid_line: false }, Vec::new(), 0);
        loop {
            let dropped = self.take(&mut text);
            // Lines that the output refused were before this text, dropped ones are after it.
            output.write_gap(&mut unreported, &gap);
            let lost = output.write(&text);
            self.dropped.fetch_add(lost, Ordering::Relaxed);
            unreported += lost + dropped;
            output.write_gap(&mut unreported, &gap);
        }
    }

    /// Waits for text and takes all of it; returns how many lines were dropped after it.
    fn take(&self, text: &mut Vec<u8>) -> u64 {
        text.clear();
        let mut waiting = self.lock();
        waiting.is_writing = false;
        if waiting.is_empty() {
            self.written.notify_all();
        }
        let filled = self.filled.wait_while(waiting, |waiting| waiting.is_empty());
        let mut waiting = filled.unwrap_or_else(PoisonError::into_inner);
        waiting.is_writing = true;
        std::mem::swap(&mut waiting.text, text);
        std::mem::take(&mut waiting.dropped)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The writer for a layer of `tracing`, which makes one call for each line.
impl Write for &Queue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.push(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The output of the lines. It may block for any time, and it may fail.
struct Output<W> {
    out: W,
    /// Whether it failed after a part of a line.
    is_mid_line: bool,
}

impl<W: Write> Output<W> {
    /// Writes text and returns how many of its lines the output refused.
    fn write(&mut self, text: &[u8]) -> u64 {
        if self.is_mid_line && self.write_bytes(b"\n") == 0 {
            self.is_mid_line = false;
        }
        let left = self.write_bytes(text);
        let (done, lost) = text.split_at(text.len() - left);
        if let Some(last) = done.last() {
            self.is_mid_line = *last != b'\n';
        }
        lost.split_inclusive(|byte| *byte == b'\n').count().try_into().unwrap_or(u64::MAX)
    }

    /// Writes how many lines are missing here, if any are.
    fn write_gap(&mut self, unreported: &mut u64, gap: impl Fn(u64) -> String) {
        if *unreported > 0 && self.write(gap(*unreported).as_bytes()) == 0 {
            *unreported = 0;
        }
    }

    /// How many bytes of `bytes` were not written.
    fn write_bytes(&mut self, mut bytes: &[u8]) -> usize {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => break,
                Ok(count) => bytes = bytes.get(count..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::park_timeout(RETRY_PAUSE),
                Err(_) => break,
            }
        }
        bytes.len()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::sync::{Arc, Mutex};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    /// An output whose every write waits for its result: how many bytes it takes, or how it fails.
    struct Scripted {
        results: Receiver<io::Result<usize>>,
        taken: Taken,
    }

    impl Write for Scripted {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // The thread that writes ends with the test.
            let count = self.results.recv().expect("the test goes on")?.min(bytes.len());
            self.taken.lock().unwrap().extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What an output has taken.
    type Taken = Arc<Mutex<Vec<u8>>>;

    /// A queue, what lets its output go on, and what the output has taken.
    fn queue() -> (&'static Queue, Sender<io::Result<usize>>, Taken) {
        let queue: &'static Queue = Box::leak(Box::new(Queue::new()));
        let (results, scripted) = channel();
        let taken = Taken::default();
        let out = Scripted { results: scripted, taken: Arc::clone(&taken) };
        thread::spawn(move || {
            // The end of the test makes the output panic.
            let _ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                queue.write_to(out, |lines| format!("{lines} dropped\n"));
            }));
        });
        (queue, results, taken)
    }

    fn text(taken: &Mutex<Vec<u8>>) -> String {
        String::from_utf8(taken.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn lines_are_written_in_their_order_and_a_flush_waits_for_the_last() {
        let (queue, results, taken) = queue();
        for _ in 0..3 {
            results.send(Ok(usize::MAX)).unwrap();
        }
        for line in ["one\n", "two\n", "three\n"] {
            queue.push(line.as_bytes());
        }
        assert!(queue.flush(PATIENCE));
        assert_eq!((text(&taken).as_str(), queue.dropped()), ("one\ntwo\nthree\n", 0));
    }

    #[test]
    fn a_blocked_output_blocks_no_thread_and_dropped_lines_are_counted() {
        let (queue, results, taken) = queue();
        let line = [[b'x'; 1023].as_slice(), b"\n"].concat();
        queue.push(&line);
        while !queue.lock().is_writing {
            thread::yield_now();
        }
        // One line is on its way, and as many as fit wait; there is no room for the rest.
        let lines = 4 * CAPACITY / line.len();
        for _ in 1..lines {
            queue.push(&line);
        }
        assert!(!queue.flush(Duration::from_millis(10)), "the output has taken nothing");
        let dropped = queue.dropped();
        assert_eq!(usize::try_from(dropped).unwrap(), lines - 1 - CAPACITY / line.len());
        // The output goes on: all lines in the queue, then how many are missing, then the next line.
        for _ in 0..4 {
            results.send(Ok(usize::MAX)).unwrap();
        }
        let goes_on = || results.send(Ok(usize::MAX)).is_ok();
        assert!(queue.flush(PATIENCE) && goes_on());
        queue.push(b"after\n");
        assert!(goes_on() && queue.flush(PATIENCE));
        let written = text(&taken);
        assert!(written.ends_with(&format!("x\n{dropped} dropped\nafter\n")), "{}", &written[written.len() - 60..]);
        assert_eq!(written.matches("x\n").count() as u64 + dropped, lines as u64);
        assert_eq!(queue.dropped(), dropped);
    }

    #[test]
    fn a_line_larger_than_the_queue_is_dropped_and_the_next_is_not() {
        let (queue, results, taken) = queue();
        for _ in 0..4 {
            results.send(Ok(usize::MAX)).unwrap();
        }
        queue.push(&vec![b'x'; CAPACITY + 1]);
        assert!(queue.flush(PATIENCE));
        queue.push(b"next\n");
        assert!(queue.flush(PATIENCE));
        assert_eq!((text(&taken).as_str(), queue.dropped()), ("1 dropped\nnext\n", 1));
    }

    #[test]
    fn an_output_that_fails_within_a_line_goes_on_with_a_new_line() {
        let (queue, results, taken) = queue();
        let full = || Err(io::ErrorKind::StorageFull.into());
        // Half of the first line; then neither the rest nor the word of it.
        for result in [Ok(2), full(), full(), full()] {
            results.send(result).unwrap();
        }
        queue.push(b"first\nsecond\n");
        assert!(queue.flush(PATIENCE));
        assert_eq!((text(&taken).as_str(), queue.dropped()), ("fi", 2));
        for result in [Err(io::ErrorKind::Interrupted.into()), Err(io::ErrorKind::WouldBlock.into())] {
            results.send(result).unwrap();
        }
        for _ in 0..5 {
            results.send(Ok(usize::MAX)).unwrap();
        }
        queue.push(b"third\n");
        assert!(queue.flush(PATIENCE));
        assert_eq!(text(&taken), "fi\n2 dropped\nthird\n");
    }
}
