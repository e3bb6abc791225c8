//! A directory on its way into a tree: its entries arrive in any order, the last one finishes it.

use super::parent::ParentTree;
use crate::Id;
use crate::tree::Node;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

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
    /// When it was opened.
    pub(super) begun: Instant,
    /// The file system that entries must be on; `None` where any will do.
    pub(super) device: Option<u64>,
    /// It is on another one itself: an empty folder where a file system is mounted.
    pub(super) is_beyond: bool,
    /// What the parent snapshot has here, for each polynomial.
    pub(super) old: Vec<Option<Arc<ParentTree>>>,
    /// The trees of that, for each polynomial.
    pub(super) old_subtrees: Vec<Option<Id>>,
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

impl Directory {
    /// A directory that waits for `slots` entries, held open by one guard.
    pub(super) fn new(opening: Opening, old: Vec<Option<Arc<ParentTree>>>, slots: usize) -> Arc<Self> {
        let depth = opening.up.as_ref().map_or(0, |(up, _)| up.depth + 1);
        Arc::new(Self {
            up: opening.up,
            path: opening.path,
            snapshot_path: opening.snapshot_path,
            depth,
            begun: Instant::now(),
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

    /// One expected thing has arrived; whether it was the last one.
    pub(super) fn arrive(&self) -> bool {
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
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

    /// The entries that were not left out, in the order of their slots.
    pub(super) fn take_entries(&self) -> Vec<Finished> {
        let slots = std::mem::take(&mut *self.slots.lock().unwrap_or_else(PoisonError::into_inner));
        slots.into_iter().flatten().collect()
    }

    /// Its own node, of which the subtree is missing.
    pub(super) fn take_node(&self) -> Option<Node> {
        self.node.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
