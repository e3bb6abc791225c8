//! Directories of the target: open handles, few at a time, and the moment when one is finished.
//!
//! A directory's metadata comes after its contents, so each counts what is still to come: its entries, and those who
//! hold it. At zero its metadata is applied and its parent counts one less.

use super::beneath;
use super::metadata::Metadata;
use crate::{Error, Result};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::Stat;
use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// Handles kept open; others are opened again when they are needed.
const MOST_OPEN: usize = 192;

/// Device and inode: an entry that was exchanged for another is noticed.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

/// A directory below the target, or the target itself.
pub(super) struct Dir {
    pub(super) parent: Option<Arc<Dir>>,
    name: Box<[u8]>,
    identity: Option<Identity>,
    /// Made by this run: nothing was in it.
    pub(super) fresh: bool,
    /// New entries have no attributes and no access list.
    pub(super) plain: bool,
    /// `None` for the target itself, which keeps what it has.
    pub(super) metadata: Option<Metadata>,
    /// The names that the snapshot has here, if others are to be removed.
    pub(super) expected: Mutex<Option<HashSet<Box<[u8]>>>>,
    pending: AtomicUsize,
    handle: Mutex<Option<Arc<OwnedFd>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Dir {
    /// The path in the restored tree of this directory: absolute, without a slash at the end, empty for the target.
    pub(super) fn path(&self) -> Vec<u8> {
        let mut names = Vec::new();
        let mut next = Some(self);
        while let Some(dir) = next {
            if dir.parent.is_some() {
                names.push(&dir.name);
            }
            next = dir.parent.as_deref();
        }
        let mut path = Vec::new();
        for name in names.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        path
    }

    /// The path of an entry.
    pub(super) fn path_of(&self, name: &[u8]) -> Vec<u8> {
        let mut path = self.path();
        path.push(b'/');
        path.extend_from_slice(name);
        path
    }

    /// Whether it exists; in a dry run it need not.
    pub(super) fn exists(&self) -> bool {
        self.identity.is_some()
    }

    pub(super) fn device(&self) -> Option<u64> {
        self.identity.map(|(device, _)| device)
    }

    /// One more entry, or holder, to wait for.
    pub(super) fn hold(&self) {
        self.pending.fetch_add(1, Ordering::Relaxed);
    }

    /// One less; true when it was the last.
    pub(super) fn let_go(&self) -> bool {
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

/// A directory that was found or made.
pub(super) struct Found {
    pub(super) handle: OwnedFd,
    pub(super) fresh: bool,
}

/// All directories of a run.
#[derive(Default)]
pub(super) struct Directories {
    open: Mutex<VecDeque<Weak<Dir>>>,
}

impl Directories {
    /// The target itself. `None` is one that does not exist, in a dry run. The caller holds it once.
    pub(super) fn target(&self, found: Option<Found>) -> Result<Arc<Dir>> {
        self.register(None, Box::default(), found, None)
    }

    /// A directory in another one. The caller holds it once; it holds its parent.
    pub(super) fn child(
        &self,
        parent: &Arc<Dir>,
        name: &[u8],
        found: Option<Found>,
        metadata: Metadata,
    ) -> Result<Arc<Dir>> {
        self.register(Some(Arc::clone(parent)), name.into(), found, Some(metadata))
    }

    fn register(
        &self,
        parent: Option<Arc<Dir>>,
        name: Box<[u8]>,
        found: Option<Found>,
        metadata: Option<Metadata>,
    ) -> Result<Arc<Dir>> {
        let mut dir = Dir {
            identity: None,
            fresh: false,
            plain: true,
            metadata,
            expected: Mutex::new(None),
            pending: AtomicUsize::new(1),
            handle: Mutex::new(None),
            name,
            parent,
        };
        if let Some(found) = found {
            let stat =
                rustix::fs::fstat(&found.handle).map_err(|error| Error::io("cannot look at the directory", error))?;
            dir.identity = Some(identity(&stat));
            dir.fresh = found.fresh;
            // A new directory inherits the default access list of its parent, if that has one.
            let inherited = found.fresh && dir.parent.as_ref().is_some_and(|parent| parent.plain);
            dir.plain = inherited || !beneath::has_default_acl(found.handle.as_fd());
            dir.handle = Mutex::new(Some(Arc::new(found.handle)));
        }
        if let Some(parent) = &dir.parent {
            parent.hold();
        }
        let dir = Arc::new(dir);
        if dir.exists() {
            self.remember(&dir);
        }
        Ok(dir)
    }

    /// An open handle on a directory, opened again from its parent's if need be.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] when another directory stands there now.
    pub(super) fn handle(&self, dir: &Arc<Dir>) -> Result<Arc<OwnedFd>> {
        if let Some(handle) = &*lock(&dir.handle) {
            return Ok(Arc::clone(handle));
        }
        let Some(parent) = &dir.parent else {
            return Err(Error::Internal("the target has no handle".into()));
        };
        let above = self.handle(parent)?;
        let handle = beneath::open_directory(above.as_fd(), &dir.name)
            .map_err(|error| Error::io("cannot open the directory again", error))?;
        let stat = rustix::fs::fstat(&handle).map_err(|error| Error::io("cannot look at the directory", error))?;
        if dir.identity != Some(identity(&stat)) {
            return Err(Error::damaged("another directory has taken the place of the one restored"));
        }
        let handle = Arc::new(handle);
        *lock(&dir.handle) = Some(Arc::clone(&handle));
        self.remember(dir);
        Ok(handle)
    }

    /// Bounds the number of open handles. The target stays open: nothing could open it again.
    fn remember(&self, dir: &Arc<Dir>) {
        if dir.parent.is_none() {
            return;
        }
        let oldest = {
            let mut open = lock(&self.open);
            open.push_back(Arc::downgrade(dir));
            if open.len() > MOST_OPEN { open.pop_front() } else { None }
        };
        if let Some(oldest) = oldest.and_then(|oldest| oldest.upgrade()) {
            lock(&oldest.handle).take();
        }
    }

    /// Drops the handle of a directory that is finished.
    pub(super) fn close(&self, dir: &Dir) {
        if dir.parent.is_some() {
            lock(&dir.handle).take();
        }
    }
}
