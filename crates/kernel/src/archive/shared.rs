//! What the tasks of a run share.

use super::counters::{Counters, Totals};
use super::events::{Action, Cost, Event, Events};
use super::limits::Limits;
use super::options::Options;
use super::parent::Parents;
use super::source::base::join;
use super::source::folders::Folders;
use super::target::Target;
use super::tasks::Tasks;
use crate::chunker::Chunker;
use crate::metadata::MetadataReader;
use crate::{Error, Id, Result, sync::lock};
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, OnceLock};

/// What all workers share.
pub(super) struct Shared {
    pub(super) options: Options,
    pub(super) metadata: MetadataReader,
    pub(super) targets: Vec<Target>,
    /// One for each distinct polynomial; a target's `group` is its number here.
    pub(super) chunkers: Vec<Chunker>,
    pub(super) parent_roots: Vec<Option<Id>>,
    pub(super) tasks: Tasks,
    pub(super) folders: Arc<Folders>,
    pub(super) limits: Limits,
    pub(super) parents: Parents,
    pub(super) counters: Counters,
    pub(super) events: Events,
    pub(super) totals: Totals,
    /// The file system of each source by its absolute path, where a run stays on those.
    pub(super) devices: HashMap<Vec<u8>, u64>,
    /// Folders of ours, by device and inode.
    pub(super) own_folders: HashSet<(u64, u64)>,
    /// Whether the source is a stream, which nobody can read a second time.
    pub(super) is_stream: bool,
    pub(super) spool: bool,
    pub(super) current: Mutex<Vec<Vec<u8>>>,
    pub(super) roots: OnceLock<Vec<Id>>,
    pub(super) cancelled: AtomicBool,
    pub(super) over: AtomicBool,
    pub(super) working: AtomicUsize,
    pub(super) fatal: Mutex<Option<Error>>,
    pub(super) ended: Mutex<bool>,
    pub(super) end: Condvar,
}

/// A file that is being read, for as long as this lives.
pub(super) struct Current<'a> {
    shared: &'a Shared,
    path: Vec<u8>,
}

impl Drop for Current<'_> {
    fn drop(&mut self) {
        let mut current = lock(&self.shared.current);
        if let Some(place) = current.iter().position(|path| *path == self.path) {
            current.swap_remove(place);
        }
    }
}

impl Shared {
    pub(super) fn check_cancelled(&self) -> Result<()> {
        if self.cancelled.load(Relaxed) { Err(Error::Cancelled) } else { Ok(()) }
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Relaxed) || self.cancelled.load(Relaxed)
    }

    /// The file system that what is at this path must be on: that of the nearest source above it, or of itself.
    pub(super) fn device_of(&self, path: &[u8]) -> Option<u64> {
        let ends = path.iter().enumerate().rev().filter(|(_, byte)| **byte == b'/').map(|(end, _)| end.max(1));
        std::iter::once(path.len()).chain(ends).find_map(|end| self.devices.get(&path[..end])).copied()
    }

    pub(super) fn has_spool(&self) -> bool {
        self.spool
    }

    /// An item that cannot be saved; the run goes on.
    pub(super) fn fail(&self, path: &[u8], message: &str) {
        self.counters.failures.fetch_add(1, Relaxed);
        self.events.push(Event::Failed { path: path.to_vec(), message: message.to_owned() });
    }

    /// A file is done. As in restic, links and devices are not counted.
    pub(super) fn item(&self, folder: &[u8], name: &[u8], action: Action, size: u64, cost: Cost) {
        self.counters.count_file(action, size);
        self.report_item(folder, name, action, cost);
    }

    /// An item that is no directory is done.
    pub(super) fn report_item(&self, folder: &[u8], name: &[u8], action: Action, cost: Cost) {
        if self.options.verbose {
            self.events.push(Event::Item { path: join(folder, name), directory: false, action, cost });
        }
    }

    pub(super) fn current(&self, path: &[u8]) -> Current<'_> {
        lock(&self.current).push(path.to_vec());
        Current { shared: self, path: path.to_vec() }
    }

    pub(super) fn set_roots(&self, roots: Vec<Id>) {
        let _ = self.roots.set(roots);
    }

    /// Stop everything: nothing that this run would save could be trusted, or nobody wants it.
    pub(super) fn abort(&self, error: Error) {
        if !matches!(error, Error::Cancelled) {
            lock(&self.fatal).get_or_insert(error);
        }
        self.cancelled.store(true, Relaxed);
        self.tasks.stop();
        self.parents.close();
        for target in &self.targets {
            target.outbox.close();
        }
    }
}
