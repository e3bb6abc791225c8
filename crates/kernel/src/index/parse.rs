//! Reads the JSON of an index file in one pass, without a tree of values.
//!
//! Lenient where writers differ: unknown keys (`supersedes`, rustic's `time`, `size` and
//! `packs_to_delete`), any order of keys, white space, escapes, `null` for an empty list, keys in another
//! case (as Go reads them). Strict about everything that would otherwise have two meanings.

mod fast;
mod scan;

use crate::{BlobEntry, BlobType, Error, Id, Result};
use scan::Scan;

/// The longest plaintext of an index file, in bytes.
pub const MAX_INDEX: usize = 256 << 20;

/// What one index file says.
#[derive(Debug, Default)]
pub struct ParsedIndex {
    packs: Vec<(Id, usize)>,
    blobs: Vec<BlobEntry>,
}

impl ParsedIndex {
    /// The packs in the order of the file, each with its blobs.
    pub fn packs(&self) -> impl Iterator<Item = (Id, &[BlobEntry])> {
        let starts = std::iter::once(0).chain(self.packs.iter().map(|(_, end)| *end));
        self.packs.iter().zip(starts).map(|((id, end), start)| (*id, &self.blobs[start..*end]))
    }
}

impl ParsedIndex {
    /// The packs in the order of the file, each with how many blobs are named for it; one that is named twice at one
    /// place counts once.
    pub fn counts(&self) -> impl Iterator<Item = (Id, usize)> {
        self.packs().map(|(id, blobs)| {
            let mut places: Vec<_> = blobs.iter().map(|blob| (blob.kind, blob.id, blob.offset)).collect();
            places.sort_unstable();
            places.dedup();
            (id, places.len())
        })
    }
}

/// Parses the plaintext JSON of one index file.
///
/// # Errors
/// [`Error::TooLarge`] beyond [`MAX_INDEX`], [`Error::Unsupported`] for the list that restic 0.1 wrote,
/// [`Error::Damaged`] for anything else that is no index.
pub fn parse_index(json: &[u8]) -> Result<ParsedIndex> {
    if json.len() > MAX_INDEX {
        return Err(Error::too_large("an index file, in bytes,", MAX_INDEX as u64));
    }
    let mut scan = Scan::new(json);
    if scan.next_is(b'[') {
        return Err(Error::Unsupported("an index file has the format of restic 0.1".into()));
    }
    let mut parsed = ParsedIndex::default();
    let mut seen = false;
    scan.object(|scan, key| {
        if !key.eq_ignore_ascii_case(b"packs") {
            return scan.skip_value();
        }
        once(scan, &mut seen)?;
        scan.array_or_null(|scan| pack(scan, &mut parsed))
    })?;
    scan.end()?;
    Ok(parsed)
}

fn pack(scan: &mut Scan, parsed: &mut ParsedIndex) -> Result<()> {
    let mut id = None;
    let mut seen = false;
    scan.object(|scan, key| {
        if key.eq_ignore_ascii_case(b"id") {
            set(&mut id, scan.id()?, scan)
        } else if key.eq_ignore_ascii_case(b"blobs") {
            once(scan, &mut seen)?;
            scan.array_or_null(|scan| {
                let entry = match fast::blob(scan) {
                    Some(entry) => entry,
                    None => blob(scan)?,
                };
                if (entry.length as usize) < crate::envelope::OVERHEAD {
                    return Err(scan.error("a blob is shorter than an envelope"));
                }
                if entry.offset.checked_add(entry.length).is_none() {
                    return Err(scan.error("a blob lies beyond 4 GiB"));
                }
                parsed.blobs.push(entry);
                Ok(())
            })
        } else {
            scan.skip_value()
        }
    })?;
    let id = id.ok_or_else(|| scan.error("a pack has no ID"))?;
    parsed.packs.push((id, parsed.blobs.len()));
    Ok(())
}

fn blob(scan: &mut Scan) -> Result<BlobEntry> {
    let (mut id, mut kind, mut offset, mut length, mut uncompressed) = (None, None, None, None, None);
    scan.object(|scan, key| {
        if key.eq_ignore_ascii_case(b"id") {
            set(&mut id, scan.id()?, scan)
        } else if key.eq_ignore_ascii_case(b"type") {
            let value = match &*scan.string()? {
                b"data" => BlobType::Data,
                b"tree" => BlobType::Tree,
                _ => return Err(scan.error("a blob has an unknown type")),
            };
            set(&mut kind, value, scan)
        } else if key.eq_ignore_ascii_case(b"offset") {
            set(&mut offset, scan.number()?, scan)
        } else if key.eq_ignore_ascii_case(b"length") {
            set(&mut length, scan.number()?, scan)
        } else if key.eq_ignore_ascii_case(b"uncompressed_length") {
            let value = if scan.null() { 0 } else { scan.number()? };
            set(&mut uncompressed, value, scan)
        } else {
            scan.skip_value()
        }
    })?;
    match (kind, id, offset, length) {
        (Some(kind), Some(id), Some(offset), Some(length)) => {
            Ok(BlobEntry { kind, id, offset, length, uncompressed_length: uncompressed.unwrap_or(0) })
        }
        _ => Err(scan.error("a blob lacks its ID, type, offset or length")),
    }
}

fn set<T>(place: &mut Option<T>, value: T, scan: &Scan) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(scan.error("a key stands twice")),
    }
}

fn once(scan: &Scan, seen: &mut bool) -> Result<()> {
    match std::mem::replace(seen, true) {
        false => Ok(()),
        true => Err(scan.error("a key stands twice")),
    }
}
