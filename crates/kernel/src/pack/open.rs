//! From the ciphertext of a blob to its verified plaintext; every reader goes through here.

use crate::compress::Decompressor;
use crate::envelope::{Envelope, OVERHEAD};
use crate::{BlobEntry, BlobType, Error, Id, Result};

/// The longest plaintext of a blob of this type, in bytes.
pub const fn limit_of(kind: BlobType) -> usize {
    match kind {
        BlobType::Data => 64 << 20,
        BlobType::Tree => 512 << 20,
    }
}

/// Bytes of plaintext that a reader holds at once in order to hash two blobs at once.
pub(crate) const MOST_PAIRED: u64 = 4 << 20;

/// Opens blobs, with memory that is reused from blob to blob.
#[derive(Default)]
pub struct Opener {
    decompressor: Decompressor,
    frame: Vec<u8>,
}

impl Opener {
    /// Opens one blob: MAC, bounded decompression, SHA-256. `out` then holds the plaintext and nothing else,
    /// or nothing at all.
    ///
    /// # Errors
    /// [`Error::Damaged`] naming the blob if its length, MAC, frame or hash is another than promised;
    /// [`Error::TooLarge`] beyond [`limit_of`], before memory is spent on it.
    pub fn open(&mut self, envelope: &Envelope, entry: &BlobEntry, ciphertext: &[u8], out: &mut Vec<u8>) -> Result<()> {
        self.open_unproven(envelope, entry, ciphertext, out)?;
        prove(entry, Id::of(out)).inspect_err(|_| out.clear())
    }

    /// As [`Opener::open`], but the hash is the caller's to [`prove`]: whoever has several hashes several at once.
    ///
    /// # Errors
    /// As [`Opener::open`].
    pub(crate) fn open_unproven(
        &mut self,
        envelope: &Envelope,
        entry: &BlobEntry,
        ciphertext: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        out.clear();
        self.fill(envelope, entry, ciphertext, out).map_err(|error| named(entry, error))
    }

    fn fill(&mut self, envelope: &Envelope, entry: &BlobEntry, ciphertext: &[u8], out: &mut Vec<u8>) -> Result<()> {
        if ciphertext.len() != entry.length as usize {
            let what = format!("{} bytes where {} were promised", ciphertext.len(), entry.length);
            return Err(Error::damaged(what));
        }
        allow_length(entry)?;
        if entry.uncompressed_length == 0 {
            envelope.open(ciphertext, out)?;
        } else {
            envelope.open(ciphertext, &mut self.frame)?;
            self.unpack(entry, out)?;
        }
        allow_plain(entry, out.len()).inspect_err(|_| out.clear())
    }

    /// Decompresses [`Opener::frame`], which is what the envelope of this blob held.
    ///
    /// # Errors
    /// As [`Decompressor::decompress`].
    pub(crate) fn unpack(&mut self, entry: &BlobEntry, out: &mut Vec<u8>) -> Result<()> {
        self.decompressor.decompress(&self.frame, Some(entry.uncompressed_length as usize), limit_of(entry.kind), out)
    }

    /// The frame of the blob that was opened last, if that is compressed.
    pub(crate) fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// Room for the frame of the next blob, empty.
    pub(crate) fn next_frame(&mut self) -> &mut Vec<u8> {
        self.frame.clear();
        &mut self.frame
    }

    /// Gives memory back that a single large frame needed, beyond `most` bytes.
    pub(crate) fn trim(&mut self, most: usize) {
        if self.frame.capacity() > most {
            self.frame = Vec::new();
        }
    }
}

/// Whether a blob may have the lengths that are said of it, before memory is spent on it.
///
/// # Errors
/// [`Error::TooLarge`].
pub(crate) fn allow_length(entry: &BlobEntry) -> Result<()> {
    let limit = limit_of(entry.kind);
    // A frame is hardly longer than what it holds; the slack is for rubbish that does not compress.
    let longest = limit + limit / 128 + OVERHEAD;
    if entry.uncompressed_length as usize > limit || entry.length as usize > longest {
        return Err(too_large(limit));
    }
    Ok(())
}

/// Whether a blob may have this much plaintext.
///
/// # Errors
/// [`Error::TooLarge`].
pub(crate) fn allow_plain(entry: &BlobEntry, length: usize) -> Result<()> {
    let limit = limit_of(entry.kind);
    if length > limit { Err(too_large(limit)) } else { Ok(()) }
}

fn too_large(limit: usize) -> Error {
    Error::too_large("the length, in bytes,", limit as u64)
}

/// The error of a blob, which says of which.
pub(crate) fn named(entry: &BlobEntry, error: Error) -> Error {
    match error {
        Error::WrongKey => Error::damaged(format!("{}: ciphertext verification failed", name(entry))),
        Error::Damaged(what) => Error::damaged(format!("{}: {what}", name(entry))),
        Error::TooLarge { what, limit } => Error::TooLarge { what: format!("{}: {what}", name(entry)), limit },
        other => other,
    }
}

/// Whether `found`, the SHA-256 of a plaintext, is what the blob is called.
///
/// # Errors
/// [`Error::Damaged`] naming the blob.
pub(crate) fn prove(entry: &BlobEntry, found: Id) -> Result<()> {
    if found == entry.id {
        Ok(())
    } else {
        Err(Error::damaged(format!("{}: the content has another hash", name(entry))))
    }
}

fn name(entry: &BlobEntry) -> String {
    match entry.kind {
        BlobType::Data => format!("data blob {}", entry.id),
        BlobType::Tree => format!("tree blob {}", entry.id),
    }
}
