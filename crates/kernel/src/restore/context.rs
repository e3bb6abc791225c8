//! What all parts of a running restore share.

use super::directory::{Dir, Directories};
use super::disk::beneath;
use super::disk::choice::Choice;
use super::disk::limits::Limits;
use super::disk::metadata;
use super::disk::metadata::Outcome;
use super::fetch::Fetch;
use super::options::Options;
use super::report::Report;
use super::stage::Stage;
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

/// Entries of a directory that go at the end of the run.
pub(super) struct Doomed {
    pub(super) dir: Arc<Dir>,
    pub(super) names: Vec<Vec<u8>>,
    /// Told to the user: they were the user's, not a leftover.
    pub(super) told: bool,
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
        doomed.push(Doomed { dir: Arc::clone(dir), names, told });
    }

    /// What is to go, once everything else is done.
    pub(super) fn take_doomed(&self) -> Vec<Doomed> {
        std::mem::take(&mut *self.doomed.lock().unwrap_or_else(PoisonError::into_inner))
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
