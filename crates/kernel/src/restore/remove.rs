//! Removing: what the snapshot does not have, only in directories that were restored and only what the filter selects;
//! what was replaced; what never became whole.

use super::context::{Context, Doomed};
use super::directory::Dir;
use super::disk::beneath;
use super::disk::stamp::{Identity, identity};
use super::stage;
use super::visits::{Look, Quiet, Told, Visit};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, Stat};
use rustix::io::Errno;
use std::collections::HashSet;
use std::sync::Arc;

/// The names in a directory that are not expected.
pub(super) fn unexpected(
    context: &Context,
    dir: &Arc<Dir>,
    handle: &OwnedFd,
    expected: &HashSet<Box<[u8]>>,
) -> rustix::io::Result<Vec<Vec<u8>>> {
    let mut names = beneath::names(handle.as_fd())?;
    names.retain(|name| {
        !expected.contains(name.as_slice())
            && !stage::is_temporary(name)
            && context.select.select(&dir.path_of(name), false).0
    });
    Ok(names)
}

/// Everything else is done: removes what is to go.
pub(super) fn all(context: &Context, doomed: Vec<Doomed>) {
    for Doomed { dir, names, told } in doomed {
        if context.report.stopped() {
            return;
        }
        let done = context.handle(&dir).map(|handle| {
            if !context.options.dry_run {
                let _ = context.directories.make_writable(&dir, &handle);
            }
            for name in names {
                one(context, &dir, &handle, &name, told);
            }
            if !context.options.dry_run {
                context.give_metadata(&dir, &handle);
            }
            context.directories.close(&dir);
        });
        if let Err(error) = done {
            context.report.failed(dir.path(), format!("cannot remove from it what does not belong: {error}"));
        }
    }
}

fn one(context: &Context, dir: &Dir, handle: &OwnedFd, name: &[u8], told: bool) {
    if !told {
        return quietly(handle, name);
    }
    match beneath::look(handle.as_fd(), name) {
        // Another file system that is mounted below is somebody else's.
        Ok(Some(stat)) => {
            let device = dir.device().unwrap_or(stat.st_dev);
            tree(context, handle.as_fd(), name, &stat, &dir.path_of(name), device);
        }
        Ok(None) => {}
        Err(error) => context.fail(dir.path_of(name), "cannot look at it", error),
    }
}

/// Removes one entry with everything below it, and reports each. What cannot be removed is named.
pub(super) fn tree(context: &Context, above: BorrowedFd<'_>, name: &[u8], stat: &Stat, path: &[u8], device: u64) {
    let mut told = Told { context, device };
    walk(&mut told, above, name, stat, path);
}

/// Removes one entry with everything below it, in silence, as far as that goes.
pub(super) fn quietly(above: &OwnedFd, name: &[u8]) {
    if let Ok(Some(stat)) = beneath::look(above.as_fd(), name) {
        walk(&mut Quiet { device: stat.st_dev }, above.as_fd(), name, &stat, b"");
    }
}

/// Whether another file system is mounted at a directory or below it.
pub(super) fn holds_a_mount(context: &Context, above: BorrowedFd<'_>, name: &[u8], stat: &Stat) -> bool {
    let mut look = Look { context, device: stat.st_dev, found: false };
    let device = rustix::fs::fstat(above).map(|stat| stat.st_dev);
    walk(&mut look, above, name, stat, b"");
    look.found || device != Ok(stat.st_dev)
}

/// A directory on the way down.
struct Level {
    name: Vec<u8>,
    identity: Identity,
    names: std::vec::IntoIter<Vec<u8>>,
    /// Everything in it was taken so far.
    all: bool,
}

/// From the bottom up. Two directories are open at a time, however deep it goes: the way back is `..`, which must lead
/// to where we came from.
fn walk(visit: &mut impl Visit, above: BorrowedFd<'_>, name: &[u8], stat: &Stat, path: &[u8]) {
    if !beneath::kind(stat).is_dir() {
        visit.takes(above, name, false, path);
        return;
    }
    let mut path = path.to_vec();
    let mut stack: Vec<Level> = Vec::new();
    let Some((level, opened)) = descend(visit, above, name, stat, &path, 0) else { return };
    stack.push(level);
    let mut handle = opened;
    while let Some(level) = stack.last_mut() {
        if visit.stopped() {
            return;
        }
        if let Some(next) = level.names.next() {
            let length = path.len();
            path.push(b'/');
            path.extend_from_slice(&next);
            let taken = match beneath::look(handle.as_fd(), &next) {
                Ok(Some(stat)) if beneath::kind(&stat).is_dir() => {
                    let depth = stack.len();
                    if let Some((level, opened)) = descend(visit, handle.as_fd(), &next, &stat, &path, depth) {
                        stack.push(level);
                        handle = opened;
                        continue;
                    }
                    false
                }
                Ok(Some(_)) => visit.takes(handle.as_fd(), &next, false, &path),
                Ok(None) => true,
                Err(error) => {
                    visit.fails(&path, "cannot look at it", error);
                    false
                }
            };
            path.truncate(length);
            if let Some(level) = stack.last_mut() {
                level.all &= taken;
            }
            continue;
        }
        let Some(done) = stack.pop() else { return };
        let Some(below) = stack.last_mut() else {
            if done.all {
                visit.takes(above, &done.name, true, &path);
            }
            return;
        };
        match climb(&handle, below.identity) {
            Ok(up) => handle = up,
            Err(error) => return visit.fails(&path, "cannot go back from it", error),
        }
        below.all &= done.all && visit.takes(handle.as_fd(), &done.name, true, &path);
        path.truncate(path.len() - done.name.len() - 1);
    }
}

fn descend(
    visit: &mut impl Visit,
    above: BorrowedFd<'_>,
    name: &[u8],
    stat: &Stat,
    path: &[u8],
    depth: usize,
) -> Option<(Level, OwnedFd)> {
    if !visit.enters(stat, path, depth) {
        return None;
    }
    match list(above, name, visit.changes()) {
        Ok((handle, identity, names)) => {
            Some((Level { name: name.to_vec(), identity, names: names.into_iter(), all: true }, handle))
        }
        Err(error) => {
            visit.fails(path, "cannot list the directory to remove it", error);
            None
        }
    }
}

fn list(above: BorrowedFd<'_>, name: &[u8], changes: bool) -> rustix::io::Result<(OwnedFd, Identity, Vec<Vec<u8>>)> {
    let handle =
        if changes { beneath::open_own_directory(above, name)?.0 } else { beneath::open_directory(above, name)? };
    let stat = rustix::fs::fstat(&handle)?;
    let names = beneath::names(handle.as_fd())?;
    let mode = stat.st_mode & 0o7777;
    if changes && !names.is_empty() && mode & 0o300 != 0o300 && beneath::is_ours(&stat) {
        let _ = rustix::fs::fchmod(&handle, Mode::from_raw_mode(mode | 0o700));
    }
    Ok((handle, identity(&stat), names))
}

fn climb(handle: &OwnedFd, expected: Identity) -> rustix::io::Result<OwnedFd> {
    let up = beneath::open_directory(handle.as_fd(), b"..")?;
    if identity(&rustix::fs::fstat(&up)?) == expected { Ok(up) } else { Err(Errno::STALE) }
}
