//! Entries without content: symbolic links, devices, pipes, and further names of files.

use super::beneath;
use super::context::Context;
use super::directory::identity;
use super::entry::{Link, Other};
use super::metadata;
use super::report::Action;
use crate::tree::NodeType;
use rustix::fd::AsFd;
use rustix::fs::{AtFlags, FileType, Mode};
use rustix::io::Errno;

/// Makes a symbolic link, a device or a pipe.
pub(super) fn make(context: &Context, other: &Other) {
    let path = || other.dir.path_of(&other.name);
    let action = if other.replaced { Action::Updated } else { Action::Restored };
    if context.options.dry_run {
        context.report.done(path, false, action, 0);
    } else {
        match context.handle(&other.dir) {
            Err(error) => context.report.failed(path(), format!("cannot reach its directory: {error}")),
            Ok(dir) => match create(other, dir.as_fd()) {
                Err(error) => context.fail(path(), "cannot create it", error),
                Ok(()) => {
                    let link = other.kind == NodeType::Symlink;
                    let outcome = metadata::apply_to_entry(dir.as_fd(), &other.name, link, &other.metadata);
                    context.tell(path, outcome);
                    context.report.done(path, false, action, 0);
                }
            },
        }
    }
    context.release(&other.dir);
}

fn create(other: &Other, dir: rustix::fd::BorrowedFd<'_>) -> rustix::io::Result<()> {
    let (kind, device) = match other.kind {
        NodeType::Symlink => {
            // A NUL would end the target early, and then it is another one.
            let target: &[u8] = if other.target.contains(&0) { b"" } else { &other.target };
            return rustix::fs::symlinkat(target, dir, &*other.name);
        }
        NodeType::Dev => (FileType::BlockDevice, other.device),
        NodeType::CharDev => (FileType::CharacterDevice, other.device),
        _ => (FileType::Fifo, 0),
    };
    rustix::fs::mknodat(dir, &*other.name, kind, Mode::from_raw_mode(0o600), device)
}

/// Gives a file another name.
pub(super) fn link(context: &Context, link: &Link) {
    let path = || link.dir.path_of(&link.name);
    if context.options.dry_run {
        context.report.done(path, false, Action::Restored, 0);
    } else {
        match try_link(context, link) {
            Ok(action) => context.report.done(path, false, action, 0),
            Err(Failure::Message(message)) => context.report.failed(path(), message),
            Err(Failure::System(error)) => context.fail(path(), "cannot make the hard link", error),
        }
    }
    context.release(&link.source.dir);
    context.release(&link.dir);
}

enum Failure {
    Message(String),
    System(Errno),
}

impl From<Errno> for Failure {
    fn from(error: Errno) -> Self {
        Self::System(error)
    }
}

fn try_link(context: &Context, link: &Link) -> Result<Action, Failure> {
    let source = &link.source;
    let first = || source.dir.path_of(&source.name).escape_ascii().to_string();
    let Some(known) = source.identity.get() else {
        return Err(Failure::Message(format!("the file that it is a hard link of was not restored: {}", first())));
    };
    let reach =
        |dir| context.handle(dir).map_err(|error| Failure::Message(format!("cannot reach its directory: {error}")));
    let (from, to) = (reach(&source.dir)?, reach(&link.dir)?);
    let before = beneath::look(to.as_fd(), &link.name)?;
    if before.as_ref().is_some_and(|stat| identity(stat) == *known) {
        return Ok(Action::Unchanged);
    }
    if before.is_some() {
        context.make_room(&link.dir, &to, &link.name)?;
    }
    rustix::fs::linkat(from.as_fd(), &*source.name, to.as_fd(), &*link.name, AtFlags::empty())?;
    // Whoever exchanged the first name meanwhile must not get a link to something else into the target.
    let after = beneath::look(to.as_fd(), &link.name)?;
    if after.is_none_or(|stat| identity(&stat) != *known) {
        let _ = beneath::unlink(to.as_fd(), &link.name);
        return Err(Failure::Message(format!("another file has taken the place of {}", first())));
    }
    Ok(if before.is_some() { Action::Updated } else { Action::Restored })
}
