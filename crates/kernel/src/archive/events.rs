//! What the owner may want to tell a user about single items.

use std::sync::Mutex;

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
        /// Plain size in bytes.
        size: u64,
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
