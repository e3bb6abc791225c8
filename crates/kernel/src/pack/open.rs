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

/// Opens one blob: MAC, bounded decompression, SHA-256. `out` then holds the plaintext and nothing else,
/// or nothing at all. `scratch` is memory for the frame, reused from blob to blob.
///
/// # Errors
/// [`Error::Damaged`] naming the blob if its length, MAC, frame or hash is another than promised;
/// [`Error::TooLarge`] beyond [`limit_of`], before memory is spent on it.
pub fn open_blob(
    envelope: &Envelope,
    entry: &BlobEntry,
    ciphertext: &[u8],
    decompressor: &mut Decompressor,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<()> {
    open_unproven(envelope, entry, ciphertext, decompressor, scratch, out)?;
    prove(entry, Id::of(out)).inspect_err(|_| out.clear())
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

/// As [`open_blob`], but the hash is the caller's to [`prove`]: whoever has several hashes several at once.
///
/// # Errors
/// As [`open_blob`].
pub(crate) fn open_unproven(
    envelope: &Envelope,
    entry: &BlobEntry,
    ciphertext: &[u8],
    decompressor: &mut Decompressor,
    scratch: &mut Vec<u8>,
    out: &mut Vec<u8>,
) -> Result<()> {
    out.clear();
    let name = || name(entry);
    let explain = |error: Error| match error {
        Error::WrongKey => Error::damaged(format!("{}: ciphertext verification failed", name())),
        Error::Damaged(what) => Error::damaged(format!("{}: {what}", name())),
        Error::TooLarge { what, limit } => Error::TooLarge { what: format!("{}: {what}", name()), limit },
        other => other,
    };
    let limit = limit_of(entry.kind);
    if ciphertext.len() != entry.length as usize {
        return Err(explain(Error::damaged(format!(
            "{} bytes where {} were promised",
            ciphertext.len(),
            entry.length
        ))));
    }
    let uncompressed_length = entry.uncompressed_length as usize;
    // A frame is hardly longer than what it holds; the slack is for rubbish that does not compress.
    if uncompressed_length > limit || ciphertext.len() > limit + limit / 128 + OVERHEAD {
        return Err(explain(Error::too_large("the length, in bytes,", limit as u64)));
    }
    if uncompressed_length == 0 {
        envelope.open(ciphertext, out).map_err(explain)?;
    } else {
        envelope.open(ciphertext, scratch).map_err(explain)?;
        decompressor.decompress(scratch, Some(uncompressed_length), limit, out).map_err(explain)?;
    }
    if out.len() > limit {
        out.clear();
        return Err(explain(Error::too_large("the length, in bytes,", limit as u64)));
    }
    Ok(())
}
