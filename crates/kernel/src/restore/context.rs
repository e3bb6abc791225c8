//! What all parts of a running restore share.

use super::beneath;
use super::choice::Choice;
use super::directory::{Dir, Directories};
use super::fetch::Fetch;
use super::metadata::Outcome;
use super::options::Options;
use super::report::{Action, Report};
use super::{metadata, remove};
use crate::envelope::Envelope;
use crate::filter::Selection;
use crate::index::Index;
use crate::{Error, Result};
use rustix::fd::{AsFd, OwnedFd};
use rustix::io::Errno;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

pub(super) struct Context {
    pub(super) options: Options,
    pub(super) select: Selection,
    pub(super) choice: Option<Arc<Choice>>,
    pub(super) envelope: Arc<Envelope>,
    pub(super) index: Arc<RwLock<Index>>,
    pub(super) report: Report,
    pub(super) directories: Directories,
    pub(super) fetch: Fetch,
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

    /// Whether an entry that stands where one is to be made was removed, or nothing stood there. A directory goes
    /// only if it is empty or everything that the snapshot does not have is to be removed; otherwise it is an error.
    pub(super) fn make_room(&self, dir: &Arc<Dir>, handle: &OwnedFd, name: &[u8]) -> rustix::io::Result<()> {
        let Some(stat) = beneath::look(handle.as_fd(), name)? else { return Ok(()) };
        if !beneath::kind(&stat).is_dir() {
            return beneath::unlink(handle.as_fd(), name);
        }
        match beneath::remove_directory(handle.as_fd(), name) {
            Err(Errno::NOTEMPTY) if self.options.delete => {
                remove::tree(self, dir, handle.as_fd(), name, &stat);
                Ok(())
            }
            other => other,
        }
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

    /// Everything in this directory is there: remove what does not belong, set its own metadata.
    fn finish(&self, dir: &Arc<Dir>) {
        if self.report.stopped() {
            return;
        }
        if dir.exists()
            && let Err(error) = self.finish_on_disk(dir)
        {
            self.report.failed(dir.path(), error.to_string());
        }
        if dir.parent.is_some() {
            self.report.done(|| dir.path(), true, Action::Restored, 0);
        }
    }

    fn finish_on_disk(&self, dir: &Arc<Dir>) -> Result<()> {
        let expected = dir.expected.lock().unwrap_or_else(PoisonError::into_inner).take();
        if expected.is_none() && (self.options.dry_run || dir.metadata.is_none()) {
            return Ok(());
        }
        let handle = self.handle(dir)?;
        if let Some(expected) = expected {
            remove::unexpected(self, dir, &handle, &expected);
        }
        if let (Some(metadata), false) = (&dir.metadata, self.options.dry_run) {
            let stat = rustix::fs::fstat(&handle).map_err(|error| Error::io("cannot look at the directory", error))?;
            let outcome = metadata::apply_to_handle(&handle, &stat, metadata, dir.fresh && dir.plain);
            self.tell(|| dir.path(), outcome);
        }
        Ok(())
    }
}
