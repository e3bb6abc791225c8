//! Reads one whole pack and says everything that is wrong with it.

mod beside;

use crate::envelope::{Envelope, OVERHEAD};
use crate::pack::{MAX_HEADER, MOST_PAIRED, Opener, Place, header_length, limit_of, parse_header, prove};
use crate::{BlobEntry, Error, Id, Result};
use beside::Beside;
use std::fs::File;

/// Packs up to this size are read into memory at once, larger ones piece by piece: restic allows 128 MiB and
/// closes a pack with the blob that passes that.
const WHOLE: u64 = 160 << 20;

/// Memory that is kept from pack to pack; what a single large one needed beyond is given back.
const KEPT: usize = 160 << 20;

/// Memory that one thread reuses from pack to pack.
#[derive(Default)]
pub struct Scratch {
    opener: Opener,
    plain: Vec<u8>,
    other: Vec<u8>,
    pack: Vec<u8>,
}

impl Scratch {
    fn trim(&mut self) {
        self.opener.trim(KEPT);
        for buffer in [&mut self.plain, &mut self.other, &mut self.pack] {
            if buffer.capacity() > KEPT {
                *buffer = Vec::new();
            }
        }
    }
}

/// What a pack holds and what is wrong with it.
#[derive(Debug, Default)]
pub struct Report {
    /// Bytes of the whole file.
    pub size: u64,
    /// The entries of its header; empty if that could not be read.
    pub entries: Vec<BlobEntry>,
    /// The entries whose blobs were proven: MAC, decompression, SHA-256.
    pub verified: Vec<BlobEntry>,
    /// What is wrong, one sentence each; empty for a sound pack.
    pub errors: Vec<String>,
    /// Blobs that are not what header or index promises, with the reason.
    pub bad_blobs: Vec<(BlobEntry, String)>,
}

impl Report {
    /// Counts a blob; only what keeps the pack from being read at all is an error of the whole.
    fn judge(&mut self, entry: &BlobEntry, result: Result<()>) -> Result<()> {
        match result {
            Ok(()) => self.verified.push(*entry),
            Err(error @ Error::Io { .. }) => return Err(error),
            Err(error) => self.bad_blobs.push((*entry, error.to_string())),
        }
        Ok(())
    }

    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.errors.is_empty() && self.bad_blobs.is_empty()
    }
}

/// Verifies a whole pack: its SHA-256 against its name, header, each blob, and header against index.
///
/// `expected` is what the index says, in any order. If the header cannot be read the blobs of the index
/// are verified instead, so that what can be saved is known. A pack that is wrong is no error but a report.
pub fn verify_pack(
    envelope: &Envelope,
    id: &Id,
    bytes: &[u8],
    expected: Option<&[BlobEntry]>,
    scratch: &mut Scratch,
) -> Report {
    let report = verify(envelope, id, &Place::Memory(bytes), expected, scratch)
        .unwrap_or_else(|error| Report { errors: vec![error.to_string()], ..Report::default() });
    scratch.trim();
    report
}

/// As [`verify_pack`], for `size` bytes from `start` on of an open file. Takes memory for the pack, if that has
/// up to 160 MiB, otherwise for its longest blob.
///
/// # Errors
/// [`Error::Io`] if reading fails or the file ends early.
pub fn verify_pack_file(
    envelope: &Envelope,
    id: &Id,
    (file, start, size): (&File, u64, u64),
    expected: Option<&[BlobEntry]>,
    scratch: &mut Scratch,
) -> Result<Report> {
    let place = Place::File { file, start, size };
    let result = if size <= WHOLE {
        let mut pack = std::mem::take(&mut scratch.pack);
        let result = place
            .part(0, size as usize, &mut pack)
            .and_then(|bytes| verify(envelope, id, &Place::Memory(bytes), expected, scratch));
        scratch.pack = pack;
        result
    } else {
        verify(envelope, id, &place, expected, scratch)
    };
    scratch.trim();
    result.map_err(|error| match error {
        Error::Io { what, source } => Error::Io { what: format!("{what} pack {id}"), source },
        other => other,
    })
}

fn verify(
    envelope: &Envelope,
    id: &Id,
    place: &Place,
    expected: Option<&[BlobEntry]>,
    scratch: &mut Scratch,
) -> Result<Report> {
    let mut report = Report { size: place.size(), ..Report::default() };
    let Scratch { opener, plain, other, pack } = scratch;
    // In memory the pack is hashed beside its blobs, from a file before them.
    let (mut hashes, found) = match place {
        Place::Memory(bytes) => (Beside::new(bytes), None),
        Place::File { .. } => (Beside::new(&[]), Some(place.hash(pack)?)),
    };
    let mut entries = Vec::new();
    match header(envelope, place, pack) {
        Ok(found) => entries = found,
        Err(error @ Error::Io { .. }) => return Err(error),
        Err(error) => report.errors.push(format!("the header cannot be read: {error}")),
    }
    if let Some(expected) = expected
        && !entries.is_empty()
    {
        compare(&entries, expected, &mut report.errors);
    }
    let blobs = if entries.is_empty() { expected.unwrap_or_default() } else { &entries };
    let mut open = |entry: &BlobEntry, plain: &mut Vec<u8>| {
        let length = entry.length as usize;
        let limit = limit_of(entry.kind);
        if u64::from(entry.offset) + u64::from(entry.length) > place.size() {
            Err(Error::damaged("the blob lies beyond the end of the pack"))
        } else if length > limit + limit / 128 + OVERHEAD {
            Err(Error::too_large("the length of the blob, in bytes,", limit as u64))
        } else {
            let sealed = place.part(u64::from(entry.offset), length, pack)?;
            opener.open_unproven(envelope, entry, sealed, plain)
        }
    };
    let mut blobs = blobs.iter().peekable();
    while let Some(entry) = blobs.next() {
        let opened = open(entry, plain);
        if opened.is_ok()
            && let Some(next) = blobs.next_if(|next| is_pair(entry, next))
        {
            let next_opened = open(next, other);
            if next_opened.is_ok() {
                let (hash, next_hash) = hashes.two(plain, other);
                report.judge(entry, prove(entry, hash))?;
                report.judge(next, prove(next, next_hash))?;
                continue;
            }
            report.judge(entry, prove(entry, hashes.one(plain)))?;
            report.judge(next, next_opened)?;
        } else {
            report.judge(entry, opened.and_then(|()| prove(entry, hashes.one(plain))))?;
        }
    }
    let found = found.unwrap_or_else(|| hashes.finish());
    if found != *id {
        report.errors.insert(0, format!("the content has the hash {found}"));
    }
    report.entries = entries;
    Ok(report)
}

/// Whether two blobs are held in memory together, to be hashed together: few bytes, and so many more than their pack has
/// that it could not be hashed beside them all.
fn is_pair(one: &BlobEntry, other: &BlobEntry) -> bool {
    let has_shrunk = |entry: &BlobEntry| u64::from(entry.length) * 4 < u64::from(entry.uncompressed_length) * 3;
    let length = u64::from(one.uncompressed_length) + u64::from(other.uncompressed_length);
    has_shrunk(one) && has_shrunk(other) && length <= MOST_PAIRED
}

fn header(envelope: &Envelope, place: &Place, buffer: &mut Vec<u8>) -> Result<Vec<BlobEntry>> {
    let size = place.size();
    let last = size.min(4);
    let length = header_length(place.part(size - last, last as usize, buffer)?, size)?;
    debug_assert!(length <= MAX_HEADER);
    let tail = length + 4;
    parse_header(envelope, place.part(size - tail as u64, tail, buffer)?, size)
}

/// Says which blobs only the header or only the index knows.
fn compare(header: &[BlobEntry], index: &[BlobEntry], errors: &mut Vec<String>) {
    let sorted = |entries: &[BlobEntry]| {
        let mut keys: Vec<_> =
            entries.iter().map(|e| (e.offset, e.length, e.kind, e.id, e.uncompressed_length)).collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    };
    let (header, index) = (sorted(header), sorted(index));
    for (these, those, place) in
        [(&header, &index, "the header, not in the index"), (&index, &header, "the index, not in the header")]
    {
        let lone: Vec<_> = these.iter().filter(|key| those.binary_search(key).is_err()).collect();
        if let Some(first) = lone.first() {
            errors.push(format!("{} blobs stand only in {place}, the first {}", lone.len(), first.3));
        }
    }
}

#[cfg(test)]
mod tests;
