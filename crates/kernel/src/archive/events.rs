//! What the owner may want to tell a user about single items.

use std::ops::AddAssign;
use std::sync::Mutex;
use std::time::Duration;

/// What became of an item; the words are restic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Not in the parent snapshot.
    New,
    /// Other metadata or content than in the parent.
    Changed,
    /// As in the parent.
    Unchanged,
}

/// What saving an item took, in all repositories of the run together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Plain bytes of new blobs.
    pub added: u64,
    /// Stored bytes of new blobs.
    pub stored: u64,
    /// From the first look at it until its last blob was packed; zero where nothing was read.
    pub duration: Duration,
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Self) {
        self.added += other.added;
        self.stored += other.stored;
        self.duration += other.duration;
    }
}

/// Something worth a line.
#[derive(Clone, Debug)]
pub enum Event {
    /// The item could not be saved, or not wholly; the run goes on and the source counts as incomplete.
    Failed {
        /// The path on the file system.
        path: Vec<u8>,
        /// What happened.
        message: String,
    },
    /// Something odd that costs nothing: the run is complete all the same.
    Warning {
        /// The path on the file system.
        path: Vec<u8>,
        /// What happened.
        message: String,
    },
    /// Content changed though no metadata did: found by reading again (threat P-1).
    ContentDiffers {
        /// The path on the file system.
        path: Vec<u8>,
    },
    /// A folder of ours inside the source was left out.
    LeftOut {
        /// The path on the file system.
        path: Vec<u8>,
    },
    /// An item is done; only when the owner asked for it.
    Item {
        /// The path in the snapshot.
        path: Vec<u8>,
        /// Whether it is a directory.
        directory: bool,
        /// What became of it.
        action: Action,
        /// What it took: a file's content, or the tree of a directory without what is in it.
        cost: Cost,
    },
}

/// Events wait here until the owner takes them.
#[derive(Default)]
pub(super) struct Events(Mutex<Vec<Event>>);

impl Events {
    pub(super) fn push(&self, event: Event) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(event);
    }

    pub(super) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}
