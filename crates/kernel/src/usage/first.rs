//! What each pack holds of use where the first copy of a blob counts: the custodian's rule, whose catalogue names packs
//! in the order of their arrival.

use super::{NEEDED, Usage};
use crate::Id;
use crate::index::Index;

/// One pack. Sizes are in bytes, without the header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackShare {
    /// Its name.
    pub id: Id,
    /// Blobs that are needed, wherever their first copy lies.
    pub needed_blobs: u64,
    /// Blobs that are needed and whose first copy is here.
    pub used_blobs: u64,
    /// Their bytes.
    pub used_size: u64,
    /// Bytes of all its blobs.
    pub size: u64,
}

impl Usage {
    /// Every pack of the index, in its order.
    pub fn shares(&self, index: &Index) -> Vec<PackShare> {
        let empty = |id| PackShare { id, needed_blobs: 0, used_blobs: 0, used_size: 0, size: 0 };
        let mut packs: Vec<_> = index.packs().map(empty).collect();
        for (place, row) in index.all_places(&self.starts).enumerate() {
            let pack = &mut packs[row.pack() as usize];
            let size = u64::from(row.length);
            pack.size += size;
            let first = index.places(&self.starts, row.kind(), &row.id).next().filter(|_| row.is_copy());
            let (blob, home) = first.map_or((place, row.pack()), |(blob, row)| (blob, row.pack()));
            if self.has(blob, NEEDED) {
                pack.needed_blobs += 1;
                if home == row.pack() {
                    pack.used_blobs += 1;
                    pack.used_size += size;
                }
            }
        }
        packs
    }
}
