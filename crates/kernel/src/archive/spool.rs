//! Packs that wait on disk for a slower repository.

use crate::{Error, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Mutex;

/// One nameless file, filled and emptied in slots; it vanishes with the process.
pub(super) struct Spool {
    file: File,
    limit: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used: u64,
    end: u64,
    free: Vec<(u64, u64)>,
}

/// Where a pack waits.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    offset: u64,
    room: u64,
    length: usize,
}

impl Spool {
    pub(super) fn new(folder: &Path, limit: u64) -> Result<Self> {
        let what = || format!("make a spool file in {}", folder.display());
        let flags = rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR | rustix::fs::OFlags::CLOEXEC;
        let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        let fd = rustix::fs::open(folder, flags, mode).map_err(|error| Error::io(what(), error))?;
        Ok(Self { file: File::from(fd), limit, state: Mutex::default() })
    }

    /// Write bytes, or `None` when they do not fit.
    pub(super) fn put(&self, bytes: &[u8]) -> Result<Option<Slot>> {
        let length = bytes.len() as u64;
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (offset, room) = match state.free.iter().position(|&(_, room)| room >= length) {
            Some(place) => state.free.swap_remove(place),
            None if state.end + length > self.limit => return Ok(None),
            None => {
                let offset = state.end;
                state.end += length;
                (offset, length)
            }
        };
        state.used += length;
        drop(state);
        self.file.write_all_at(bytes, offset).map_err(|error| Error::io("write a waiting pack to the spool", error))?;
        Ok(Some(Slot { offset, room, length: bytes.len() }))
    }

    /// Read bytes back and free their place.
    pub(super) fn take(&self, slot: Slot) -> Result<Vec<u8>> {
        let mut bytes = vec![0; slot.length];
        self.file
            .read_exact_at(&mut bytes, slot.offset)
            .map_err(|error| Error::io("read a waiting pack from the spool", error))?;
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.used -= slot.length as u64;
        if state.used == 0 {
            state.free.clear();
            state.end = 0;
        } else {
            state.free.push((slot.offset, slot.room));
        }
        Ok(bytes)
    }
}
