//! Bytes at a place of a file: all of them are read or written, or it is an error.

use crate::Id;
use rustix::fd::OwnedFd;
use rustix::io::Errno;

/// Holes are made of whole blocks of this many bytes.
const BLOCK: usize = 4096;
/// What a hole reads as.
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// Whether a file holds the bytes of this ID at a position; `buffer` has what was read.
pub(in crate::restore) fn holds(handle: &OwnedFd, at: u64, length: u64, id: &Id, buffer: &mut Vec<u8>) -> bool {
    buffer.resize(length as usize, 0);
    read_exact(handle, at, buffer).is_ok() && Id::of(buffer) == *id
}

/// Fills `buffer` from a position of a file.
///
/// # Errors
/// What the system says; [`Errno::NODATA`] when the file ends before.
pub(in crate::restore) fn read_exact(handle: &OwnedFd, at: u64, buffer: &mut [u8]) -> rustix::io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match rustix::io::pread(handle, &mut buffer[done..], at.saturating_add(done as u64)) {
            Ok(0) => return Err(Errno::NODATA),
            Ok(read) => done += read,
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes all of `data` at `offset`; with `holes`, blocks of zeros are left out, which a new file has anyway.
pub(in crate::restore) fn put(handle: &OwnedFd, data: &[u8], offset: u64, holes: bool) -> rustix::io::Result<()> {
    if !holes {
        return put_all(handle, data, offset);
    }
    // Blocks lie at multiples of the block's size in the file, wherever the blob begins.
    let first = data.len().min((BLOCK - (offset % BLOCK as u64) as usize) % BLOCK);
    let mut at = 0; // start of what is not written yet and not zero
    let mut end = first;
    while end < data.len() {
        let next = data.len().min(end + BLOCK);
        if data[end..next] == ZEROS[..next - end] {
            put_all(handle, &data[at..end], offset + at as u64)?;
            at = next;
        }
        end = next;
    }
    put_all(handle, &data[at..], offset + at as u64)
}

/// Writes all of `data` at `offset`.
pub(in crate::restore) fn put_all(handle: &OwnedFd, mut data: &[u8], mut offset: u64) -> rustix::io::Result<()> {
    while !data.is_empty() {
        match rustix::io::pwrite(handle, data, offset) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => {
                data = &data[written..];
                offset += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
