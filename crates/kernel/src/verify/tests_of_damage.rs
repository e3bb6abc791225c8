//! Every kind of damage is told as the slow twin tells it, from memory and from a file.

use super::tests::temporary;
use super::window::STEP;
use super::*;
use crate::BlobType;
use crate::compress::Compressor;
use crate::envelope::MasterKey;
use crate::pack::{encode_header, parse_header};
use crate::testing::stream;
use std::os::unix::fs::FileExt;

/// A pack under construction, by hand: its blobs may be anything, and so may its header.
struct Forge {
    envelope: Envelope,
    bytes: Vec<u8>,
    entries: Vec<BlobEntry>,
}

impl Forge {
    fn new() -> Self {
        Self { envelope: Envelope::new(&MasterKey::generate()), bytes: Vec::new(), entries: Vec::new() }
    }

    fn add(&mut self, kind: BlobType, id: Id, content: &[u8], uncompressed_length: usize) {
        let offset = self.bytes.len();
        self.envelope.seal(content, &mut self.bytes);
        self.entries.push(BlobEntry {
            kind,
            id,
            offset: offset as u32,
            length: (self.bytes.len() - offset) as u32,
            uncompressed_length: uncompressed_length as u32,
        });
    }

    fn plain(&mut self, plain: &[u8]) {
        self.add(BlobType::Data, Id::of(plain), plain, 0);
    }

    fn frame(&mut self, plain: &[u8]) {
        let mut frame = Vec::new();
        Compressor::new(1).compress(plain, &mut frame);
        self.add(BlobType::Tree, Id::of(plain), &frame, plain.len());
    }

    fn finish(&self) -> Vec<u8> {
        self.finish_with(&self.entries)
    }

    fn finish_with(&self, entries: &[BlobEntry]) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        let start = bytes.len();
        self.envelope.seal(&encode_header(entries), &mut bytes);
        let length = (bytes.len() - start) as u32;
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes
    }

    /// Both ways and the twin say the same, which is returned.
    fn told(&self, id: &Id, bytes: &[u8], expected: Option<&[BlobEntry]>) -> Report {
        let mut scratch = Scratch::default();
        let twin = twin::verify(&self.envelope, id, bytes, expected);
        let memory = verify_pack(&self.envelope, id, bytes, expected, &mut scratch);
        assert_eq!(format!("{memory:?}"), format!("{twin:?}"));
        let file = temporary(&[b"before", bytes].concat());
        let place = (&file, 6, bytes.len() as u64);
        let file = verify_pack_file(&self.envelope, id, place, expected, &mut scratch).unwrap();
        assert_eq!(format!("{file:?}"), format!("{twin:?}"));
        twin
    }
}

fn text(length: usize) -> Vec<u8> {
    stream(97).into_iter().cycle().take(length).collect()
}

/// Blobs of every kind and of lengths around those of a piece, neighbours of each other in many ways.
fn varied() -> Forge {
    let mut forge = Forge::new();
    forge.plain(b"");
    for length in [1, 63, 64, STEP - 32, STEP, 3 * STEP + 5] {
        forge.plain(&stream(length));
        forge.frame(&stream(length));
        forge.frame(&text(length * 3));
    }
    for length in [200_000, 5000, 70, 300_000, 9, 150_001] {
        forge.frame(&text(length));
    }
    forge.frame(&[stream(200_000), text(200_000)].concat());
    forge.frame(&[text(40_000), stream(200_000)].concat());
    forge.plain(b"");
    forge.frame(&stream(400_000));
    forge
}

#[test]
fn a_sound_pack_of_all_kinds_is_sound() {
    let forge = varied();
    let bytes = forge.finish();
    let report = forge.told(&Id::of(&bytes), &bytes, Some(&forge.entries));
    assert!(report.is_sound(), "{report:?}");
    assert_eq!(report.verified, forge.entries);
}

#[test]
fn a_flip_is_told_as_the_twin_tells_it() {
    let forge = varied();
    let (bytes, mut bad_blobs) = (forge.finish(), 0);
    let id = Id::of(&bytes);
    // The first and last bytes of each blob, of IV and MAC, and of all parts of the header.
    let edges = forge.entries.iter().flat_map(|e| {
        let (start, end) = (e.offset as usize, (e.offset + e.length) as usize);
        [start, start + 15, (start + 16).min(end - 1), (start + 40).min(end - 1), end - 17, end - 16, end - 1]
    });
    let header = forge.bytes.len()..bytes.len();
    for at in edges.chain(header.step_by(61)).chain(bytes.len() - 5..bytes.len()) {
        let mut bad = bytes.clone();
        bad[at] ^= 0x11;
        let report = forge.told(&id, &bad, Some(&forge.entries));
        assert!(!report.errors.is_empty());
        bad_blobs += report.bad_blobs.len();
    }
    assert!(bad_blobs > forge.entries.len() * 5, "{bad_blobs}");
}

#[test]
fn what_is_cut_off_or_added_is_told_as_the_twin_tells_it() {
    let forge = varied();
    let bytes = forge.finish();
    let id = Id::of(&bytes);
    let lengths = [0, 1, 3, 4, 5, 36, 100, forge.bytes.len(), bytes.len() - 4, bytes.len() - 1];
    let cut = lengths.into_iter().map(|length| bytes[..length].to_vec());
    let tail = bytes[forge.bytes.len()..].to_vec();
    let added = [vec![0], vec![0; 100], tail].map(|more| [bytes.as_slice(), &more].concat());
    for bad in cut.chain(added) {
        assert!(!forge.told(&id, &bad, Some(&forge.entries)).errors.is_empty());
        assert!(!forge.told(&id, &bad, None).errors.is_empty());
        forge.told(&Id::of(&bad), &bad, Some(&forge.entries));
    }
}

#[test]
fn a_header_that_lies_is_told_as_the_twin_tells_it() {
    let forge = varied();
    let lie = |change: &dyn Fn(&mut Vec<BlobEntry>)| {
        let mut entries = forge.entries.clone();
        change(&mut entries);
        let bytes = forge.finish_with(&entries);
        let report = forge.told(&Id::of(&bytes), &bytes, Some(&forge.entries));
        assert!(!report.is_sound());
        report
    };
    assert_eq!(lie(&|entries| entries.swap(2, 3)).errors.len(), 2);
    assert!(lie(&|entries| entries.reverse()).bad_blobs.len() > 5);
    assert_eq!(lie(&|entries| entries[5].kind = BlobType::Data).bad_blobs.len(), 0);
    assert_eq!(lie(&|entries| entries[5].id = entries[6].id).bad_blobs.len(), 1);
    assert_eq!(lie(&|entries| entries[1].uncompressed_length = 7).bad_blobs.len(), 1);
    assert_eq!(lie(&|entries| entries[3].uncompressed_length = 0).bad_blobs.len(), 1);
    assert_eq!(lie(&|entries| entries[3].uncompressed_length += 1).bad_blobs.len(), 1);
    assert_eq!(lie(&|entries| entries[2].uncompressed_length = u32::MAX).bad_blobs.len(), 1);
    assert!(!lie(&|entries| entries.truncate(9)).errors.is_empty());
    assert!(!lie(&|entries| entries[1].length += 1).errors.is_empty());
    assert!(!lie(&|entries| entries.clear()).errors.is_empty());
    let two = lie(&|entries| {
        entries[4].length -= 1;
        entries[5].length += 1;
    });
    assert_eq!(two.bad_blobs.len(), 2);
}

#[test]
fn blobs_that_are_not_what_they_are_called_are_told_as_the_twin_tells_it() {
    let mut forge = varied();
    let good = forge.entries.len();
    let (noise, wrong) = (stream(100_000), Id::of(b"something else"));
    forge.add(BlobType::Data, wrong, &noise, 0);
    let frame_of = |plain: &[u8]| {
        let mut frame = Vec::new();
        Compressor::new(1).compress(plain, &mut frame);
        frame
    };
    forge.add(BlobType::Data, wrong, &frame_of(&noise), noise.len());
    forge.add(BlobType::Data, wrong, &frame_of(&text(50_000)), 50_000);
    forge.add(BlobType::Data, Id::of(&noise), &frame_of(&noise), noise.len() + 1);
    forge.add(BlobType::Data, Id::of(&noise), &[frame_of(&noise).as_slice(), b"more"].concat(), noise.len());
    forge.add(BlobType::Data, Id::of(&noise), &frame_of(&noise)[..90_000], noise.len());
    forge.add(BlobType::Data, Id::of(&noise), b"no frame at all", noise.len());
    forge.add(BlobType::Data, Id::of(b""), b"", 100);
    // Two frames in a row are one plaintext, and what was added to the second cannot be found in the first.
    let twice = [frame_of(&noise), frame_of(b"end")].concat();
    forge.add(BlobType::Data, Id::of(&[noise.as_slice(), b"end"].concat()), &twice, noise.len() + 3);
    let bytes = forge.finish();
    let report = forge.told(&Id::of(&bytes), &bytes, Some(&forge.entries));
    assert_eq!((report.errors.len(), report.bad_blobs.len()), (0, 8));
    assert_eq!(report.verified.len(), good + 1);
}

#[test]
fn a_blob_that_is_too_long_is_told_as_the_twin_tells_it() {
    let mut forge = Forge::new();
    forge.plain(b"before");
    let zeros = vec![0; (64 << 20) + 1];
    forge.plain(&zeros);
    forge.add(BlobType::Data, Id::of(&zeros), &zeros, 5);
    forge.plain(b"between");
    forge.plain(&vec![0; (64 << 20) + (64 << 20) / 128 + 1]);
    forge.plain(b"after");
    let bytes = forge.finish();
    let report = forge.told(&Id::of(&bytes), &bytes, Some(&forge.entries));
    assert_eq!((report.errors.len(), report.bad_blobs.len(), report.verified.len()), (0, 3, 3));
}

#[test]
fn another_key_and_an_index_in_any_order_are_told_as_the_twin_tells_it() {
    let (forge, other) = (varied(), Forge::new());
    let bytes = forge.finish();
    let report = other.told(&Id::of(&bytes), &bytes, Some(&forge.entries));
    assert_eq!((report.verified.len(), report.bad_blobs.len()), (0, forge.entries.len()));
    let mut bad = bytes.clone();
    bad[forge.bytes.len()] ^= 1;
    let mut shuffled = forge.entries.clone();
    shuffled.reverse();
    shuffled.push(BlobEntry { offset: bytes.len() as u32 - 10, ..forge.entries[1] });
    shuffled.push(BlobEntry { length: 8, ..forge.entries[1] });
    let report = forge.told(&Id::of(&bytes), &bad, Some(&shuffled));
    assert_eq!((report.verified.len(), report.bad_blobs.len()), (forge.entries.len(), 2));
}

#[test]
fn a_file_that_changes_meanwhile_is_never_sound_for_bytes_that_were_not_there_together() {
    let forge = varied();
    let bytes = forge.finish();
    let mut entries = forge.entries.clone();
    entries[5].id = Id([7; 32]);
    let lying = forge.finish_with(&entries);
    let file = temporary(&lying);
    let place = Place::File { file: &file, start: 0, size: bytes.len() as u64 };
    let (mut tail, mut window) = (Vec::new(), Vec::new());
    let (found, tail) = header(&forge.envelope, &place, &mut tail).unwrap();
    assert_eq!(found, entries);
    file.write_all_at(&bytes, 0).unwrap();
    let window = Window::new(&place, bytes.len() as u64 - tail.len() as u64, &mut window);
    let (hash, _) = super::stream(&forge.envelope, &found, window, tail, &mut Buffers::default()).unwrap();
    assert_eq!(hash, Id::of(&[&bytes[..forge.bytes.len()], tail].concat()));
    assert_ne!(hash, Id::of(&bytes));
    assert!(parse_header(&forge.envelope, &bytes, bytes.len() as u64).is_ok());
}
