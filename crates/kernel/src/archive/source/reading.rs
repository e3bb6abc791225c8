//! A file that is read: opened ahead of its turn, read once, twice if it changes meanwhile.

use super::entry::Entry;
use super::holes::Holed;
use super::stream::cut_stream;
use crate::archive::blobs::{Scope, Scratch, save_hashed};
use crate::archive::content::{close, finish};
use crate::archive::events::{Cost, Event};
use crate::archive::file::{FileJob, OpenFile, Saved};
use crate::archive::read_buffer::ReadBuffer;
use crate::archive::shared::Shared;
use crate::chunker::MIN;
use crate::tree::Node;
use crate::{BlobType, Error, Id, Result};
use rustix::buffer::spare_capacity;
use rustix::fs::{Advice, Mode, OFlags, SeekFrom, Stat, fadvise, fstat, openat};
use rustix::io::Errno;
use std::fs::File;
use std::num::NonZeroU64;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

/// Whether these two describe the same state of a file.
fn is_same_state(one: &Stat, other: &Stat) -> bool {
    (one.st_size, one.st_mtime, one.st_mtime_nsec, one.st_ctime, one.st_ctime_nsec)
        == (other.st_size, other.st_mtime, other.st_mtime_nsec, other.st_ctime, other.st_ctime_nsec)
}

/// A file that is open and waits to be read; its metadata is from before.
pub(in crate::archive) struct OpenedFile<'a> {
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
    pub(in crate::archive) fn new(entry: Entry<'a>, file: File, node: Node, stat: &Stat, job: FileJob) -> Self {
        if let Some(length) = NonZeroU64::new(node.size.min(FETCHED)) {
            // Advice may be refused: it changes nothing but the time it takes.
            let _ = fadvise(&file, 0, Some(length), Advice::WillNeed);
        }
        Self { entry, file, stat: *stat, node, job }
    }

    /// Whether reading it takes long enough for others to be kept waiting.
    pub(in crate::archive) fn is_large(&self) -> bool {
        self.node.size > FETCHED
    }

    /// Read it and save it under its node.
    ///
    /// A file that changes meanwhile is read once more; if it changes again it is saved as it was read, under the
    /// metadata from before the read, so that the next run reads it again.
    pub(in crate::archive) fn read(self, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
        let is_done = self.attempt(shared, scratch, false)?;
        self.end(shared, scratch, is_done)
    }

    /// Read this file and another one. Two that are one blob each are hashed together.
    pub(in crate::archive) fn read_with(self, other: Self, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
        if !self.is_one_blob() || !other.is_one_blob() {
            self.read(shared, scratch)?;
            return other.read(shared, scratch);
        }
        let (mut plain, mut others) = (scratch.take_buffer(), scratch.take_buffer());
        let states = (self.load(shared, &mut plain), other.load(shared, &mut others));
        let done = match states {
            (Loaded::Whole, Loaded::Whole) => {
                let (id, other_id) = Id::of_both(&plain, &others);
                self.save_whole(shared, scratch, &plain, id)?;
                other.save_whole(shared, scratch, &others, other_id)?;
                (true, true)
            }
            (first, second) => (
                self.save_loaded(shared, scratch, &plain, first)?,
                other.save_loaded(shared, scratch, &others, second)?,
            ),
        };
        scratch.put_buffer(plain);
        scratch.put_buffer(others);
        self.end(shared, scratch, done.0)?;
        other.end(shared, scratch, done.1)
    }

    /// Try a last time what was not done.
    fn end(mut self, shared: &Shared, scratch: &mut Scratch, is_done: bool) -> Result<()> {
        if is_done {
            return Ok(());
        }
        match self.rewind(shared) {
            Ok(()) => self.attempt(shared, scratch, true).map(|_| ()),
            Err(error) => {
                self.entry.fail(shared, &error);
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

    /// Whether the file is one blob at most, as long as it does not grow.
    fn is_one_blob(&self) -> bool {
        u64::try_from(self.stat.st_size).is_ok_and(|size| size <= MIN as u64)
    }

    /// Whether the file is done with: saved, or reported. `false` asks for another attempt.
    fn attempt(&self, shared: &Shared, scratch: &mut Scratch, is_last: bool) -> Result<bool> {
        if !self.is_one_blob() {
            return self.read_large(shared, scratch, is_last);
        }
        let mut plain = scratch.take_buffer();
        let loaded = match self.load(shared, &mut plain) {
            Loaded::Changed if is_last => {
                self.warn_of_change(shared);
                Loaded::Whole
            }
            loaded => loaded,
        };
        if is_last && matches!(loaded, Loaded::Grown) {
            scratch.put_buffer(plain);
            rustix::fs::seek(&self.file, SeekFrom::Start(0)).map_err(|error| Error::io("read again", error))?;
            return self.read_large(shared, scratch, true);
        }
        let answer = self.save_loaded(shared, scratch, &plain, loaded);
        scratch.put_buffer(plain);
        answer
    }

    /// Read a file of one blob.
    fn load(&self, shared: &Shared, plain: &mut ReadBuffer) -> Loaded {
        let size = usize::try_from(self.stat.st_size).unwrap_or(0);
        let read = read_at_most(&self.file, size, plain);
        shared.counters.bytes_read.fetch_add(plain.len() as u64, Ordering::Relaxed);
        match read {
            Err(error) => {
                shared.fail(&self.entry.path, &Error::io("read", error).to_string());
                Loaded::Failed
            }
            Ok(()) if plain.len() > size => Loaded::Grown,
            Ok(()) if self.is_unchanged() => Loaded::Whole,
            Ok(()) => Loaded::Changed,
        }
    }

    /// Save what was loaded, unless it asks for another attempt.
    fn save_loaded(&self, shared: &Shared, scratch: &mut Scratch, plain: &[u8], loaded: Loaded) -> Result<bool> {
        match loaded {
            Loaded::Whole => self.save_whole(shared, scratch, plain, Id::of(plain)).map(|()| true),
            Loaded::Failed => Ok(true),
            Loaded::Changed | Loaded::Grown => Ok(false),
        }
    }

    /// A file that is one blob, or none when it is empty.
    fn save_whole(&self, shared: &Shared, scratch: &mut Scratch, plain: &[u8], id: Id) -> Result<()> {
        let (mut content, mut cost) = (Vec::new(), Cost::default());
        if !plain.is_empty() {
            cost = save_hashed(shared, scratch, BlobType::Data, plain, id, Scope::All)?;
            content.push(id);
        }
        let node = Node { size: plain.len() as u64, ..self.node.clone() };
        let Entry { directory, slot, path, name, .. } = &self.entry;
        let saved = Saved { contents: vec![content; shared.chunkers.len()], cost };
        finish(shared, directory, *slot, (path, name), &self.job, node, saved);
        Ok(())
    }

    fn read_large(&self, shared: &Shared, scratch: &mut Scratch, is_last: bool) -> Result<bool> {
        let Entry { directory, slot, path, name, .. } = &self.entry;
        let open =
            OpenFile::new(shared.chunkers.len(), directory, *slot, path.clone(), name.to_vec(), self.job.clone());
        let _current = shared.current(path);
        match cut_stream(shared, scratch, &open, Holed::new(&self.file, &self.stat)) {
            Ok(size) => {
                let stands = self.judge(shared, is_last);
                let node = stands.then(|| Node { size, ..self.node.clone() });
                close(&open, shared, scratch, node)?;
                Ok(stands)
            }
            Err(Error::Io { source, .. }) => {
                shared.fail(path, &Error::io("read", source).to_string());
                close(&open, shared, scratch, None)?;
                Ok(true)
            }
            Err(error) => Err(error),
        }
    }

    fn is_unchanged(&self) -> bool {
        fstat(&self.file).is_ok_and(|after| is_same_state(&self.stat, &after))
    }

    /// Judge a read that is over: whether it stands, with a warning where the file changed twice.
    fn judge(&self, shared: &Shared, is_last: bool) -> bool {
        let is_same = self.is_unchanged();
        if !is_same && is_last {
            self.warn_of_change(shared);
        }
        is_same || is_last
    }

    fn warn_of_change(&self, shared: &Shared) {
        shared.counters.files_changed_while_read.fetch_add(1, Ordering::Relaxed);
        let message =
            "the file changed while it was read, twice; it is saved as it was read and will be read again next time";
        shared.events.push(Event::Warning { path: self.entry.path.clone(), message: message.into() });
    }
}

/// What became of reading a file of one blob.
enum Loaded {
    /// It is there, as it was before.
    Whole,
    /// Its metadata is another one now.
    Changed,
    /// It holds more than it did.
    Grown,
    /// It was reported and is left out.
    Failed,
}

/// Read to the end or to one byte beyond `size`: then the file has grown. Memory is not cleared before it is filled.
fn read_at_most(file: &File, size: usize, plain: &mut ReadBuffer) -> rustix::io::Result<()> {
    let plain = plain.begin(size + 1);
    let full = plain.len() + size;
    while plain.len() <= full {
        match rustix::io::read(file, spare_capacity(plain)) {
            Ok(0) => break,
            // What a full buffer holds beyond the size says that the file has grown, whatever its length.
            Ok(_) => {}
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        if plain.len() == full {
            break;
        }
    }
    Ok(())
}

/// Open the file itself, never what a link points to; a failure is reported.
pub(in crate::archive) fn open_or_report(shared: &Shared, entry: &Entry<'_>) -> Option<File> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let open = |flags| openat(entry.held.fd(), entry.target, flags, Mode::empty());
    let opened = match open(flags | OFlags::NOATIME) {
        Err(Errno::PERM) => open(flags),
        answer => answer,
    };
    match opened {
        Ok(file) => Some(File::from(file)),
        Err(error) => {
            entry.fail(shared, &Error::io("open", error));
            None
        }
    }
}
