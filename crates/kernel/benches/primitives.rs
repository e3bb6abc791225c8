//! How fast the primitives are on this machine: `cargo bench -p strongroom-kernel [-- WORD]`.
//!
//! Prints the best of many short rounds, which a busy machine disturbs least. Sizes are those of a chunk
//! (1 MiB) and of a small file (4 KiB).

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use strongroom_kernel::chunker::{Chunker, MIN};
use strongroom_kernel::compress::{Compressor, Decompressor};
use strongroom_kernel::envelope::{Envelope, MasterKey};
use strongroom_kernel::index::{Index, encode_index};
use strongroom_kernel::pack::PackBuilder;
use strongroom_kernel::verify::{Scratch, verify_pack};
use strongroom_kernel::{BlobEntry, BlobType, Id, kdf};

struct Bench(Vec<String>);

impl Bench {
    fn run(&self, name: &str, bytes: usize, rounds: usize, mut work: impl FnMut()) {
        if !self.0.is_empty() && !self.0.iter().any(|word| name.contains(word.as_str())) {
            return;
        }
        work();
        let mut best = f64::MAX;
        for _ in 0..rounds {
            let start = Instant::now();
            work();
            best = best.min(start.elapsed().as_secs_f64());
        }
        println!("{name:32} {:9.3} ms {:9.1} MB/s", best * 1e3, bytes as f64 / best / 1e6);
    }
}

/// Bytes without any pattern that zstd or the chunker could use.
fn noise(length: usize) -> Vec<u8> {
    (0u64..).flat_map(|block| Id::of(&block.to_le_bytes()).0).take(length).collect()
}

/// Text of words of a small vocabulary, compressible about as well as source code.
fn prose(length: usize) -> Vec<u8> {
    let words: Vec<String> =
        (0..2000u64).map(|n| Id::of(&n.to_le_bytes()).to_hex()[..3 + n as usize % 7].into()).collect();
    let mut state = 1u64;
    let mut out = Vec::with_capacity(length + 16);
    while out.len() < length {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let number = (state >> 33) as usize;
        out.extend_from_slice(words[(number % 2000) * (number / 2000 % 2000) / 2000].as_bytes());
        out.push(if number.is_multiple_of(11) { b'\n' } else { b' ' });
    }
    out.truncate(length);
    out
}

fn main() {
    let bench = Bench(std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect());
    let envelope = Arc::new(Envelope::new(&MasterKey::generate()));
    for (label, size) in [("4 KiB", 4 << 10), ("1 MiB", 1 << 20)] {
        let data = noise(size);
        let times = (1 << 20) / size;
        let all = size * times;
        bench.run(&format!("sha256 {label}"), all, 50, || {
            for _ in 0..times {
                black_box(Id::of(&data));
            }
        });
        let (mut sealed, mut out) = (Vec::new(), Vec::new());
        bench.run(&format!("seal {label}"), all, 50, || {
            for _ in 0..times {
                sealed.clear();
                envelope.seal(&data, &mut sealed);
            }
        });
        envelope.seal(&data, {
            sealed.clear();
            &mut sealed
        });
        bench.run(&format!("open {label}"), all, 50, || {
            (0..times).for_each(|_| envelope.open(&sealed, &mut out).unwrap());
        });
        let text = prose(size);
        for (name, plain) in [("prose", &text), ("noise", &data)] {
            for level in [1, 2, 3, 4, 5] {
                let mut compressor = Compressor::new(level);
                let mut frame = Vec::new();
                compressor.compress(plain, &mut frame);
                let name = format!("zstd -{level} {name} {label} ({:.3})", frame.len() as f64 / size as f64);
                bench.run(&name, all, 20, || {
                    for _ in 0..times {
                        frame.clear();
                        compressor.compress(plain, &mut frame);
                    }
                });
            }
            let (mut frame, mut decompressor) = (Vec::new(), Decompressor::new());
            Compressor::new(3).compress(plain, &mut frame);
            bench.run(&format!("unzstd {name} {label}"), all, 50, || {
                (0..times).for_each(|_| decompressor.decompress(&frame, Some(size), size, &mut out).unwrap());
            });
        }
    }
    let chunker = Chunker::new("3DA3358B4DC173".parse().unwrap()).unwrap();
    let constant = vec![1; MIN + (4 << 20)];
    bench.run("chunker, searched bytes", 4 << 20, 50, || {
        black_box(chunker.cut(&constant, false));
    });
    let stream = noise(16 << 20);
    bench.run("chunker, whole chunks", stream.len(), 20, || {
        let mut rest = &stream[..];
        while let Some(length) = chunker.cut(rest, true) {
            rest = &rest[length..];
        }
    });
    for p in [1, 8] {
        bench.run(&format!("scrypt 32768 8 {p}"), 0, 5, || drop(black_box(kdf::derive(b"p", b"s", 32768, 8, p))));
    }
    packs(&bench, &envelope, &noise(1 << 20));
    index(&bench);
}

fn packs(bench: &Bench, envelope: &Arc<Envelope>, data: &[u8]) {
    let build = || {
        let mut pack = PackBuilder::with_buffer(envelope.clone(), Vec::with_capacity(17 << 20));
        for _ in 0..16 {
            pack.add(BlobType::Data, Id([1; 32]), data, 0).unwrap();
        }
        pack.finish().unwrap()
    };
    bench.run("pack built of 16 MiB", 16 << 20, 5, || drop(black_box(build())));
    let mut pack = PackBuilder::new(envelope.clone());
    for _ in 0..16 {
        pack.add(BlobType::Data, Id::of(data), data, 0).unwrap();
    }
    let pack = pack.finish().unwrap();
    let mut scratch = Scratch::default();
    bench.run("pack verified of 16 MiB", 16 << 20, 5, || {
        assert!(verify_pack(envelope, &pack.id, &pack.bytes, None, &mut scratch).is_sound());
    });
}

fn index(bench: &Bench) {
    const BLOBS: usize = 50_000;
    let file = |file: u64| {
        let id = |number: u64| Id::of(&(file << 32 | number).to_le_bytes());
        let packs: Vec<(Id, Vec<BlobEntry>)> = (0..BLOBS as u64 / 50)
            .map(|pack| {
                let blob = |at: u64| BlobEntry {
                    kind: BlobType::Data,
                    id: id(pack * 50 + at),
                    offset: at as u32 * 330_000,
                    length: 329_000 + at as u32,
                    uncompressed_length: 500_000 + at as u32,
                };
                (id(1 << 31 | pack), (0..50).map(blob).collect())
            })
            .collect();
        encode_index(&packs)
    };
    let json = file(0);
    bench.run("index file of 50,000 parsed", json.len(), 10, || {
        drop(black_box(strongroom_kernel::index::parse_index(&json)))
    });
    bench.run("index file of 50,000 loaded", json.len(), 10, || drop(Index::new().load_json(&json).unwrap()));
    let mut index = Index::new();
    (0..20).for_each(|number| drop(index.load_json(&file(number)).unwrap()));
    let ids: Vec<Id> = index.blobs().map(|(blob, _)| blob.id).step_by(97).collect();
    bench.run("lookups in 1,000,000 (10,309)", 0, 10, || {
        assert!(ids.iter().all(|id| index.contains(BlobType::Data, id)));
    });
    bench.run("misses in 1,000,000 (10,309)", 0, 10, || {
        assert!(!ids.iter().any(|id| index.contains(BlobType::Tree, id)));
    });
}
