//! Whole packs whose header is right and whose blobs are anything, and files of any bytes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use strongroom_kernel::envelope::{Envelope, MasterKey};
use strongroom_kernel::pack::PackBuilder;
use strongroom_kernel::verify::{Scratch, verify_pack};
use strongroom_kernel::{BlobType, Id};

fuzz_target!(|data: &[u8]| {
    let envelope = Arc::new(Envelope::new(&MasterKey { encrypt: [1; 32], mac_k: [2; 16], mac_r: [3; 16] }));
    let mut scratch = Scratch::default();
    assert!(!verify_pack(&envelope, &Id::of(data), data, None, &mut scratch).is_sound());
    let mut pack = PackBuilder::new(envelope.clone());
    let mut honest = 0;
    for piece in data.split(|byte| *byte == b'\n').take(50) {
        let Some(([flags, length], content)) = piece.split_first_chunk::<2>() else { continue };
        let kind = if flags & 1 == 0 { BlobType::Data } else { BlobType::Tree };
        let id = if flags & 2 == 0 { Id::of(content) } else { Id([*length; 32]) };
        let uncompressed = if flags & 4 == 0 { 0 } else { u32::from(*length) << (flags >> 3 & 24) };
        honest += usize::from(flags & 6 == 0 || (flags & 2 == 0 && uncompressed == 0));
        pack.add(kind, id, content, uncompressed).unwrap();
    }
    if pack.is_empty() {
        return;
    }
    let pack = pack.finish().unwrap();
    let report = verify_pack(&envelope, &pack.id, &pack.bytes, Some(&pack.entries), &mut scratch);
    assert!(report.errors.is_empty());
    assert!(report.verified.len() >= honest);
    assert_eq!(report.verified.len() + report.bad_blobs.len(), pack.entries.len());
});
