//! A directory is listed: what its tag files leave in goes onto the stack.

use super::base::{Base, Held, list_names};
use crate::archive::blobs::Scratch;
use crate::archive::directory::Directory;
use crate::archive::events::Event;
use crate::archive::shared::Shared;
use crate::archive::tasks::{DirectoryTask, EntriesTask, Task};
use crate::archive::trees::{open, release};
use crate::filter::Excludes;
use crate::{Error, Result};
use rustix::fs::{Mode, OFlags};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Entries that one task looks at before others may take over.
const BATCH: usize = 64;

/// List a directory and hand on what is in it.
pub(in crate::archive) fn list(task: DirectoryTask, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
    let DirectoryTask { opening, base, name, is_explicit } = task;
    let Some((up, _)) = opening.up.clone() else {
        return Err(Error::Internal("a directory below nothing".into()));
    };
    let listed = base.hold().and_then(|held| names_below(&held, &name));
    match listed {
        Ok((fd, names)) => {
            let names = without_tagged(shared, &fd, names, Some(&opening.path));
            let directory = open(shared, opening, names.len());
            push_entries(shared, &directory, base.below(&shared.folders, &name, fd), names);
            release(&directory, shared, scratch)
        }
        // As if it had never been listed.
        Err(error) if !is_explicit && error.is_missing() => release(&up, shared, scratch),
        Err(error) => {
            shared.fail(&opening.path, &error.to_string());
            release(&up, shared, scratch)
        }
    }
}

/// The names that the directory's tag files, if it has any, leave in.
pub(in crate::archive) fn without_tagged(
    shared: &Shared,
    fd: &OwnedFd,
    mut names: Vec<Vec<u8>>,
    warn: Option<&[u8]>,
) -> Vec<Vec<u8>> {
    let mut warnings = Vec::new();
    let tags = shared.options.excludes.tags_in(fd.as_fd(), &mut warnings);
    if let Some(path) = warn {
        for warning in warnings {
            shared.events.push(Event::Warning { path: path.to_vec(), message: warning.to_string() });
        }
    }
    if !tags.is_empty() {
        names.retain(|name| !Excludes::by_tags(&tags, name));
    }
    names
}

fn names_below(base: &Held, name: &[u8]) -> Result<(OwnedFd, Vec<Vec<u8>>)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let open = |flags| rustix::fs::openat(base.fd(), name, flags, Mode::empty());
    let fd = open(flags | OFlags::NOATIME)
        .or_else(|_| open(flags))
        .map_err(|error| Error::io("open the directory", error))?;
    let names = list_names(&fd)?;
    Ok((fd, names))
}

fn push_entries(shared: &Shared, directory: &Arc<Directory>, base: Base, names: Vec<Vec<u8>>) {
    let names = Arc::new(names);
    let starts: Vec<usize> = (0..names.len()).step_by(BATCH).collect();
    directory.expect(starts.len());
    shared.tasks.push(starts.into_iter().rev().map(|start| {
        Task::Entries(EntriesTask {
            directory: Arc::clone(directory),
            base: base.clone(),
            names: Arc::clone(&names),
            start,
            end: (start + BATCH).min(names.len()),
        })
    }));
}
