//! One file on its way into a node: it is open until the last of its blobs has arrived.

use super::directory::Directory;
use super::events::{Action, Cost};
use crate::Id;
use crate::sync::lock;
use crate::tree::Node;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

/// What is known of a file before it is read.
#[derive(Clone)]
pub(super) struct FileJob {
    pub(super) action: Action,
    /// The content that the parent has under the same metadata: reading again should find just that.
    pub(super) expected: Option<Vec<Id>>,
    /// When it was opened.
    pub(super) begun: Instant,
}

/// The content of a file, for each polynomial, and what saving it took.
#[derive(Default)]
pub(super) struct Saved {
    pub(super) contents: Vec<Vec<Id>>,
    pub(super) cost: Cost,
}

/// A file whose blobs are on their way; the last one to arrive makes the node.
pub(super) struct OpenFile {
    pub(super) directory: Arc<Directory>,
    pub(super) slot: usize,
    pub(super) path: Vec<u8>,
    pub(super) name: Vec<u8>,
    pub(super) job: FileJob,
    node: Mutex<Option<Node>>,
    saved: Mutex<Saved>,
    pending: AtomicUsize,
    read: AtomicU64,
}

impl OpenFile {
    /// A file of the directory, which waits for it, held open by its reader; `groups` is the number of polynomials.
    pub(super) fn new(
        groups: usize,
        directory: &Arc<Directory>,
        slot: usize,
        path: Vec<u8>,
        name: Vec<u8>,
        job: FileJob,
    ) -> Arc<Self> {
        directory.expect(1);
        Arc::new(Self {
            directory: Arc::clone(directory),
            slot,
            path,
            name,
            job,
            node: Mutex::new(None),
            saved: Mutex::new(Saved { contents: vec![Vec::new(); groups], cost: Cost::default() }),
            pending: AtomicUsize::new(1),
            read: AtomicU64::new(0),
        })
    }

    /// The blob of this number is this one, and saving it took so much.
    pub(super) fn place(&self, group: usize, number: usize, id: Id, cost: Cost) {
        let mut saved = lock(&self.saved);
        saved.cost += cost;
        let content = &mut saved.contents[group];
        if content.len() <= number {
            content.resize(number + 1, Id([0; 32]));
        }
        content[number] = id;
    }

    /// So many more of its bytes were read.
    pub(super) fn count(&self, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Its bytes that were read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// One more blob must arrive before the file is finished.
    pub(super) fn expect(&self) {
        self.pending.fetch_add(1, Ordering::Relaxed);
    }

    /// One expected thing has arrived; whether it was the last one.
    pub(super) fn arrive(&self) -> bool {
        self.pending.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// The node for which the blobs arrive; without it the file is left out.
    pub(super) fn set_node(&self, node: Option<Node>) {
        *lock(&self.node) = node;
    }

    pub(super) fn take_node(&self) -> Option<Node> {
        lock(&self.node).take()
    }

    /// What its blobs came to.
    pub(super) fn take_saved(&self) -> Saved {
        std::mem::take(&mut *lock(&self.saved))
    }
}
