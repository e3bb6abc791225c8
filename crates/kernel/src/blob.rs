//! What a pack holds: blobs of two types, each with an ID, a place and two lengths.

use crate::Id;

/// The type of a blob. Identity in an index is the pair of type and ID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum BlobType {
    /// A piece of a file's content.
    Data,
    /// A directory listing.
    Tree,
}

/// One blob as a pack header or an index describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlobEntry {
    /// Data or tree.
    pub kind: BlobType,
    /// SHA-256 of the plaintext before compression.
    pub id: Id,
    /// Where the envelope begins in the pack, in bytes.
    pub offset: u32,
    /// Length of the envelope (ciphertext and 32 bytes), in bytes.
    pub length: u32,
    /// Length of the plaintext if the blob is compressed, in bytes; 0 if it is not.
    pub uncompressed_length: u32,
}
