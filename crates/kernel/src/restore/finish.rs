//! A directory of which everything is there: what does not belong is seen, its metadata set, it gets its place.

use super::context::{Attempt, Context};
use super::directory::Dir;
use super::place::Waiting;
use super::remove;
use super::report::Action;
use crate::Error;
use std::sync::{Arc, PoisonError};

/// One entry of a directory is done, or one holder gone. Finishes the directory, and those above, at the last.
pub(super) fn release(context: &Context, dir: &Arc<Dir>) {
    let mut dir = Arc::clone(dir);
    while dir.let_go() {
        finish(context, &dir);
        context.directories.close(&dir);
        let Some(parent) = dir.parent.clone() else { return };
        dir = parent;
    }
}

/// Everything in this directory is there: see what does not belong, set its own metadata, put it in its place.
fn finish(context: &Context, dir: &Arc<Dir>) {
    if context.report.stopped() {
        return;
    }
    if dir.exists()
        && let Err((what, error)) = finish_on_disk(context, dir)
    {
        context.failed(dir.path(), what, error);
        return;
    }
    if dir.parent.is_some() {
        context.report.done(|| dir.path(), Action::Restored, 0);
    }
}

fn finish_on_disk(context: &Context, dir: &Arc<Dir>) -> Attempt<()> {
    let expected = dir.expected.lock().unwrap_or_else(PoisonError::into_inner).take();
    if expected.is_none() && (context.options.dry_run || dir.metadata.is_none()) {
        return Ok(()); // the target's own mode, should it have been changed, is given back at the end
    }
    let handle = context.handle(dir).map_err(|error| ("cannot reach the directory", error))?;
    if let Some(expected) = expected {
        match remove::unexpected(context, dir, &handle, &expected) {
            Ok(names) if names.is_empty() => {}
            Ok(names) => context.doom(dir, names, true),
            Err(error) => context.fail(dir.path(), "cannot list the directory to see what does not belong", error),
        }
    }
    if context.options.dry_run {
        return Ok(());
    }
    let staged = dir.staged.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let whole = staged.is_none() || context.report.was_whole(&dir.path_of(b""));
    context.give_metadata(dir, &handle);
    match staged {
        Some(temporary) => place_directory(context, dir, &temporary, whole),
        None => Ok(()),
    }
}

/// A directory that was filled under a temporary name takes the place of what stands there.
fn place_directory(context: &Context, dir: &Arc<Dir>, temporary: &[u8], whole: bool) -> Attempt<()> {
    let (Some(parent), Some(metadata)) = (&dir.parent, &dir.metadata) else { return Ok(()) };
    let above = context.writable(parent)?;
    let (name, mtime) = (&*dir.name, metadata.mtime);
    let waiting = Waiting { dir: parent, above: &above, temporary, name, mtime, directory: true };
    if !whole {
        context.directories.close(dir);
        waiting.discard(context);
        let why = "not all of the directory can be had; another folder as a target takes what there is";
        return Err(("what stands there stays", Error::damaged(why)));
    }
    waiting.place(context)?;
    dir.staged.lock().unwrap_or_else(PoisonError::into_inner).take();
    Ok(())
}
