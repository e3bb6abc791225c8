//! Any frame as a blob of any length: a plaintext of that length and hash, or an error.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_kernel::compress::Decompressor;
use strongroom_kernel::envelope::{Envelope, MasterKey};
use strongroom_kernel::pack::Opener;
use strongroom_kernel::{BlobEntry, BlobType, Id};

fuzz_target!(|data: &[u8]| {
    let Some(([flags, length @ ..], frame)) = data.split_first_chunk::<5>() else { return };
    let envelope = Envelope::new(&MasterKey { encrypt: [1; 32], mac_k: [2; 16], mac_r: [3; 16] });
    let mut sealed = Vec::new();
    envelope.seal(frame, &mut sealed);
    let mut entry = BlobEntry {
        kind: if flags & 1 == 0 { BlobType::Data } else { BlobType::Tree },
        id: Id::of(frame),
        offset: 0,
        length: sealed.len() as u32,
        uncompressed_length: u32::from_le_bytes(*length),
    };
    let (mut opener, mut out) = (Opener::default(), Vec::new());
    // The right ID for a frame that is one, so that success is reached as well.
    if Decompressor::new().decompress(frame, None, 1 << 20, &mut out).is_ok() && flags & 2 != 0 {
        entry.id = Id::of(&out);
        entry.uncompressed_length = out.len() as u32;
        let opened = opener.open(&envelope, &entry, &sealed, &mut out);
        assert!(opened.is_ok() || entry.uncompressed_length == 0);
        return;
    }
    match opener.open(&envelope, &entry, &sealed, &mut out) {
        Ok(()) => assert_eq!(Id::of(&out), entry.id),
        Err(_) => assert!(out.is_empty()),
    }
});
