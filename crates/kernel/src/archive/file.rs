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
use rustix::buffer::spare_capacity;
use rustix::fs::{Advice, Mode, OFlags, SeekFrom, Stat, fadvise, fstat, openat};
use rustix::io::Errno;
use std::fs::File;
use std::io::Read;
use std::num::NonZeroU64;
use std::os::fd::AsFd;
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

/// A file that is open and waits to be read; its metadata is from before.
pub(super) struct OpenedFile<'a> {
    entry: Entry<'a>,
    file: File,
    stat: Stat,
    node: Node,
    job: FileJob,
}

/// Bytes at a file's beginning that the system is asked to fetch before they are wanted.
const FETCHED: u64 = 1 << 20;

impl<'a> OpenedFile<'a> {
    /// A file whose metadata is `stat`'s. The system begins to fetch it.
    pub(super) fn new(entry: Entry<'a>, file: File, node: Node, stat: &Stat, job: FileJob) -> Self {
        if let Some(length) = NonZeroU64::new(node.size.min(FETCHED)) {
            // Advice may be refused: it changes nothing but the time it takes.
            let _ = fadvise(&file, 0, Some(length), Advice::WillNeed);
        }
        Self { entry, file, stat: *stat, node, job }
    }

    /// Whether reading it takes long enough for others to be kept waiting.
    pub(super) fn is_large(&self) -> bool {
        self.node.size > FETCHED
    }

    /// Read it and save it under its node.
    ///
    /// A file that changes meanwhile is read once more; if it changes again it is saved as it was read, under the
    /// metadata from before the read, so that the next run reads it again.
    pub(super) fn read(mut self, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
        if self.attempt(shared, scratch, false)? {
            return Ok(());
        }
        match self.rewind(shared) {
            Ok(()) => self.attempt(shared, scratch, true).map(|_| ()),
            Err(error) => {
                shared.fail(&self.entry.path, &error.to_string());
                Ok(())
            }
        }
    }

    fn rewind(&mut self, shared: &Shared) -> Result<()> {
        rustix::fs::seek(&self.file, SeekFrom::Start(0)).map_err(|error| Error::io("read again", error))?;
        self.stat = fstat(&self.file).map_err(|error| Error::io("stat", error))?;
        self.node = self.entry.node(shared, &self.stat, Some(self.file.as_fd()))?;
        Ok(())
    }

    /// Whether the file is done with: saved, or reported. `false` asks for another attempt.
    fn attempt(&self, shared: &Shared, scratch: &mut Scratch, is_last: bool) -> Result<bool> {
        if u64::try_from(self.stat.st_size).is_ok_and(|size| size <= MIN as u64) {
            self.read_small(shared, scratch, is_last)
        } else {
            self.read_large(shared, scratch, is_last)
        }
    }

    fn read_small(&self, shared: &Shared, scratch: &mut Scratch, is_last: bool) -> Result<bool> {
        let size = usize::try_from(self.stat.st_size).unwrap_or(0);
        let mut plain = scratch.take_buffer();
        let read = read_at_most(&self.file, size, &mut plain);
        shared.counters.bytes_read.fetch_add(plain.len() as u64, Ordering::Relaxed);
        let answer = match read {
            Ok(()) if plain.len() > size => {
                scratch.put_buffer(plain);
                if !is_last {
                    return Ok(false);
                }
                rustix::fs::seek(&self.file, SeekFrom::Start(0)).map_err(|error| Error::io("read again", error))?;
                return self.read_large(shared, scratch, is_last);
            }
            Ok(()) if !self.judge(shared, is_last) => Ok(false),
            Ok(()) => self.save_whole(shared, scratch, &plain).map(|()| true),
            Err(error) => {
                shared.fail(&self.entry.path, &format!("read: {error}"));
                Ok(true)
            }
        };
        scratch.put_buffer(plain);
        answer
    }

    /// A file that is one blob, or none when it is empty.
    fn save_whole(&self, shared: &Shared, scratch: &mut Scratch, plain: &[u8]) -> Result<()> {
        let content = match plain {
            [] => Vec::new(),
            _ => vec![save_blob(shared, scratch, BlobType::Data, plain, Scope::All)?],
        };
        let node = Node { size: plain.len() as u64, ..self.node.clone() };
        let Entry { directory, slot, path, name, .. } = &self.entry;
        let contents = vec![content; shared.chunkers.len()];
        finish(shared, directory, *slot, (path, name), &self.job, node, contents);
        Ok(())
    }

    fn read_large(&self, shared: &Shared, scratch: &mut Scratch, is_last: bool) -> Result<bool> {
        let Entry { directory, slot, path, name, .. } = &self.entry;
        let open = OpenFile::new(shared, directory, *slot, path.clone(), name.to_vec(), self.job.clone());
        let _current = shared.current(path);
        let mut file = &self.file;
        match cut_stream(shared, scratch, &open, |buffer| file.read(buffer)) {
            Ok(size) => {
                let stands = self.judge(shared, is_last);
                let node = stands.then(|| Node { size, ..self.node.clone() });
                open.close(shared, scratch, node)?;
                Ok(stands)
            }
            Err(Error::Io { source, .. }) => {
                shared.fail(path, &format!("read: {source}"));
                open.close(shared, scratch, None)?;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    /// Judge a read that is over: whether it stands, with a warning where the file changed twice.
    fn judge(&self, shared: &Shared, is_last: bool) -> bool {
        let is_same = fstat(&self.file).is_ok_and(|after| is_same_state(&self.stat, &after));
        if !is_same && is_last {
            shared.counters.files_changed_while_read.fetch_add(1, Ordering::Relaxed);
            let message = "the file changed while it was read, twice; it is saved as it was read and will be read again next time";
            shared.events.push(Event::Warning { path: self.entry.path.clone(), message: message.into() });
        }
        is_same || is_last
    }
}

/// Read to the end or to one byte beyond `size`: then the file has grown. Memory is not cleared before it is filled.
fn read_at_most(file: &File, size: usize, plain: &mut Vec<u8>) -> rustix::io::Result<()> {
    plain.clear();
    plain.reserve_exact(size + 1);
    while plain.len() <= size {
        match rustix::io::read(file, spare_capacity(plain)) {
            Ok(0) => break,
            // What a full buffer holds beyond the size says that the file has grown, whatever its length.
            Ok(_) => {}
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        if plain.len() == size {
            break;
        }
    }
    Ok(())
}

/// Open the file itself, never what a link points to; a failure is reported.
pub(super) fn open_or_report(shared: &Shared, entry: &Entry<'_>) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |flags| openat(entry.base.fd(), entry.target, flags, Mode::empty());
    let opened = match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        answer => answer,
    };
    match opened {
        Ok(file) => Some(File::from(file)),
        Err(error) => {
            shared.fail(&entry.path, &format!("open: {error}"));
            None
        }
    }
}
