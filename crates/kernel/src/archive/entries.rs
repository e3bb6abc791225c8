//! The entries of a directory, one by one: left out, unchanged, read, or a directory of its own.

use super::blobs::Scratch;
use super::directory::{Directory, DirectoryTask, Finished, Opening, Variant};
use super::events::{Action, Event};
use super::file::FileJob;
use super::reading::{OpenedFile, open_or_report};
use super::run::Shared;
use super::tasks::Task;
use crate::tree::{MAX_DEPTH, Node, NodeType, is_too_deep};
use crate::{BlobType, Error, Id, Result};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat, statat};
use rustix::io::Errno;
use std::collections::VecDeque;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Files that a worker has opened and not yet read: the disk fetches them while others are hashed.
const AHEAD: usize = 8;

/// What names are relative to.
#[derive(Clone)]
pub(super) enum Base {
    /// The process's working directory, for paths that the user named.
    Working,
    /// An open directory.
    Directory(Arc<OwnedFd>),
}

impl Base {
    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Working => CWD,
            Self::Directory(fd) => fd.as_fd(),
        }
    }
}

/// A path that the user named, to be saved under a name of the snapshot.
pub(super) struct LeafTask {
    pub(super) directory: Arc<Directory>,
    pub(super) slot: usize,
    pub(super) name: Vec<u8>,
    /// As the user wrote it, to open.
    pub(super) target: Vec<u8>,
    /// The same, absolute.
    pub(super) path: Vec<u8>,
    /// Whether the user named just this one, so that patterns do not apply to it.
    pub(super) is_explicit: bool,
}

/// A range of a directory's names; its slots have the same numbers.
pub(super) struct EntriesTask {
    pub(super) directory: Arc<Directory>,
    pub(super) base: Base,
    pub(super) names: Arc<Vec<Vec<u8>>>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// One entry, wherever it comes from.
pub(super) struct Entry<'a> {
    pub(super) directory: &'a Arc<Directory>,
    pub(super) slot: usize,
    pub(super) base: &'a Base,
    /// What to open below the base.
    pub(super) target: &'a [u8],
    /// Its name in the snapshot.
    pub(super) name: &'a [u8],
    /// Absolute path on the file system.
    pub(super) path: Vec<u8>,
    /// Named by the user, hence not subject to patterns.
    pub(super) is_explicit: bool,
    /// The file system that it must be on; `None` where any will do.
    pub(super) device: Option<u64>,
    /// The folder that it is in is on another one.
    pub(super) is_beyond: bool,
}

/// `folder/name`.
pub(super) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    path.extend_from_slice(folder);
    if !folder.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

impl Base {
    /// The folder that a path lies in, open, and the path's last component.
    pub(super) fn of(path: &[u8]) -> rustix::io::Result<(Self, &[u8])> {
        let (folder, name) = match path.iter().rposition(|&byte| byte == b'/') {
            Some(0) => (&path[..1], &path[1..]),
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => return Ok((Self::Working, path)),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(folder, flags, Mode::empty())?;
        Ok((Self::Directory(Arc::new(fd)), name))
    }

    /// The file system that the folder itself is on.
    fn device(&self) -> rustix::io::Result<u64> {
        statat(self.fd(), ".", AtFlags::empty()).map(|stat| stat.st_dev)
    }
}

impl LeafTask {
    pub(super) fn run(self, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
        match Base::of(&self.target) {
            Ok((base, target)) => {
                let device = shared.device_of(&self.path);
                let entry = Entry {
                    device,
                    is_beyond: device.is_some_and(|device| base.device().is_ok_and(|above| above != device)),
                    directory: &self.directory,
                    slot: self.slot,
                    base: &base,
                    target,
                    name: &self.name,
                    path: self.path,
                    is_explicit: self.is_explicit,
                };
                if let Some(file) = entry.save(shared)? {
                    file.read(shared, scratch)?;
                }
            }
            Err(Errno::NOENT) if !self.is_explicit => {}
            Err(error) => shared.fail(&self.path, &Error::io("open the folder above", error).to_string()),
        }
        self.directory.release(shared, scratch)
    }
}

impl EntriesTask {
    pub(super) fn run(mut self, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
        let (directory, base, names) = (Arc::clone(&self.directory), self.base.clone(), Arc::clone(&self.names));
        let mut ahead = VecDeque::with_capacity(AHEAD + 1);
        while self.start < self.end {
            shared.check_cancelled()?;
            self.share(shared);
            let name = &names[self.start];
            let entry = Entry {
                directory: &directory,
                slot: self.start,
                base: &base,
                target: name,
                name,
                path: join(&directory.path, name),
                is_explicit: false,
                device: directory.device,
                is_beyond: directory.is_beyond,
            };
            let opened = entry.save(shared)?;
            self.start += 1;
            let Some(file) = opened else { continue };
            // Small ones must not wait behind a large one, nor it behind a worker who has read them all.
            let kept = if file.is_large() { 0 } else { AHEAD };
            ahead.push_back(file);
            while ahead.len() > kept {
                read_next(&mut ahead, shared, scratch)?;
            }
        }
        while !ahead.is_empty() {
            shared.check_cancelled()?;
            read_next(&mut ahead, shared, scratch)?;
        }
        directory.release(shared, scratch)
    }

    /// Give half of what is left to a worker who has nothing to do.
    fn share(&mut self, shared: &Shared) {
        let left = self.end - self.start;
        if left < 2 || !shared.tasks.has_idle() {
            return;
        }
        let middle = self.end - left / 2;
        self.directory.expect(1);
        shared.tasks.push([Task::Entries(EntriesTask {
            directory: Arc::clone(&self.directory),
            base: self.base.clone(),
            names: Arc::clone(&self.names),
            start: middle,
            end: self.end,
        })]);
        self.end = middle;
    }
}

/// Read the file that was opened first, and the one after it.
fn read_next(ahead: &mut VecDeque<OpenedFile<'_>>, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
    let Some(file) = ahead.pop_front() else { return Ok(()) };
    match ahead.pop_front() {
        Some(other) => file.read_with(other, shared, scratch),
        None => file.read(shared, scratch),
    }
}

impl<'a> Entry<'a> {
    /// Do what needs no reading; a file that must be read comes back open.
    fn save(self, shared: &Shared) -> Result<Option<OpenedFile<'a>>> {
        let options = &shared.options;
        if !self.is_explicit && options.excludes.by_name(&self.path) {
            return Ok(None);
        }
        let stat = match statat(self.base.fd(), self.target, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(error) => {
                self.fail(shared, &Error::io("lstat", error));
                return Ok(None);
            }
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if !self.is_explicit && kind != FileType::Directory && options.excludes.by_size(size) {
            return Ok(None);
        }
        let is_foreign = !self.is_explicit && self.device.is_some_and(|device| device != stat.st_dev);
        // Of another file system only the folder where it is mounted stays, as in restic.
        if is_foreign && (kind != FileType::Directory || self.is_beyond) {
            return Ok(None);
        }
        match kind {
            FileType::Socket => Ok(None),
            FileType::Directory => self.descend(shared, &stat, is_foreign).map(|()| None),
            FileType::RegularFile => self.save_file(shared, &stat),
            _ => self.save_other(shared, &stat).map(|()| None),
        }
    }

    /// Report that it cannot be saved. What vanished after it was listed is as if it had never been listed; what the
    /// user named is missed.
    pub(super) fn fail(&self, shared: &Shared, error: &Error) {
        if self.is_explicit || !error.is_missing() {
            shared.fail(&self.path, &error.to_string());
        }
    }

    /// The node of this entry with everything but its content.
    pub(super) fn node(&self, shared: &Shared, stat: &Stat, handle: Option<BorrowedFd<'_>>) -> Result<Node> {
        let options = &shared.options;
        let is_due = || options.reread.as_ref().is_some_and(|share| share.is_due(&self.path));
        let may_take = options.parent_is_own && !options.ignore_inode && !options.ignore_ctime;
        let parent = self.old(0).filter(|_| may_take && !is_due());
        let (mut node, warnings) = shared.metadata.node_since(self.base.fd(), self.target, stat, parent, handle)?;
        // Attributes are read by name: when that has vanished meanwhile, the entry has.
        if warnings.iter().any(Error::is_missing)
            && let Err(error) = statat(self.base.fd(), self.target, AtFlags::SYMLINK_NOFOLLOW)
        {
            return Err(Error::io("lstat", error));
        }
        for warning in warnings {
            shared.events.push(Event::Warning { path: self.path.clone(), message: warning.to_string() });
        }
        if node.name != self.name {
            node.name = self.name.to_vec();
        }
        Ok(node)
    }

    fn descend(self, shared: &Shared, stat: &Stat, is_beyond: bool) -> Result<()> {
        if shared.own_folders.contains(&(stat.st_dev, stat.st_ino)) {
            shared.events.push(Event::LeftOut { path: self.path });
            return Ok(());
        }
        let snapshot_path = join(&self.directory.snapshot_path, self.name);
        if is_too_deep(&snapshot_path, self.directory.depth + 1) {
            shared
                .fail(&self.path, &format!("more than {MAX_DEPTH} directories below each other; this one is left out"));
            return Ok(());
        }
        let node = match self.node(shared, stat, None) {
            Ok(node) => node,
            Err(error) => {
                self.fail(shared, &error);
                return Ok(());
            }
        };
        let old_subtrees = self.directory.old_subtrees_below(self.name);
        self.directory.expect(1);
        shared.tasks.push([Task::Directory(Box::new(DirectoryTask {
            opening: Opening {
                up: Some((Arc::clone(self.directory), self.slot)),
                snapshot_path,
                path: self.path,
                node: Some(node),
                old_subtrees,
                device: self.device,
                is_beyond,
            },
            base: self.base.clone(),
            name: self.target.to_vec(),
            is_explicit: self.is_explicit,
        }))]);
        Ok(())
    }

    fn save_other(self, shared: &Shared, stat: &Stat) -> Result<()> {
        match self.node(shared, stat, None) {
            Ok(node) => {
                let action = match self.old(0) {
                    None => Action::New,
                    Some(old) if *old == node => Action::Unchanged,
                    Some(_) => Action::Changed,
                };
                self.directory.fill(self.slot, Finished::plain(node));
                shared.report_item(&self.directory.snapshot_path, self.name, action, 0);
            }
            Err(error) => self.fail(shared, &error),
        }
        Ok(())
    }

    /// What the parent snapshot has under this name, for a polynomial.
    fn old(&self, group: usize) -> Option<&Node> {
        self.directory.old.get(group)?.as_ref()?.find(self.name)
    }

    fn save_file(self, shared: &Shared, stat: &Stat) -> Result<Option<OpenedFile<'a>>> {
        let is_new = self.old(0).is_none();
        // What the parent does not have is read in any case; its attributes are then at hand.
        let file = if is_new {
            match open_or_report(shared, &self) {
                Some(file) => Some(file),
                None => return Ok(None),
            }
        } else {
            None
        };
        let mut node = match self.node(shared, stat, file.as_ref().map(AsFd::as_fd)) {
            Ok(node) => node,
            Err(error) => {
                self.fail(shared, &error);
                return Ok(None);
            }
        };
        let options = &shared.options;
        let groups = shared.chunkers.len();
        let is_same = (0..groups).all(|group| {
            self.old(group).is_some_and(|old| node.unchanged_since(old, options.ignore_inode, options.ignore_ctime))
        });
        let is_due = is_same && options.reread.as_ref().is_some_and(|share| share.is_due(&self.path));
        if is_same && !is_due && self.is_stored(shared) {
            let mut contents =
                (0..groups).map(|group| self.old(group).and_then(|old| old.content.clone()).unwrap_or_default());
            node.content = contents.next();
            let others = contents.map(Variant::Content).collect();
            let size = node.size;
            self.directory.fill(self.slot, Finished { node, others });
            shared.item(&self.directory.snapshot_path, self.name, Action::Unchanged, size);
            return Ok(None);
        }
        if is_due {
            shared.counters.files_reread.fetch_add(1, Relaxed);
        }
        let action = if is_new {
            Action::New
        } else if is_same {
            Action::Unchanged
        } else {
            Action::Changed
        };
        let expected = if is_same { self.old(0).and_then(|old| old.content.clone()) } else { None };
        let file = file.or_else(|| open_or_report(shared, &self));
        Ok(file.map(|file| OpenedFile::new(self, file, node, stat, FileJob { action, expected })))
    }

    /// Whether every repository has all the content that the parent snapshot names.
    fn is_stored(&self, shared: &Shared) -> bool {
        shared.targets.iter().filter(|target| target.is_active()).all(|target| {
            self.old(target.group)
                .filter(|old| old.kind == NodeType::File)
                .and_then(|old| old.content.as_deref())
                .is_some_and(|content: &[Id]| content.iter().all(|id| target.knows(BlobType::Data, id)))
        })
    }
}
