//! Sound packs are sound, and every kind of damage is found and named.

use super::*;
use crate::BlobType;
use crate::compress::Compressor;
use crate::envelope::MasterKey;
use crate::pack::{FinishedPack, PackBuilder};
use crate::testing::stream;
use rustix::fs::OFlags;
use std::io::Write;
use std::sync::Arc;

fn pack() -> (Arc<Envelope>, FinishedPack) {
    let envelope = Arc::new(Envelope::new(&MasterKey::generate()));
    let mut pack = PackBuilder::new(envelope.clone());
    for length in [10, 2000, 300] {
        let plain = stream(length);
        pack.add(BlobType::Data, Id::of(&plain), &plain, 0).unwrap();
    }
    // Compressed ones are opened and hashed in pairs; the last has no partner.
    for length in [900, 40_000, 70] {
        let (plain, mut frame) = (stream(10).repeat(length / 10), Vec::new());
        Compressor::new(1).compress(&plain, &mut frame);
        pack.add(BlobType::Data, Id::of(&plain), &frame, length as u32).unwrap();
    }
    (envelope, pack.finish().unwrap())
}

/// A file without a name that holds these bytes.
pub(super) fn temporary(bytes: &[u8]) -> File {
    let flags = OFlags::TMPFILE | OFlags::RDWR;
    let mut file = File::from(rustix::fs::open(std::env::temp_dir(), flags, 0o600.into()).unwrap());
    file.write_all(bytes).unwrap();
    file
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
        assert_eq!(report.verified.len(), if hurt { 5 } else { 6 }, "{at}");
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
    let file = temporary(&[b"before", pack.bytes.as_slice()].concat());
    let mut scratch = Scratch::default();
    let size = pack.bytes.len() as u64;
    assert!(verify_pack_file(&envelope, &pack.id, (&file, 6, size), None, &mut scratch).unwrap().is_sound());
    assert!(!verify_pack_file(&envelope, &pack.id, (&file, 5, size), None, &mut scratch).unwrap().is_sound());
    assert!(matches!(
        verify_pack_file(&envelope, &pack.id, (&file, 7, size), None, &mut scratch),
        Err(Error::Io { .. })
    ));
}

#[test]
fn a_large_file_without_sense_costs_little_memory() {
    let (envelope, pack) = pack();
    let file = temporary(&[]);
    file.set_len(5 << 30).unwrap();
    let mut scratch = Scratch::default();
    // Reading 5 GiB of a hole takes seconds; what the header asks for is decided by its last bytes.
    let place = Place::File { file: &file, start: 0, size: 5 << 30 };
    assert!(matches!(header(&envelope, &place, &mut scratch.tail), Err(Error::Damaged(_))));
    let far = BlobEntry { length: 600 << 20, ..pack.entries[0] };
    let place = Place::File { file: &file, start: 0, size: 1 << 20 };
    let report = verify(&envelope, &pack.id, &place, Some(&[far]), &mut scratch).unwrap();
    assert_eq!(report.bad_blobs.len(), 1);
    assert!(scratch.window.capacity() <= 2 << 20);
}
