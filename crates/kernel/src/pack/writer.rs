//! Packs under construction for a repository that takes over blobs: which it still wants, and what it has.

use super::packers::{Outgoing, Packers, Piece};
use crate::compress::Compression;
use crate::envelope::Envelope;
use crate::{BlobEntry, BlobType, Id, Result};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS: usize = 16;

/// How far a blob has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Progress {
    Wanted,
    /// Somebody reads a copy of it just now.
    Claimed,
    Written,
}

/// How a repository wants its packs.
#[derive(Clone, Copy, Debug)]
pub struct WriterOptions {
    /// The repository's version, 1 or 2.
    pub version: u8,
    /// How hard to compress what is not a fit frame already.
    pub compression: Compression,
    /// A pack is closed with the blob that brings it to so many bytes.
    pub pack_size: usize,
    /// Packs of data that are filled at once at most.
    pub open_packs: usize,
    /// Make frames anew that would pass as they are.
    pub recompress: bool,
    /// Open each blob again after it was sealed.
    pub extra_verify: bool,
}

/// One repository's packs, and the blobs that are to come into them. From any thread.
pub struct PackWriter {
    pub(super) packers: Packers,
    pub(super) options: WriterOptions,
    blobs: [Mutex<HashMap<(BlobType, Id), Progress>>; SHARDS],
}

impl PackWriter {
    /// Nothing wanted and nothing written, for a repository of this key.
    pub fn new(envelope: Arc<Envelope>, options: WriterOptions) -> Self {
        let WriterOptions { version, compression, pack_size, open_packs, .. } = options;
        let packers = Packers::new(envelope, version, compression, pack_size, open_packs);
        Self { packers, options, blobs: std::array::from_fn(|_| Mutex::default()) }
    }

    fn shard(&self, id: &Id) -> MutexGuard<'_, HashMap<(BlobType, Id), Progress>> {
        let shard = &self.blobs[usize::from(id.0[0]) % SHARDS];
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wants a blob; false where it is wanted or written already.
    pub fn want(&self, kind: BlobType, id: Id) -> bool {
        let mut shard = self.shard(&id);
        let is_new = !shard.contains_key(&(kind, id));
        if is_new {
            shard.insert((kind, id), Progress::Wanted);
        }
        is_new
    }

    /// Whether a blob was wanted and is not written yet.
    pub fn lacks(&self, kind: BlobType, id: &Id) -> bool {
        self.shard(id).get(&(kind, *id)).is_some_and(|progress| *progress != Progress::Written)
    }

    /// The blobs that were wanted and are not written yet.
    pub fn wanted(&self) -> Vec<(BlobType, Id)> {
        let mut wanted = Vec::new();
        for shard in &self.blobs {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.extend(shard.iter().filter(|(_, progress)| **progress != Progress::Written).map(|(blob, _)| *blob));
        }
        wanted
    }

    /// Closes the open packs and returns them.
    ///
    /// # Errors
    /// [`crate::Error::Internal`] for a header that does not come back.
    pub fn flush(&self) -> Result<Vec<Outgoing>> {
        self.packers.flush()
    }

    /// Takes a blob on, unless it is not wanted or somebody else brings it just now.
    pub(super) fn claim(&self, kind: BlobType, id: Id) -> Option<Claim<'_>> {
        let mut shard = self.shard(&id);
        let progress = shard.get_mut(&(kind, id)).filter(|progress| **progress == Progress::Wanted)?;
        *progress = Progress::Claimed;
        Some(Claim { writer: self, kind, id, is_written: false })
    }
}

/// The task to bring a blob; dropped before that was done, the blob is wanted again.
pub(super) struct Claim<'a> {
    pub(super) writer: &'a PackWriter,
    kind: BlobType,
    id: Id,
    is_written: bool,
}

impl Claim<'_> {
    /// Puts the blob into a pack, which is returned if that filled it.
    pub(super) fn write(
        mut self,
        piece: Piece<'_>,
        uncompressed_length: u32,
        check: impl FnOnce(&Envelope, &BlobEntry, &[u8]) -> Result<()>,
    ) -> Result<Option<Outgoing>> {
        let (_, full) = self.writer.packers.pack(self.kind, self.id, piece, uncompressed_length, check)?;
        self.is_written = true;
        Ok(full)
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let progress = if self.is_written { Progress::Written } else { Progress::Wanted };
        self.writer.shard(&self.id).insert((self.kind, self.id), progress);
    }
}
