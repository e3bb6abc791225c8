//! Where each blob lies: the union of all index files, about 55 bytes of memory for each blob.

mod by_pack;
mod encode;
mod numbered;
mod packed;
mod parse;
mod records;
mod table;

pub use encode::encode_index;
pub use packed::{decode_rows, encode_rows, unproven};
pub use parse::{MAX_INDEX, ParsedIndex, parse_index};

use crate::{BlobEntry, BlobType, Error, Id, Result};
use by_pack::ByPack;
pub(crate) use records::Row;
use records::{PackRecord, Seeds};
use std::collections::HashSet;
use std::sync::{Mutex, PoisonError};
use table::Table;

/// Blobs are spread over this many tables, so that each grows alone and no peak doubles the memory.
const SHARDS: usize = 256;

/// Copies of one blob that are remembered; more serve nobody but an index that was made to be slow.
const MAX_COPIES: usize = 64;

/// One place where a blob lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Location {
    /// The pack.
    pub pack: Id,
    /// Where the envelope begins in the pack, in bytes.
    pub offset: u32,
    /// Length of the envelope, in bytes.
    pub length: u32,
    /// Length of the plaintext if the blob is compressed, in bytes; 0 if it is not.
    pub uncompressed_length: u32,
}

/// All blobs of a repository that its index files name.
pub struct Index {
    shards: Vec<Table<Row>>,
    packs: Table<PackRecord>,
    seeds: Seeds,
    /// Packs of which a blob was left out, since others had named [`MAX_COPIES`] of it before.
    crowded: HashSet<u32>,
    /// Rows by pack, made when somebody asks for the blobs of a pack.
    by_pack: Mutex<ByPack>,
}

impl Default for Index {
    fn default() -> Self {
        Self::new()
    }
}

impl Index {
    /// An index of nothing. Where its entries lie in memory depends on random seeds, so that nobody can
    /// choose IDs that collide.
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Table::new()).collect(),
            packs: Table::new(),
            seeds: Seeds::random(),
            crowded: HashSet::new(),
            by_pack: Mutex::default(),
        }
    }

    /// Adds the plaintext JSON of one index file and returns the packs that it names.
    ///
    /// # Errors
    /// As [`parse_index`]; nothing is added then. [`Error::TooLarge`] beyond 16 million packs or 4 billion
    /// blobs.
    pub fn load_json(&mut self, json: &[u8]) -> Result<Vec<Id>> {
        self.load(&parse_index(json)?)
    }

    /// Adds what one index file says and returns the packs that it names.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond 16 million packs or 4 billion blobs.
    pub fn load(&mut self, parsed: &ParsedIndex) -> Result<Vec<Id>> {
        for (pack, blobs) in parsed.packs() {
            self.insert_pack(pack, blobs)?;
        }
        Ok(parsed.packs().map(|(pack, _)| pack).collect())
    }

    /// Adds blobs of one pack; those that are known to lie there already change nothing.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond 16 million packs or 4 billion blobs.
    pub fn insert_pack(&mut self, pack: Id, blobs: &[BlobEntry]) -> Result<()> {
        let hash = self.seeds.hash(0, &pack);
        let known = self.packs.find(hash, |record| record.id == pack).next().map(|(number, _)| number);
        let number = match known {
            Some(number) => number,
            None => self.packs.insert(hash, PackRecord { id: pack }, |record| self.seeds.hash(0, &record.id))?,
        };
        for blob in blobs {
            self.insert(number, blob)?;
        }
        Ok(())
    }

    /// Makes room for so many places in all: a table that grows step by step hashes each of them five times.
    pub fn reserve(&mut self, places: usize) {
        let (seeds, each) = (&self.seeds, places / SHARDS + places / SHARDS / 16);
        for shard in &mut self.shards {
            shard.reserve(each, |row: &Row| seeds.hash_blob(row.kind(), &row.id));
        }
    }

    fn insert(&mut self, pack: u32, blob: &BlobEntry) -> Result<()> {
        let mut row = Row::new(pack, blob);
        let hash = self.seeds.hash_blob(blob.kind, &blob.id);
        let seeds = &self.seeds;
        let shard = &mut self.shards[shard_of(hash)];
        let mut copies = 0;
        for (_, other) in shard.find(hash, |other| other.is(blob.kind, &blob.id)) {
            copies += 1;
            if other.says(&row) {
                return Ok(());
            }
            if copies == MAX_COPIES {
                self.crowded.insert(pack);
                return Ok(());
            }
        }
        if copies > 0 {
            row = row.as_copy();
        }
        shard.insert(hash, row, |row| seeds.hash_blob(row.kind(), &row.id))?;
        Ok(())
    }

    fn rows(&self, kind: BlobType, id: &Id) -> impl Iterator<Item = &Row> {
        let hash = self.seeds.hash_blob(kind, id);
        let id = *id;
        self.shards[shard_of(hash)].find(hash, move |row| row.is(kind, &id)).map(|(_, row)| row)
    }

    fn location(&self, row: &Row) -> Location {
        Location {
            pack: self.packs.get(row.pack()).id,
            offset: row.offset,
            length: row.length,
            uncompressed_length: row.uncompressed_length,
        }
    }

    /// Whether any index file names the blob. It need not exist for all that.
    pub fn contains(&self, kind: BlobType, id: &Id) -> bool {
        self.rows(kind, id).next().is_some()
    }

    /// The place of a blob that was named first.
    pub fn lookup(&self, kind: BlobType, id: &Id) -> Option<Location> {
        self.rows(kind, id).next().map(|row| self.location(row))
    }

    /// All places of a blob, in the order in which they were named.
    pub fn lookup_all(&self, kind: BlobType, id: &Id) -> Vec<Location> {
        self.rows(kind, id).map(|row| self.location(row)).collect()
    }

    /// The packs, in the order in which they were named.
    pub fn packs(&self) -> impl ExactSizeIterator<Item = Id> + '_ {
        (0..self.packs.len() as u32).map(|number| self.packs.get(number).id)
    }

    /// Whether any index file names the pack.
    pub fn contains_pack(&self, pack: &Id) -> bool {
        self.pack_number(pack).is_some()
    }

    fn pack_number(&self, pack: &Id) -> Option<u32> {
        let hash = self.seeds.hash(0, pack);
        self.packs.find(hash, |record| record.id == *pack).next().map(|(number, _)| number)
    }

    /// The blobs of a pack by place, or `None` for a pack that no index file names.
    ///
    /// The first call, and one after many additions, sorts all rows by pack: 4 bytes of memory for each blob.
    pub fn pack_entries(&self, pack: &Id) -> Option<Vec<BlobEntry>> {
        let number = self.pack_number(pack)?;
        let mut by_pack = self.by_pack.lock().unwrap_or_else(PoisonError::into_inner);
        let mut entries = by_pack.entries(number, &self.shards, self.packs.len());
        entries.sort_unstable_by_key(|entry| (entry.offset, entry.kind, entry.id));
        Some(entries)
    }

    /// Every place of every blob, in no particular order.
    pub fn blobs(&self) -> impl Iterator<Item = (BlobEntry, Id)> + '_ {
        self.shards.iter().flat_map(Table::iter).map(|row| (row.entry(), self.packs.get(row.pack()).id))
    }

    /// The number of places, which counts a blob once for each pack that it lies in.
    pub fn len(&self) -> usize {
        self.shards.iter().map(Table::len).sum()
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory that this index holds.
    pub fn memory(&self) -> usize {
        let by_pack = self.by_pack.lock().unwrap_or_else(PoisonError::into_inner).memory();
        self.shards.iter().map(Table::memory).sum::<usize>() + self.packs.memory() + by_pack
    }
}

fn shard_of(hash: u64) -> usize {
    (hash >> 56) as usize
}

/// The one error of a full table.
fn full(what: &str, limit: usize) -> Error {
    Error::too_large(format!("the number of {what} in an index"), limit as u64)
}

#[cfg(test)]
mod tests;
