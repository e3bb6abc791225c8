//! A stream of bytes cut into chunks, once for each polynomial, in one bounded buffer.

use super::holes::{Source, is_zero};
use crate::archive::blobs::Scratch;
use crate::archive::content::{count, save, save_zeros};
use crate::archive::file::OpenFile;
use crate::archive::shared::Shared;
use crate::chunker::{MAX, MIN};
use crate::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes asked for at a time: few enough to be still in the cache when they are searched for a cut.
const READ: usize = 512 << 10;

/// Read until the end, save every chunk as a blob of `file`, and return the number of bytes.
///
/// Runs of zeros that the source knows of are not read. An error of the source comes back as [`Error::Io`]; every other error is the run's.
pub(in crate::archive) fn cut_stream(
    shared: &Shared,
    scratch: &mut Scratch,
    file: &Arc<OpenFile>,
    mut source: impl Source,
) -> Result<u64> {
    let groups = shared.chunkers.len();
    // With one polynomial a chunk and a read fit; with several their chunks lie apart by less than a chunk.
    let room = if groups == 1 { MAX + READ } else { 2 * MAX + READ };
    let mut buffer = scratch.take_buffer();
    let mut cuts = vec![Cut::default(); groups];
    let mut filled = 0;
    let mut total = 0;
    let mut is_end = false;
    let answer = loop {
        if let Err(error) = shared.check_cancelled() {
            break Err(error);
        }
        if buffer.len() < (filled + READ).min(room) {
            buffer.grow((2 * filled).clamp(filled + READ, room));
        }
        let space = (filled + READ).min(buffer.len());
        // What is left is looked at before a hole is passed: all of it must be zeros, too.
        let rest = cuts.iter().map(|cut| cut.start).min().unwrap_or(0);
        if is_zero(&buffer[rest..filled]) {
            let hole = source.pass_hole();
            if hole > 0 {
                total += hole;
                shared.counters.bytes_read.fetch_add(hole, Relaxed);
                count(file, shared, hole);
                match cut_zeros(shared, scratch, file, &mut cuts, filled, hole) {
                    Ok(left) => {
                        filled = left;
                        buffer.grow(filled);
                        buffer[..filled].fill(0);
                    }
                    Err(error) => break Err(error),
                }
                continue;
            }
        }
        match source.read(&mut buffer[filled..space]) {
            Ok(0) => is_end = true,
            Ok(read) => {
                filled += read;
                total += read as u64;
                shared.counters.bytes_read.fetch_add(read as u64, Relaxed);
                count(file, shared, read as u64);
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => break Err(Error::io("read", error)),
        }
        if let Err(error) = cut_all(shared, scratch, file, &mut cuts, &buffer[..filled], is_end) {
            break Err(error);
        }
        if is_end {
            break Ok(total);
        }
        let done = cuts.iter().map(|cut| cut.start).min().unwrap_or(0);
        // What is left is less than a read where the search keeps up: moving it is cheap and keeps the buffer small.
        if done > 0 {
            buffer.copy_within(done..filled, 0);
            filled -= done;
            for cut in &mut cuts {
                cut.start -= done;
            }
        }
    };
    scratch.put_buffer(buffer);
    answer
}

/// Where a polynomial's next chunk begins in the buffer, how much of it was searched, and its number.
#[derive(Clone, Default)]
struct Cut {
    start: usize,
    searched: usize,
    number: usize,
}

fn cut_all(
    shared: &Shared,
    scratch: &mut Scratch,
    file: &Arc<OpenFile>,
    cuts: &mut [Cut],
    data: &[u8],
    is_end: bool,
) -> Result<()> {
    for (group, (cut, chunker)) in cuts.iter_mut().zip(&shared.chunkers).enumerate() {
        loop {
            let rest = &data[cut.start..];
            if cut.searched < MIN && rest.len() >= MIN && is_zero(&rest[..MIN]) {
                save_zeros(file, shared, scratch, group, cut.number)?;
                *cut = Cut { start: cut.start + MIN, searched: 0, number: cut.number + 1 };
                continue;
            }
            let Some(length) = chunker.cut_from(rest, cut.searched, is_end) else {
                cut.searched = rest.len();
                break;
            };
            save(file, shared, scratch, group, cut.number, &rest[..length])?;
            *cut = Cut { start: cut.start + length, searched: 0, number: cut.number + 1 };
        }
    }
    Ok(())
}

/// Cut a hole, and the zeros before it that were read: each polynomial's rest is less than a chunk afterwards. How many
/// zeros the buffer must hold then.
fn cut_zeros(
    shared: &Shared,
    scratch: &mut Scratch,
    file: &Arc<OpenFile>,
    cuts: &mut [Cut],
    filled: usize,
    hole: u64,
) -> Result<usize> {
    let mut rests = Vec::with_capacity(cuts.len());
    for (group, cut) in cuts.iter_mut().enumerate() {
        let mut zeros = (filled - cut.start) as u64 + hole;
        while zeros >= MIN as u64 {
            shared.check_cancelled()?;
            save_zeros(file, shared, scratch, group, cut.number)?;
            cut.number += 1;
            zeros -= MIN as u64;
        }
        rests.push(usize::try_from(zeros).unwrap_or(0));
    }
    let left = rests.iter().copied().max().unwrap_or(0);
    for (cut, rest) in cuts.iter_mut().zip(rests) {
        (cut.start, cut.searched) = (left - rest, 0);
    }
    Ok(left)
}
