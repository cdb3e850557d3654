//! The recording that `tests/process/shim.c` makes, and what its readers find in it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::facts::Fact;

/// What was done; the numbers are the shim's, but for the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Create,
    MakeFolder,
    Write,
    Truncate,
    Rename,
    Unlink,
    SyncBegin,
    SyncEnd,
    /// Not the server's: its client has the answer.
    Acknowledged,
}

const KINDS: [Kind; 9] = [
    Kind::Create,
    Kind::MakeFolder,
    Kind::Write,
    Kind::Truncate,
    Kind::Rename,
    Kind::Unlink,
    Kind::SyncBegin,
    Kind::SyncEnd,
    Kind::Acknowledged,
];

/// One line of it: a change, an end of a sync, or an acknowledgement.
pub struct Record {
    pub kind: Kind,
    pub inode: u64,
    /// An offset, a length, or the number of a sync.
    pub at: i64,
    name: Vec<u8>,
    pub data: Vec<u8>,
}

const HEADER: usize = 40;

impl Record {
    pub fn path(&self) -> PathBuf {
        OsStr::from_bytes(&self.name).into()
    }

    pub fn second_path(&self) -> PathBuf {
        OsStr::from_bytes(&self.data).into()
    }

    /// Whether the new name is of one of sled's snapshots.
    pub fn is_snapshot(&self) -> bool {
        self.second_path().file_name().is_some_and(|name| name.as_bytes().starts_with(b"snap."))
    }

    /// Whether the new name is of the file of a replacement of the whole store.
    pub fn is_replacement(&self) -> bool {
        self.second_path().file_name().is_some_and(|name| name == "replacement")
    }

    /// The fact that was acknowledged.
    pub fn fact(&self) -> Option<Fact> {
        let is_told = self.kind == Kind::Acknowledged;
        is_told.then(|| serde_json::from_slice(&self.data).expect("a fact"))
    }
}

/// The end at which others than the server write, between the server's own records.
pub struct Recorder(File);

impl Recorder {
    pub fn open(path: &Path) -> Self {
        Self(File::options().append(true).create(true).open(path).unwrap())
    }

    /// The folder as it is now, all of it synced, and what it is known to hold; the number of records.
    pub fn begin(&self, root: &Path, known: &[Fact]) -> u64 {
        let (mut count, mut paths) = (0, vec![root.to_owned()]);
        let mut put = |kind, inode, at, name: &Path, data: &[u8]| {
            self.put(kind, inode, at, name.as_os_str().as_bytes(), data);
            count += 1;
        };
        let mut inodes = Vec::new();
        while let Some(path) = paths.pop() {
            let status = fs::metadata(&path).unwrap();
            inodes.push(status.ino());
            if status.is_dir() {
                put(Kind::MakeFolder, status.ino(), 0, &path, &[]);
                paths.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            } else {
                put(Kind::Create, status.ino(), 0, &path, &[]);
                put(Kind::Write, status.ino(), 0, Path::new(""), &fs::read(&path).unwrap());
            }
        }
        for inode in inodes {
            put(Kind::SyncBegin, inode, 0, Path::new(""), &[]);
            put(Kind::SyncEnd, inode, 0, Path::new(""), &[]);
        }
        for fact in known {
            self.acknowledge(fact);
        }
        count + known.len() as u64
    }

    /// The server has answered.
    pub fn acknowledge(&self, fact: &Fact) {
        self.put(Kind::Acknowledged, 0, 0, &[], &serde_json::to_vec(fact).unwrap());
    }

    fn put(&self, kind: Kind, inode: u64, at: i64, name: &[u8], data: &[u8]) {
        let number = KINDS.iter().position(|known| *known == kind).unwrap() as u64 + 1;
        let numbers = [number, inode, at.cast_unsigned(), name.len() as u64, data.len() as u64];
        let mut record: Vec<u8> = numbers.into_iter().flat_map(u64::to_le_bytes).collect();
        record.extend(name);
        record.extend(data);
        // One write, at the end: it has its place among the server's.
        let written = (&self.0).write(&record).unwrap();
        assert_eq!(written, record.len());
    }
}

/// All of it, in order.
pub fn read(path: &Path) -> Vec<Record> {
    let bytes = fs::read(path).unwrap();
    let (mut rest, mut records) = (&bytes[..], Vec::new());
    while rest.len() >= HEADER {
        let number = |at: usize| u64::from_le_bytes(rest[8 * at..8 * at + 8].try_into().unwrap());
        let (name, data) = (usize::try_from(number(3)).unwrap(), usize::try_from(number(4)).unwrap());
        // A server that is killed in the middle of a record has not answered.
        let Some(body) = rest.get(HEADER..HEADER + name + data) else { break };
        records.push(Record {
            kind: KINDS[usize::try_from(number(0)).unwrap() - 1],
            inode: number(1),
            at: number(2).cast_signed(),
            name: body[..name].to_vec(),
            data: body[name..].to_vec(),
        });
        rest = &rest[HEADER + name + data..];
    }
    records
}
