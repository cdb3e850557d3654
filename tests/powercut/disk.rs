//! What a disk may hold when its power is cut: a model that follows a recording.
//!
//! Sure is what was synced. Of what came later, each sector of a file may be as it was at any moment since,
//! and each name may have appeared, changed or gone, or not: a sync of a file says nothing of its name, only
//! a sync of the folder does. A write is whole in the cache, so a sector never mixes two moments.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::random::Random;
use crate::recording::{Kind, Record};

/// What a disk writes whole, in bytes.
const SECTOR: usize = 512;

type Names = BTreeMap<PathBuf, usize>;

/// The disk at one place of the recording.
pub struct Disk {
    root: PathBuf,
    nodes: Vec<Node>,
    /// Which node the kernel's number means at this place.
    by_inode: BTreeMap<u64, usize>,
    /// Names as the kernel has them, and as the disk surely has them.
    names: Names,
    sure: Names,
    /// Changes of names since, oldest first, each with its number.
    renamings: Vec<(u64, Renaming)>,
    renamed: u64,
    /// How far each sync that has begun, and not ended, reaches: by inode and call.
    syncs: BTreeMap<(u64, i64), (usize, u64)>,
}

#[derive(Default)]
struct Node {
    is_folder: bool,
    sure: Vec<u8>,
    changes: Vec<Change>,
    /// How many changes were made sure in all, so that a place among them keeps its number.
    settled: usize,
}

#[derive(Clone)]
enum Change {
    Write(usize, Vec<u8>),
    Resize(usize),
}

#[derive(Clone)]
enum Renaming {
    Appears(PathBuf, usize),
    Moves(PathBuf, PathBuf, usize),
    Goes(PathBuf),
}

/// How much of what is not sure is on the disk.
#[derive(Clone, Copy, Debug)]
enum Luck {
    Nothing,
    All,
    /// The changes up to some moment.
    Prefix,
    /// Any changes.
    Subset,
    /// Any sectors, each as of any moment.
    Torn,
}

impl Disk {
    /// An empty disk, for a folder that the recording's first record names.
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            nodes: Vec::new(),
            by_inode: BTreeMap::new(),
            names: Names::new(),
            sure: Names::new(),
            renamings: Vec::new(),
            renamed: 0,
            syncs: BTreeMap::new(),
        }
    }

    fn node(&mut self, inode: u64, is_folder: bool) -> usize {
        self.nodes.push(Node { is_folder, ..Node::default() });
        self.by_inode.insert(inode, self.nodes.len() - 1);
        self.nodes.len() - 1
    }

    /// Does what was recorded.
    pub fn follow(&mut self, record: &Record) {
        match record.kind {
            Kind::Create | Kind::MakeFolder => {
                let node = self.node(record.inode, matches!(record.kind, Kind::MakeFolder));
                self.names.insert(record.path(), node);
                if record.path() == self.root {
                    self.sure.insert(record.path(), node);
                    return;
                }
                self.rename(Renaming::Appears(record.path(), node));
            }
            Kind::Write => {
                let change = Change::Write(record.at.try_into().unwrap(), record.data.clone());
                let node = self.by_inode[&record.inode];
                self.nodes[node].changes.push(change);
            }
            Kind::Truncate => {
                let node = self.by_inode[&record.inode];
                self.nodes[node].changes.push(Change::Resize(record.at.try_into().unwrap()));
            }
            Kind::Rename => {
                let (from, to) = (record.path(), record.second_path());
                let node = self.names.remove(&from).expect("a name that was recorded");
                self.names.insert(to.clone(), node);
                self.rename(Renaming::Moves(from, to, node));
            }
            Kind::Unlink => {
                self.names.remove(&record.path());
                self.rename(Renaming::Goes(record.path()));
            }
            Kind::SyncBegin => {
                // The temporary folder above the recorded one is none of ours.
                let Some(node) = self.by_inode.get(&record.inode).copied() else { return };
                let node = &self.nodes[node];
                let reaches = (node.settled + node.changes.len(), self.renamed);
                self.syncs.insert((record.inode, record.at), reaches);
            }
            Kind::SyncEnd => {
                let Some((changes, renamings)) = self.syncs.remove(&(record.inode, record.at)) else { return };
                let node = self.by_inode[&record.inode];
                self.settle(node, changes, renamings);
            }
            Kind::Acknowledged => (),
        }
    }

    fn rename(&mut self, renaming: Renaming) {
        self.renamings.push((self.renamed, renaming));
        self.renamed += 1;
    }

    /// What is sure once the node has been synced.
    fn settle(&mut self, at: usize, changes: usize, renamings: u64) {
        let node = &mut self.nodes[at];
        if !node.is_folder {
            let count = changes.saturating_sub(node.settled);
            for change in node.changes.drain(..count) {
                change.make(&mut node.sure);
            }
            node.settled += count;
            return;
        }
        let folder = self.names.iter().find(|(_, node)| **node == at).map(|(path, _)| path.clone());
        let Some(folder) = folder else { return };
        let mut left = Vec::new();
        for (number, renaming) in std::mem::take(&mut self.renamings) {
            if number < renamings && renaming.is_in(&folder) {
                renaming.make(&mut self.sure);
            } else {
                left.push((number, renaming));
            }
        }
        self.renamings = left;
    }

    /// Writes to `root` what the disk may hold after a power cut now; `random` chooses.
    pub fn cut(&self, root: &Path, random: &mut Random) {
        let mut names = self.sure.clone();
        let luck = Luck::any(random);
        let count = self.renamings.len() as u64;
        let prefix = random.below(count + 1);
        for (place, (_, renaming)) in (0..).zip(&self.renamings) {
            if luck.has(place, prefix, random) {
                renaming.make(&mut names);
            }
        }
        // Whatever has a name that is not there is not there either.
        for (path, node) in &names {
            let Ok(below) = path.strip_prefix(&self.root) else { continue };
            let is_reached = path.ancestors().skip(1).take_while(|above| above.starts_with(&self.root));
            if !is_reached.into_iter().all(|above| names.contains_key(above)) {
                continue;
            }
            let (node, target) = (&self.nodes[*node], root.join(below));
            if node.is_folder {
                DirBuilder::new().recursive(true).mode(0o700).create(&target).unwrap();
            } else {
                fs::write(&target, node.cut(random)).unwrap();
                fs::set_permissions(&target, Permissions::from_mode(0o600)).unwrap();
            }
        }
    }
}

impl Node {
    fn cut(&self, random: &mut Random) -> Vec<u8> {
        let mut disk = self.sure.clone();
        let luck = Luck::any(random);
        let prefix = random.below(self.changes.len() as u64 + 1);
        let mut cache = if self.changes.is_empty() { Vec::new() } else { self.sure.clone() };
        for (place, change) in (0..).zip(&self.changes) {
            change.make(&mut cache);
            match change {
                Change::Resize(len) => {
                    if luck.has(place, prefix, random) {
                        disk.resize(*len, 0);
                    }
                }
                Change::Write(at, data) => {
                    let is_whole = !matches!(luck, Luck::Torn);
                    let is_there = is_whole && luck.has(place, prefix, random);
                    // The one write at the end of a prefix may be half-done.
                    let is_last = matches!(luck, Luck::Prefix) && place == prefix;
                    for sector in (at / SECTOR)..(at + data.len()).div_ceil(SECTOR) {
                        if is_there || ((!is_whole || is_last) && random.below(2) == 0) {
                            write_back(&mut disk, &cache, sector);
                        }
                    }
                }
            }
        }
        disk
    }
}

/// Puts a sector on the disk as the cache has it.
fn write_back(disk: &mut Vec<u8>, cache: &[u8], sector: usize) {
    let (start, end) = (sector * SECTOR, ((sector + 1) * SECTOR).min(cache.len()));
    if start >= end {
        return;
    }
    if disk.len() < end {
        disk.resize(end, 0);
    }
    disk[start..end].copy_from_slice(&cache[start..end]);
}

impl Change {
    fn make(&self, content: &mut Vec<u8>) {
        match self {
            Self::Resize(len) => content.resize(*len, 0),
            Self::Write(at, data) => {
                if content.len() < at + data.len() {
                    content.resize(at + data.len(), 0);
                }
                content[*at..at + data.len()].copy_from_slice(data);
            }
        }
    }
}

impl Renaming {
    fn make(&self, names: &mut Names) {
        match self {
            Self::Appears(path, node) => drop(names.insert(path.clone(), *node)),
            Self::Goes(path) => drop(names.remove(path)),
            Self::Moves(from, to, node) => {
                // The first name may never have reached the disk.
                names.remove(from);
                names.insert(to.clone(), *node);
            }
        }
    }

    /// Whether a sync of this folder makes it sure. No move here is from one folder to another.
    fn is_in(&self, folder: &Path) -> bool {
        let (Self::Appears(path, _) | Self::Goes(path) | Self::Moves(_, path, _)) = self;
        path.parent() == Some(folder)
    }
}

impl Luck {
    fn any(random: &mut Random) -> Self {
        match random.below(8) {
            0 => Self::Nothing,
            1 => Self::All,
            2 | 3 => Self::Prefix,
            4 | 5 => Self::Subset,
            _ => Self::Torn,
        }
    }

    /// Whether the change at this place is on the disk.
    fn has(self, place: u64, prefix: u64, random: &mut Random) -> bool {
        match self {
            Self::Nothing => false,
            Self::All => true,
            Self::Prefix => place < prefix,
            Self::Subset | Self::Torn => random.below(2) == 0,
        }
    }
}
