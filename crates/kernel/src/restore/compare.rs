//! Files that are on disk already: what of the snapshot's content do they hold?

use super::context::Context;
use super::disk::beneath;
use super::disk::bytes::holds;
use super::disk::metadata;
use super::disk::stamp::{Stamp, identity, mtime};
use super::entry::{File, State};
use super::finish::release;
use super::options::Overwrite;
use super::plan::{is_too_long, plain_length};
use super::write;
use crate::BlobType;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::Stat;
use std::sync::atomic::Ordering::Relaxed;

/// Compares a file that is present, and either settles it or leaves what it lacks for the plan. It is read, nothing else.
pub(super) fn present(context: &Context, file: &File, buffer: &mut Vec<u8>) {
    match context.handle(&file.dir) {
        Ok(dir) => try_present(context, file, &dir, buffer),
        Err(error) => {
            write::fail(context, file, "cannot reach its directory", error);
            write::settle(context, file);
        }
    }
}

fn try_present(context: &Context, file: &File, dir: &OwnedFd, buffer: &mut Vec<u8>) {
    let dry = context.options.dry_run;
    let opened = beneath::open_to_read(dir.as_fd(), &file.name)
        .ok()
        .and_then(|handle| rustix::fs::fstat(&handle).ok().map(|stat| (handle, stat)))
        .filter(|(_, stat)| beneath::kind(stat).is_file());
    let Some((handle, stat)) = opened else {
        context.report.found(file.size); // what may not be read is replaced
        return;
    };
    let lacking = if same_stamp(context, file, &stat) { Vec::new() } else { lacking(context, file, &handle, buffer) };
    // What has several names is left as it is or replaced, never touched: another may lie outside (threats E-3).
    let shared = stat.st_nlink > 1;
    let complete = lacking.is_empty() && stat.st_size as u64 == file.size;
    let right = complete && metadata::has(&handle, &stat, &file.metadata);
    if complete && (!shared || right) {
        file.length.store(file.size, Relaxed);
        context.report.skipped(|| file.path(), file.size);
        if !dry && !right {
            let outcome = metadata::apply_to_handle(&handle, &stat, &file.metadata, false);
            context.tell(|| file.path(), outcome);
        }
        if let Some(source) = &file.source {
            let _ = source.identity.set(identity(&stat));
        }
        *file.state() = State::Settled;
        release(context, &file.dir);
        return;
    }
    context.report.found(file.size);
    if !dry && lacking.len() < file.content.len() {
        context.report.wrote(file.size.saturating_sub(lengths(context, file, &lacking)));
        *file.state() = State::Lacking(Stamp::of(&stat), lacking);
    }
}

fn same_stamp(context: &Context, file: &File, stat: &Stat) -> bool {
    context.options.overwrite == Overwrite::IfChanged
        && stat.st_size as u64 == file.size
        && mtime(stat) == file.metadata.mtime
}

fn lengths(context: &Context, file: &File, blobs: &[u32]) -> u64 {
    let index = context.index();
    let length = |blob: &u32| index.lookup(BlobType::Data, &file.content[*blob as usize]);
    blobs.iter().filter_map(length).map(|location| plain_length(&location)).sum()
}

/// The numbers of the blobs that a file does not hold at their places.
pub(super) fn lacking(context: &Context, file: &File, handle: &OwnedFd, buffer: &mut Vec<u8>) -> Vec<u32> {
    let mut lacking = Vec::new();
    let mut at = 0u64;
    for (number, id) in file.content.iter().enumerate() {
        let location = context.index().lookup(BlobType::Data, id);
        let usable = location.filter(|location| !is_too_long(location));
        let length = usable.as_ref().map_or(0, plain_length);
        if context.report.stopped() || usable.is_none() || !holds(handle, at, length, id, buffer) {
            lacking.push(number as u32);
        }
        at = at.saturating_add(length);
    }
    lacking
}

/// Reads a restored file again.
pub(super) fn verify(context: &Context, file: &File, buffer: &mut Vec<u8>) {
    if file.failed.load(Relaxed) {
        return;
    }
    let message = match open_again(context, file) {
        Err(message) => message,
        Ok((_, stat)) if stat.st_size as u64 != file.length.load(Relaxed) => "it has another size".to_owned(),
        Ok((handle, _)) => match lacking(context, file, &handle, buffer).len() {
            0 => {
                context.report.files_verified.fetch_add(1, Relaxed);
                return;
            }
            blobs => format!("{blobs} of its {} blobs read back otherwise", file.content.len()),
        },
    };
    file.failed.store(true, Relaxed);
    context.report.failed(file.path(), format!("verification failed: {message}"));
}

fn open_again(context: &Context, file: &File) -> Result<(OwnedFd, Stat), String> {
    let dir = context.handle(&file.dir).map_err(|error| error.to_string())?;
    let handle = beneath::open_to_read(dir.as_fd(), &file.name).map_err(|error| error.to_string())?;
    let stat = rustix::fs::fstat(&handle).map_err(|error| error.to_string())?;
    Ok((handle, stat))
}
