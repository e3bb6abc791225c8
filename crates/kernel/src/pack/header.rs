//! The header at the end of a pack: one entry of 37 or 41 bytes for each blob, in order of place.

use crate::envelope::{Envelope, OVERHEAD};
use crate::{BlobEntry, BlobType, Error, Id, Result};

/// The longest header envelope, in bytes.
pub const MAX_HEADER: usize = 16 << 20;
const PLAIN: usize = 37;
const COMPRESSED: usize = 41;

/// The length of the header envelope, in bytes, from the last bytes of a pack of `file_size` bytes.
///
/// `tail` ends where the pack ends and holds at least 4 bytes. With the 4 bytes of the length itself the
/// header is the last `header_length + 4` bytes.
///
/// # Errors
/// [`Error::Damaged`] for a length that is impossible, [`Error::TooLarge`] beyond [`MAX_HEADER`].
pub fn header_length(tail: &[u8], file_size: u64) -> Result<usize> {
    let Some(length) = tail.last_chunk::<4>() else {
        return Err(Error::damaged("a pack is shorter than 4 bytes"));
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length > MAX_HEADER {
        return Err(Error::too_large("the header of a pack, in bytes,", MAX_HEADER as u64));
    }
    // Each blob is an envelope itself, so there is no pack without at least that.
    let least = (length + 4 + OVERHEAD) as u64;
    if length < OVERHEAD + PLAIN || least > file_size {
        return Err(Error::damaged(format!("a pack of {file_size} bytes claims a header of {length} bytes")));
    }
    Ok(length)
}

/// The entries of the header at the end of `tail`, the last bytes of a pack of `file_size` bytes.
///
/// Offsets are the running sum of the lengths; lengths, header and its length must add up to the size.
///
/// # Errors
/// [`Error::Damaged`] if `tail` is too short for the header or the header lies, [`Error::WrongKey`] if the
/// key does not open it, [`Error::TooLarge`] beyond [`MAX_HEADER`].
pub fn parse_header(envelope: &Envelope, tail: &[u8], file_size: u64) -> Result<Vec<BlobEntry>> {
    let length = header_length(tail, file_size)?;
    let Some(start) = tail.len().checked_sub(length + 4) else {
        return Err(Error::damaged(format!("{} bytes do not hold a header of {length} bytes", tail.len())));
    };
    let mut plain = Vec::new();
    envelope.open(&tail[start..tail.len() - 4], &mut plain)?;
    let entries = parse_entries(&plain)?;
    let end = entries.last().map_or(0, |last| u64::from(last.offset) + u64::from(last.length));
    if end + length as u64 + 4 != file_size {
        return Err(Error::damaged(format!(
            "the header of a pack describes {} bytes, but the pack has {file_size}",
            end + length as u64 + 4
        )));
    }
    Ok(entries)
}

fn parse_entries(mut plain: &[u8]) -> Result<Vec<BlobEntry>> {
    let cut = || Error::damaged("the header of a pack ends within an entry");
    let mut entries = Vec::with_capacity(plain.len() / PLAIN);
    let mut offset = 0u32;
    while let Some((tag, rest)) = plain.split_first() {
        let (kind, compressed) = match tag {
            0 => (BlobType::Data, false),
            1 => (BlobType::Tree, false),
            2 => (BlobType::Data, true),
            3 => (BlobType::Tree, true),
            other => return Err(Error::damaged(format!("the header of a pack has an entry of unknown type {other}"))),
        };
        let (length, mut rest) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
        let length = u32::from_le_bytes(*length);
        let mut uncompressed_length = 0;
        if compressed {
            let (bytes, after) = rest.split_first_chunk::<4>().ok_or_else(cut)?;
            (uncompressed_length, rest) = (u32::from_le_bytes(*bytes), after);
        }
        let (id, rest) = rest.split_first_chunk::<32>().ok_or_else(cut)?;
        if (length as usize) < OVERHEAD {
            return Err(Error::damaged(format!("the header of a pack has a blob of {length} bytes")));
        }
        entries.push(BlobEntry { kind, id: Id(*id), offset, length, uncompressed_length });
        offset = offset.checked_add(length).ok_or_else(|| Error::damaged("a pack claims to be 4 GiB or longer"))?;
        plain = rest;
    }
    Ok(entries)
}

/// The plaintext of the header for these entries, which stand in order of place without gaps.
pub fn encode_header(entries: &[BlobEntry]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(entries.len() * COMPRESSED);
    for entry in entries {
        let compressed = entry.uncompressed_length != 0;
        plain.push(u8::from(entry.kind == BlobType::Tree) + 2 * u8::from(compressed));
        plain.extend_from_slice(&entry.length.to_le_bytes());
        if compressed {
            plain.extend_from_slice(&entry.uncompressed_length.to_le_bytes());
        }
        plain.extend_from_slice(&entry.id.0);
    }
    plain
}
