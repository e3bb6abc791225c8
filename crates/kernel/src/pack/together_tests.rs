//! Blobs of a range come out as they went in, or not at all.

use super::*;
use crate::compress::Compressor;
use crate::envelope::{Envelope, MasterKey};
use crate::testing::stream;
use crate::{BlobEntry, BlobType, Id};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

fn pack(key: &Arc<Envelope>) -> (FinishedPack, Vec<Vec<u8>>) {
    let plains = vec![stream(7_000), b"compressible ".repeat(3_000), vec![], stream(90), stream(5)];
    let mut pack = PackBuilder::new(Arc::clone(key));
    for plain in &plains {
        let mut frame = Vec::new();
        Compressor::new(3).compress(plain, &mut frame);
        let (bytes, length) = if frame.len() < plain.len() { (&frame, plain.len()) } else { (plain, 0) };
        pack.add(BlobType::Data, Id::of(plain), bytes, length as u32).unwrap();
    }
    (pack.finish().unwrap(), plains)
}

fn range<'a>(source: Source<'a>, offset: u64, entries: &[BlobEntry]) -> Range<'a> {
    Range { source, offset, entries: entries.to_vec() }
}

fn open(key: &Envelope, ranges: &[Range<'_>]) -> Vec<Option<Vec<u8>>> {
    open_together(key, ranges, &mut Shelf::default())
}

#[test]
fn all_of_some_ranges_are_opened() {
    let key = Arc::new(Envelope::new(&MasterKey::generate()));
    let (pack, plains) = pack(&key);
    let wanted: Vec<_> = plains.iter().cloned().map(Some).collect();
    let whole = || range(Source::Memory(&pack.bytes), 0, &pack.entries);
    assert_eq!(open(&key, &[whole()]), wanted);
    let start = pack.entries[1].offset as usize;
    let part = range(Source::Memory(&pack.bytes[start..]), start as u64, &pack.entries[1..]);
    assert_eq!(open(&key, &[part, whole()]), [&wanted[1..], &wanted].concat());
    let mut file = tempfile();
    file.write_all(&pack.bytes).unwrap();
    let part = |entries| range(Source::File { file: &file, start: start as u64 }, start as u64, entries);
    assert_eq!(open(&key, &[part(&pack.entries[1..4])]), wanted[1..4]);
    assert_eq!(open(&key, &[part(&[]), part(&pack.entries[2..3])]), wanted[2..3]);
    assert!(open(&key, &[]).is_empty());
}

#[test]
fn blobs_of_any_lengths_are_hashed_beside_each_other() {
    let key = Arc::new(Envelope::new(&MasterKey::generate()));
    let lengths = [0, 1, 63, 64, 65, 700_000, 3, 128, 650_000, 40_000, 0, 100_000, 1_000_000, 12];
    for from in 0..lengths.len() {
        let plains: Vec<_> = lengths[from..].iter().map(|length| stream(*length)).collect();
        let mut pack = PackBuilder::new(Arc::clone(&key));
        for plain in &plains {
            pack.add(BlobType::Data, Id::of(plain), plain, 0).unwrap();
        }
        let pack = pack.finish().unwrap();
        let opened = open(&key, &[range(Source::Memory(&pack.bytes), 0, &pack.entries)]);
        assert!(opened.into_iter().eq(plains.into_iter().map(Some)), "{from}");
    }
}

#[test]
fn what_is_not_as_promised_is_left_out() {
    let key = Arc::new(Envelope::new(&MasterKey::generate()));
    let (mut pack, plains) = pack(&key);
    pack.bytes[pack.entries[0].offset as usize + 20] ^= 1;
    pack.entries[1].id = Id::of(b"another");
    pack.entries[3].offset = 1 << 22;
    pack.entries[4].uncompressed_length = u32::MAX;
    let bytes = &pack.bytes;
    let opened = open(&key, &[range(Source::Memory(bytes), 0, &pack.entries)]);
    assert_eq!(opened, [None, None, Some(plains[2].clone()), None, None]);
    assert_eq!(open(&key, &[range(Source::Memory(bytes), 1 << 20, &pack.entries[2..3])]), [None]);
}

#[test]
fn a_range_that_cannot_be_read_costs_no_other() {
    let key = Arc::new(Envelope::new(&MasterKey::generate()));
    let (mut pack, plains) = pack(&key);
    let file = tempfile();
    let good = pack.entries[2..].to_vec();
    pack.entries[0].length = MAX_RANGE as u32 + 1;
    let ranges = [
        range(Source::File { file: &file, start: 0 }, 0, &pack.entries[1..]),
        range(Source::Memory(&pack.bytes), 0, &good),
        range(Source::Memory(&pack.bytes), 0, &pack.entries),
    ];
    let wanted = [vec![None; 4], plains[2..].iter().cloned().map(Some).collect(), vec![None; 5]].concat();
    assert_eq!(open(&key, &ranges), wanted);
}

fn tempfile() -> File {
    use rustix::fs::OFlags;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    File::from(rustix::fs::open(std::env::temp_dir(), flags, 0o600.into()).unwrap())
}
