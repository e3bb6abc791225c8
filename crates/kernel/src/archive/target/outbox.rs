//! Finished packs of one repository on their way to the owner, bounded in memory.

use super::spool::{Slot, Spool};
use crate::pack::{Outgoing, PackBytes};
use crate::{BlobEntry, BlobType, Error, Id, Result};
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Packs that wait in memory; more wait on disk, or the workers wait.
const IN_MEMORY: usize = 1;

/// The answer to a request for the next pack.
pub enum Next {
    /// Here it is.
    Pack(Outgoing),
    /// None yet; ask again.
    Wait,
    /// No more will come.
    End,
}

enum Place {
    Memory(PackBytes),
    Disk(Slot),
}

struct Waiting {
    id: Id,
    kind: BlobType,
    place: Place,
    entries: Vec<BlobEntry>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    in_memory: usize,
    /// Bytes that wait on disk.
    spooled: u64,
    ended: bool,
    closed: bool,
    /// When a pack was last fetched.
    fetched: Option<Instant>,
}

/// The queue itself.
pub(in crate::archive) struct Outbox {
    made: Instant,
    state: Mutex<State>,
    changed: Condvar,
    spool: Option<Arc<Spool>>,
}

/// What became of a pack that was offered.
pub(in crate::archive) enum Offered {
    /// It waits to be fetched, or the outbox is closed and does not want it.
    Taken,
    /// There is no room, neither in memory nor on disk.
    Full(Outgoing),
}

impl Outbox {
    pub(in crate::archive) fn new(spool: Option<Arc<Spool>>) -> Self {
        Self { made: Instant::now(), state: Mutex::default(), changed: Condvar::new(), spool }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Offer a pack; with `spill`, disk serves where memory does not.
    pub(in crate::archive) fn offer(&self, pack: Outgoing, spill: bool) -> Offered {
        let mut state = self.state();
        if state.closed {
            return Offered::Taken;
        }
        let place = if state.in_memory < IN_MEMORY {
            state.in_memory += 1;
            Place::Memory(pack.bytes)
        } else {
            match self.spool.as_ref().filter(|_| spill).and_then(|spool| spool.put(&pack.bytes)) {
                Some(slot) => {
                    state.spooled += slot.length() as u64;
                    Place::Disk(slot)
                }
                None => return Offered::Full(pack),
            }
        };
        state.waiting.push_back(Waiting { id: pack.id, kind: pack.kind, place, entries: pack.entries });
        drop(state);
        self.changed.notify_all();
        Offered::Taken
    }

    /// Take in a last pack, whose memory it has anyhow, so that no repository's end waits for another's.
    pub(in crate::archive) fn force(&self, pack: Outgoing) {
        let mut state = self.state();
        if state.closed {
            return;
        }
        state.in_memory += 1;
        let place = Place::Memory(pack.bytes);
        state.waiting.push_back(Waiting { id: pack.id, kind: pack.kind, place, entries: pack.entries });
        drop(state);
        self.changed.notify_all();
    }

    /// Wait for room for a while.
    pub(in crate::archive) fn wait_for_room(&self, patience: Duration) {
        let state = self.state();
        if state.in_memory >= IN_MEMORY && !state.closed {
            drop(self.changed.wait_timeout(state, patience));
        }
    }

    /// The next pack, after waiting for `patience` at most.
    pub(in crate::archive) fn next(&self, patience: Duration) -> Result<Next> {
        let mut state = self.state();
        if state.waiting.is_empty() && !state.ended && !state.closed {
            state = self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        let Some(waiting) = state.waiting.pop_front() else {
            return Ok(if state.ended || state.closed { Next::End } else { Next::Wait });
        };
        state.fetched = Some(Instant::now());
        let bytes = match waiting.place {
            Place::Memory(bytes) => {
                state.in_memory -= 1;
                drop(state);
                self.changed.notify_all();
                bytes
            }
            Place::Disk(slot) => {
                state.spooled -= slot.length() as u64;
                drop(state);
                let bytes = self.spool.as_ref().map_or_else(|| Ok(Vec::new()), |spool| spool.take(slot))?;
                if Id::of(&bytes) != waiting.id {
                    return Err(Error::damaged("a pack that waited in the spool does not read back as it was written"));
                }
                bytes.into()
            }
        };
        Ok(Next::Pack(Outgoing { id: waiting.id, kind: waiting.kind, bytes, entries: waiting.entries }))
    }

    /// Bytes that wait on disk: the repository was slower than another, and has not caught up yet.
    pub(in crate::archive) fn spooled(&self) -> u64 {
        self.state().spooled
    }

    /// For how long nobody has fetched a pack.
    pub(in crate::archive) fn unfetched(&self) -> Duration {
        self.state().fetched.unwrap_or(self.made).elapsed()
    }

    /// Whether nothing waits in memory, so that a worker would not have to wait.
    pub(in crate::archive) fn is_idle(&self) -> bool {
        self.state().in_memory == 0
    }

    /// Whether nothing waits and nothing will come.
    pub(in crate::archive) fn is_drained(&self) -> bool {
        let state = self.state();
        state.closed || state.ended && state.waiting.is_empty()
    }

    /// No more packs will be offered; what waits is still handed out.
    pub(in crate::archive) fn end(&self) {
        self.state().ended = true;
        self.changed.notify_all();
    }

    /// Nobody will fetch any more: forget what waits and take in nothing.
    pub(in crate::archive) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        let waiting = std::mem::take(&mut state.waiting);
        state.in_memory = 0;
        state.spooled = 0;
        drop(state);
        for pack in waiting {
            if let (Place::Disk(slot), Some(spool)) = (pack.place, self.spool.as_ref()) {
                spool.free(slot);
            }
        }
        self.changed.notify_all();
    }
}
