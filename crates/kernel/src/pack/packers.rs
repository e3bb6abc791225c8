//! The open packs of one repository: data and trees apart, filled from many threads.

use super::bytes::{PackBytes, Spare};
use super::{MAX_HEADER, PackBuilder};
use crate::compress::{Compression, Effort};
use crate::envelope::{Envelope, OVERHEAD};
use crate::{BlobEntry, BlobType, Id, Result, sync::lock};
use std::sync::{Arc, Mutex, MutexGuard, TryLockError};

/// Open packs of data where nobody says otherwise: a second one only while two workers would wait for each other.
pub const DATA_PACKS: usize = 2;
/// Blobs that fill a pack however small they are: its header has a limit.
const MOST_BLOBS: usize = (MAX_HEADER - OVERHEAD) / 41;

type Packer = Mutex<Option<PackBuilder>>;

/// A pack to be stored.
#[derive(Debug)]
pub struct Outgoing {
    /// Its name.
    pub id: Id,
    /// What kind of blobs it holds.
    pub kind: BlobType,
    /// Its bytes.
    pub bytes: PackBytes,
    /// What it holds.
    pub entries: Vec<BlobEntry>,
}

/// A blob as it goes into a pack.
#[derive(Clone, Copy)]
pub(crate) enum Piece<'a> {
    /// Plaintext or frame, to be sealed.
    Open(&'a [u8]),
    /// An envelope under the repository's own key, proven by the caller.
    Sealed(&'a [u8]),
}

/// Open packs, and how blobs are put into them.
pub struct Packers {
    envelope: Arc<Envelope>,
    compression: Compression,
    compresses: bool,
    pack_size: usize,
    data: Vec<Packer>,
    trees: Packer,
    spare: Arc<Spare>,
}

impl Packers {
    /// No packs yet, for a repository of this key and version; one is closed with the blob that brings it to
    /// `pack_size` bytes. `open` packs of data are filled at once at most.
    pub fn new(envelope: Arc<Envelope>, version: u8, compression: Compression, pack_size: usize, open: usize) -> Self {
        Self {
            envelope,
            compression,
            compresses: version >= 2,
            pack_size,
            data: (0..open.max(1)).map(|_| Mutex::default()).collect(),
            trees: Mutex::default(),
            spare: Arc::default(),
        }
    }

    /// The repository's key.
    pub(crate) fn envelope(&self) -> &Arc<Envelope> {
        &self.envelope
    }

    /// How hard a blob of this type and plaintext size is compressed; `None` is not at all.
    pub(crate) fn effort(&self, kind: BlobType, size: usize) -> Option<Effort> {
        let effort = self.compression.effort(size);
        let effort = if kind == BlobType::Tree { effort.or(Some(Effort::Level(1))) } else { effort };
        effort.filter(|_| self.compresses && size > 0)
    }

    fn packer(&self, kind: BlobType) -> MutexGuard<'_, Option<PackBuilder>> {
        if kind == BlobType::Tree {
            return lock(&self.trees);
        }
        for packer in &self.data {
            match packer.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        lock(&self.data[0])
    }

    /// The hash of a blob, beside as many bytes of an open pack that wait to be hashed; `None` where too few do.
    pub(crate) fn hash_beside_pack(&self, plain: &[u8]) -> Option<Id> {
        self.data.iter().find_map(|packer| {
            let mut packer = packer.try_lock().ok()?;
            let builder = packer.as_mut().filter(|builder| builder.unhashed() >= plain.len() / 2)?;
            Some(builder.hash_beside(plain))
        })
    }

    /// Puts a blob into an open pack, looks at it again with `check`, and returns its entry, and the pack if that
    /// filled it.
    pub(crate) fn pack(
        &self,
        kind: BlobType,
        id: Id,
        piece: Piece<'_>,
        uncompressed_length: u32,
        check: impl FnOnce(&Envelope, &BlobEntry, &[u8]) -> Result<()>,
    ) -> Result<(BlobEntry, Option<Outgoing>)> {
        let mut packer = self.packer(kind);
        let builder = packer.get_or_insert_with(|| {
            // Trees fill a pack slowly: theirs grows with them.
            let buffer = if kind == BlobType::Tree { Vec::new() } else { self.spare.take() };
            PackBuilder::with_buffer(Arc::clone(&self.envelope), buffer)
        });
        let entry = match piece {
            Piece::Open(bytes) => builder.add(kind, id, bytes, uncompressed_length)?,
            Piece::Sealed(envelope) => builder.add_sealed(kind, id, envelope, uncompressed_length)?,
        };
        check(&self.envelope, &entry, builder.sealed(&entry))?;
        let is_full = builder.len() >= self.pack_size || builder.count() >= MOST_BLOBS;
        let finished = if is_full { packer.take() } else { None };
        drop(packer);
        Ok((entry, finished.map(|builder| self.finish(builder)).transpose()?))
    }

    fn finish(&self, builder: PackBuilder) -> Result<Outgoing> {
        let pack = builder.finish()?;
        let kind = pack.entries.first().map_or(BlobType::Data, |entry| entry.kind);
        Ok(Outgoing { id: pack.id, kind, bytes: PackBytes::new(pack.bytes, &self.spare), entries: pack.entries })
    }

    /// Closes the open packs.
    pub(crate) fn flush(&self) -> Result<Vec<Outgoing>> {
        let open = self.data.iter().chain([&self.trees]);
        open.filter_map(|packer| lock(packer).take()).map(|builder| self.finish(builder)).collect()
    }
}
