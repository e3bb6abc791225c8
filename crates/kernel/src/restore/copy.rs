//! What an older file holds already goes over into the new one, without a way through the repository.

use super::context::{Attempt, Context, os};
use super::disk::beneath;
use super::disk::bytes::{holds, put_all, read_exact};
use super::disk::metadata;
use super::disk::stamp::Stamp;
use super::entry::File;
use super::plan::plain_length;
use crate::{BlobType, Error};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use std::iter::Peekable;

/// Bytes that pass through memory at once, where the system does not copy.
const BLOCK: usize = 256 << 10;
/// Bytes that the system is asked to copy at once: a wish to stop is heard between two.
const PORTION: u64 = 64 << 20;

/// The bytes of a blob in a file, from start to end.
type Extent = (u64, u64);

/// Fills a new file with all that the older one of its name holds, which lacked the blobs of these numbers when it was
/// compared. Holes stay holes. Where the file system shares blocks, nothing is copied.
pub(super) fn good_parts(
    context: &Context,
    file: &File,
    above: &OwnedFd,
    new: &OwnedFd,
    seen: &Stamp,
    lacking: &[u32],
) -> Attempt<()> {
    const WHAT: &str = "cannot take over what is there";
    let old = os(WHAT, beneath::open_to_read(above.as_fd(), &file.name))?;
    metadata::take_over(&old, new, &file.metadata);
    let before = os(WHAT, rustix::fs::fstat(&old))?;
    let good = good(context, file, lacking);
    let end = good.last().map_or(0, |(_, end)| *end);
    // Blobs that are holes are not written: they must not find old bytes in their places.
    let cloned = !context.options.sparse && end > 0 && rustix::fs::ioctl_ficlone(new, &old).is_ok();
    if !cloned {
        let long = end.min(seen.size);
        os(WHAT, rustix::fs::ftruncate(new, long))?;
        for (start, end) in joined(&good) {
            os(WHAT, range(context, &old, new, start, end))?;
        }
    }
    let after = os(WHAT, rustix::fs::fstat(&old))?;
    if Stamp::of(&before) == *seen && Stamp::of(&after) == *seen {
        return Ok(());
    }
    // It was changed since it was compared: what was taken counts only if it is still right.
    let changed = || Err((WHAT, Error::damaged("it was changed meanwhile, and stays")));
    let mut buffer = Vec::new();
    let mut lacking = lacking.iter().copied().peekable();
    let mut extents = good.iter();
    let again = os(WHAT, beneath::open_to_read(above.as_fd(), file.name_on_disk()))?;
    for (number, id) in file.content.iter().enumerate() {
        if is_next(&mut lacking, number) {
            continue;
        }
        let Some((start, end)) = extents.next() else { return changed() };
        if !holds(&again, *start, end - start, id, &mut buffer) {
            return changed();
        }
    }
    Ok(())
}

fn is_next(lacking: &mut Peekable<impl Iterator<Item = u32>>, number: usize) -> bool {
    lacking.next_if_eq(&(number as u32)).is_some()
}

/// The extents of the blobs that the older file holds.
fn good(context: &Context, file: &File, lacking: &[u32]) -> Vec<Extent> {
    let index = context.index();
    let mut lacking = lacking.iter().copied().peekable();
    let mut at = 0u64;
    let mut good = Vec::new();
    for (number, id) in file.content.iter().enumerate() {
        let length = index.lookup(BlobType::Data, id).map_or(0, |location| plain_length(&location));
        let end = at.saturating_add(length);
        if !is_next(&mut lacking, number) {
            good.push((at, end));
        }
        at = end;
    }
    good
}

fn joined(extents: &[Extent]) -> Vec<Extent> {
    let mut joined: Vec<Extent> = Vec::new();
    for (start, end) in extents {
        match joined.last_mut() {
            Some(last) if last.1 == *start => last.1 = *end,
            _ => joined.push((*start, *end)),
        }
    }
    joined
}

/// Copies a range of bytes to its place in another file, except for holes.
fn range(context: &Context, old: &OwnedFd, new: &OwnedFd, mut at: u64, end: u64) -> rustix::io::Result<()> {
    while at < end {
        let start = match rustix::fs::seek(old, SeekFrom::Data(at)) {
            Ok(start) => start.max(at),
            Err(Errno::NXIO) => return Ok(()), // a hole to the end of the file
            Err(_) => at,
        };
        if start >= end {
            return Ok(());
        }
        let hole = rustix::fs::seek(old, SeekFrom::Hole(start)).unwrap_or(end);
        let stop = if hole > start { hole.min(end) } else { end };
        extent(context, old, new, start, stop)?;
        at = stop;
    }
    Ok(())
}

fn extent(context: &Context, old: &OwnedFd, new: &OwnedFd, mut at: u64, end: u64) -> rustix::io::Result<()> {
    while at < end {
        if context.report.stopped() {
            return Err(Errno::CANCELED);
        }
        let (mut from, mut to) = (at, at);
        let length = (end - at).min(PORTION) as usize;
        match rustix::fs::copy_file_range(old, Some(&mut from), new, Some(&mut to), length) {
            Ok(0) => return Err(Errno::NODATA), // it was cut off meanwhile
            Ok(copied) => at += copied as u64,
            Err(Errno::INTR) => {}
            Err(error) if beneath::is_fatal(error) => return Err(error),
            Err(_) => return through_memory(context, old, new, at, end),
        }
    }
    Ok(())
}

fn through_memory(context: &Context, old: &OwnedFd, new: &OwnedFd, mut at: u64, end: u64) -> rustix::io::Result<()> {
    let mut buffer = vec![0; BLOCK];
    while at < end {
        if context.report.stopped() {
            return Err(Errno::CANCELED);
        }
        let part = &mut buffer[..(end - at).min(BLOCK as u64) as usize];
        read_exact(old, at, part)?;
        put_all(new, part, at)?;
        at += part.len() as u64;
    }
    Ok(())
}
