//! Which bytes of which packs a batch needs, in the order in which they are read.

use super::entry::{Batch, File, State};
use crate::index::{Index, Location};
pub(super) use crate::reach::plain_length;
use crate::{BlobEntry, BlobType, Error, Id, pack};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::Ordering;

/// Unwanted bytes that are read rather than asking twice.
const GAP: u64 = 128 << 10;
/// Bytes that are asked for at once, unless a single blob is longer.
pub(super) const SEGMENT: u64 = 8 << 20;

/// One blob for one place of one file. Offsets and lengths in bytes; `offset` and `length` are those of the envelope.
#[derive(Clone, Copy)]
pub(super) struct Want {
    pack: u32,
    pub(super) offset: u32,
    pub(super) length: u32,
    pub(super) uncompressed: u32,
    pub(super) file: u32,
    /// The number of the blob in the file.
    pub(super) blob: u32,
    /// Where its plaintext goes.
    pub(super) at: u64,
}

impl Want {
    /// What an index would say of it, were it the blob of this name.
    pub(super) fn entry(&self, id: Id) -> BlobEntry {
        let Self { offset, length, uncompressed: uncompressed_length, .. } = *self;
        BlobEntry { kind: BlobType::Data, id, offset, length, uncompressed_length }
    }

    /// A blob for no file in particular.
    pub(super) fn of_copy(location: &Location) -> Self {
        let Location { offset, length, uncompressed_length: uncompressed, .. } = *location;
        Self { pack: 0, offset, length, uncompressed, file: 0, blob: 0, at: 0 }
    }
}

/// All that a batch needs, by pack and offset.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) packs: Vec<Id>,
    pub(super) wants: Vec<Want>,
    /// Bytes that are holes.
    pub(super) holes: u64,
}

/// A range of one pack that is read in one go.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    pub(super) pack: Id,
    pub(super) offset: u64,
    pub(super) length: u64,
    /// Which wants of the plan it serves.
    pub(super) wants: Range<usize>,
}

/// Whether no honest blob is that long.
pub(super) fn is_too_long(location: &Location) -> bool {
    let limit = pack::limit_of(BlobType::Data);
    u64::from(location.length) > (limit + limit / 64) as u64 || plain_length(location) > limit as u64
}

/// Plans the files of a batch that are not settled. `refuse` is called for each file of which a blob cannot be had;
/// `zeros` is the blob that is a hole, which nobody reads.
pub(super) fn plan(batch: &Batch, index: &Index, zeros: Option<&Id>, mut refuse: impl FnMut(&File, String)) -> Plan {
    let mut plan = Plan::default();
    let mut numbers: HashMap<Id, u32> = HashMap::new();
    for (number, file) in batch.files.iter().enumerate() {
        let state = file.state();
        let lacking = match &*state {
            State::New => None,
            State::Lacking(_, blobs) => Some(blobs.iter().copied()),
            State::Settled | State::Open(_) | State::Closed(_) => continue,
        };
        let mut lacking = lacking.map(Iterator::peekable);
        let mut at = 0u64;
        let first = plan.wants.len();
        let mut refused = None;
        for (blob, id) in file.content.iter().enumerate() {
            let wanted = lacking.as_mut().is_none_or(|blobs| blobs.next_if_eq(&(blob as u32)).is_some());
            let Some(location) = index.lookup(BlobType::Data, id) else {
                refused = Some(format!("data blob {id} is not in the index"));
                continue; // what follows it moves up, and the file is named
            };
            let length = plain_length(&location);
            if is_too_long(&location) {
                let limit = pack::limit_of(BlobType::Data) as u64;
                refused = Some(Error::too_large(format!("the length of data blob {id}"), limit).to_string());
            } else if wanted && zeros == Some(id) {
                plan.holes = plan.holes.saturating_add(length);
            } else if wanted {
                let next = numbers.len() as u32;
                let pack = *numbers.entry(location.pack).or_insert_with(|| {
                    plan.packs.push(location.pack);
                    next
                });
                plan.wants.push(Want {
                    pack,
                    offset: location.offset,
                    length: location.length,
                    uncompressed: location.uncompressed_length,
                    file: number as u32,
                    blob: blob as u32,
                    at,
                });
            }
            at = at.saturating_add(length);
        }
        drop(state);
        file.length.store(at, Ordering::Relaxed);
        file.remaining.store((plan.wants.len() - first) as u32, Ordering::Relaxed);
        file.planned.store(plan.wants.len() > first, Ordering::Relaxed);
        if let Some(message) = refused {
            refuse(file, message);
        }
    }
    plan.wants.sort_unstable_by_key(|want| (want.pack, want.offset, want.file, want.blob));
    plan
}

impl Plan {
    /// The ranges to read, pack by pack, in the order of the files that need them.
    pub(super) fn segments(&self) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        for (number, want) in self.wants.iter().enumerate() {
            let (start, end) = (u64::from(want.offset), u64::from(want.offset) + u64::from(want.length));
            let pack = self.packs[want.pack as usize];
            if let Some(last) = segments.last_mut() {
                let last_end = last.offset + last.length;
                let joined = end.max(last_end) - last.offset;
                if last.pack == pack && start <= last_end + GAP && (joined <= SEGMENT || end <= last_end) {
                    last.length = joined;
                    last.wants.end = number + 1;
                    continue;
                }
            }
            segments.push(Segment { pack, offset: start, length: end - start, wants: number..number + 1 });
        }
        segments
    }
}
