//! Many small blobs out of one range of a pack: read at once, opened one after the other, hashed two at a time.

use super::open::prove;
use super::transfer::Source;
use super::{Opener, Place, limit_of};
use crate::envelope::Envelope;
use crate::{BlobEntry, Id, Result};

/// The longest range that is read at once, in bytes.
pub const MAX_RANGE: usize = 8 << 20;

/// The verified plaintexts of blobs of a range that begins at `offset` of a pack, in their order. None stands for
/// whatever needs a second look: what does not lie in the range, does not open, or has another hash.
///
/// # Errors
/// [`crate::Error::Io`] if the range cannot be read, [`crate::Error::TooLarge`] if it is longer than [`MAX_RANGE`].
pub fn open_together(
    envelope: &Envelope,
    source: &Source<'_>,
    offset: u64,
    entries: &[BlobEntry],
) -> Result<Vec<Option<Vec<u8>>>> {
    let ends = entries.iter().map(|entry| u64::from(entry.offset) + u64::from(entry.length));
    let length = ends.max().unwrap_or(offset).saturating_sub(offset);
    if length > MAX_RANGE as u64 {
        return Err(crate::Error::too_large("a range of a pack, in bytes,", MAX_RANGE as u64));
    }
    let place = match source {
        Source::Memory(bytes) => Place::Memory(bytes),
        Source::File { file, start } => Place::File { file, start: *start, size: length },
    };
    let mut buffer = Vec::new();
    let range = place.part(0, place.size().min(length) as usize, &mut buffer)?;
    let mut opener = Opener::default();
    let mut opened: Vec<Option<Vec<u8>>> = entries
        .iter()
        .map(|entry| {
            let start = usize::try_from(u64::from(entry.offset).checked_sub(offset)?).ok()?;
            let sealed = range.get(start..start.checked_add(entry.length as usize)?)?;
            // Memory for what is promised, which is checked against what there may be before it is taken.
            let promised = (entry.uncompressed_length.max(entry.length) as usize).min(limit_of(entry.kind));
            let mut plain = Vec::with_capacity(promised);
            opener.open_unproven(envelope, entry, sealed, &mut plain).ok().map(|()| plain)
        })
        .collect();
    for (entries, opened) in entries.chunks(2).zip(opened.chunks_mut(2)) {
        let plain = |at: usize| opened.get(at).and_then(Option::as_deref).unwrap_or_default();
        let (first, second) = Id::of_both(plain(0), plain(1));
        for ((entry, opened), hash) in entries.iter().zip(opened).zip([first, second]) {
            if prove(entry, hash).is_err() {
                *opened = None;
            }
        }
    }
    Ok(opened)
}
