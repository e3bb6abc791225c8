//! What becomes of the blobs when some packs go: which move, and which only stay if another pack's copy is true.

use super::{MOVES, NEEDED, PROVEN, RISKS, STAYS, Usage, VOID};
use crate::index::{Index, Row};
use crate::{BlobEntry, Id};
use std::collections::HashSet;
use std::sync::atomic::Ordering::Relaxed;

impl Usage {
    /// The number of the blob that lies at a place.
    pub(super) fn blob_of(&self, index: &Index, place: usize, row: &Row) -> usize {
        if !row.is_copy() {
            return place;
        }
        self.first(index, row.kind(), &row.id).unwrap_or(place)
    }

    /// Supposes that these packs go, and forgets what was supposed before. How many blobs move, and their bytes.
    pub fn suppose(&self, index: &Index, going: &HashSet<Id>) -> (u64, u64) {
        let going: HashSet<u32> = going.iter().filter_map(|pack| index.number_of(pack)).collect();
        for flags in &self.flags {
            flags.fetch_and(!(STAYS | MOVES | RISKS), Relaxed);
        }
        let needed = || {
            index.all_places(&self.starts).enumerate().filter_map(|(place, row)| {
                let blob = self.blob_of(index, place, row);
                (self.has(blob, NEEDED) && !self.has(place, VOID)).then_some((blob, row))
            })
        };
        for (blob, _) in needed().filter(|(_, row)| !going.contains(&row.pack())) {
            self.set(blob, STAYS);
        }
        let (mut blobs, mut size) = (0, 0);
        for (blob, row) in needed().filter(|(_, row)| going.contains(&row.pack())) {
            if self.has(blob, STAYS) {
                self.set(blob, RISKS);
            } else if self.set(blob, MOVES) {
                blobs += 1;
                size += u64::from(row.length);
            }
        }
        (blobs, size)
    }

    /// Says that what goes has these blobs, too, whatever the index says.
    pub fn lose(&self, index: &Index, blobs: &[BlobEntry]) {
        for blob in blobs {
            if let Some(blob) = self.first(index, blob.kind, &blob.id)
                && self.has(blob, NEEDED)
                && self.has(blob, STAYS)
            {
                self.set(blob, RISKS);
            }
        }
    }

    /// The blobs of a pack that goes, by place, that move, and are what the index says as far as anybody knows.
    pub fn moving(&self, index: &Index, pack: &Id) -> Vec<BlobEntry> {
        let Some(number) = index.number_of(pack) else { return Vec::new() };
        let mut entries = index.pack_entries(pack).unwrap_or_default();
        entries.retain(|entry| {
            let mut places = index.places(&self.starts, entry.kind, &entry.id);
            let Some((blob, _)) = places.next() else { return false };
            let is_void = index
                .places(&self.starts, entry.kind, &entry.id)
                .any(|(place, row)| row.pack() == number && row.entry() == *entry && self.has(place, VOID));
            self.has(blob, MOVES) && !is_void
        });
        entries
    }

    /// Up to `limit` blobs that go with a pack and stay in another where nobody has read them: that place.
    /// `going` as for [`Usage::suppose`].
    pub fn unproven(&self, index: &Index, going: &HashSet<Id>, limit: usize) -> Vec<(Id, BlobEntry)> {
        let going: HashSet<u32> = going.iter().filter_map(|pack| index.number_of(pack)).collect();
        let mut unproven = Vec::new();
        for (place, row) in index.all_places(&self.starts).enumerate() {
            if unproven.len() == limit {
                break;
            }
            if row.is_copy() || !self.has(place, RISKS) {
                continue;
            }
            let places = || {
                index
                    .places(&self.starts, row.kind(), &row.id)
                    .filter(|(place, row)| !going.contains(&row.pack()) && !self.has(*place, VOID))
            };
            if places().any(|(place, _)| self.has(place, PROVEN)) {
                continue;
            }
            if let Some((_, stays)) = places().next() {
                unproven.push((index.pack_of(stays.pack()), stays.entry()));
            }
        }
        unproven
    }
}
