//! Blobs of a range come out as they went in, or not at all.

use super::*;
use crate::compress::Compressor;
use crate::envelope::{Envelope, MasterKey};
use crate::testing::stream;
use crate::{BlobType, Error, Id};
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

#[test]
fn all_of_a_range_are_opened() {
    let key = Arc::new(Envelope::new(&MasterKey::generate()));
    let (pack, plains) = pack(&key);
    let wanted: Vec<_> = plains.iter().cloned().map(Some).collect();
    assert_eq!(open_together(&key, &Source::Memory(&pack.bytes), 0, &pack.entries).unwrap(), wanted);
    let start = pack.entries[1].offset as usize;
    let part = Source::Memory(&pack.bytes[start..]);
    assert_eq!(open_together(&key, &part, start as u64, &pack.entries[1..]).unwrap(), wanted[1..]);
    let mut file = tempfile();
    file.write_all(&pack.bytes).unwrap();
    let part = Source::File { file: &file, start: start as u64 };
    assert_eq!(open_together(&key, &part, start as u64, &pack.entries[1..4]).unwrap(), wanted[1..4]);
    assert!(open_together(&key, &part, start as u64, &[]).unwrap().is_empty());
}

#[test]
fn what_is_not_as_promised_is_left_out() {
    let key = Arc::new(Envelope::new(&MasterKey::generate()));
    let (mut pack, plains) = pack(&key);
    pack.bytes[pack.entries[0].offset as usize + 20] ^= 1;
    pack.entries[1].id = Id::of(b"another");
    pack.entries[3].offset = 1 << 22;
    pack.entries[4].uncompressed_length = u32::MAX;
    let opened = open_together(&key, &Source::Memory(&pack.bytes), 0, &pack.entries).unwrap();
    assert_eq!(opened, [None, None, Some(plains[2].clone()), None, None]);
    let before = open_together(&key, &Source::Memory(&pack.bytes), 1 << 20, &pack.entries[2..3]).unwrap();
    assert_eq!(before, [None]);
}

#[test]
fn a_long_range_and_a_short_file_are_errors() {
    let key = Arc::new(Envelope::new(&MasterKey::generate()));
    let (mut pack, _) = pack(&key);
    let file = tempfile();
    let source = Source::File { file: &file, start: 0 };
    assert!(matches!(open_together(&key, &source, 0, &pack.entries), Err(Error::Io { .. })));
    pack.entries[0].length = MAX_RANGE as u32 + 1;
    assert!(matches!(open_together(&key, &source, 0, &pack.entries), Err(Error::TooLarge { .. })));
}

fn tempfile() -> File {
    use rustix::fs::OFlags;
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    File::from(rustix::fs::open(std::env::temp_dir(), flags, 0o600.into()).unwrap())
}
