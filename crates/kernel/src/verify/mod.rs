//! Reads one whole pack and says everything that is wrong with it.

mod stream;
mod window;

use crate::envelope::{Envelope, OVERHEAD};
use crate::pack::{MAX_HEADER, Opener, Place, header_length, limit_of, parse_header};
use crate::{BlobEntry, Error, Id, Result};
use std::fs::File;
use stream::{Buffers, stream};
use window::Window;

/// Memory that is kept from pack to pack; what a single large blob needed beyond is given back.
const KEPT: usize = 16 << 20;

/// Memory that one thread reuses from pack to pack.
#[derive(Default)]
pub struct Scratch {
    buffers: Buffers,
    window: Vec<u8>,
    tail: Vec<u8>,
}

impl Scratch {
    fn trim(&mut self) {
        self.buffers.trim(KEPT);
        for buffer in [&mut self.window, &mut self.tail] {
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

/// As [`verify_pack`], for `size` bytes from `start` on of an open file. Takes memory for three of its blobs at most.
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
    let result = verify(envelope, id, &Place::File { file, start, size }, expected, scratch);
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
    let Scratch { buffers, window, tail } = scratch;
    let found = match header(envelope, place, tail) {
        Ok((entries, tail)) => {
            if let Some(expected) = expected {
                compare(&entries, expected, &mut report.errors);
            }
            let window = Window::new(place, place.size() - tail.len() as u64, window);
            let (found, results) = stream(envelope, &entries, window, tail, buffers)?;
            entries.iter().zip(results).try_for_each(|(entry, result)| report.judge(entry, result))?;
            report.entries = entries;
            found
        }
        Err(error @ Error::Io { .. }) => return Err(error),
        Err(error) => {
            report.errors.push(format!("the header cannot be read: {error}"));
            let (mut opener, mut plain) = (Opener::default(), Vec::new());
            for entry in expected.unwrap_or_default() {
                let result = apart(envelope, place, entry, &mut opener, (window, &mut plain));
                report.judge(entry, result)?;
            }
            place.hash(window)?
        }
    };
    if found != *id {
        report.errors.insert(0, format!("the content has the hash {found}"));
    }
    Ok(report)
}

/// One blob where the index says that it stands, which may be anywhere.
fn apart(
    envelope: &Envelope,
    place: &Place,
    entry: &BlobEntry,
    opener: &mut Opener,
    (sealed, plain): (&mut Vec<u8>, &mut Vec<u8>),
) -> Result<()> {
    if u64::from(entry.offset) + u64::from(entry.length) > place.size() {
        return Err(Error::damaged("the blob lies beyond the end of the pack"));
    }
    allow_span(entry)?;
    let sealed = place.part(u64::from(entry.offset), entry.length as usize, sealed)?;
    opener.open(envelope, entry, sealed, plain)
}

/// Whether a blob may take so much of a pack, before it is read.
fn allow_span(entry: &BlobEntry) -> Result<()> {
    let limit = limit_of(entry.kind);
    if entry.length as usize > limit + limit / 128 + OVERHEAD {
        return Err(Error::too_large("the length of the blob, in bytes,", limit as u64));
    }
    Ok(())
}

/// The entries of the header, and the last bytes of the pack, out of which they were read: header and its length.
fn header<'b>(envelope: &Envelope, place: &'b Place, buffer: &'b mut Vec<u8>) -> Result<(Vec<BlobEntry>, &'b [u8])> {
    let size = place.size();
    let last = size.min(4);
    let length = header_length(place.part(size - last, last as usize, buffer)?, size)?;
    debug_assert!(length <= MAX_HEADER);
    let tail = length + 4;
    let tail = place.part(size - tail as u64, tail, buffer)?;
    Ok((parse_header(envelope, tail, size)?, tail))
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
#[cfg(test)]
mod tests_of_damage;
#[cfg(test)]
mod twin;
