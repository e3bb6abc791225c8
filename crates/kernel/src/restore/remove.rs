//! Removing what the snapshot does not have: only in directories that were restored, only what the filter selects.

use super::beneath;
use super::context::Context;
use super::directory::Dir;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::Stat;
use rustix::io::Errno;
use std::collections::HashSet;
use std::sync::Arc;

/// Levels that are descended.
const DEEPEST: usize = 512;

/// Removes the entries of a directory whose names are not expected.
pub(super) fn unexpected(context: &Context, dir: &Arc<Dir>, handle: &OwnedFd, expected: &HashSet<Box<[u8]>>) {
    let names = match beneath::names(handle.as_fd()) {
        Ok(names) => names,
        Err(error) => {
            return context.fail(dir.path(), "cannot list the directory to remove what does not belong", error);
        }
    };
    for name in names {
        if context.report.stopped() {
            return;
        }
        if expected.contains(name.as_slice()) || !context.select.select(&dir.path_of(&name), false).0 {
            continue;
        }
        match beneath::look(handle.as_fd(), &name) {
            Ok(Some(stat)) => tree(context, dir, handle.as_fd(), &name, &stat),
            Ok(None) => {}
            Err(error) => context.fail(dir.path_of(&name), "cannot look at it", error),
        }
    }
}

/// Removes one entry with everything below it, and reports each. What cannot be removed is named.
pub(super) fn tree(context: &Context, dir: &Dir, handle: BorrowedFd<'_>, name: &[u8], stat: &Stat) {
    // Another file system that is mounted below is somebody else's.
    let device = dir.device().unwrap_or(stat.st_dev);
    descend(context, handle, name, stat, &dir.path_of(name), device, 0);
}

fn descend(
    context: &Context,
    above: BorrowedFd<'_>,
    name: &[u8],
    stat: &Stat,
    path: &[u8],
    device: u64,
    depth: usize,
) -> bool {
    if context.report.stopped() {
        return false;
    }
    let directory = beneath::kind(stat).is_dir();
    let refuse = |why: &str| {
        context.report.failed(path.to_vec(), format!("not removed: {why}"));
        false
    };
    if directory && stat.st_dev != device {
        return refuse("another file system is mounted there");
    }
    if directory && depth >= DEEPEST {
        return refuse("it lies too deep");
    }
    if directory && !descend_all(context, above, name, path, device, depth) {
        return false;
    }
    if !context.options.dry_run {
        let result = match directory {
            true => beneath::remove_directory(above, name),
            false => beneath::unlink(above, name),
        };
        match result {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => {
                context.fail(path.to_vec(), "cannot remove it", error);
                return false;
            }
        }
    }
    context.report.deleted(|| path.to_vec(), directory);
    true
}

/// Whether everything in a directory was removed.
fn descend_all(context: &Context, above: BorrowedFd<'_>, name: &[u8], path: &[u8], device: u64, depth: usize) -> bool {
    let listed = beneath::open_directory(above, name).and_then(|handle| {
        let names = beneath::names(handle.as_fd())?;
        Ok((handle, names))
    });
    let (handle, names) = match listed {
        Ok(listed) => listed,
        Err(error) => {
            context.fail(path.to_vec(), "cannot list the directory to remove it", error);
            return false;
        }
    };
    let mut all = true;
    for name in names {
        let below = [path, b"/", &name].concat();
        all &= match beneath::look(handle.as_fd(), &name) {
            Ok(Some(stat)) => descend(context, handle.as_fd(), &name, &stat, &below, device, depth + 1),
            Ok(None) => true,
            Err(error) => {
                context.fail(below, "cannot look at it", error);
                false
            }
        };
    }
    all
}
