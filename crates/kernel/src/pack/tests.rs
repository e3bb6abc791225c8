//! Packs come back as they were built, and packs that lie are refused.

use super::*;
use crate::compress::Compressor;
use crate::envelope::{Envelope, MasterKey};
use crate::testing::stream;
use crate::{BlobType, Error, Id};
use std::sync::Arc;

fn builder() -> (Arc<Envelope>, PackBuilder) {
    let envelope = Arc::new(Envelope::new(&MasterKey::generate()));
    (envelope.clone(), PackBuilder::new(envelope))
}

/// A file with this header and `blobs` bytes before it.
fn forged(envelope: &Envelope, header: &[u8], blobs: usize) -> Vec<u8> {
    let mut file = vec![0; blobs];
    envelope.seal(header, &mut file);
    let length = (file.len() - blobs) as u32;
    file.extend_from_slice(&length.to_le_bytes());
    file
}

#[test]
fn a_pack_comes_back() {
    let (envelope, mut pack) = builder();
    let mut compressor = Compressor::new(3);
    let plains = [stream(100), b"compressible ".repeat(500), vec![], stream(70_000)];
    let (mut opener, mut out) = (Opener::default(), Vec::new());
    for (number, plain) in plains.iter().enumerate() {
        let kind = if number == 3 { BlobType::Tree } else { BlobType::Data };
        let id = Id::of(plain);
        let entry = if number % 2 == 1 {
            let mut frame = Vec::new();
            compressor.compress(plain, &mut frame);
            pack.add(kind, id, &frame, plain.len() as u32).unwrap()
        } else {
            pack.add(kind, id, plain, 0).unwrap()
        };
        // The check before an upload: from the buffer itself.
        opener.open(&envelope, &entry, pack.sealed(&entry), &mut out).unwrap();
        assert_eq!(out, *plain);
    }
    assert_eq!(pack.count(), 4);
    let blobs = pack.len();
    let finished = pack.finish().unwrap();
    assert_eq!(finished.id, Id::of(&finished.bytes));
    let size = finished.bytes.len() as u64;
    assert_eq!(header_length(&finished.bytes, size).unwrap(), finished.bytes.len() - blobs - 4);
    assert_eq!(parse_header(&envelope, &finished.bytes[blobs..], size).unwrap(), finished.entries);
    assert!(parse_header(&envelope, &finished.bytes[blobs + 1..], size).is_err());
    assert!(parse_header(&envelope, &finished.bytes, size + 1).is_err());
}

/// A pack's name is its hash, however much of it was hashed beside other messages.
#[test]
fn a_pack_is_hashed_beside_others() {
    let (_, mut pack) = builder();
    for (length, beside) in [(1000, 10), (70_000, 5000), (3, 200_000), (400, 0), (5000, 77)] {
        let plain = stream(length);
        pack.add(BlobType::Data, Id::of(&plain), &plain, 0).unwrap();
        let other = stream(beside);
        assert_eq!(pack.hash_beside(&other), Id::of(&other));
    }
    assert!(pack.unhashed() > 0);
    let pack = pack.finish().unwrap();
    assert_eq!(pack.id, Id::of(&pack.bytes));
}

#[test]
fn an_empty_pack_is_our_own_fault() {
    assert!(matches!(builder().1.finish(), Err(Error::Internal(_))));
}

#[test]
fn a_blob_that_is_not_what_it_says_is_refused() {
    let (envelope, mut pack) = builder();
    let plain = stream(1000);
    let mut frame = Vec::new();
    Compressor::new(3).compress(&plain, &mut frame);
    let good = pack.add(BlobType::Data, Id::of(&plain), &frame, 1000).unwrap();
    let (mut opener, mut out) = (Opener::default(), Vec::new());
    let mut open = |entry: &crate::BlobEntry, bytes: &[u8]| {
        let result = opener.open(&envelope, entry, bytes, &mut out);
        assert_eq!(result.is_err(), out.is_empty());
        result
    };
    let sealed = pack.sealed(&good).to_vec();
    open(&good, &sealed).unwrap();
    let damaged = |result| assert!(matches!(result, Err(Error::Damaged(_))), "{result:?}");
    damaged(open(&crate::BlobEntry { id: Id::of(b"other"), ..good }, &sealed));
    damaged(open(&crate::BlobEntry { uncompressed_length: 999, ..good }, &sealed));
    damaged(open(&crate::BlobEntry { uncompressed_length: 1001, ..good }, &sealed));
    damaged(open(&crate::BlobEntry { uncompressed_length: 0, ..good }, &sealed));
    damaged(open(&good, &sealed[1..]));
    let mut flipped = sealed.clone();
    flipped[40] ^= 1;
    damaged(open(&good, &flipped));
    let huge = crate::BlobEntry { uncompressed_length: (64 << 20) + 1, ..good };
    assert!(matches!(open(&huge, &sealed), Err(Error::TooLarge { .. })));
    damaged(open(&crate::BlobEntry { kind: BlobType::Tree, ..huge }, &sealed));
}

#[test]
fn headers_that_lie_are_refused() {
    let (envelope, _) = builder();
    let entry = |tag: u8, lengths: &[u32]| {
        let mut bytes = vec![tag];
        lengths.iter().for_each(|length| bytes.extend_from_slice(&length.to_le_bytes()));
        [bytes, vec![9; 32]].concat()
    };
    let parse = |file: &[u8]| parse_header(&envelope, file, file.len() as u64);
    assert_eq!(parse(&forged(&envelope, &entry(0, &[100]), 100)).unwrap()[0].length, 100);
    assert_eq!(parse(&forged(&envelope, &entry(3, &[100, 7]), 100)).unwrap()[0].uncompressed_length, 7);
    let overflow = [entry(0, &[u32::MAX]), entry(0, &[100])].concat();
    for (header, blobs) in [
        (entry(4, &[100]), 100), // unknown type
        (entry(0, &[101]), 100), // lengths do not add up
        (entry(0, &[99]), 100),
        (entry(0, &[31]), 31),                  // shorter than an envelope
        (entry(0, &[100])[..36].to_vec(), 100), // cut
        (entry(2, &[100]), 100),                // cut, since compressed ones are longer
        (overflow, 99),
        (vec![], 100),
    ] {
        assert!(matches!(parse(&forged(&envelope, &header, blobs)), Err(Error::Damaged(_))), "{header:?}");
    }
    let mut long = forged(&envelope, &entry(0, &[100]), 100);
    let end = long.len();
    for length in [0, 68, 70, 200, u32::MAX] {
        long[end - 4..].copy_from_slice(&u32::to_le_bytes(length));
        assert!(parse(&long).is_err(), "{length}");
    }
    assert!(parse(&[1, 2, 3]).is_err());
}
