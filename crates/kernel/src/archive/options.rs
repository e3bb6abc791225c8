//! What the owner of a run decides.

use super::reread::Reread;
use crate::Id;
use crate::compress::Compression;
use crate::envelope::Envelope;
use crate::filter::Excludes;
use crate::index::Index;
use crate::polynomial::Polynomial;
use crate::time::Timestamp;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};

/// One repository that the run writes to.
pub struct TargetOptions {
    /// The repository's key.
    pub envelope: Arc<Envelope>,
    /// Repository version, 1 or 2; version 1 knows no compression.
    pub version: u8,
    /// How hard to compress for this repository.
    pub compression: Compression,
    /// When a pack is closed, in bytes.
    pub pack_size: usize,
    /// What the repository holds.
    pub index: Arc<RwLock<Index>>,
    /// Where its chunks end.
    pub polynomial: Polynomial,
    /// Whether it lies on this machine: its trees are then read before another's.
    pub near: bool,
    /// Root tree of the parent snapshot. Repositories of one polynomial share the first that is given.
    pub parent: Option<Id>,
}

/// One run, whatever the number of repositories.
pub struct Options {
    /// Worker threads.
    pub threads: usize,
    /// Decrypt, decompress and hash each blob again before its pack is handed out.
    pub extra_verify: bool,
    /// Build everything, hand nothing out.
    pub dry_run: bool,
    /// Record access times as they are rather than as the modification time.
    pub with_atime: bool,
    /// Neither inode nor ctime tells whether a file changed.
    pub ignore_inode: bool,
    /// ctime does not tell whether a file changed.
    pub ignore_ctime: bool,
    /// Stay on the file systems of the sources.
    pub one_file_system: bool,
    /// Patterns, tag files and sizes that leave entries out.
    pub excludes: Excludes,
    /// Folders of ours (cache, state, target repositories) that are left out, with an event.
    pub own_folders: Vec<PathBuf>,
    /// The parent was recorded by this very user on this host: where an inode was not touched since, its attributes
    /// and link target are taken from there.
    pub parent_is_own: bool,
    /// Which unchanged files are read again in this run.
    pub reread: Option<Reread>,
    /// Where packs for a slower repository wait, and how many bytes may.
    pub spool: Option<(PathBuf, u64)>,
    /// Count what there is while reading, so that progress has a total.
    pub scan: bool,
    /// Report each item, not only what went wrong.
    pub verbose: bool,
}

/// What a run saves.
pub struct Plan {
    /// Paths as the user gave them, absolute or relative to `working`.
    pub targets: Vec<Vec<u8>>,
    /// The working directory, absolute.
    pub working: Vec<u8>,
    /// A stream instead of paths.
    pub stdin: Option<StdinSource>,
}

/// A stream that is saved as one file.
pub struct StdinSource {
    /// Where the bytes come from.
    pub file: File,
    /// The file's name in the snapshot, with the folders above it.
    pub name: Vec<u8>,
    /// Its modification time.
    pub time: Timestamp,
}
