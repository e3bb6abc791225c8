//! Any frame decompresses within its limit or not at all, whatever it declares.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_kernel::compress::{Compressor, Decompressor};

fuzz_target!(|data: &[u8]| {
    let Some((limit, frame)) = data.split_first_chunk::<2>() else { return };
    let limit = usize::from(u16::from_le_bytes(*limit));
    let mut decompressor = Decompressor::new();
    let mut out = Vec::new();
    if decompressor.decompress(frame, None, limit, &mut out).is_ok() {
        assert!(out.len() <= limit);
        let plain = out.clone();
        decompressor.decompress(frame, Some(plain.len()), limit, &mut out).unwrap();
        assert_eq!(out, plain);
        assert!(decompressor.decompress(frame, Some(plain.len() + 1), limit + 1, &mut out).is_err());
    }
    assert!(out.capacity() <= limit + 1);
    let mut again = Vec::new();
    Compressor::new(3).compress(frame, &mut again);
    decompressor.decompress(&again, Some(frame.len()), frame.len(), &mut out).unwrap();
    assert_eq!(out, frame);
});
