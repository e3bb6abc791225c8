//! What each pack holds of use, and which copy of a blob counts: restic's rule (`restic-format`, "prune").

use super::{NEEDED, Usage, VOID};
use crate::index::Index;
use crate::{BlobType, Id};

/// What an envelope around a header, and the header's length, add to a pack, in bytes.
const HEADER: u64 = 32 + 4;
/// Of a blob with several places: one of them counts as its only one, from now on.
const CHOSEN: u8 = 1;
/// Of a blob with several places: all but one were passed over.
const LAST: u8 = u8::MAX;

/// One pack by the index. Sizes are in bytes; the header counts as used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackUse {
    /// Its name.
    pub id: Id,
    /// Blobs that are needed, and counted in no other pack.
    pub used_blobs: u64,
    /// The others.
    pub unused_blobs: u64,
    /// Bytes of those that are needed, and the header.
    pub used_size: u64,
    /// Bytes of the others.
    pub unused_size: u64,
    /// Whether there are data blobs.
    pub data: bool,
    /// Whether there are trees.
    pub trees: bool,
    /// Whether a blob is not compressed.
    pub uncompressed: bool,
    /// Whether a blob is not what the index says.
    pub lies: bool,
    duplicates: u64,
}

/// All packs together, without headers. Sizes are in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Blobs that are needed, each once.
    pub used_blobs: u64,
    /// Their bytes.
    pub used_size: u64,
    /// Further copies of those.
    pub duplicate_blobs: u64,
    /// Their bytes.
    pub duplicate_size: u64,
    /// Blobs that nobody needs.
    pub unused_blobs: u64,
    /// Their bytes.
    pub unused_size: u64,
}

impl Usage {
    /// Every pack of the index, in its order, and what they add up to.
    ///
    /// Of a needed blob in several packs one copy counts: one in a pack that is needed anyway, or that holds nothing
    /// but such copies (so what a killed prune has written stays); else the last.
    pub fn packs(&self, index: &Index) -> (Vec<PackUse>, Totals) {
        let mut packs: Vec<_> = index.packs().map(PackUse::empty).collect();
        let mut totals = Totals::default();
        let mut copies = self.copies(index);
        let mut doubled = false;
        for (place, row) in index.all_places(&self.starts).enumerate() {
            let pack = &mut packs[row.pack() as usize];
            let size = u64::from(row.length);
            let copies = if self.has(place, VOID) { 0 } else { copies[self.blob_of(index, place, row)] };
            pack.meet(row.kind(), row.uncompressed_length != 0);
            pack.lies |= self.has(place, VOID);
            match copies {
                0 => {
                    pack.unused(size);
                    totals.unused_blobs += 1;
                    totals.unused_size += size;
                }
                1 => {
                    pack.used(size);
                    totals.used_blobs += 1;
                    totals.used_size += size;
                }
                _ => {
                    doubled = true;
                    pack.unused(size);
                    pack.duplicates += 1;
                    totals.duplicate_blobs += 1;
                    totals.duplicate_size += size;
                }
            }
        }
        if doubled {
            self.choose(index, &mut packs, &mut totals, &mut copies);
        }
        (packs, totals)
    }

    fn choose(&self, index: &Index, packs: &mut [PackUse], totals: &mut Totals, copies: &mut [u8]) {
        for (place, row) in index.all_places(&self.starts).enumerate() {
            let blob = self.blob_of(index, place, row);
            if copies[blob] <= CHOSEN || self.has(place, VOID) {
                continue;
            }
            let pack = &mut packs[row.pack() as usize];
            if pack.used_blobs > 0 || pack.duplicates == pack.unused_blobs || copies[blob] == LAST {
                let size = u64::from(row.length);
                pack.unused_blobs -= 1;
                pack.unused_size -= size;
                pack.used(size);
                totals.used_blobs += 1;
                totals.used_size += size;
                totals.duplicate_blobs -= 1;
                totals.duplicate_size -= size;
                copies[blob] = CHOSEN;
            } else {
                copies[blob] -= 1;
                if copies[blob] == CHOSEN {
                    copies[blob] = LAST;
                }
            }
        }
    }

    /// How many good places each needed blob has, at the number of its first.
    fn copies(&self, index: &Index) -> Vec<u8> {
        let mut copies = vec![0u8; self.flags.len()];
        for (place, row) in index.all_places(&self.starts).enumerate() {
            let blob = self.blob_of(index, place, row);
            if self.has(blob, NEEDED) && !self.has(place, VOID) {
                copies[blob] = (copies[blob] + 1).min(LAST - 1);
            }
        }
        copies
    }
}

impl PackUse {
    fn empty(id: Id) -> Self {
        Self {
            id,
            used_blobs: 0,
            unused_blobs: 0,
            used_size: HEADER,
            unused_size: 0,
            data: false,
            trees: false,
            uncompressed: false,
            lies: false,
            duplicates: 0,
        }
    }

    fn meet(&mut self, kind: BlobType, compressed: bool) {
        self.used_size += if compressed { 41 } else { 37 };
        self.uncompressed |= !compressed;
        match kind {
            BlobType::Data => self.data = true,
            BlobType::Tree => self.trees = true,
        }
    }

    fn used(&mut self, size: u64) {
        self.used_blobs += 1;
        self.used_size += size;
    }

    fn unused(&mut self, size: u64) {
        self.unused_blobs += 1;
        self.unused_size += size;
    }
}
