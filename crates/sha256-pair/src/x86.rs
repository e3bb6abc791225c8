//! The compression function with the SHA instructions of x86, two messages abreast.
//!
//! Names and order of the state's words (`abef`, `cdgh`) are those of Intel's description of `sha256rnds2`.

use super::BLOCK;
use std::arch::x86_64::*;

/// FIPS 180-4, 4.2.2.
#[rustfmt::skip]
const K: [u32; 64] = [
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
];

/// Whether this processor has the instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("sha") && is_x86_feature_detected!("sse4.1") && is_x86_feature_detected!("ssse3")
}

/// Sixteen bytes of a block as four big-endian words.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn load(block: &[u8; BLOCK], quarter: usize) -> __m128i {
    let half = |at: usize| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&block[at..at + 8]);
        i64::from_le_bytes(bytes)
    };
    let order = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
    _mm_shuffle_epi8(_mm_set_epi64x(half(quarter * 16 + 8), half(quarter * 16)), order)
}

/// The round constants of rounds `4 * quad` to `4 * quad + 3`.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn constants(quad: usize) -> __m128i {
    let k = |number: usize| K[4 * quad + number].cast_signed();
    _mm_set_epi32(k(3), k(2), k(1), k(0))
}

/// Four more words of the message schedule out of the last sixteen.
#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn schedule(words: &mut [__m128i; 4], at: usize) {
    let [w0, w1, w2, w3] = [words[at], words[(at + 1) % 4], words[(at + 2) % 4], words[(at + 3) % 4]];
    let sum = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
    words[at] = _mm_sha256msg2_epu32(sum, w3);
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn enter(state: &[u32; 8]) -> [__m128i; 2] {
    let [a, b, c, d, e, f, g, h] = state.map(u32::cast_signed);
    [_mm_set_epi32(a, b, e, f), _mm_set_epi32(c, d, g, h)]
}

#[inline]
#[target_feature(enable = "sha,ssse3,sse4.1")]
fn leave([abef, cdgh]: [__m128i; 2]) -> [u32; 8] {
    [
        _mm_extract_epi32::<3>(abef),
        _mm_extract_epi32::<2>(abef),
        _mm_extract_epi32::<3>(cdgh),
        _mm_extract_epi32::<2>(cdgh),
        _mm_extract_epi32::<1>(abef),
        _mm_extract_epi32::<0>(abef),
        _mm_extract_epi32::<1>(cdgh),
        _mm_extract_epi32::<0>(cdgh),
    ]
    .map(i32::cast_unsigned)
}

/// Takes the blocks of two messages into their states; surplus blocks of either are left out.
#[target_feature(enable = "sha,ssse3,sse4.1")]
pub(super) fn compress_both(first: &mut [u32; 8], one: &[[u8; BLOCK]], second: &mut [u32; 8], other: &[[u8; BLOCK]]) {
    let [mut abef, mut cdgh] = enter(first);
    let [mut abef2, mut cdgh2] = enter(second);
    for (block, block2) in one.iter().zip(other) {
        let before = [abef, cdgh, abef2, cdgh2];
        let mut words = [load(block, 0), load(block, 1), load(block, 2), load(block, 3)];
        let mut words2 = [load(block2, 0), load(block2, 1), load(block2, 2), load(block2, 3)];
        // Four rounds of each; unrolled by hand, since all of it must stay in registers.
        macro_rules! quad {
            ($quad:expr, $at:expr) => {
                let constants = constants($quad);
                let (low, low2) = (_mm_add_epi32(words[$at], constants), _mm_add_epi32(words2[$at], constants));
                cdgh = _mm_sha256rnds2_epu32(cdgh, abef, low);
                cdgh2 = _mm_sha256rnds2_epu32(cdgh2, abef2, low2);
                let (high, high2) = (_mm_shuffle_epi32::<0x0e>(low), _mm_shuffle_epi32::<0x0e>(low2));
                abef = _mm_sha256rnds2_epu32(abef, cdgh, high);
                abef2 = _mm_sha256rnds2_epu32(abef2, cdgh2, high2);
            };
        }
        macro_rules! next_quad {
            ($quad:expr, $at:expr) => {
                schedule(&mut words, $at);
                schedule(&mut words2, $at);
                quad!($quad, $at);
            };
        }
        quad!(0, 0);
        quad!(1, 1);
        quad!(2, 2);
        quad!(3, 3);
        next_quad!(4, 0);
        next_quad!(5, 1);
        next_quad!(6, 2);
        next_quad!(7, 3);
        next_quad!(8, 0);
        next_quad!(9, 1);
        next_quad!(10, 2);
        next_quad!(11, 3);
        next_quad!(12, 0);
        next_quad!(13, 1);
        next_quad!(14, 2);
        next_quad!(15, 3);
        abef = _mm_add_epi32(abef, before[0]);
        cdgh = _mm_add_epi32(cdgh, before[1]);
        abef2 = _mm_add_epi32(abef2, before[2]);
        cdgh2 = _mm_add_epi32(cdgh2, before[3]);
    }
    *first = leave([abef, cdgh]);
    *second = leave([abef2, cdgh2]);
}
