//! Records in the order of their arrival, with a hash table of 4 bytes a slot over them.
//!
//! Records lie in small blocks and are never moved; the table grows by a quarter. So memory stays close
//! to what is used and growing has no peak that matters.

use super::full;
use crate::Result;

/// What a [`Table`] holds.
pub(super) trait Record {
    /// The plural, for an error.
    const WHAT: &'static str;
}

/// Records in a block. 3 KiB of rows: small beside what 256 tables hold in a large repository, and
/// 256 half-used ones are small beside everything else.
const BLOCK: usize = 64;

/// A slot holds the number of a record plus one in its lower 24 bits, a part of its hash above; 0 is free.
const NUMBER: u32 = (1 << 24) - 1;

pub(super) struct Table<T> {
    blocks: Vec<Vec<T>>,
    slots: Vec<u32>,
    len: usize,
}

impl<T: Record> Table<T> {
    pub fn new() -> Self {
        Self { blocks: Vec::new(), slots: Vec::new(), len: 0 }
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory.
    pub fn memory(&self) -> usize {
        self.blocks.len() * BLOCK * size_of::<T>()
            + self.blocks.capacity() * size_of::<Vec<T>>()
            + self.slots.capacity() * size_of::<u32>()
    }

    pub fn get(&self, number: u32) -> &T {
        &self.blocks[number as usize / BLOCK][number as usize % BLOCK]
    }

    /// All records, in the order of their arrival.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten()
    }

    /// The records from a number on.
    pub fn iter_from(&self, number: usize) -> impl Iterator<Item = &T> {
        let blocks = self.blocks.get(number / BLOCK..).unwrap_or_default();
        blocks.iter().flatten().skip(number % BLOCK)
    }

    /// The records of this hash that `matches` accepts, with their numbers, the oldest first.
    pub fn find<'a>(&'a self, hash: u64, matches: impl Fn(&T) -> bool + 'a) -> impl Iterator<Item = (u32, &'a T)> + 'a {
        let start = if self.slots.is_empty() { 0 } else { place(hash, self.slots.len()) };
        let around = self.slots[start..].iter().chain(&self.slots[..start]);
        around.take_while(|slot| **slot != 0).filter_map(move |slot| {
            let number = (slot & NUMBER) - 1;
            // The mark saves looking at most records of other hashes.
            (slot & !NUMBER == mark(hash)).then(|| (number, self.get(number))).filter(|(_, record)| matches(record))
        })
    }

    /// Adds a record and returns its number. `rehash` gives the hash of each record when the table grows.
    pub fn insert(&mut self, hash: u64, record: T, rehash: impl Fn(&T) -> u64) -> Result<u32> {
        if self.len >= NUMBER as usize {
            return Err(full(T::WHAT, NUMBER as usize));
        }
        if (self.len + 1) * 8 > self.slots.len() * 7 {
            self.grow(rehash);
        }
        let number = self.len as u32;
        if self.len.is_multiple_of(BLOCK) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let block = self.blocks.last_mut().expect("a block was just added when there was none");
        block.push(record);
        self.len += 1;
        enter(&mut self.slots, hash, number);
        Ok(number)
    }

    /// Makes room for so many records in all, so that the table does not grow until then.
    pub fn reserve(&mut self, records: usize, rehash: impl Fn(&T) -> u64) {
        let size = records.min(NUMBER as usize) * 8 / 7 + 2;
        if size > self.slots.len() {
            self.resize(size, rehash);
        }
    }

    fn grow(&mut self, rehash: impl Fn(&T) -> u64) {
        self.resize((self.slots.len() + self.slots.len() / 4).max(16), rehash);
    }

    fn resize(&mut self, size: usize, rehash: impl Fn(&T) -> u64) {
        // The old table goes first: everything that it says is in the records.
        self.slots = Vec::new();
        self.slots = vec![0; size];
        for (number, record) in self.blocks.iter().flatten().enumerate() {
            enter(&mut self.slots, rehash(record), number as u32);
        }
    }
}

/// Takes the first free slot from the hash's own on. In order of arrival, so the oldest is found first.
fn enter(slots: &mut [u32], hash: u64, number: u32) {
    let mut at = place(hash, slots.len());
    while slots[at] != 0 {
        at = if at + 1 == slots.len() { 0 } else { at + 1 };
    }
    slots[at] = mark(hash) | (number + 1);
}

/// Where the search for this hash begins. Uses other bits than the shard (the top 8) and the mark.
fn place(hash: u64, size: usize) -> usize {
    (((hash >> 16 & 0xffff_ffff) * size as u64) >> 32) as usize
}

fn mark(hash: u64) -> u32 {
    (hash as u32) << 24
}
