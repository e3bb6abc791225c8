//! Blobs come over as they are, once each, and never a bad one.

use super::*;
use crate::compress::{Compression, Compressor};
use crate::envelope::{Envelope, MasterKey};
use crate::testing::stream;
use crate::{BlobEntry, BlobType, Id};
use std::fs::File;
use std::io::Write;
use std::sync::Arc;

fn key() -> Arc<Envelope> {
    Arc::new(Envelope::new(&MasterKey::generate()))
}

fn writer(key: &Arc<Envelope>, version: u8, compression: Compression) -> PackWriter {
    let options = WriterOptions {
        version,
        compression,
        pack_size: 100_000,
        open_packs: 2,
        recompress: false,
        extra_verify: true,
    };
    PackWriter::new(Arc::clone(key), options)
}

fn frame(plain: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    Compressor::new(3).compress(plain, &mut frame);
    frame
}

/// A pack with a plain and a compressed blob of data, an empty one, and a tree; and their plaintexts.
fn source(key: &Arc<Envelope>) -> (FinishedPack, Vec<Vec<u8>>) {
    let plains = vec![stream(70_000), b"compressible ".repeat(30_000), vec![], b"{\"nodes\":[]}\n".to_vec()];
    let mut pack = PackBuilder::new(Arc::clone(key));
    pack.add(BlobType::Data, Id::of(&plains[0]), &plains[0], 0).unwrap();
    pack.add(BlobType::Data, Id::of(&plains[1]), &frame(&plains[1]), plains[1].len() as u32).unwrap();
    pack.add(BlobType::Data, Id::of(&plains[2]), &plains[2], 0).unwrap();
    pack.add(BlobType::Tree, Id::of(&plains[3]), &frame(&plains[3]), plains[3].len() as u32).unwrap();
    (pack.finish().unwrap(), plains)
}

fn want_all(writers: &[&PackWriter], entries: &[BlobEntry]) {
    for writer in writers {
        assert!(entries.iter().all(|entry| writer.want(entry.kind, entry.id)));
        assert!(!entries.iter().any(|entry| writer.want(entry.kind, entry.id)));
    }
}

fn run(key: &Envelope, bytes: &[u8], entries: &[BlobEntry], writers: &[&PackWriter]) -> Transferred {
    let source = Source::Memory(bytes);
    transfer(key, (&source, 0), entries, writers, &mut Scratch::default()).unwrap()
}

/// The plaintext and the stored form of all blobs of these packs.
fn opened(key: &Envelope, packs: &[Outgoing]) -> Vec<(BlobEntry, Vec<u8>, Vec<u8>)> {
    let mut all = Vec::new();
    for pack in packs {
        assert_eq!(pack.id, Id::of(&pack.bytes));
        for entry in &pack.entries {
            assert_eq!(entry.kind, pack.kind);
            let sealed = &pack.bytes[entry.offset as usize..][..entry.length as usize];
            let (mut plain, mut stored) = (Vec::new(), Vec::new());
            Opener::default().open(key, entry, sealed, &mut plain).unwrap();
            key.open(sealed, &mut stored).unwrap();
            all.push((*entry, plain, stored));
        }
    }
    all
}

#[test]
fn each_repository_gets_each_blob_in_its_own_form() {
    let (from, packed, plain, old) = (key(), key(), key(), key());
    let (pack, plains) = source(&from);
    let all = [
        &writer(&packed, 2, Compression::Auto),
        &writer(&plain, 2, Compression::Off),
        &writer(&old, 1, Compression::Auto),
    ];
    want_all(&all, &pack.entries);
    let done = run(&from, &pack.bytes, &pack.entries, &all);
    assert!(done.bad.is_empty());
    let mut packs: Vec<Vec<Outgoing>> = all.iter().map(|writer| writer.flush().unwrap()).collect();
    for (number, pack) in done.packs {
        packs[number].push(pack);
    }
    for (number, (key, lengths)) in
        [(&packed, [true, true, false, true]), (&plain, [false, false, false, true]), (&old, [false; 4])]
            .into_iter()
            .enumerate()
    {
        let blobs = opened(key, &packs[number]);
        assert_eq!(blobs.len(), 4);
        assert!(all[number].wanted().is_empty());
        for (plain, is_compressed) in plains.iter().zip(lengths) {
            let (entry, found, _) = blobs.iter().find(|(entry, ..)| entry.id == Id::of(plain)).unwrap();
            assert_eq!(found, plain);
            assert_eq!(entry.uncompressed_length, if is_compressed { plain.len() as u32 } else { 0 });
        }
    }
    let again = run(&from, &pack.bytes, &pack.entries, &all);
    assert!(again.packs.is_empty() && all.iter().all(|writer| writer.flush().unwrap().is_empty()));
}

#[test]
fn frames_pass_as_they_are_and_envelopes_under_one_key() {
    let from = key();
    let (pack, plains) = source(&from);
    let other = key();
    let (same, foreign) = (writer(&from, 2, Compression::Max), writer(&other, 2, Compression::Max));
    let options = WriterOptions { recompress: true, ..foreign.options };
    let anew = PackWriter::new(Arc::clone(&other), options);
    want_all(&[&same, &foreign, &anew], &pack.entries);
    run(&from, &pack.bytes, &pack.entries, &[&same, &foreign, &anew]);
    let envelope = |bytes: &[u8], entry: &BlobEntry| bytes[entry.offset as usize..][..entry.length as usize].to_vec();
    let moved = same.flush().unwrap();
    let text = moved.iter().flat_map(|pack| pack.entries.iter().map(move |entry| (pack, entry)));
    let (in_pack, entry) = text.clone().find(|(_, entry)| entry.id == Id::of(&plains[1])).unwrap();
    assert_eq!(envelope(&in_pack.bytes, entry), envelope(&pack.bytes, &pack.entries[1]));
    let stored = |writer: &PackWriter| {
        let blobs = opened(&other, &writer.flush().unwrap());
        blobs.into_iter().find(|(entry, ..)| entry.id == Id::of(&plains[1])).unwrap().2
    };
    assert_eq!(stored(&foreign), frame(&plains[1]));
    assert_ne!(stored(&anew), frame(&plains[1]));
}

#[test]
fn a_bad_blob_stays_wanted_and_another_copy_serves() {
    let from = key();
    let (pack, plains) = source(&from);
    let to = key();
    let target = writer(&to, 2, Compression::Auto);
    want_all(&[&target], &pack.entries);
    let mut damaged = pack.bytes.clone();
    damaged[pack.entries[1].offset as usize + 20] ^= 1;
    let short = &damaged[..pack.entries[3].offset as usize + 1];
    let done = run(&from, short, &pack.entries, &[&target]);
    let bad: Vec<Id> = done.bad.iter().map(|(entry, _)| entry.id).collect();
    assert_eq!(bad, [Id::of(&plains[1]), Id::of(&plains[3])]);
    let mut wanted: Vec<Id> = target.wanted().into_iter().map(|(_, id)| id).collect();
    wanted.sort_unstable();
    let mut expected = bad.clone();
    expected.sort_unstable();
    assert_eq!(wanted, expected);
    // Under the right key and with a right MAC, but another blob's content.
    let lie = BlobEntry { id: Id::of(&plains[1]), ..pack.entries[0] };
    assert_eq!(run(&from, &pack.bytes, &[lie], &[&target]).bad.len(), 1);
    assert!(run(&from, &pack.bytes, &pack.entries, &[&target]).bad.is_empty());
    assert!(target.wanted().is_empty());
    let mut found: Vec<Vec<u8>> =
        opened(&to, &target.flush().unwrap()).into_iter().map(|(_, plain, _)| plain).collect();
    let mut expected = plains;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_range_of_a_file_serves() {
    let from = key();
    let (pack, plains) = source(&from);
    let to = key();
    let target = writer(&to, 2, Compression::Auto);
    want_all(&[&target], &pack.entries);
    let path = std::env::temp_dir().join(format!("strongroom-transfer-{}", std::process::id()));
    let mut file = File::create_new(&path).unwrap();
    let first = pack.entries[1].offset as usize;
    file.write_all(b"before").unwrap();
    file.write_all(&pack.bytes[first..pack.entries[3].offset as usize]).unwrap();
    let file = File::open(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let source = Source::File { file: &file, start: 6 };
    let done = transfer(&from, (&source, first as u64), &pack.entries, &[&target], &mut Scratch::default()).unwrap();
    let bad: Vec<Id> = done.bad.iter().map(|(entry, _)| entry.id).collect();
    assert_eq!(bad, [Id::of(&plains[0]), Id::of(&plains[3])]);
    assert_eq!(opened(&to, &target.flush().unwrap()).len(), 2);
}

#[test]
fn packs_close_when_they_are_full_and_hold_one_kind() {
    let from = key();
    let mut pack = PackBuilder::new(Arc::clone(&from));
    for n in 0..40u8 {
        let mut plain = stream(20_000);
        plain[0] = n;
        let kind = if n % 4 == 0 { BlobType::Tree } else { BlobType::Data };
        pack.add(kind, Id::of(&plain), &plain, 0).unwrap();
    }
    let pack = pack.finish().unwrap();
    let to = key();
    let target = writer(&to, 1, Compression::Auto);
    want_all(&[&target], &pack.entries);
    let mut packs: Vec<Outgoing> =
        run(&from, &pack.bytes, &pack.entries, &[&target]).packs.into_iter().map(|(_, pack)| pack).collect();
    assert_eq!(packs.len(), 8);
    packs.extend(target.flush().unwrap());
    assert_eq!(opened(&to, &packs).len(), 40);
}

#[test]
fn frames_that_others_could_not_read_are_made_anew() {
    use crate::compress::is_ordinary;
    let one = frame(&b"compressible ".repeat(500));
    assert!(is_ordinary(&one));
    let two = [one.clone(), frame(b"")].concat();
    let skippable = [one.clone(), vec![0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 7]].concat();
    for odd in [&two, &skippable, &one[..one.len() - 1].to_vec(), &skippable[one.len()..].to_vec(), &vec![]] {
        assert!(!is_ordinary(odd));
    }
    let plain = b"compressible ".repeat(500);
    let from = key();
    let mut pack = PackBuilder::new(Arc::clone(&from));
    pack.add(BlobType::Data, Id::of(&plain), &skippable, plain.len() as u32).unwrap();
    let pack = pack.finish().unwrap();
    let target = writer(&from, 2, Compression::Auto);
    want_all(&[&target], &pack.entries);
    assert!(run(&from, &pack.bytes, &pack.entries, &[&target]).bad.is_empty());
    assert!(is_ordinary(&opened(&from, &target.flush().unwrap())[0].2));
}
