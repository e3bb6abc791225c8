//! The workers' common stack of tasks: last in, first out, so that directories are finished depth first.

use super::directory::{Directory, Opening};
use super::file::OpenFile;
use super::options::Plan;
use super::source::base::Base;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Something for one worker to do.
pub(super) enum Task {
    /// Lay out the root tree.
    Plan(Plan),
    /// One path that the user named.
    Leaf(LeafTask),
    /// List a directory.
    Directory(Box<DirectoryTask>),
    /// Some entries of a directory.
    Entries(EntriesTask),
    /// One blob of a large file whose reader goes on reading.
    Blob(BlobTask),
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

/// List a directory and look at its entries.
pub(super) struct DirectoryTask {
    pub(super) opening: Opening,
    pub(super) base: Base,
    /// What to open below the base.
    pub(super) name: Vec<u8>,
    /// Named by the user, who wants to know when it has vanished.
    pub(super) is_explicit: bool,
}

/// One blob of a large file.
pub(super) struct BlobTask {
    pub(super) file: Arc<OpenFile>,
    pub(super) group: usize,
    pub(super) number: usize,
    pub(super) plain: Vec<u8>,
}

#[derive(Default)]
struct State {
    stack: Vec<Task>,
    /// Tasks on the stack and in the hands of workers.
    outstanding: usize,
}

/// The stack.
#[derive(Default)]
pub(super) struct Tasks {
    state: Mutex<State>,
    changed: Condvar,
    idle: AtomicUsize,
    stopped: AtomicBool,
}

impl Tasks {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Put tasks on the stack; the last one is the next to be done.
    pub(super) fn push(&self, tasks: impl IntoIterator<Item = Task>) {
        let mut state = self.state();
        let before = state.stack.len();
        state.stack.extend(tasks);
        let added = state.stack.len() - before;
        state.outstanding += added;
        drop(state);
        match added {
            0 => {}
            1 => self.changed.notify_one(),
            _ => self.changed.notify_all(),
        }
    }

    /// The next task; `None` when all are done or the run was stopped. Every task is followed by [`Tasks::done`].
    pub(super) fn pop(&self) -> Option<Task> {
        let mut state = self.state();
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return None;
            }
            if let Some(task) = state.stack.pop() {
                return Some(task);
            }
            if state.outstanding == 0 {
                return None;
            }
            self.idle.fetch_add(1, Ordering::Relaxed);
            state =
                self.changed.wait_timeout(state, Duration::from_millis(100)).unwrap_or_else(PoisonError::into_inner).0;
            self.idle.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// A task is done, with all that it pushed counted already.
    pub(super) fn done(&self) {
        let mut state = self.state();
        state.outstanding -= 1;
        let last = state.outstanding == 0;
        drop(state);
        if last {
            self.changed.notify_all();
        }
    }

    /// Whether a worker has nothing to do just now.
    pub(super) fn has_idle(&self) -> bool {
        self.idle.load(Ordering::Relaxed) > 0
    }

    /// Forget what is left and let the workers go.
    pub(super) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        let mut state = self.state();
        let left = std::mem::take(&mut state.stack);
        state.outstanding -= left.len();
        drop(state);
        drop(left);
        self.changed.notify_all();
    }
}
