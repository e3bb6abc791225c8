//! One file on its way into a node: its blobs are saved by its reader or by a worker who has nothing else to do.

use super::blobs::{Scope, Scratch, save_blob, save_hashed};
use super::directory::{Directory, Finished, Variant};
use super::events::{Action, Event};
use super::holes::{ZERO_CHUNK, ZEROS};
use super::run::Shared;
use super::tasks::Task;
use crate::chunker::MIN;
use crate::tree::Node;
use crate::{BlobType, Id, Result};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is known of a file before it is read.
#[derive(Clone)]
pub(super) struct FileJob {
    pub(super) action: Action,
    /// The content that the parent has under the same metadata: reading again should find just that.
    pub(super) expected: Option<Vec<Id>>,
}

/// A file whose blobs are on their way; the last one to arrive makes the node.
pub(super) struct OpenFile {
    directory: Arc<Directory>,
    slot: usize,
    path: Vec<u8>,
    name: Vec<u8>,
    job: FileJob,
    node: Mutex<Option<Node>>,
    contents: Mutex<Vec<Vec<Id>>>,
    pending: AtomicUsize,
    read: AtomicU64,
}

/// One blob of a large file.
pub(super) struct BlobTask {
    file: Arc<OpenFile>,
    group: usize,
    number: usize,
    plain: Vec<u8>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl BlobTask {
    pub(super) fn run(self, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
        let id = save_blob(shared, scratch, BlobType::Data, &self.plain, Scope::Group(self.group))?;
        drop(self.plain);
        self.file.place(self.group, self.number, id);
        self.file.release(shared, scratch)
    }
}

impl OpenFile {
    pub(super) fn new(
        shared: &Shared,
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
            contents: Mutex::new(vec![Vec::new(); shared.chunkers.len()]),
            pending: AtomicUsize::new(1),
            read: AtomicU64::new(0),
        })
    }

    fn place(&self, group: usize, number: usize, id: Id) {
        let mut contents = lock(&self.contents);
        let content = &mut contents[group];
        if content.len() <= number {
            content.resize(number + 1, Id([0; 32]));
        }
        content[number] = id;
    }

    /// Bytes of the file were read: progress counts them before the file is done.
    pub(super) fn count(&self, shared: &Shared, bytes: u64) {
        self.read.fetch_add(bytes, Ordering::Relaxed);
        shared.counters.bytes_in_progress.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Save one blob, or hand it to a worker who has nothing to do.
    pub(super) fn save(
        self: &Arc<Self>,
        shared: &Shared,
        scratch: &mut Scratch,
        group: usize,
        number: usize,
        plain: &[u8],
    ) -> Result<()> {
        if plain.len() >= MIN / 4 && shared.tasks.has_idle() {
            self.pending.fetch_add(1, Ordering::Relaxed);
            let plain = plain.to_vec();
            shared.tasks.push([Task::Blob(BlobTask { file: Arc::clone(self), group, number, plain })]);
            return Ok(());
        }
        let id = save_blob(shared, scratch, BlobType::Data, plain, Scope::Group(group))?;
        self.place(group, number, id);
        Ok(())
    }

    /// Save the shortest chunk of zeros, whose ID is known.
    pub(super) fn save_zeros(&self, shared: &Shared, scratch: &mut Scratch, group: usize, number: usize) -> Result<()> {
        save_hashed(shared, scratch, BlobType::Data, &ZEROS, *ZERO_CHUNK, Scope::Group(group))?;
        self.place(group, number, *ZERO_CHUNK);
        Ok(())
    }

    /// The reader is through; without a node the file is left out.
    pub(super) fn close(self: &Arc<Self>, shared: &Shared, scratch: &mut Scratch, node: Option<Node>) -> Result<()> {
        *lock(&self.node) = node;
        self.release(shared, scratch)
    }

    fn release(self: &Arc<Self>, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
        if self.pending.fetch_sub(1, Ordering::AcqRel) != 1 {
            return Ok(());
        }
        shared.counters.bytes_in_progress.fetch_sub(self.read.load(Ordering::Relaxed), Ordering::Relaxed);
        if let Some(node) = lock(&self.node).take() {
            let contents = std::mem::take(&mut *lock(&self.contents));
            finish(shared, &self.directory, self.slot, (&self.path, &self.name), &self.job, node, contents);
        }
        self.directory.release(shared, scratch)
    }
}

/// Complete a file's node with its content and hand it to the directory.
pub(super) fn finish(
    shared: &Shared,
    directory: &Arc<Directory>,
    slot: usize,
    (path, name): (&[u8], &[u8]),
    job: &FileJob,
    mut node: Node,
    contents: Vec<Vec<Id>>,
) {
    let size = node.size;
    let mut contents = contents.into_iter();
    node.content = contents.next();
    let mut action = job.action;
    if job.expected.is_some() && job.expected != node.content {
        action = Action::Changed;
        shared.counters.files_differing.fetch_add(1, Ordering::Relaxed);
        shared.events.push(Event::ContentDiffers { path: path.to_vec() });
    }
    directory.fill(slot, Finished { node, others: contents.map(Variant::Content).collect() });
    shared.item(&directory.snapshot_path, name, action, size);
}
