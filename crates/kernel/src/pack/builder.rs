//! Builds one pack in memory: seals each blob straight into the buffer that will be uploaded.

use super::header::{MAX_HEADER, encode_header, parse_header};
use crate::envelope::{Envelope, OVERHEAD};
use crate::{BlobEntry, BlobType, Error, Hasher, Id, Result};
use std::sync::Arc;

/// The largest pack, in bytes: offsets in an index are 32 bits wide here.
const MAX_PACK: usize = u32::MAX as usize;

/// A pack that takes blobs. The file's hash is carried along beside the hashes of blobs that follow.
pub struct PackBuilder {
    envelope: Arc<Envelope>,
    bytes: Vec<u8>,
    entries: Vec<BlobEntry>,
    hash: Hasher,
    /// How many of the bytes that hash holds.
    hashed: usize,
}

/// A pack that is ready to be stored.
#[derive(Debug)]
pub struct FinishedPack {
    /// SHA-256 of `bytes`: its name.
    pub id: Id,
    /// The whole file.
    pub bytes: Vec<u8>,
    /// What the index must say about it, in order of place.
    pub entries: Vec<BlobEntry>,
}

impl PackBuilder {
    /// An empty pack.
    pub fn new(envelope: Arc<Envelope>) -> Self {
        Self::with_buffer(envelope, Vec::new())
    }

    /// An empty pack that uses the memory of `buffer`; what that holds is dropped. A buffer of target
    /// size and some blobs saves the copies of growing.
    pub fn with_buffer(envelope: Arc<Envelope>, mut buffer: Vec<u8>) -> Self {
        buffer.clear();
        Self { envelope, bytes: buffer, entries: Vec::new(), hash: Hasher::new(), hashed: 0 }
    }

    /// Seals one blob and returns its entry. `data` is the plaintext, with `uncompressed_length` 0, or a
    /// zstd frame of that many bytes of plaintext. `id` is always the plaintext's.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if pack or header would grow beyond what the format holds; nothing is added then.
    pub fn add(&mut self, kind: BlobType, id: Id, data: &[u8], uncompressed_length: u32) -> Result<BlobEntry> {
        let length = data.len().saturating_add(OVERHEAD);
        self.check_room(length)?;
        let offset = self.bytes.len();
        self.envelope.seal(data, &mut self.bytes);
        Ok(self.note(kind, id, offset, uncompressed_length))
    }

    /// The same with an envelope that another pack of this repository holds: it is taken as it is.
    ///
    /// # Errors
    /// As [`PackBuilder::add`].
    pub(crate) fn add_sealed(
        &mut self,
        kind: BlobType,
        id: Id,
        sealed: &[u8],
        uncompressed_length: u32,
    ) -> Result<BlobEntry> {
        self.check_room(sealed.len())?;
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(sealed);
        Ok(self.note(kind, id, offset, uncompressed_length))
    }

    fn check_room(&self, length: usize) -> Result<()> {
        let header = (self.entries.len() + 1) * 41 + OVERHEAD;
        if header > MAX_HEADER {
            return Err(Error::too_large("the header of a pack, in bytes,", MAX_HEADER as u64));
        }
        if self.bytes.len().saturating_add(length).saturating_add(header + 4) > MAX_PACK {
            return Err(Error::too_large("a pack, in bytes,", MAX_PACK as u64));
        }
        Ok(())
    }

    /// The entry of an envelope that was appended.
    fn note(&mut self, kind: BlobType, id: Id, offset: usize, uncompressed_length: u32) -> BlobEntry {
        let length = (self.bytes.len() - offset) as u32;
        let entry = BlobEntry { kind, id, offset: offset as u32, length, uncompressed_length };
        self.entries.push(entry);
        entry
    }

    /// Bytes of all envelopes so far, without the header.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether no blob was added.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that are sealed and wait to be hashed.
    pub fn unhashed(&self) -> usize {
        self.bytes.len() - self.hashed
    }

    /// The SHA-256 of another message, taking along as many bytes that wait to be hashed.
    pub fn hash_beside(&mut self, message: &[u8]) -> Id {
        let end = self.bytes.len().min(self.hashed + message.len());
        let mut other = Hasher::new();
        Hasher::update_both(&mut other, message, &mut self.hash, &self.bytes[self.hashed..end]);
        self.hashed = end;
        other.finish()
    }

    /// The number of blobs.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// The entries so far, in order of place.
    pub fn entries(&self) -> &[BlobEntry] {
        &self.entries
    }

    /// The bytes so far, as they will be uploaded.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The envelope of an entry that [`PackBuilder::add`] returned: what [`super::Opener`] takes to prove that
    /// the very bytes that will be uploaded open, decompress and have the right hash.
    pub fn sealed(&self, entry: &BlobEntry) -> &[u8] {
        &self.bytes[entry.offset as usize..][..entry.length as usize]
    }

    /// Adds the header and decodes it again, so that no pack leaves whose header says something else.
    ///
    /// # Errors
    /// [`Error::Internal`] for a pack without blobs or a header that does not come back.
    pub fn finish(mut self) -> Result<FinishedPack> {
        if self.is_empty() {
            return Err(Error::Internal("a pack without blobs was finished".into()));
        }
        let start = self.bytes.len();
        self.envelope.seal(&encode_header(&self.entries), &mut self.bytes);
        let length = (self.bytes.len() - start) as u32;
        self.bytes.extend_from_slice(&length.to_le_bytes());
        self.hash.update(&self.bytes[self.hashed..]);
        let again = parse_header(&self.envelope, &self.bytes[start..], self.bytes.len() as u64);
        if !again.is_ok_and(|again| again == self.entries) {
            return Err(Error::Internal("the header of a new pack does not decode to what was encoded".into()));
        }
        Ok(FinishedPack { id: self.hash.finish(), bytes: self.bytes, entries: self.entries })
    }
}
