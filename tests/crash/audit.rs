//! The audit log over all lives of the server: each entry bound to the one before, and none ever lost.

use boomgate::audit::{Head, Line, LogVerifier};
use serde::Deserialize;

use crate::gate::Gate;

/// The log, as far as it has been followed.
#[derive(Default)]
pub struct Log {
    chain: LogVerifier,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Line>,
    next_after: u64,
    head: Head,
}

impl Log {
    /// Goes on from the entry that was the last of an earlier life: it is still there, and what follows it is
    /// unbroken. At least `changes` entries tell of changes that were acknowledged.
    pub async fn verify(&mut self, gate: &Gate, changes: usize) {
        loop {
            let after = self.chain.last().number;
            let answer = gate.sure(gate.get(&format!("/admin/audit?limit=100&after={after}"), &gate.admin)).await;
            let page: Page = serde_json::from_value(answer.json()).unwrap_or_else(|_| panic!("{}", answer.text()));
            for line in &page.data {
                self.chain.follow(line).unwrap_or_else(|broken| panic!("the audit log is broken: {broken}"));
            }
            if page.next_after >= page.head.number {
                self.chain.end(&page.head).unwrap_or_else(|broken| panic!("the audit log is broken: {broken}"));
                break;
            }
        }
        let entries = self.entries();
        assert!(entries >= changes as u64, "{changes} changes were acknowledged, and the log has {entries} entries");
    }

    pub fn entries(&self) -> u64 {
        self.chain.last().number
    }
}
