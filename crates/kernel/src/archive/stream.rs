//! A stream of bytes cut into chunks, once for each polynomial, in one bounded buffer.

use super::blobs::Scratch;
use super::file::OpenFile;
use super::run::Shared;
use crate::chunker::MAX;
use crate::{Error, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Bytes asked for at a time: few enough to be still in the cache when they are searched for a cut.
const READ: usize = 512 << 10;

/// Read until the end, save every chunk as a blob of `file`, and return the number of bytes.
///
/// An error of `read` comes back as [`Error::Io`]; every other error is the run's.
pub(super) fn cut_stream(
    shared: &Shared,
    scratch: &mut Scratch,
    file: &Arc<OpenFile>,
    mut read: impl FnMut(&mut [u8]) -> std::io::Result<usize>,
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
            buffer.resize((2 * filled).clamp(filled + READ, room), 0);
        }
        let space = (filled + READ).min(buffer.len());
        match read(&mut buffer[filled..space]) {
            Ok(0) => is_end = true,
            Ok(count) => {
                filled += count;
                total += count as u64;
                shared.counters.bytes_read.fetch_add(count as u64, Relaxed);
                file.count(shared, count as u64);
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
            let Some(length) = chunker.cut_from(rest, cut.searched, is_end) else {
                cut.searched = rest.len();
                break;
            };
            file.save(shared, scratch, group, cut.number, &rest[..length])?;
            *cut = Cut { start: cut.start + length, searched: 0, number: cut.number + 1 };
        }
    }
    Ok(())
}
