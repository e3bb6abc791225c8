//! Any bytes as the plaintext of a header, and any bytes as the end of a pack.
#![no_main]

use libfuzzer_sys::fuzz_target;
use strongroom_kernel::envelope::{Envelope, MasterKey};
use strongroom_kernel::pack::{encode_header, parse_header};

fuzz_target!(|data: &[u8]| {
    let envelope = Envelope::new(&MasterKey { encrypt: [1; 32], mac_k: [2; 16], mac_r: [3; 16] });
    assert!(parse_header(&envelope, data, data.len() as u64).is_err());
    let Some((size, plain)) = data.split_first_chunk::<4>() else { return };
    let size = u64::from(u32::from_le_bytes(*size));
    let mut tail = Vec::new();
    envelope.seal(plain, &mut tail);
    let length = (tail.len() as u32).to_le_bytes();
    tail.extend_from_slice(&length);
    // With the size that would be right, and with any other.
    let sum: u64 = parse_sum(plain);
    for size in [sum + tail.len() as u64, size] {
        let Ok(entries) = parse_header(&envelope, &tail, size) else { continue };
        let end = entries.last().map_or(0, |last| u64::from(last.offset) + u64::from(last.length));
        assert_eq!(end + tail.len() as u64, size);
        // A compressed blob of no length is the only thing that has two spellings.
        if entries.iter().all(|entry| entry.uncompressed_length != 0) {
            assert_eq!(encode_header(&entries), plain);
        }
    }
});

/// The sum of all lengths, as far as the entries go.
fn parse_sum(mut plain: &[u8]) -> u64 {
    let mut sum = 0;
    while plain.len() >= 37 {
        sum += u64::from(u32::from_le_bytes([plain[1], plain[2], plain[3], plain[4]]));
        plain = &plain[if plain[0] >= 2 { plain.len().min(41) } else { 37 }..];
    }
    sum
}
