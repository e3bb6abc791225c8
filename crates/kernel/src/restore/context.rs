//! What all parts of a running restore share.

use super::beneath;
use super::choice::Choice;
use super::directory::{Dir, Directories};
use super::fetch::Fetch;
use super::limits::Limits;
use super::metadata;
use super::metadata::Outcome;
use super::options::Options;
use super::remove::{self, Doomed};
use super::report::{Action, Report};
use super::stage::{Stage, Waiting};
use crate::envelope::Envelope;
use crate::filter::Selection;
use crate::index::Index;
use crate::{Error, Result};
use rustix::fd::OwnedFd;
use rustix::fs::Mode;
use rustix::io::Errno;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};

/// What was tried, and why it failed.
pub(super) type Attempt<T> = Result<T, (&'static str, Error)>;

pub(super) fn os<T>(what: &'static str, result: rustix::io::Result<T>) -> Attempt<T> {
    result.map_err(|error| (what, Error::io("", error)))
}

pub(super) struct Context {
    pub(super) options: Options,
    pub(super) select: Selection,
    pub(super) choice: Option<Arc<Choice>>,
    pub(super) envelope: Arc<Envelope>,
    pub(super) index: Arc<RwLock<Index>>,
    pub(super) report: Report,
    pub(super) directories: Directories,
    pub(super) fetch: Fetch,
    pub(super) limits: Limits,
    pub(super) stage: Stage,
    pub(super) doomed: Mutex<Vec<Doomed>>,
}

impl Context {
    pub(super) fn index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// An open handle on a directory.
    pub(super) fn handle(&self, dir: &Arc<Dir>) -> Result<Arc<OwnedFd>> {
        self.directories.handle(dir)
    }

    /// Names an item that failed; ends the run if everything else would fail in the same way.
    pub(super) fn fail(&self, path: Vec<u8>, what: &str, error: Errno) {
        if beneath::is_fatal(error) {
            self.report.stop(Error::io(format!("{what}, at {}", path.escape_ascii()), error));
        } else {
            self.report.failed(path, Error::io(what, error).to_string());
        }
    }

    /// Tells what became of an entry's metadata.
    pub(super) fn tell(&self, path: impl Fn() -> Vec<u8>, outcome: Outcome) {
        for what in outcome.left_out {
            self.report.left_out(path(), what);
        }
        if !outcome.problems.is_empty() {
            self.report.failed(path(), outcome.problems.join("; "));
        }
    }

    /// The same for what was tried with an entry.
    pub(super) fn failed(&self, path: Vec<u8>, what: &str, error: Error) {
        match error {
            Error::Io { source, .. } => self.fail(path, what, Errno::from_io_error(&source).unwrap_or(Errno::IO)),
            error => self.report.failed(path, format!("{what}: {error}")),
        }
    }

    /// An open handle on a directory in which entries are about to be made.
    pub(super) fn writable(&self, dir: &Arc<Dir>) -> Attempt<Arc<OwnedFd>> {
        let handle = self.handle(dir).map_err(|error| ("cannot reach its directory", error))?;
        os("cannot change the mode of its directory", self.directories.make_writable(dir, &handle))?;
        Ok(handle)
    }

    /// These entries of a directory go when everything else is done.
    pub(super) fn doom(&self, dir: &Arc<Dir>, names: Vec<Vec<u8>>, told: bool) {
        let mut doomed = self.doomed.lock().unwrap_or_else(PoisonError::into_inner);
        doomed.push(Doomed::new(dir, names, told));
    }

    /// What is to go, once everything else is done.
    pub(super) fn take_doomed(&self) -> Vec<Doomed> {
        std::mem::take(&mut *self.doomed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// One entry of a directory is done, or one holder gone. Finishes the directory, and those above, at the last.
    pub(super) fn release(&self, dir: &Arc<Dir>) {
        let mut dir = Arc::clone(dir);
        while dir.let_go() {
            self.finish(&dir);
            self.directories.close(&dir);
            let Some(parent) = dir.parent.clone() else { return };
            dir = parent;
        }
    }

    /// Everything in this directory is there: see what does not belong, set its own metadata, put it in its place.
    fn finish(&self, dir: &Arc<Dir>) {
        if self.report.stopped() {
            return;
        }
        if dir.exists()
            && let Err((what, error)) = self.finish_on_disk(dir)
        {
            self.failed(dir.path(), what, error);
            return;
        }
        if dir.parent.is_some() {
            self.report.done(|| dir.path(), true, Action::Restored, 0);
        }
    }

    fn finish_on_disk(&self, dir: &Arc<Dir>) -> Attempt<()> {
        let expected = dir.expected.lock().unwrap_or_else(PoisonError::into_inner).take();
        if expected.is_none() && (self.options.dry_run || dir.metadata.is_none()) {
            return Ok(()); // the target's own mode, should it have been changed, is given back at the end
        }
        let handle = self.handle(dir).map_err(|error| ("cannot reach the directory", error))?;
        if let Some(expected) = expected {
            match remove::unexpected(self, dir, &handle, &expected) {
                Ok(names) if names.is_empty() => {}
                Ok(names) => self.doom(dir, names, true),
                Err(error) => self.fail(dir.path(), "cannot list the directory to see what does not belong", error),
            }
        }
        if self.options.dry_run {
            return Ok(());
        }
        let staged = dir.staged.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let whole = staged.is_none() || self.report.was_whole(&dir.path_of(b""));
        self.give_metadata(dir, &handle);
        match staged {
            Some(temporary) => self.place_directory(dir, &temporary, whole),
            None => Ok(()),
        }
    }

    /// A directory that was filled under a temporary name takes the place of what stands there.
    fn place_directory(&self, dir: &Arc<Dir>, temporary: &[u8], whole: bool) -> Attempt<()> {
        let (Some(parent), Some(metadata)) = (&dir.parent, &dir.metadata) else { return Ok(()) };
        let above = self.writable(parent)?;
        let (name, mtime) = (&*dir.name, metadata.mtime);
        let waiting = Waiting { dir: parent, above: &above, temporary, name, mtime, directory: true };
        if !whole {
            self.directories.close(dir);
            waiting.discard(self);
            let why = "not all of the directory can be had; another folder as a target takes what there is";
            return Err(("what stands there stays", Error::damaged(why)));
        }
        waiting.place(self)?;
        dir.staged.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(())
    }

    /// What the snapshot says of a directory itself; the target keeps what it had.
    pub(super) fn give_metadata(&self, dir: &Arc<Dir>, handle: &OwnedFd) {
        let before = self.directories.take_mode(dir);
        match (&dir.metadata, before) {
            (Some(metadata), _) => match rustix::fs::fstat(handle) {
                Ok(stat) => {
                    let outcome = metadata::apply_to_handle(handle, &stat, metadata, dir.fresh && dir.plain);
                    self.tell(|| dir.path(), outcome);
                }
                Err(error) => self.fail(dir.path(), "cannot look at the directory", error),
            },
            (None, Some(mode)) => {
                if let Err(error) = rustix::fs::fchmod(handle, Mode::from_raw_mode(mode)) {
                    self.fail(dir.path(), "cannot give the directory its mode back", error);
                }
            }
            (None, None) => {}
        }
    }
}
