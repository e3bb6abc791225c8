//! Reads one whole pack and says everything that is wrong with it.

use crate::compress::Decompressor;
use crate::envelope::Envelope;
use crate::pack::{open_blob, parse_header};
use crate::{BlobEntry, Error, Hasher, Id, Result};
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Memory that one thread reuses from pack to pack.
#[derive(Default)]
pub struct Scratch {
    decompressor: Decompressor,
    frame: Vec<u8>,
    plain: Vec<u8>,
    pack: Vec<u8>,
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
    let mut report = Report { size: bytes.len() as u64, ..Report::default() };
    let mut hasher = Hasher::new();
    hasher.update(bytes);
    let found = hasher.finish();
    if found != *id {
        report.errors.push(format!("the content has the hash {found}"));
    }
    match parse_header(envelope, bytes, report.size) {
        Ok(entries) => report.entries = entries,
        Err(error) => report.errors.push(format!("the header cannot be read: {error}")),
    }
    if let Some(expected) = expected
        && !report.entries.is_empty()
    {
        compare(&report.entries, expected, &mut report.errors);
    }
    let blobs = if report.entries.is_empty() { expected.unwrap_or_default() } else { &report.entries };
    for entry in blobs {
        let start = entry.offset as usize;
        let result = match bytes.get(start..start.saturating_add(entry.length as usize)) {
            None => Err(Error::damaged("the blob lies beyond the end of the pack")),
            Some(sealed) => {
                open_blob(envelope, entry, sealed, &mut scratch.decompressor, &mut scratch.frame, &mut scratch.plain)
            }
        };
        match result {
            Ok(()) => report.verified.push(*entry),
            Err(error) => report.bad_blobs.push((*entry, error.to_string())),
        }
    }
    report
}

/// As [`verify_pack`], for `size` bytes from `start` on of an open file; reads them into the scratch.
///
/// # Errors
/// [`Error::Io`] if reading fails or the file ends early, [`Error::TooLarge`] above 4 GiB.
pub fn verify_pack_file(
    envelope: &Envelope,
    id: &Id,
    (file, start, size): (&File, u64, u64),
    expected: Option<&[BlobEntry]>,
    scratch: &mut Scratch,
) -> Result<Report> {
    if size > u64::from(u32::MAX) {
        return Err(Error::too_large("a pack, in bytes,", u64::from(u32::MAX)));
    }
    let mut pack = std::mem::take(&mut scratch.pack);
    pack.resize(size as usize, 0);
    let result = file
        .read_exact_at(&mut pack, start)
        .map_err(|error| Error::io(format!("reading pack {id}"), error))
        .map(|()| verify_pack(envelope, id, &pack, expected, scratch));
    scratch.pack = pack;
    result
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
mod tests {
    use super::*;
    use crate::BlobType;
    use crate::envelope::MasterKey;
    use crate::pack::{FinishedPack, PackBuilder};
    use crate::testing::stream;
    use std::io::Write;
    use std::sync::Arc;

    fn pack() -> (Arc<Envelope>, FinishedPack) {
        let envelope = Arc::new(Envelope::new(&MasterKey::generate()));
        let mut pack = PackBuilder::new(envelope.clone());
        for length in [10, 2000, 300] {
            let plain = stream(length);
            pack.add(BlobType::Data, Id::of(&plain), &plain, 0).unwrap();
        }
        (envelope, pack.finish().unwrap())
    }

    #[test]
    fn a_sound_pack_is_sound() {
        let (envelope, pack) = pack();
        let mut scratch = Scratch::default();
        let mut shuffled = pack.entries.clone();
        shuffled.reverse();
        let report = verify_pack(&envelope, &pack.id, &pack.bytes, Some(&shuffled), &mut scratch);
        assert!(report.is_sound(), "{report:?}");
        assert_eq!(report.verified, pack.entries);
        assert!(verify_pack(&envelope, &pack.id, &pack.bytes, None, &mut scratch).is_sound());
    }

    #[test]
    fn a_flip_anywhere_is_found_and_spares_the_other_blobs() {
        let (envelope, pack) = pack();
        let mut scratch = Scratch::default();
        for at in (0..pack.bytes.len()).step_by(13).chain(pack.bytes.len() - 4..pack.bytes.len()) {
            let mut bad = pack.bytes.clone();
            bad[at] ^= 0x40;
            let report = verify_pack(&envelope, &pack.id, &bad, Some(&pack.entries), &mut scratch);
            assert!(!report.errors.is_empty());
            let hurt = pack.entries.iter().any(|e| (e.offset..e.offset + e.length).contains(&(at as u32)));
            assert_eq!(report.verified.len(), if hurt { 2 } else { 3 }, "{at}");
        }
    }

    #[test]
    fn an_index_that_says_otherwise_is_found() {
        let (envelope, pack) = pack();
        let mut scratch = Scratch::default();
        let less = verify_pack(&envelope, &pack.id, &pack.bytes, Some(&pack.entries[1..]), &mut scratch);
        assert_eq!(less.errors.len(), 1);
        let mut moved = pack.entries.clone();
        moved[0].length += 1;
        assert_eq!(verify_pack(&envelope, &pack.id, &pack.bytes, Some(&moved), &mut scratch).errors.len(), 2);
    }

    #[test]
    fn a_file_is_read_where_it_stands() {
        let (envelope, pack) = pack();
        let mut file = std::fs::File::from(
            rustix::fs::open(
                std::env::temp_dir(),
                rustix::fs::OFlags::TMPFILE | rustix::fs::OFlags::RDWR,
                0o600.into(),
            )
            .unwrap(),
        );
        file.write_all(b"before").unwrap();
        file.write_all(&pack.bytes).unwrap();
        let mut scratch = Scratch::default();
        let size = pack.bytes.len() as u64;
        assert!(verify_pack_file(&envelope, &pack.id, (&file, 6, size), None, &mut scratch).unwrap().is_sound());
        assert!(!verify_pack_file(&envelope, &pack.id, (&file, 5, size), None, &mut scratch).unwrap().is_sound());
        assert!(matches!(
            verify_pack_file(&envelope, &pack.id, (&file, 7, size), None, &mut scratch),
            Err(Error::Io { .. })
        ));
    }
}
