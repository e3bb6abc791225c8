//! Directories as they are needed: one that is there is opened; what stands in the way of one stays until that is whole.

use super::super::directory::{Dir, Found};
use super::super::disk::beneath;
use super::super::disk::stamp::mtime;
use super::super::place::clear_leftovers;
use super::{Subdirectory, Walk, words};
use crate::{Error, Result};
use rustix::fd::AsFd;
use rustix::io::Errno;
use std::sync::Arc;

impl Walk<'_> {
    /// Removes what a killed run left in a directory, once that is open and its names are known.
    pub(super) fn clear_leftovers(&mut self, position: usize) {
        let frame = &mut self.stack[position];
        let (Some(dir), Some(spared), false) = (&frame.dir, &frame.spared, frame.cleared) else { return };
        frame.cleared = true;
        if dir.fresh || !dir.exists() || self.context.options.dry_run {
            return;
        }
        if let Err(error) = clear_leftovers(self.context, dir, spared) {
            self.context.report.failed(frame.path.clone(), error.to_string());
        }
    }

    /// The directory of a frame, made with those above it if need be. Reported if that fails; then all of it is
    /// left out.
    pub(super) fn directory(&mut self, position: usize) -> Option<Arc<Dir>> {
        if let Some(dir) = &self.stack[position].dir {
            return Some(Arc::clone(dir));
        }
        if self.stack[position].broken {
            return None;
        }
        let Some(above) = self.directory(position - 1) else {
            self.stack[position].broken = true;
            return None;
        };
        let subdirectory = self.stack[position].waiting.take()?;
        match self.make_directory(&above, &subdirectory) {
            Ok(found) => {
                if found.as_ref().is_some_and(|found| found.staged.is_some()) {
                    self.context.report.watch([&self.stack[position].path[..], b"/"].concat());
                }
                let path = &self.stack[position].path;
                for what in subdirectory.left_out {
                    self.context.report.left_out(path.clone(), what);
                }
                self.context.report.found(0);
                match self.context.directories.child(&above, &subdirectory.name, found, subdirectory.metadata) {
                    Ok(dir) => {
                        self.stack[position].dir = Some(Arc::clone(&dir));
                        self.clear_leftovers(position);
                        return Some(dir);
                    }
                    Err(error) => self.context.report.failed(path.clone(), error.to_string()),
                }
            }
            Err(Error::Cancelled) => {}
            Err(error) => {
                let message = format!("cannot make the directory, what is in it was left out: {error}");
                self.context.report.failed(self.stack[position].path.clone(), message);
            }
        }
        self.stack[position].broken = true;
        None
    }

    fn make_directory(&self, above: &Arc<Dir>, subdirectory: &Subdirectory) -> Result<Option<Found>> {
        let name = &subdirectory.name;
        if !above.exists() {
            return Ok(None); // only in a dry run
        }
        let parent = self.context.handle(above)?;
        let io = |error: Errno| {
            if beneath::is_fatal(error) {
                let path = above.path_of(name);
                self.context
                    .report
                    .stop(Error::io(format!("cannot make a directory, at {}", path.escape_ascii()), error));
                return Error::Cancelled;
            }
            words(error)
        };
        let there = if above.fresh { None } else { beneath::look(parent.as_fd(), name).map_err(io)? };
        if there.as_ref().is_some_and(|stat| beneath::kind(stat).is_dir()) {
            let (handle, relaxed) = self.context.directories.open_entry(&parent, name).map_err(io)?;
            return Ok(Some(Found { handle, fresh: false, staged: None, relaxed }));
        }
        if there.as_ref().is_some_and(|stat| !self.overwrites(subdirectory.metadata.mtime, mtime(stat))) {
            return Err(io(Errno::EXIST));
        }
        if self.context.options.dry_run {
            return Ok(None);
        }
        self.context.directories.make_writable(above, &parent).map_err(io)?;
        let make = |name: &[u8]| {
            rustix::fs::mkdirat(parent.as_fd(), name, rustix::fs::Mode::RWXU)?;
            beneath::open_directory(parent.as_fd(), name)
        };
        if there.is_none() {
            let handle = make(name).map_err(io)?;
            return Ok(Some(Found { handle, fresh: true, staged: None, relaxed: None }));
        }
        // What stands there stays until the directory is whole.
        let (temporary, handle) = self.context.stage.make(above, make).map_err(io)?;
        self.context.stage.claim(&temporary, &handle, self.context.limits.claims);
        Ok(Some(Found { handle, fresh: true, staged: Some(temporary), relaxed: None }))
    }
}
