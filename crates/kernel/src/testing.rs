//! Helpers that the kernel's own tests share.

/// The bytes that a hexadecimal text spells.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The same as an array of the right length.
pub(crate) fn array<const N: usize>(text: &str) -> [u8; N] {
    unhex(text).try_into().unwrap()
}

/// Bytes that look random, the same on each run: `SHA-256(u64le(0)) | SHA-256(u64le(1)) | …`.
pub(crate) fn stream(length: usize) -> Vec<u8> {
    (0u64..).flat_map(|block| crate::Id::of(&block.to_le_bytes()).0).take(length).collect()
}
