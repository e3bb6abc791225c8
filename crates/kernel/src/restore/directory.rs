//! Directories of the target: open handles, few at a time, and the moment when one is finished.
//!
//! A directory's metadata comes after its contents, so each counts what is still to come: its entries, and those who
//! hold it. At zero its metadata is applied and its parent counts one less.

use super::disk::beneath;
use super::disk::metadata::Metadata;
use super::disk::stamp::{Identity, identity};
use crate::{Error, Result, sync::lock};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::Mode;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};

/// A directory below the target, or the target itself.
pub(super) struct Dir {
    pub(super) parent: Option<Arc<Dir>>,
    pub(super) name: Box<[u8]>,
    identity: Option<Identity>,
    /// Made by this run: nothing was in it.
    pub(super) fresh: bool,
    /// New entries have no attributes and no access list.
    pub(super) plain: bool,
    /// `None` for the target itself, which keeps what it has.
    pub(super) metadata: Option<Metadata>,
    /// The names that the snapshot has here, if others are to be removed.
    pub(super) expected: Mutex<Option<HashSet<Box<[u8]>>>>,
    /// The temporary name that it has until it is whole, where something else stands at its own.
    pub(super) staged: Mutex<Option<Box<[u8]>>>,
    /// Its mode lets us make entries, or was changed so that it does.
    writable: AtomicBool,
    pending: AtomicUsize,
    handle: Mutex<Option<Arc<OwnedFd>>>,
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

    /// The name under which it can be opened now.
    fn name_on_disk(&self) -> Box<[u8]> {
        lock(&self.staged).as_ref().unwrap_or(&self.name).clone()
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
    /// The temporary name under which it was made.
    pub(super) staged: Option<Box<[u8]>>,
    /// The mode that it had before it was opened to its owner.
    pub(super) relaxed: Option<u32>,
}

/// All directories of a run.
pub(super) struct Directories {
    open: Mutex<VecDeque<Weak<Dir>>>,
    /// Handles kept open; others are opened again when they are needed.
    most_open: usize,
    /// Nothing is changed, no mode either.
    dry_run: bool,
    /// Directories whose modes were changed for the time of the run, with what they had.
    relaxed: Mutex<HashMap<Identity, (Arc<Dir>, u32)>>,
}

impl Directories {
    pub(super) fn new(most_open: usize, dry_run: bool) -> Self {
        Self { open: Mutex::default(), most_open, dry_run, relaxed: Mutex::default() }
    }

    /// Opens a directory that may be walked, with the mode that it had if that had to be changed.
    pub(super) fn open_entry(&self, above: &OwnedFd, name: &[u8]) -> rustix::io::Result<(OwnedFd, Option<u32>)> {
        if self.dry_run {
            return beneath::open_directory(above.as_fd(), name).map(|handle| (handle, None));
        }
        beneath::open_own_directory(above.as_fd(), name)
    }

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
            staged: Mutex::new(None),
            writable: AtomicBool::new(false),
            pending: AtomicUsize::new(1),
            handle: Mutex::new(None),
            name,
            parent,
        };
        let mut relaxed = None;
        if let Some(found) = found {
            let stat =
                rustix::fs::fstat(&found.handle).map_err(|error| Error::io("cannot look at the directory", error))?;
            dir.identity = Some(identity(&stat));
            dir.fresh = found.fresh;
            dir.staged = Mutex::new(found.staged);
            relaxed = found.relaxed;
            let mode = stat.st_mode & 0o7777;
            if !self.dry_run && !found.fresh && mode & 0o100 == 0 && beneath::is_ours(&stat) {
                relaxed = relaxed.or(Some(mode));
                let _ = rustix::fs::fchmod(&found.handle, Mode::from_raw_mode(mode | 0o700));
            }
            // A new directory inherits the default access list of its parent, if that has one.
            let inherited = found.fresh && dir.parent.as_ref().is_some_and(|parent| parent.plain);
            dir.plain = inherited || !beneath::has_default_acl(found.handle.as_fd());
            dir.handle = Mutex::new(Some(Arc::new(found.handle)));
        }
        if let Some(parent) = &dir.parent {
            parent.hold();
        }
        let dir = Arc::new(dir);
        if let Some(mode) = relaxed {
            self.note_mode(&dir, mode);
        }
        if dir.exists() {
            self.remember(&dir);
        }
        Ok(dir)
    }

    /// An open handle on a directory, opened again from the nearest above it that is open if need be: one level after
    /// the other, so that a deep one takes no more handles than a shallow one.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Damaged`] when another directory stands there now.
    pub(super) fn handle(&self, dir: &Arc<Dir>) -> Result<Arc<OwnedFd>> {
        let mut closed = Vec::new();
        let mut next = dir;
        let mut handle = loop {
            if let Some(handle) = &*lock(&next.handle) {
                break Arc::clone(handle);
            }
            closed.push(next);
            let Some(parent) = &next.parent else {
                return Err(Error::Internal("the target has no handle".into()));
            };
            next = parent;
        };
        for dir in closed.into_iter().rev() {
            handle = self.open(dir, &handle)?;
        }
        Ok(handle)
    }

    fn open(&self, dir: &Arc<Dir>, above: &OwnedFd) -> Result<Arc<OwnedFd>> {
        let (handle, relaxed) = self
            .open_entry(above, &dir.name_on_disk())
            .map_err(|error| Error::io("cannot open the directory again", error))?;
        let stat = rustix::fs::fstat(&handle).map_err(|error| Error::io("cannot look at the directory", error))?;
        if dir.identity != Some(identity(&stat)) {
            return Err(Error::damaged("another directory has taken the place of the one restored"));
        }
        if let Some(mode) = relaxed {
            self.note_mode(dir, mode);
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
            if open.len() > self.most_open { open.pop_front() } else { None }
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

    /// Before entries are made in a directory or removed: if its mode keeps its owner, who we are, from that, it is
    /// changed until the directory is finished.
    pub(super) fn make_writable(&self, dir: &Arc<Dir>, handle: &OwnedFd) -> rustix::io::Result<()> {
        if dir.fresh || dir.writable.load(Ordering::Relaxed) {
            return Ok(());
        }
        let stat = rustix::fs::fstat(handle)?;
        let mode = stat.st_mode & 0o7777;
        if mode & 0o300 != 0o300 && beneath::is_ours(&stat) {
            self.note_mode(dir, mode);
            rustix::fs::fchmod(handle, Mode::from_raw_mode(mode | 0o700))?;
        }
        dir.writable.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn note_mode(&self, dir: &Arc<Dir>, mode: u32) {
        if let Some(identity) = dir.identity {
            lock(&self.relaxed).entry(identity).or_insert_with(|| (Arc::clone(dir), mode));
        }
    }

    /// The mode that a directory had before it was opened to its owner. It is about to get its last one.
    pub(super) fn take_mode(&self, dir: &Dir) -> Option<u32> {
        dir.writable.store(false, Ordering::Relaxed);
        let mut relaxed = lock(&self.relaxed);
        if relaxed.is_empty() {
            return None;
        }
        dir.identity.and_then(|identity| relaxed.remove(&identity)).map(|(_, mode)| mode)
    }

    /// Gives back the modes of directories that were not finished.
    pub(super) fn give_back_modes(&self) {
        let relaxed = std::mem::take(&mut *lock(&self.relaxed));
        let mut relaxed: Vec<_> = relaxed.into_values().collect();
        relaxed.sort_by_key(|(dir, _)| std::cmp::Reverse(dir.path().len())); // who is below can still be reached
        for (dir, mode) in relaxed {
            if let Ok(handle) = self.handle(&dir) {
                let _ = rustix::fs::fchmod(&*handle, Mode::from_raw_mode(mode));
            }
        }
        lock(&self.relaxed).clear();
    }
}
