//! Entries without content: symbolic links, devices, pipes, and further names of files.

use super::context::{Attempt, Context, os};
use super::directory::Dir;
use super::disk::beneath;
use super::disk::metadata;
use super::disk::stamp::identity;
use super::entry::{Link, Other};
use super::finish::release;
use super::place::Waiting;
use super::report::Action;
use crate::Error;
use crate::tree::NodeType;
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, FileType, Mode, Stat};
use std::sync::Arc;

/// Makes a symbolic link, a device or a pipe.
pub(super) fn make(context: &Context, other: &Other) {
    let path = || other.dir.path_of(&other.name);
    let done = if context.options.dry_run { dry(context, other) } else { try_make(context, other) };
    match done {
        Ok(action) => context.report.done(path, action, 0),
        Err((what, error)) => context.failed(path(), what, error),
    }
    release(context, &other.dir);
}

fn dry(context: &Context, other: &Other) -> Attempt<Action> {
    if !other.replaced {
        return Ok(Action::Restored);
    }
    let dir = context.handle(&other.dir).map_err(|error| ("cannot reach its directory", error))?;
    Ok(if is_there(other, dir.as_fd())? { Action::Unchanged } else { Action::Updated })
}

fn try_make(context: &Context, other: &Other) -> Attempt<Action> {
    const WHAT: &str = "cannot create it";
    let link = other.kind == NodeType::Symlink;
    let tell = |dir: BorrowedFd<'_>, name: &[u8]| {
        let outcome = metadata::apply_to_entry(dir, name, link, &other.metadata);
        context.tell(|| other.dir.path_of(&other.name), outcome);
    };
    if !other.replaced {
        let dir = context.writable(&other.dir)?;
        os(WHAT, create(other, dir.as_fd(), &other.name))?;
        tell(dir.as_fd(), &other.name);
        return Ok(Action::Restored);
    }
    let dir = context.handle(&other.dir).map_err(|error| ("cannot reach its directory", error))?;
    if is_there(other, dir.as_fd())? {
        return Ok(Action::Unchanged);
    }
    let dir = context.writable(&other.dir)?;
    let (temporary, ()) = os(WHAT, context.stage.make(&other.dir, |name| create(other, dir.as_fd(), name)))?;
    tell(dir.as_fd(), &temporary);
    let (name, mtime) = (&*other.name, other.metadata.mtime);
    Waiting { dir: &other.dir, above: &dir, temporary: &temporary, name, mtime, directory: false }.place(context)?;
    Ok(Action::Updated)
}

/// Whether it stands there already, as it is to be.
fn is_there(other: &Other, dir: BorrowedFd<'_>) -> Attempt<bool> {
    let stat = os("cannot look at what is there", beneath::look(dir, &other.name))?;
    let link = other.kind == NodeType::Symlink;
    Ok(stat.is_some_and(|stat| is_same(other, dir, &stat) && metadata::entry_has(&stat, link, &other.metadata)))
}

fn is_same(other: &Other, dir: BorrowedFd<'_>, stat: &Stat) -> bool {
    match (&other.kind, beneath::kind(stat)) {
        (NodeType::Symlink, FileType::Symlink) => rustix::fs::readlinkat(dir, &*other.name, Vec::new())
            .is_ok_and(|target| target.as_bytes() == &*other.target),
        (NodeType::Dev, FileType::BlockDevice) | (NodeType::CharDev, FileType::CharacterDevice) => {
            stat.st_rdev == other.device
        }
        (NodeType::Fifo, FileType::Fifo) => true,
        _ => false,
    }
}

fn create(other: &Other, dir: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
    let (kind, device) = match other.kind {
        NodeType::Symlink => {
            // A NUL would end the target early, and then it is another one.
            let target: &[u8] = if other.target.contains(&0) { b"" } else { &other.target };
            return rustix::fs::symlinkat(target, dir, name);
        }
        NodeType::Dev => (FileType::BlockDevice, other.device),
        NodeType::CharDev => (FileType::CharacterDevice, other.device),
        _ => (FileType::Fifo, 0),
    };
    rustix::fs::mknodat(dir, name, kind, Mode::from_raw_mode(0o600), device)
}

/// Gives a file another name.
pub(super) fn link(context: &Context, link: &Link) {
    let path = || link.dir.path_of(&link.name);
    let done = if context.options.dry_run { Ok(Action::Restored) } else { try_link(context, link) };
    match done {
        Ok(action) => context.report.done(path, action, 0),
        Err((what, error)) => context.failed(path(), what, error),
    }
    release(context, &link.source.dir);
    release(context, &link.dir);
}

fn try_link(context: &Context, link: &Link) -> Attempt<Action> {
    const WHAT: &str = "cannot make the hard link";
    let source = &link.source;
    let first = || source.dir.path_of(&source.name).escape_ascii().to_string();
    let Some(known) = source.identity.get() else {
        return Err((WHAT, Error::damaged(format!("the file that it is one of was not restored: {}", first()))));
    };
    let reach = |dir: &Arc<Dir>| context.handle(dir).map_err(|error| ("cannot reach its directory", error));
    let (from, to) = (reach(&source.dir)?, reach(&link.dir)?);
    let before = os(WHAT, beneath::look(to.as_fd(), &link.name))?;
    if before.as_ref().is_some_and(|stat| identity(stat) == *known) {
        return Ok(Action::Unchanged);
    }
    let to = context.writable(&link.dir)?;
    let make = |name: &[u8]| rustix::fs::linkat(from.as_fd(), &*source.name, to.as_fd(), name, AtFlags::empty());
    // Whoever exchanged the first name meanwhile must not get a link to something else into the target.
    let is_right = |name: &[u8]| {
        let after = os(WHAT, beneath::look(to.as_fd(), name))?;
        let right = after.is_some_and(|stat| identity(&stat) == *known);
        if right { Ok(()) } else { Err((WHAT, Error::damaged(format!("another file took the place of {}", first())))) }
    };
    if before.is_none() {
        os(WHAT, make(&link.name))?;
        is_right(&link.name).inspect_err(|_| _ = beneath::unlink(to.as_fd(), &link.name))?;
        return Ok(Action::Restored);
    }
    let (temporary, ()) = os(WHAT, context.stage.make(&link.dir, make))?;
    let (name, mtime) = (&*link.name, link.mtime);
    let waiting = Waiting { dir: &link.dir, above: &to, temporary: &temporary, name, mtime, directory: false };
    is_right(&temporary).inspect_err(|_| waiting.discard(context))?;
    waiting.place(context)?;
    Ok(Action::Updated)
}
