//! A directory on its way into a tree: its entries arrive in any order, the last one finishes it.

use super::blobs::{Scope, Scratch, save_blob};
use super::entries::{Base, EntriesTask};
use super::events::{Action, Event};
use super::parent::ParentTree;
use super::run::Shared;
use super::tasks::Task;
use crate::filter::Excludes;
use crate::metadata::list_directory;
use crate::tree::{Node, TreeEncoder};
use crate::{BlobType, Id, Result};
use rustix::fs::{Mode, OFlags};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Entries that one task looks at before others may take over.
const BATCH: usize = 64;

/// An entry that is done: its node, with what differs for the second and further polynomials.
pub(super) struct Finished {
    pub(super) node: Node,
    pub(super) others: Vec<Variant>,
}

/// Content or subtree of a node as another polynomial has it.
#[derive(Clone)]
pub(super) enum Variant {
    Content(Vec<Id>),
    Subtree(Id),
}

impl Finished {
    /// A node that is the same whatever the polynomial.
    pub(super) fn plain(node: Node) -> Self {
        Self { node, others: Vec::new() }
    }
}

/// The directory.
pub(super) struct Directory {
    /// Where the finished node goes; the root has no such place.
    pub(super) up: Option<(Arc<Directory>, usize)>,
    /// Path on the file system, for filters and messages.
    pub(super) path: Vec<u8>,
    /// Path in the snapshot.
    pub(super) snapshot_path: Vec<u8>,
    pub(super) depth: usize,
    /// The file system that entries must be on; `None` where any will do.
    pub(super) device: Option<u64>,
    /// It is on another one itself: an empty folder where a file system is mounted.
    pub(super) is_beyond: bool,
    /// What the parent snapshot has here, for each polynomial.
    pub(super) old: Vec<Option<Arc<ParentTree>>>,
    old_subtrees: Vec<Option<Id>>,
    node: Mutex<Option<Node>>,
    slots: Mutex<Vec<Option<Finished>>>,
    pending: AtomicUsize,
}

/// What a directory is made of before anything in it is looked at.
pub(super) struct Opening {
    pub(super) up: Option<(Arc<Directory>, usize)>,
    pub(super) path: Vec<u8>,
    pub(super) snapshot_path: Vec<u8>,
    pub(super) node: Option<Node>,
    pub(super) old_subtrees: Vec<Option<Id>>,
    pub(super) device: Option<u64>,
    pub(super) is_beyond: bool,
}

/// List a directory and look at its entries.
pub(super) struct DirectoryTask {
    pub(super) opening: Opening,
    pub(super) base: Base,
    /// What to open below the base.
    pub(super) name: Vec<u8>,
    /// Named by the user, who wants to know when it has vanished.
    pub(super) is_explicit: bool,
}

impl Directory {
    /// A directory that waits for `slots` entries, held open by one guard until [`Directory::release`].
    pub(super) fn open(shared: &Shared, opening: Opening, slots: usize) -> Arc<Self> {
        let old = opening
            .old_subtrees
            .iter()
            .enumerate()
            .map(|(group, subtree)| subtree.and_then(|id| load_parent(shared, group, id, &opening.path)))
            .collect();
        let depth = opening.up.as_ref().map_or(0, |(up, _)| up.depth + 1);
        Arc::new(Self {
            up: opening.up,
            path: opening.path,
            snapshot_path: opening.snapshot_path,
            depth,
            device: opening.device,
            is_beyond: opening.is_beyond,
            old,
            old_subtrees: opening.old_subtrees,
            node: Mutex::new(opening.node),
            slots: Mutex::new(std::iter::repeat_with(|| None).take(slots).collect()),
            pending: AtomicUsize::new(1),
        })
    }

    /// One more thing must arrive before the directory is finished.
    pub(super) fn expect(&self, more: usize) {
        self.pending.fetch_add(more, Ordering::Relaxed);
    }

    /// The subtrees that the parent snapshot has under a name, for each polynomial.
    pub(super) fn old_subtrees_below(&self, name: &[u8]) -> Vec<Option<Id>> {
        self.old
            .iter()
            .map(|tree| tree.as_ref().and_then(|tree| tree.find(name)).and_then(|node| node.subtree))
            .collect()
    }

    pub(super) fn fill(&self, slot: usize, entry: Finished) {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)[slot] = Some(entry);
    }

    /// One expected thing has arrived; the last one finishes this directory, and perhaps those above it.
    pub(super) fn release(self: &Arc<Self>, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
        let mut directory = Arc::clone(self);
        while directory.pending.fetch_sub(1, Ordering::AcqRel) == 1 {
            let (node, roots) = directory.finish(shared, scratch)?;
            let Some((up, slot)) = directory.up.clone() else {
                shared.set_roots(roots);
                return Ok(());
            };
            if let Some(mut node) = node {
                node.subtree = roots.first().copied();
                let others = roots.iter().skip(1).map(|id| Variant::Subtree(*id)).collect();
                up.fill(slot, Finished { node, others });
            }
            directory = up;
        }
        Ok(())
    }

    fn finish(&self, shared: &Shared, scratch: &mut Scratch) -> Result<(Option<Node>, Vec<Id>)> {
        let mut entries: Vec<Finished> =
            std::mem::take(&mut *self.slots.lock().unwrap_or_else(PoisonError::into_inner))
                .into_iter()
                .flatten()
                .collect();
        let mut roots = Vec::with_capacity(shared.chunkers.len());
        for group in 0..shared.chunkers.len() {
            let mut encoder = TreeEncoder::new();
            for entry in &mut entries {
                if let Some(variant) = group.checked_sub(1).and_then(|other| entry.others.get(other)) {
                    match variant.clone() {
                        Variant::Content(content) => entry.node.content = Some(content),
                        Variant::Subtree(subtree) => entry.node.subtree = Some(subtree),
                    }
                }
                encoder.add(&entry.node)?;
            }
            roots.push(save_blob(shared, scratch, BlobType::Tree, &encoder.finish(), Scope::Group(group))?);
        }
        let action = match self.old_subtrees.first().copied().flatten() {
            None => Action::New,
            Some(old) if roots.first() == Some(&old) => Action::Unchanged,
            Some(_) => Action::Changed,
        };
        if self.up.is_some() {
            shared.counters.count_directory(action);
            if shared.options.verbose {
                let path = self.snapshot_path.clone();
                shared.events.push(Event::Item { path, directory: true, action, size: 0 });
            }
        }
        let node = self.node.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok((node, roots))
    }
}

fn load_parent(shared: &Shared, group: usize, id: Id, path: &[u8]) -> Option<Arc<ParentTree>> {
    match shared.parents.load(shared, group, id) {
        Ok(tree) => Some(tree),
        Err(crate::Error::Cancelled) => None,
        Err(error) => {
            let message =
                format!("tree {id} of the parent snapshot cannot be used ({error}); everything below is read");
            shared.events.push(Event::Warning { path: path.to_vec(), message });
            None
        }
    }
}

impl DirectoryTask {
    pub(super) fn run(self, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
        let Self { opening, base, name, is_explicit } = self;
        let Some((up, _)) = opening.up.clone() else {
            return Err(crate::Error::Internal("a directory below nothing".into()));
        };
        let listed = list(&base, &name);
        drop(base);
        match listed {
            Ok((fd, names)) => {
                let names = without_tagged(shared, &fd, names, Some(&opening.path));
                let directory = Directory::open(shared, opening, names.len());
                push_entries(shared, &directory, Base::Directory(Arc::new(fd)), names);
                directory.release(shared, scratch)
            }
            // As if it had never been listed.
            Err(error) if !is_explicit && error.is_missing() => up.release(shared, scratch),
            Err(error) => {
                shared.fail(&opening.path, &error.to_string());
                up.release(shared, scratch)
            }
        }
    }
}

/// The names in an open directory, in the order of their bytes.
pub(super) fn list_names(fd: impl AsFd) -> Result<Vec<Vec<u8>>> {
    Ok(list_directory(fd.as_fd())?.iter().map(|entry| entry.name.to_vec()).collect())
}

/// The names that the directory's tag files, if it has any, leave in.
pub(super) fn without_tagged(
    shared: &Shared,
    fd: &OwnedFd,
    mut names: Vec<Vec<u8>>,
    warn: Option<&[u8]>,
) -> Vec<Vec<u8>> {
    let mut warnings = Vec::new();
    let tags = shared.options.excludes.tags_in(fd.as_fd(), &mut warnings);
    if let Some(path) = warn {
        for warning in warnings {
            shared.events.push(Event::Warning { path: path.to_vec(), message: warning.to_string() });
        }
    }
    if !tags.is_empty() {
        names.retain(|name| !Excludes::by_tags(&tags, name));
    }
    names
}

fn list(base: &Base, name: &[u8]) -> Result<(OwnedFd, Vec<Vec<u8>>)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let open = |flags| rustix::fs::openat(base.fd(), name, flags, Mode::empty());
    let fd = open(flags | OFlags::NOATIME)
        .or_else(|_| open(flags))
        .map_err(|error| crate::Error::io("open the directory", error))?;
    let names = list_names(&fd)?;
    Ok((fd, names))
}

fn push_entries(shared: &Shared, directory: &Arc<Directory>, base: Base, names: Vec<Vec<u8>>) {
    let names = Arc::new(names);
    let starts: Vec<usize> = (0..names.len()).step_by(BATCH).collect();
    directory.expect(starts.len());
    shared.tasks.push(starts.into_iter().rev().map(|start| {
        Task::Entries(EntriesTask {
            directory: Arc::clone(directory),
            base: base.clone(),
            names: Arc::clone(&names),
            start,
            end: (start + BATCH).min(names.len()),
        })
    }));
}
