//! Many blobs out of ranges of packs: each range read at once, its blobs opened one after the other, all of them hashed two
//! at a time.

use super::open::prove;
use super::transfer::Source;
use super::{Opener, Place, limit_of};
use crate::envelope::Envelope;
use crate::{BlobEntry, Error, Hasher, Id, Result};
use strongroom_sha256_pair::BLOCK;

/// The longest range that is read at once, in bytes.
pub const MAX_RANGE: usize = 8 << 20;

/// Blobs that lie beside each other in a pack.
pub struct Range<'a> {
    /// Where the bytes are.
    pub source: Source<'a>,
    /// Where in the pack they begin.
    pub offset: u64,
    /// What is wanted of them.
    pub entries: Vec<BlobEntry>,
}

/// Memory that is reused from call to call.
#[derive(Default)]
pub struct Shelf {
    opener: Opener,
    buffer: Vec<u8>,
}

/// The verified plaintexts of blobs of ranges, in their order. None stands for whatever needs a second look: what cannot
/// be read, does not lie in the range, does not open, or has another hash.
pub fn open_together(envelope: &Envelope, ranges: &[Range<'_>], shelf: &mut Shelf) -> Vec<Option<Vec<u8>>> {
    let mut opened = Vec::new();
    for range in ranges {
        let begin = opened.len();
        if open_range(envelope, range, shelf, &mut opened).is_err() {
            opened.resize(begin + range.entries.len(), None);
        }
    }
    let hashes = hashes(opened.iter().map(|plain| plain.as_deref().unwrap_or_default()));
    let entries = ranges.iter().flat_map(|range| &range.entries);
    for ((entry, plain), hash) in entries.zip(&mut opened).zip(hashes) {
        if prove(entry, hash).is_err() {
            *plain = None;
        }
    }
    opened
}

fn open_range(
    envelope: &Envelope,
    Range { source, offset, entries }: &Range<'_>,
    Shelf { opener, buffer }: &mut Shelf,
    opened: &mut Vec<Option<Vec<u8>>>,
) -> Result<()> {
    let ends = entries.iter().map(|entry| u64::from(entry.offset) + u64::from(entry.length));
    let length = ends.max().unwrap_or(*offset).saturating_sub(*offset);
    if length > MAX_RANGE as u64 {
        return Err(Error::too_large("a range of a pack, in bytes,", MAX_RANGE as u64));
    }
    let place = match source {
        Source::Memory(bytes) => Place::Memory(bytes),
        Source::File { file, start } => Place::File { file, start: *start, size: length },
    };
    let range = place.part(0, place.size().min(length) as usize, buffer)?;
    opened.extend(entries.iter().map(|entry| {
        let start = usize::try_from(u64::from(entry.offset).checked_sub(*offset)?).ok()?;
        let sealed = range.get(start..start.checked_add(entry.length as usize)?)?;
        // Memory for what is promised, which is checked against what there may be before it is taken.
        let promised = (entry.uncompressed_length.max(entry.length) as usize).min(limit_of(entry.kind));
        let mut plain = Vec::with_capacity(promised);
        opener.open_unproven(envelope, entry, sealed, &mut plain).ok().map(|()| plain)
    }));
    Ok(())
}

/// The hash of each plaintext, two at a time: what is left of the longer one goes on beside the next.
fn hashes<'a>(plains: impl Iterator<Item = &'a [u8]>) -> Vec<Id> {
    let (mut hashes, mut waiting) = (Vec::new(), None::<(usize, Hasher, &[u8])>);
    for (number, plain) in plains.enumerate() {
        hashes.push(Id([0; 32]));
        let Some((other, mut other_hash, other_rest)) = waiting.take() else {
            waiting = Some((number, Hasher::new(), plain));
            continue;
        };
        let mut hash = Hasher::new();
        let common = plain.len().min(other_rest.len()) / BLOCK * BLOCK;
        let (now, rest) = plain.split_at(common);
        let (other_now, other_rest) = other_rest.split_at(common);
        Hasher::update_both(&mut hash, now, &mut other_hash, other_now);
        let mut both = [(number, hash, rest), (other, other_hash, other_rest)];
        both.sort_by_key(|(_, _, rest)| rest.len());
        let [(number, mut hash, rest), longer] = both;
        hash.update(rest);
        hashes[number] = hash.finish();
        waiting = Some(longer);
    }
    if let Some((number, mut hash, rest)) = waiting {
        hash.update(rest);
        hashes[number] = hash.finish();
    }
    hashes
}
