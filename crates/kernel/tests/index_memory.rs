//! The promise of at most 64 bytes of resident memory for each blob, with index files as they are stored.
//!
//! Alone in its process, since it measures the process.

use strongroom_kernel::compress::{Compressor, Decompressor};
use strongroom_kernel::envelope::{Envelope, MasterKey};
use strongroom_kernel::index::{Index, MAX_INDEX, encode_index};
use strongroom_kernel::{BlobEntry, BlobType, Id};

const FILES: u64 = 100;
const PACKS: u64 = 1250;
const BLOBS: u64 = 40;

/// A number of `/proc/self/status`, in bytes.
fn status(name: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = text.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// An ID that no other number gives and that does not compress.
fn id(number: u64) -> Id {
    Id::of(&number.to_le_bytes())
}

/// An index file of 50,000 blobs as a repository holds it: JSON, compressed, encrypted.
fn file(envelope: &Envelope, number: u64) -> Vec<u8> {
    let packs: Vec<(Id, Vec<BlobEntry>)> = (number * PACKS..(number + 1) * PACKS)
        .map(|pack| {
            let blob = |at: u64| BlobEntry {
                kind: if pack.is_multiple_of(20) { BlobType::Tree } else { BlobType::Data },
                id: id(1 << 40 | (pack * BLOBS + at)),
                offset: at as u32 * 400_000,
                length: 390_000 + at as u32,
                uncompressed_length: 500_000 + at as u32,
            };
            (id(pack), (0..BLOBS).map(blob).collect())
        })
        .collect();
    let mut plain = vec![2];
    Compressor::new(1).compress(&encode_index(&packs), &mut plain);
    let mut stored = Vec::new();
    envelope.seal(&plain, &mut stored);
    stored
}

fn load(envelope: &Envelope, stored: &[u8], index: &mut Index) {
    let (mut opened, mut json) = (Vec::new(), Vec::new());
    envelope.open(stored, &mut opened).unwrap();
    Decompressor::new().decompress(&opened[1..], None, MAX_INDEX, &mut json).unwrap();
    assert_eq!(index.load_json(&json).unwrap().len() as u64, PACKS);
}

#[test]
fn five_million_blobs_take_at_most_64_bytes_each() {
    let envelope = Envelope::new(&MasterKey::generate());
    // What one file costs to make and to read is there before the first measurement.
    load(&envelope, &file(&envelope, 0), &mut Index::new());
    let before = status("VmRSS:");
    let mut index = Index::new();
    for number in 0..FILES {
        load(&envelope, &file(&envelope, number), &mut index);
    }
    let blobs = FILES * PACKS * BLOBS;
    assert_eq!(index.len() as u64, blobs);
    let each = |bytes: u64| bytes as f64 / blobs as f64;
    let (grown, peak) = (each(status("VmRSS:") - before), each(status("VmHWM:") - before));
    println!(
        "resident: {grown:.1} bytes a blob, at the peak {peak:.1}; own account {:.1}",
        each(index.memory() as u64)
    );
    assert!(peak <= 64.0);
    assert!(index.contains(BlobType::Data, &id(1 << 40 | (blobs - 1))));
}
