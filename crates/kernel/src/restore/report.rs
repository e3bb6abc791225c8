//! What a restore has to say: counters, events, the reason why it stopped.

use crate::{Error, Result, sync::lock};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Events that may wait for the owner; beyond that whoever makes them waits.
const MOST_EVENTS: usize = 20_000;

/// What became of an item; the words are restic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It was not there.
    Restored,
    /// It was there with other content.
    Updated,
    /// It was there already, or was left alone.
    Unchanged,
    /// It was there, the snapshot does not have it, and `delete` was asked for.
    Deleted,
}

/// Something about a single item. Paths are those in the restored tree: absolute, `/a/b`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It could not be restored, or not wholly; the rest goes on.
    Failed {
        /// Which item.
        path: Vec<u8>,
        /// What happened.
        message: String,
    },
    /// A part of it was left out on purpose.
    LeftOut {
        /// Which item.
        path: Vec<u8>,
        /// What was left out, in the plural.
        what: &'static str,
    },
    /// It is done. Only when `report_items` was asked for.
    Item {
        /// Which item.
        path: Vec<u8>,
        /// What became of it.
        action: Action,
        /// Bytes of content.
        size: u64,
    },
}

/// How far a restore is. Files are items of every type, as restic counts them; sizes in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Items found so far; all of them once `walked`.
    pub files_total: u64,
    /// Bytes of the files among them.
    pub bytes_total: u64,
    /// Items done.
    pub files_done: u64,
    /// Bytes written, or found to be right in files that were there.
    pub bytes_done: u64,
    /// Items that were left as they were.
    pub files_skipped: u64,
    /// Their bytes.
    pub bytes_skipped: u64,
    /// Entries removed.
    pub files_deleted: u64,
    /// Files read again and found right.
    pub files_verified: u64,
    /// Events of the kind `Failed`.
    pub errors: u64,
    /// Whether the totals are final.
    pub walked: bool,
    /// A file that is being written.
    pub current: Vec<u8>,
}

#[derive(Default)]
pub(super) struct Report {
    pub(super) files_total: AtomicU64,
    pub(super) bytes_total: AtomicU64,
    pub(super) files_done: AtomicU64,
    pub(super) bytes_done: AtomicU64,
    files_skipped: AtomicU64,
    bytes_skipped: AtomicU64,
    files_deleted: AtomicU64,
    pub(super) files_verified: AtomicU64,
    errors: AtomicU64,
    /// Directories that take the place of something else once they are whole, and whether they still can be.
    watched: Mutex<Vec<(Vec<u8>, bool)>>,
    pub(super) walked: AtomicBool,
    items: bool,
    current: Mutex<Vec<u8>>,
    events: Mutex<Vec<Event>>,
    taken: Condvar,
    stopped: AtomicBool,
    reason: Mutex<Option<Error>>,
}

impl Report {
    pub(super) fn new(items: bool) -> Self {
        Self { items, ..Self::default() }
    }

    pub(super) fn progress(&self) -> Progress {
        Progress {
            files_total: self.files_total.load(Relaxed),
            bytes_total: self.bytes_total.load(Relaxed),
            files_done: self.files_done.load(Relaxed),
            bytes_done: self.bytes_done.load(Relaxed),
            files_skipped: self.files_skipped.load(Relaxed),
            bytes_skipped: self.bytes_skipped.load(Relaxed),
            files_deleted: self.files_deleted.load(Relaxed),
            files_verified: self.files_verified.load(Relaxed),
            errors: self.errors.load(Relaxed),
            walked: self.walked.load(Relaxed),
            current: lock(&self.current).clone(),
        }
    }

    /// Counts an item that is to be restored.
    pub(super) fn found(&self, size: u64) {
        self.files_total.fetch_add(1, Relaxed);
        add(&self.bytes_total, size);
    }

    pub(super) fn wrote(&self, bytes: u64) {
        add(&self.bytes_done, bytes);
    }

    pub(super) fn current(&self, path: Vec<u8>) {
        *lock(&self.current) = path;
    }

    pub(super) fn done(&self, path: impl FnOnce() -> Vec<u8>, action: Action, size: u64) {
        self.files_done.fetch_add(1, Relaxed);
        self.item(path, action, size);
    }

    pub(super) fn skipped(&self, path: impl FnOnce() -> Vec<u8>, size: u64) {
        self.files_skipped.fetch_add(1, Relaxed);
        add(&self.bytes_skipped, size);
        self.item(path, Action::Unchanged, size);
    }

    pub(super) fn deleted(&self, path: impl FnOnce() -> Vec<u8>) {
        self.files_deleted.fetch_add(1, Relaxed);
        self.item(path, Action::Deleted, 0);
    }

    fn item(&self, path: impl FnOnce() -> Vec<u8>, action: Action, size: u64) {
        if self.items {
            self.push(Event::Item { path: path(), action, size });
        }
    }

    pub(super) fn failed(&self, path: Vec<u8>, message: impl Into<String>) {
        if self.stopped() {
            return; // what fails because the run was stopped says nothing about the item
        }
        self.errors.fetch_add(1, Relaxed);
        for (below, whole) in &mut *lock(&self.watched) {
            *whole &= !path.starts_with(below) && path != below[..below.len() - 1];
        }
        self.push(Event::Failed { path, message: message.into() });
    }

    /// Watches for failures in a directory and below it, whose path ends with a slash.
    pub(super) fn watch(&self, below: Vec<u8>) {
        lock(&self.watched).push((below, true));
    }

    /// Whether nothing failed since the watch began, which ends.
    pub(super) fn was_whole(&self, below: &[u8]) -> bool {
        let mut watched = lock(&self.watched);
        let Some(at) = watched.iter().position(|(path, _)| path == below) else { return false };
        watched.swap_remove(at).1 && !self.stopped()
    }

    pub(super) fn left_out(&self, path: Vec<u8>, what: &'static str) {
        self.push(Event::LeftOut { path, what });
    }

    fn push(&self, event: Event) {
        let mut events = lock(&self.events);
        while events.len() >= MOST_EVENTS && !self.stopped() {
            events =
                self.taken.wait_timeout(events, Duration::from_millis(100)).unwrap_or_else(PoisonError::into_inner).0;
        }
        events.push(event);
    }

    pub(super) fn take(&self) -> Vec<Event> {
        let events = std::mem::take(&mut *lock(&self.events));
        self.taken.notify_all();
        events
    }

    /// Ends the run for this reason; the first reason stays.
    pub(super) fn stop(&self, reason: Error) {
        lock(&self.reason).get_or_insert(reason);
        self.stopped.store(true, Relaxed);
        self.taken.notify_all();
    }

    pub(super) fn stopped(&self) -> bool {
        self.stopped.load(Relaxed)
    }

    /// An error once the run was stopped.
    pub(super) fn check(&self) -> Result<()> {
        if self.stopped() { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// The reason, once.
    pub(super) fn reason(&self) -> Option<Error> {
        lock(&self.reason).take()
    }
}

/// Adds without wrapping: sizes come from trees that anybody may have written.
fn add(counter: &AtomicU64, amount: u64) {
    let _ = counter.fetch_update(Relaxed, Relaxed, |value| Some(value.saturating_add(amount)));
}
