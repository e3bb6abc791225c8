//! The slow way to verify a pack, which says what the quick one must say: the whole of it in memory, each blob by itself.

use super::{Report, compare};
use crate::envelope::Envelope;
use crate::pack::{Opener, limit_of, parse_header};
use crate::{BlobEntry, Error, Id};

pub(super) fn verify(envelope: &Envelope, id: &Id, bytes: &[u8], expected: Option<&[BlobEntry]>) -> Report {
    let mut report = Report { size: bytes.len() as u64, ..Report::default() };
    let found = Id::of(bytes);
    if found != *id {
        report.errors.push(format!("the content has the hash {found}"));
    }
    match parse_header(envelope, bytes, bytes.len() as u64) {
        Ok(entries) => report.entries = entries,
        Err(error) => report.errors.push(format!("the header cannot be read: {error}")),
    }
    if let Some(expected) = expected
        && !report.entries.is_empty()
    {
        compare(&report.entries, expected, &mut report.errors);
    }
    let blobs = if report.entries.is_empty() { expected.unwrap_or_default() } else { &report.entries.clone() };
    for entry in blobs {
        let (start, length, limit) = (entry.offset as usize, entry.length as usize, limit_of(entry.kind));
        let result = match bytes.get(start..start + length) {
            None => Err(Error::damaged("the blob lies beyond the end of the pack")),
            Some(_) if length > limit + limit / 128 + 32 => {
                Err(Error::too_large("the length of the blob, in bytes,", limit as u64))
            }
            Some(sealed) => Opener::default().open(envelope, entry, sealed, &mut Vec::new()),
        };
        report.judge(entry, result).unwrap();
    }
    report
}
