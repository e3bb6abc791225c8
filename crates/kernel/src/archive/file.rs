//! One file: read once, cut for each polynomial, its blobs saved here or by a worker who has nothing else to do.

use super::blobs::{Scope, Scratch, save_blob};
use super::directory::{Directory, Finished, Variant};
use super::entries::Entry;
use super::events::{Action, Event};
use super::run::Shared;
use super::stream::cut_stream;
use super::tasks::Task;
use crate::chunker::MIN;
use crate::tree::Node;
use crate::{BlobType, Error, Id, Result};
use rustix::fs::{Mode, OFlags, Stat, fstat, openat};
use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What is known of a file before it is read.
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

fn finish(
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

/// Whether these two describe the same state of a file.
fn is_same_state(one: &Stat, other: &Stat) -> bool {
    (one.st_size, one.st_mtime, one.st_mtime_nsec, one.st_ctime, one.st_ctime_nsec)
        == (other.st_size, other.st_mtime, other.st_mtime_nsec, other.st_ctime, other.st_ctime_nsec)
}

/// Read a file and save it under `node`, whose metadata is `stat`'s.
///
/// A file that changes meanwhile is read once more; if it changes again it is saved as it was read, under the metadata
/// from before the read, so that the next run reads it again.
pub(super) fn read_file(
    shared: &Shared,
    scratch: &mut Scratch,
    entry: Entry<'_>,
    node: Node,
    stat: &Stat,
    job: FileJob,
) -> Result<()> {
    let file = match open(&entry) {
        Ok(file) => file,
        Err(error) => {
            shared.fail(&entry.path, &format!("open: {error}"));
            return Ok(());
        }
    };
    let mut before = *stat;
    let mut node = node;
    for attempt in 0..2 {
        if attempt > 0 {
            match again(shared, &entry, &file) {
                Ok((stat, fresh)) => (before, node) = (stat, fresh),
                Err(error) => {
                    shared.fail(&entry.path, &error.to_string());
                    return Ok(());
                }
            }
        }
        let is_last = attempt > 0;
        let done = if u64::try_from(before.st_size).is_ok_and(|size| size <= MIN as u64) {
            read_small(shared, scratch, &entry, &file, &before, node.clone(), &job, is_last)?
        } else {
            read_large(shared, scratch, &entry, &file, &before, node.clone(), &job, is_last)?
        };
        if done {
            return Ok(());
        }
    }
    Ok(())
}

fn open(entry: &Entry<'_>) -> rustix::io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |flags| openat(entry.base.fd(), entry.target, flags, Mode::empty());
    match open(flags | OFlags::NOATIME) {
        Err(rustix::io::Errno::PERM) => open(flags),
        answer => answer,
    }
    .map(File::from)
}

fn again(shared: &Shared, entry: &Entry<'_>, file: &File) -> Result<(Stat, Node)> {
    rustix::fs::seek(file, rustix::fs::SeekFrom::Start(0)).map_err(|error| Error::io("read again", error))?;
    let stat = fstat(file).map_err(|error| Error::io("stat", error))?;
    let node = entry.node(shared, &stat)?;
    Ok((stat, node))
}

/// Judge a read that is over: whether it stands, with a warning where the file changed twice.
fn judge(shared: &Shared, entry: &Entry<'_>, file: &File, before: &Stat, is_last: bool) -> bool {
    let is_same = fstat(file.as_fd()).is_ok_and(|after| is_same_state(before, &after));
    if !is_same && is_last {
        shared.counters.files_changed_while_read.fetch_add(1, Ordering::Relaxed);
        let message =
            "the file changed while it was read, twice; it is saved as it was read and will be read again next time";
        shared.events.push(Event::Warning { path: entry.path.clone(), message: message.into() });
    }
    is_same || is_last
}

#[allow(clippy::too_many_arguments)]
fn read_small(
    shared: &Shared,
    scratch: &mut Scratch,
    entry: &Entry<'_>,
    mut file: &File,
    before: &Stat,
    mut node: Node,
    job: &FileJob,
    is_last: bool,
) -> Result<bool> {
    let mut plain = scratch.take_buffer();
    plain.clear();
    // One byte more than there should be: a short answer is the end of the file.
    plain.resize(usize::try_from(before.st_size).unwrap_or(0) + 1, 0);
    let mut filled = 0;
    loop {
        if filled == plain.len() {
            scratch.put_buffer(plain);
            if !is_last {
                return Ok(false);
            }
            rustix::fs::seek(file, rustix::fs::SeekFrom::Start(0)).map_err(|error| Error::io("read again", error))?;
            return read_large(shared, scratch, entry, file, before, node, job, is_last);
        }
        match file.read(&mut plain[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => {
                scratch.put_buffer(plain);
                shared.fail(&entry.path, &format!("read: {error}"));
                return Ok(true);
            }
        }
        if filled + 1 == plain.len() {
            break;
        }
    }
    shared.counters.bytes_read.fetch_add(filled as u64, Ordering::Relaxed);
    if !judge(shared, entry, file, before, is_last) {
        scratch.put_buffer(plain);
        return Ok(false);
    }
    plain.truncate(filled);
    node.size = filled as u64;
    let content =
        if filled == 0 { Vec::new() } else { vec![save_blob(shared, scratch, BlobType::Data, &plain, Scope::All)?] };
    scratch.put_buffer(plain);
    let contents = vec![content; shared.chunkers.len()];
    finish(shared, entry.directory, entry.slot, (&entry.path, entry.name), job, node, contents);
    Ok(true)
}

#[allow(clippy::too_many_arguments)]
fn read_large(
    shared: &Shared,
    scratch: &mut Scratch,
    entry: &Entry<'_>,
    mut file: &File,
    before: &Stat,
    mut node: Node,
    job: &FileJob,
    is_last: bool,
) -> Result<bool> {
    let job = FileJob { action: job.action, expected: job.expected.clone() };
    let open = OpenFile::new(shared, entry.directory, entry.slot, entry.path.clone(), entry.name.to_vec(), job);
    let _current = shared.current(&entry.path);
    match cut_stream(shared, scratch, &open, |buffer| file.read(buffer)) {
        Ok(size) => {
            let stands = judge(shared, entry, file, before, is_last);
            node.size = size;
            open.close(shared, scratch, stands.then_some(node))?;
            Ok(stands)
        }
        Err(Error::Io { source, .. }) => {
            shared.fail(&entry.path, &format!("read: {source}"));
            open.close(shared, scratch, None)?;
            Ok(true)
        }
        Err(error) => Err(error),
    }
}
