//! Power cuts: what a real server under real requests asks of its disk is recorded, and its folder is then
//! rebuilt as a power cut could have left it, at any moment and with any luck. Each time the folder opens,
//! and holds all that had been acknowledged by then; the audit log is unbroken, and no quota has grown. The
//! next life of the server begins in a folder that went through a cut.
//!
//! In every second life the whole store goes back once to a snapshot. A cut in the middle of that leaves all of the one state
//! or all of the other.
//!
//! The disk is a model (`disk.rs`): it keeps what was synced, tears and mixes what was not, and nothing else.
//! A disk that loses what it has synced, or alters what was not written, is not tried.
//!
//! `make powercut CUTS=1000` makes that many cuts; `BOOMGATE_POWERCUT_CUTS` is the variable behind it. A cut
//! that fails keeps its recording and says how it is made again, alone (`BOOMGATE_POWERCUT_AGAIN`).

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test program exports nothing, and a test that cannot go on fails"
)]

mod disk;
mod facts;
#[path = "../crash/gate.rs"]
mod gate;
mod load;
#[path = "../process/mod.rs"]
mod process;
#[path = "../crash/random.rs"]
mod random;
mod recording;

use std::collections::BTreeSet;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_util::FutureExt as _;
use tempfile::TempDir;

use crate::disk::Disk;
use crate::facts::{Fact, Facts};
use crate::gate::Gate;
use crate::process::{Site, shim};
use crate::random::Random;
use crate::recording::{Kind, Record, Recorder};

/// Few enough for every `cargo test`.
const DEFAULT_CUTS: u64 = 60;
/// Cuts of one life, before the next begins in a folder that one of them left.
const CUTS_IN_A_LIFE: u64 = 20;
/// Lives of one folder, before another starts from nothing.
const LIVES_IN_A_FOLDER: u64 = 8;
/// Changes that are asked for in a life of a short run, and how many times as many in a long one.
const CHANGES_IN_A_LIFE: u64 = 120;
const MOST_TIMES_AS_MANY: u64 = 8;
/// How many records after a rare one are near it.
const NEAR: u64 = 6;
/// sled's log is made of these: see `store::sled`.
const SEGMENT_BYTES: i64 = 2 * 1024 * 1024;

const SETTINGS: [(&str, &str); 7] = [
    ("BOOMGATE_TOKEN_ENDPOINT__REQUESTS_PER_SECOND", "0"),
    ("BOOMGATE_TOKEN_ENDPOINT__CLIENT_REQUESTS_PER_SECOND", "0"),
    ("BOOMGATE_CLIENT_DEFAULTS__REQUESTS_PER_SECOND", "1000000"),
    ("BOOMGATE_CLIENT_DEFAULTS__BURST", "1000000"),
    ("BOOMGATE_CLIENT_DEFAULTS__DAILY_QUOTA", "unlimited"),
    ("BOOMGATE_WORKERS", "2"),
    ("BOOMGATE_LOG__LEVEL", "warn"),
];

/// What has been tried.
#[derive(Default)]
struct Tally {
    cuts: u64,
    lives: u64,
    facts: usize,
    looks: usize,
    records: usize,
    syncs: usize,
    /// Segments of sled's log that were written over a former one, and snapshots that were put in place.
    segments_reused: usize,
    snapshots: usize,
    /// Replacements of the whole store, which write a file of their own.
    replacements: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_power_cut_at_any_moment_loses_nothing_acknowledged() {
    if let Some(again) = text("BOOMGATE_POWERCUT_AGAIN") {
        return again_alone(&again).await;
    }
    let cuts = number("BOOMGATE_POWERCUT_CUTS").unwrap_or(DEFAULT_CUTS);
    let seed = number("BOOMGATE_POWERCUT_SEED").unwrap_or_else(random::seed);
    println!("powercut: {cuts} cuts with BOOMGATE_POWERCUT_SEED={seed}");
    let mut random = Random::new(seed);
    let mut tally = Tally::default();
    // A long run fills the segments of sled's log, and reuses them.
    let changes = CHANGES_IN_A_LIFE * (cuts / DEFAULT_CUTS).clamp(1, MOST_TIMES_AS_MANY);
    while tally.cuts < cuts {
        let (lives, mut facts) = (Lives::new(), Facts::default());
        for _ in 0..LIVES_IN_A_FOLDER {
            let before = lives.record(&facts, changes, &mut random).await;
            let count = CUTS_IN_A_LIFE.min(cuts - tally.cuts);
            facts = lives.cut_often(before, count, &mut tally, &mut random).await;
            if tally.cuts == cuts {
                break;
            }
        }
        println!("powercut: {tally}");
    }
    println!("powercut: every folder opened, and 0 facts were lost");
    assert!(cuts < 500 || tally.segments_reused > 0, "so many cuts are to try reused segments too");
    assert!(cuts < 500 || tally.replacements > 0, "so many cuts are to try replacements of the whole store too");
}

/// A server's folder, and the recording of its latest process.
struct Lives {
    site: Site,
    folder: TempDir,
}

impl Lives {
    fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("powercut-").tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let mut site = Site::new(&SETTINGS);
        site.set("SHIM_FOLDER", site.folder().canonicalize().unwrap());
        site.set("SHIM_RECORD", folder.path().join("recording"));
        site.set("LD_PRELOAD", shim::library());
        Self { site, folder }
    }

    fn recording(&self) -> PathBuf {
        self.folder.path().join("recording")
    }

    /// Records a server from its start to its end, with so many changes asked for in between; returns how
    /// many records tell of what was there before.
    async fn record(&self, known: &Facts, changes: u64, random: &mut Random) -> u64 {
        let _gone = fs::remove_file(self.recording());
        let recorder = Arc::new(Recorder::open(&self.recording()));
        let before = recorder.begin(&self.site.folder().canonicalize().unwrap(), known.acknowledged());
        let process = self.site.start();
        let gate = Arc::new(Gate::open(&self.site).await);
        let control = fs::read_to_string(self.site.data_dir().join("sandbox-token")).unwrap();
        load::run(&gate, &recorder, control.trim(), changes, random).await;
        // Whichever it is, the recording ends here.
        if random.below(2) == 0 {
            gate.will_be_killed();
            process.kill();
        } else {
            process.terminate();
            let (status, complaints) = process.wait();
            assert!(status.success(), "{status}: {}", complaints.join("\n"));
        }
        before
    }

    /// Cuts the power at so many places of the recording after the first `before`. The last cut is late, and
    /// leaves the folder in which the next process starts, with the facts that were acknowledged by then.
    async fn cut_often(&self, before: u64, count: u64, tally: &mut Tally, random: &mut Random) -> Facts {
        let recording = recording::read(&self.recording());
        tally.add(&recording, before);
        let length = recording.len() as u64;
        let rare = rare_places(&recording, before);
        let mut cuts: Vec<Cut> = (1..count)
            .map(|_| Cut { place: any_place(before, length, &rare, random), seed: random.below(u64::MAX) })
            .collect();
        let last = Cut { place: length - random.below((length - before) / 10 + 1), seed: random.below(u64::MAX) };
        cuts.push(last);
        cuts.sort_unstable_by_key(|cut| cut.place);

        let mut replay = Replay::new(&recording);
        let mut acknowledged = Facts::default();
        for cut in cuts {
            replay.go_to(cut.place);
            let held = replay.look_at(cut, self.folder.path()).await.unwrap_or_else(|missing| {
                let saved = self.folder.path().with_extension("kept");
                fs::rename(self.recording(), &saved).unwrap();
                panic!(
                    "after a power cut at record {} of {length}, {missing}\nagain, alone: \
                     BOOMGATE_POWERCUT_AGAIN={}:{}:{} cargo test --test powercut",
                    cut.place,
                    saved.display(),
                    cut.place,
                    cut.seed
                )
            });
            tally.cuts += 1;
            tally.looks += replay.facts.acknowledged().len();
            if cut == last {
                acknowledged = held;
                fs::remove_dir_all(self.site.data_dir()).unwrap();
                replay.disk.cut(self.site.folder(), &mut Random::new(cut.seed));
            }
        }
        tally.lives += 1;
        acknowledged
    }
}

/// Where names change, a segment begins or is cleared, where the server starts, and while the whole store goes back:
/// seldom, and where most could go wrong.
fn rare_places(recording: &[Record], before: u64) -> Vec<u64> {
    let (mut starts, mut goes_back) = (true, false);
    let mut is_rare = |record: &Record| {
        starts &= record.kind != Kind::Acknowledged;
        let fact = record.fact();
        goes_back |= matches!(fact, Some(Fact::GoesBack));
        goes_back &= !matches!(fact, Some(Fact::WentBack));
        let begins = record.kind == Kind::Write && record.at % SEGMENT_BYTES == 0;
        let is_of_every_commit =
            [Kind::Write, Kind::SyncBegin, Kind::SyncEnd, Kind::Acknowledged].contains(&record.kind);
        starts || goes_back || begins || !is_of_every_commit
    };
    let places = (0..).zip(recording).skip(usize::try_from(before).unwrap());
    places.filter(|(_, record)| is_rare(record)).map(|(place, _)| place).collect()
}

/// Every second cut is near a rare place, the others are anywhere.
fn any_place(before: u64, length: u64, rare: &[u64], random: &mut Random) -> u64 {
    if rare.is_empty() || random.below(2) == 0 {
        return before + random.below(length + 1 - before);
    }
    let chosen = usize::try_from(random.below(rare.len() as u64)).unwrap();
    (rare[chosen] + random.below(NEAR)).min(length)
}

/// When the power is cut, and with what luck.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Cut {
    place: u64,
    seed: u64,
}

/// The disk, and what was acknowledged, at some place of a recording.
struct Replay<'r> {
    recording: &'r [Record],
    place: u64,
    disk: Disk,
    facts: Facts,
}

impl<'r> Replay<'r> {
    fn new(recording: &'r [Record]) -> Self {
        let root = recording.first().expect("a recording that begins").path();
        Self { recording, place: 0, disk: Disk::new(root), facts: Facts::default() }
    }

    fn go_to(&mut self, place: u64) {
        for record in self.recording.iter().take(usize::try_from(place).unwrap()).skip(self.place.try_into().unwrap()) {
            self.disk.follow(record);
            record.fact().into_iter().for_each(|fact| self.facts.add(fact));
        }
        self.place = place;
    }

    /// Rebuilds the folder as the cut leaves it, and looks for the facts in it.
    async fn look_at(&self, cut: Cut, scratch: &Path) -> Result<Facts, String> {
        let rebuilt = tempfile::tempdir_in(scratch).unwrap();
        self.disk.cut(rebuilt.path(), &mut Random::new(cut.seed));
        let data_dir = rebuilt.path().join("data");
        let looked = std::panic::AssertUnwindSafe(self.facts.held_by(&data_dir)).catch_unwind().await;
        looked.unwrap_or_else(|_| Err("it does not open: sled panicked".to_owned()))
    }
}

/// Makes one cut of a saved recording: its path, the place, and the seed.
async fn again_alone(again: &str) {
    let mut parts = again.rsplitn(3, ':');
    let seed = parts.next().unwrap().parse().unwrap();
    let place = parts.next().expect("PATH:PLACE:SEED").parse().unwrap();
    let recording = recording::read(Path::new(parts.next().expect("PATH:PLACE:SEED")));
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut replay = Replay::new(&recording);
    replay.go_to(place);
    let _held = replay.look_at(Cut { place, seed }, scratch.path()).await.unwrap();
}

impl Tally {
    fn add(&mut self, recording: &[Record], before: u64) {
        let mut headers = BTreeSet::new();
        for (place, record) in (0..).zip(recording) {
            let is_new = place >= before;
            self.facts += usize::from(is_new && record.kind == Kind::Acknowledged);
            self.records += usize::from(is_new && record.kind != Kind::Acknowledged);
            self.syncs += usize::from(is_new && record.kind == Kind::SyncEnd);
            self.snapshots += usize::from(is_new && record.kind == Kind::Rename && record.is_snapshot());
            self.replacements += usize::from(is_new && record.kind == Kind::Rename && record.is_replacement());
            // A segment begins with its header, as a write of its own; the first of a place is its first use.
            let is_header = is_new && record.kind == Kind::Write && record.at % SEGMENT_BYTES == 0 && record.at > 0;
            self.segments_reused += usize::from(is_header && !headers.insert((record.inode, record.at)));
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cuts, lives, facts, looks, records, syncs, segments_reused, snapshots, replacements } = self;
        write!(
            out,
            "{cuts} cuts of {lives} lives, {looks} looks at {facts} acknowledged facts; {records} changes of the "
        )?;
        write!(out, "disk and {syncs} syncs recorded, {segments_reused} segments reused, {snapshots} snapshots, ")?;
        write!(out, "{replacements} replacements of the whole store")
    }
}

/// A number from a variable that the caller of the tests may set.
fn number(name: &str) -> Option<u64> {
    text(name).map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a whole number, not {text:?}")))
}

fn text(name: &str) -> Option<String> {
    #[expect(clippy::disallowed_methods, reason = "a test's own setting, not the server's")]
    std::env::var(name).ok()
}
