//! What the walk found and the workers make: files, links to them, and everything that has no content.

use super::directory::Dir;
use super::disk::metadata::{Metadata, Time};
use super::disk::stamp::{Identity, Stamp};
use super::report::Action;
use crate::Id;
use crate::tree::NodeType;
use rustix::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A regular file.
pub(super) struct File {
    pub(super) dir: Arc<Dir>,
    pub(super) name: Box<[u8]>,
    pub(super) content: Box<[Id]>,
    pub(super) metadata: Metadata,
    /// The size that the snapshot says, in bytes; its blobs decide.
    pub(super) size: u64,
    pub(super) there: There,
    /// Set if other names of the same inode follow.
    pub(super) source: Option<Arc<LinkSource>>,
    pub(super) state: Mutex<State>,
    /// The name under which it lies until it is whole, where something else has its own.
    pub(super) staged: OnceLock<Box<[u8]>>,
    /// Blobs that are still to be written.
    pub(super) remaining: AtomicU32,
    /// The plan has blobs of it: whoever writes the last of them finishes the file, and nobody else.
    pub(super) planned: AtomicBool,
    /// The sum of its blobs, in bytes, once it was planned.
    pub(super) length: AtomicU64,
    /// It was named in an error.
    pub(super) failed: AtomicBool,
}

/// What stood where an entry goes when its directory was walked. It stays until the new entry is whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum There {
    Nothing,
    File,
    /// A directory, a link, a device, a pipe, a socket.
    Other,
}

/// What there is of a file.
pub(super) enum State {
    /// Nothing: it is yet to be made.
    New,
    /// Nothing either, but an older file holds all blobs except those of these numbers.
    Lacking(Stamp, Vec<u32>),
    /// It is being written, but not open just now.
    Closed(Identity),
    /// It is being written.
    Open(Arc<OwnedFd>),
    /// Nothing is left to do.
    Settled,
}

impl File {
    pub(super) fn path(&self) -> Vec<u8> {
        self.dir.path_of(&self.name)
    }

    /// The name that it has on disk now.
    pub(super) fn name_on_disk(&self) -> &[u8] {
        self.staged.get().unwrap_or(&self.name)
    }

    /// Once it is done.
    pub(super) fn action(&self) -> Action {
        if self.there == There::Nothing { Action::Restored } else { Action::Updated }
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first name of an inode that has several.
pub(super) struct LinkSource {
    pub(super) dir: Arc<Dir>,
    pub(super) name: Box<[u8]>,
    /// Set when the file was made.
    pub(super) identity: OnceLock<Identity>,
}

/// A further name of a file.
pub(super) struct Link {
    pub(super) dir: Arc<Dir>,
    pub(super) name: Box<[u8]>,
    pub(super) source: Arc<LinkSource>,
    /// When the file was modified.
    pub(super) mtime: Time,
}

/// A symbolic link, a device or a pipe.
pub(super) struct Other {
    pub(super) dir: Arc<Dir>,
    pub(super) name: Box<[u8]>,
    pub(super) kind: NodeType,
    pub(super) target: Box<[u8]>,
    pub(super) device: u64,
    pub(super) metadata: Metadata,
    /// Something stood there before.
    pub(super) replaced: bool,
}

/// A share of the walk: so many items that they are worth planning together, so few that memory is bounded.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) files: Vec<File>,
    pub(super) others: Vec<Other>,
    pub(super) links: Vec<Link>,
    /// An estimate of its memory, in bytes.
    memory: usize,
}

impl Batch {
    pub(super) fn memory(&self) -> usize {
        self.memory
    }

    pub(super) fn len(&self) -> usize {
        self.files.len() + self.others.len() + self.links.len()
    }

    pub(super) fn add_file(&mut self, file: File) {
        // Each blob also costs a line of the plan.
        self.memory += size_of::<File>() + file.name.len() + file.content.len() * 72 + file.metadata.memory();
        self.files.push(file);
    }

    pub(super) fn add_other(&mut self, other: Other) {
        self.memory += size_of::<Other>() + other.name.len() + other.target.len() + other.metadata.memory();
        self.others.push(other);
    }

    pub(super) fn add_link(&mut self, link: Link) {
        self.memory += size_of::<Link>() + link.name.len();
        self.links.push(link);
    }
}
