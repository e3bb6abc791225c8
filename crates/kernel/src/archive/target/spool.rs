//! Packs that wait on disk for a slower repository.

use crate::{Error, Result};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Of the disk a twentieth stays free, and this many bytes at most.
const KEPT_FREE: u64 = 1 << 30;

/// One nameless file, filled and emptied in slots; it vanishes with the process.
pub(in crate::archive) struct Spool {
    file: File,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    limit: u64,
    used: u64,
    end: u64,
    free: Vec<(u64, u64)>,
}

/// Where a pack waits.
pub(in crate::archive) struct Slot {
    offset: u64,
    room: u64,
    length: usize,
}

impl Slot {
    /// Bytes that wait here.
    pub(in crate::archive) fn length(&self) -> usize {
        self.length
    }
}

impl Spool {
    pub(in crate::archive) fn new(folder: &Path, limit: u64) -> Result<Self> {
        let what = || format!("make a spool file in {}", folder.display());
        let file = nameless(folder).map_err(|error| Error::io(what(), error))?;
        Ok(Self { file, state: Mutex::new(State { limit, ..State::default() }) })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Write bytes, or `None` when they do not fit: neither below the limit nor, perhaps, on the disk.
    pub(in crate::archive) fn put(&self, bytes: &[u8]) -> Option<Slot> {
        let length = bytes.len() as u64;
        let mut state = self.state();
        let (offset, room) = match state.free.iter().position(|&(_, room)| room >= length) {
            Some(place) => state.free.swap_remove(place),
            None if state.end + length > state.limit || self.would_crowd(length) => return None,
            None => {
                let offset = state.end;
                state.end += length;
                (offset, length)
            }
        };
        state.used += length;
        drop(state);
        let slot = Slot { offset, room, length: bytes.len() };
        if self.file.write_all_at(bytes, offset).is_ok() {
            return Some(slot);
        }
        // The disk is full, or worse, before the limit is reached: what was taken so far is the limit.
        let mut state = self.state();
        state.limit = state.limit.min(offset);
        if state.end == offset + room {
            state.end = offset;
            let _ = self.file.set_len(offset);
        }
        drop(state);
        self.free(slot);
        None
    }

    /// Whether so many bytes more would leave next to nothing of the disk, on which a repository may lie, too.
    fn would_crowd(&self, length: u64) -> bool {
        rustix::fs::fstatvfs(&self.file).is_ok_and(|disk| {
            let left = disk.f_bavail.saturating_mul(disk.f_frsize);
            let kept = (disk.f_blocks.saturating_mul(disk.f_frsize) / 20).min(KEPT_FREE);
            left < length.saturating_add(kept)
        })
    }

    /// Read bytes back and free their place.
    pub(in crate::archive) fn take(&self, slot: Slot) -> Result<Vec<u8>> {
        let mut bytes = vec![0; slot.length];
        let read = self.file.read_exact_at(&mut bytes, slot.offset);
        self.free(slot);
        read.map_err(|error| Error::io("read a waiting pack from the spool", error))?;
        Ok(bytes)
    }

    /// Nobody wants what waits there any more.
    pub(in crate::archive) fn free(&self, slot: Slot) {
        let mut state = self.state();
        state.used -= slot.length as u64;
        if state.used == 0 {
            state.free.clear();
            state.end = 0;
        } else if slot.offset + slot.room <= state.limit {
            state.free.push((slot.offset, slot.room));
        }
    }
}

/// A file without a name, or one whose name is gone at once where the file system knows no others.
fn nameless(folder: &Path) -> rustix::io::Result<File> {
    let mode = Mode::RUSR | Mode::WUSR;
    let flags = OFlags::RDWR | OFlags::CLOEXEC;
    match rustix::fs::open(folder, flags | OFlags::TMPFILE, mode) {
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
        answer => return answer.map(File::from),
    }
    let mut token = [0; 16];
    getrandom::fill(&mut token).map_err(|_| Errno::IO)?;
    let name: String = token.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = folder.join(format!("strongroom-spool-{name}"));
    let fd = rustix::fs::open(&path, flags | OFlags::CREATE | OFlags::EXCL, mode)?;
    rustix::fs::unlink(&path)?;
    Ok(File::from(fd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_that_was_given_back_serves_again() {
        let spool = Spool::new(&std::env::temp_dir(), 100).unwrap();
        let first = spool.put(&[1; 60]).unwrap();
        let second = spool.put(&[2; 40]).unwrap();
        assert!(spool.put(&[3; 10]).is_none());
        spool.free(first);
        let third = spool.put(&[3; 50]).unwrap();
        assert_eq!(spool.take(second).unwrap(), [2; 40]);
        assert_eq!(spool.take(third).unwrap(), [3; 50]);
        assert!(spool.put(&[4; 100]).is_some());
    }

    #[test]
    fn a_disk_that_takes_no_more_is_no_room() {
        let Ok(full) = File::options().read(true).write(true).open("/dev/full") else { return };
        let spool = Spool { file: full, state: Mutex::new(State { limit: 100, ..State::default() }) };
        assert!(spool.put(&[1; 60]).is_none());
        assert!(spool.put(&[1; 10]).is_none());
    }
}
