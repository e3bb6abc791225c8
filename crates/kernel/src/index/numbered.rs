//! The index for those who decide about whole packs: places by number, packs taken out, files written anew.

use super::records::Row;
use super::{Index, encode_index, shard_of};
use crate::{BlobType, Id, Result};
use std::collections::HashSet;

impl Index {
    /// The number of the first place of each shard, and at the end that of all places.
    ///
    /// A place's number is that of its shard and its own in it together. What is added later has none.
    pub(crate) fn starts(&self) -> Vec<usize> {
        let mut starts = Vec::with_capacity(self.shards.len() + 1);
        let mut sum = 0;
        for shard in &self.shards {
            starts.push(sum);
            sum += shard.len();
        }
        starts.push(sum);
        starts
    }

    /// Whether these are the starts of this index, as it is or as it was before something was added.
    pub(crate) fn had(&self, starts: &[usize]) -> bool {
        let sizes = starts.windows(2).map(|pair| pair[1] - pair[0]);
        starts.len() == self.shards.len() + 1 && sizes.zip(&self.shards).all(|(size, shard)| size <= shard.len())
    }

    /// The places of a blob in the order in which they were named, by number.
    pub(crate) fn places<'a>(
        &'a self,
        starts: &'a [usize],
        kind: BlobType,
        id: &Id,
    ) -> impl Iterator<Item = (usize, &'a Row)> + 'a {
        let hash = self.seeds.hash_blob(kind, id);
        let id = *id;
        let shard = shard_of(hash);
        self.shards[shard]
            .find(hash, move |row| row.is(kind, &id))
            .map(move |(number, row)| (starts[shard] + number as usize, row))
            .filter(move |(place, _)| *place < starts[shard + 1])
    }

    /// All places that have numbers, in their order.
    pub(crate) fn all_places<'a>(&'a self, starts: &'a [usize]) -> impl Iterator<Item = &'a Row> + 'a {
        let sizes = starts.windows(2).map(|pair| pair[1] - pair[0]);
        self.shards.iter().zip(sizes).flat_map(|(shard, size)| shard.iter().take(size))
    }

    /// The pack of a number, as [`Row::pack`] has it.
    pub(crate) fn pack_of(&self, number: u32) -> Id {
        self.packs.get(number).id
    }

    /// The number of a pack.
    pub(crate) fn number_of(&self, pack: &Id) -> Option<u32> {
        self.pack_number(pack)
    }

    /// Packs of which not all is remembered, since too many others name the same blobs.
    pub fn crowded(&self) -> impl Iterator<Item = Id> + '_ {
        self.crowded.iter().map(|number| self.pack_of(*number))
    }

    /// Packs of which the index cannot be true: blobs overlap or leave gaps, or not all of them are remembered.
    ///
    /// Blobs that follow one another from 0 to their length in all, L, make squares that add up: the sum of
    /// (offset + length)² - offset² is L². Who knows this rule can make others that keep it; what they say is found false
    /// when it is read.
    pub fn untidy(&self) -> Vec<Id> {
        let mut sums = vec![(0u128, 0u128); self.packs.len()];
        for row in self.shards.iter().flat_map(super::Table::iter) {
            let (offset, length) = (u128::from(row.offset), u128::from(row.length));
            let (squares, lengths) = &mut sums[row.pack() as usize];
            *squares += length * (2 * offset + length);
            *lengths += length;
        }
        let is_untidy = |number: &u32| {
            let (squares, length) = sums[*number as usize];
            squares != length * length || self.crowded.contains(number)
        };
        (0..self.packs.len() as u32).filter(is_untidy).map(|number| self.pack_of(number)).collect()
    }

    /// The same without some packs.
    ///
    /// # Errors
    /// [`crate::Error::TooLarge`], which this index would have been already.
    pub fn without(&self, packs: &HashSet<Id>) -> Result<Self> {
        let mut left = Self::new();
        let out: HashSet<u32> = packs.iter().filter_map(|pack| self.pack_number(pack)).collect();
        for row in self.shards.iter().flat_map(super::Table::iter).filter(|row| !out.contains(&row.pack())) {
            left.insert_pack(self.pack_of(row.pack()), &[row.entry()])?;
        }
        Ok(left)
    }

    /// The JSON of one index file for these packs; those that are not named are left out.
    pub fn encode(&self, packs: &[Id]) -> Vec<u8> {
        let named = packs.iter().filter_map(|pack| self.pack_entries(pack).map(|entries| (*pack, entries)));
        encode_index(&named.collect::<Vec<_>>())
    }
}
