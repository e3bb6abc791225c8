//! What the index keeps of a blob and of a pack, and how it is hashed.

use super::table::Record;
use crate::envelope::fill_random;
use crate::{BlobEntry, BlobType, Id};

/// One place of one blob: 48 bytes.
#[derive(Clone, Copy)]
pub struct Row {
    pub id: Id,
    /// The number of the pack; the top bit is set for a tree, the next one for all places of a blob but its first.
    pack: u32,
    pub offset: u32,
    pub length: u32,
    pub uncompressed_length: u32,
}

const TREE: u32 = 1 << 31;
const COPY: u32 = 1 << 30;

impl Row {
    pub fn new(pack: u32, blob: &BlobEntry) -> Self {
        let kind = if blob.kind == BlobType::Tree { TREE } else { 0 };
        let BlobEntry { id, offset, length, uncompressed_length, .. } = *blob;
        Self { id, pack: pack | kind, offset, length, uncompressed_length }
    }

    pub fn kind(&self) -> BlobType {
        if self.pack & TREE == 0 { BlobType::Data } else { BlobType::Tree }
    }

    pub fn pack(&self) -> u32 {
        self.pack & !(TREE | COPY)
    }

    /// The same place of a blob that has others before it.
    pub fn as_copy(mut self) -> Self {
        self.pack |= COPY;
        self
    }

    /// Whether the blob has a place that was named before this one.
    pub fn is_copy(&self) -> bool {
        self.pack & COPY != 0
    }

    /// Whether both say the same of the same blob.
    pub fn says(&self, other: &Self) -> bool {
        (self.pack | COPY, self.offset, self.length, self.uncompressed_length, &self.id)
            == (other.pack | COPY, other.offset, other.length, other.uncompressed_length, &other.id)
    }

    pub fn is(&self, kind: BlobType, id: &Id) -> bool {
        self.id == *id && self.kind() == kind
    }

    pub fn entry(&self) -> BlobEntry {
        let Self { id, offset, length, uncompressed_length, .. } = *self;
        BlobEntry { kind: self.kind(), id, offset, length, uncompressed_length }
    }
}

impl Record for Row {
    const WHAT: &'static str = "blobs";
}

/// A pack that some index file names.
pub(super) struct PackRecord {
    pub id: Id,
}

impl Record for PackRecord {
    const WHAT: &'static str = "packs";
}

/// Secret numbers of one index. IDs in an index file are whatever its writer chose, so a hash that he
/// could compute himself would let him make every lookup slow.
pub(super) struct Seeds([u64; 4]);

impl Seeds {
    pub fn random() -> Self {
        let mut bytes = [0u8; 32];
        fill_random(&mut bytes);
        Self(words(&bytes))
    }

    pub fn hash_blob(&self, kind: BlobType, id: &Id) -> u64 {
        self.hash(if kind == BlobType::Tree { 1 } else { 0 }, id)
    }

    /// Two folded multiplications, over all 32 bytes.
    pub fn hash(&self, tag: u64, id: &Id) -> u64 {
        let [a, b, c, d] = words(&id.0);
        let [k, l, m, n] = self.0;
        let first = fold(a ^ k, b ^ l);
        fold(c ^ m ^ first, d ^ n ^ first.rotate_left(32) ^ tag)
    }
}

fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

fn words(bytes: &[u8; 32]) -> [u64; 4] {
    let (words, _) = bytes.as_chunks::<8>();
    std::array::from_fn(|at| u64::from_le_bytes(words[at]))
}
