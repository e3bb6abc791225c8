//! Two blocks in a vector of AVX2, eight vectors at a time.

use super::BLOCK;
use std::arch::x86_64::*;
use zeroize::Zeroize;

/// Round keys of AES-256.
const ROUND_KEYS: usize = 15;
/// Vectors at a time: each waits for its round as long as the others take.
const VECTORS: usize = 8;
/// Bytes of them.
const BATCH: usize = VECTORS * 32;

/// The round keys, on a processor that has what their use takes.
pub(super) struct RoundKeys([[u8; BLOCK]; ROUND_KEYS]);

impl Drop for RoundKeys {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

fn has_what_it_takes() -> bool {
    is_x86_feature_detected!("vaes") && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("aes")
}

impl RoundKeys {
    /// None where the processor has not what it takes, and where the `aes` crate takes vectors twice as wide.
    pub fn new(key: &[u8; 32]) -> Option<Self> {
        if is_x86_feature_detected!("avx512f") || !has_what_it_takes() {
            return None;
        }
        // SAFETY: the processor has what the function is compiled for.
        Some(Self(unsafe { expand(key) }))
    }

    /// Appends `piece` xor the key stream from `counter` on.
    pub fn append(&self, counter: u128, piece: &[u8], out: &mut Vec<u8>) {
        out.reserve(piece.len());
        let target = &mut out.spare_capacity_mut()[..piece.len()];
        // SAFETY: the processor has what the function is compiled for, else there were no keys; `target` is as long as
        // `piece` and is written to its end, so that so many bytes more are initialised.
        unsafe {
            encrypt(&self.0, counter, piece, target.as_mut_ptr().cast());
            out.set_len(out.len() + piece.len());
        }
    }
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8; BLOCK]) -> __m128i {
    let number = u128::from_le_bytes(*bytes);
    _mm_set_epi64x((number >> 64) as i64, number as i64)
}

/// FIPS 197, 5.2.
#[target_feature(enable = "aes,avx2")]
fn expand(key: &[u8; 32]) -> [[u8; BLOCK]; ROUND_KEYS] {
    let mut words = [0u32; 4 * ROUND_KEYS];
    for (word, bytes) in words.iter_mut().zip(key.as_chunks::<4>().0) {
        *word = u32::from_le_bytes(*bytes);
    }
    let mut constant = 1;
    for at in 8..words.len() {
        let before = words[at - 1];
        // Of words 1 and 3 of its operand the instruction gives S-boxes, turned by a byte and not.
        let boxes = _mm_aeskeygenassist_si128::<0>(_mm_set1_epi32(before.cast_signed()));
        let change = match at % 8 {
            0 => {
                let turned = _mm_extract_epi32::<1>(boxes).cast_unsigned() ^ constant;
                constant <<= 1;
                turned
            }
            4 => _mm_extract_epi32::<0>(boxes).cast_unsigned(),
            _ => before,
        };
        words[at] = words[at - 8] ^ change;
    }
    let mut keys = [[0; BLOCK]; ROUND_KEYS];
    for (bytes, word) in keys.as_flattened_mut().as_chunks_mut::<4>().0.iter_mut().zip(words) {
        *bytes = word.to_le_bytes();
    }
    words.zeroize();
    keys
}

/// Writes `piece` xor the key stream to `target`.
///
/// # Safety
/// There must be room for so many bytes, and the processor must have what this is compiled for.
#[target_feature(enable = "vaes,aes,avx2")]
unsafe fn encrypt(keys: &[[u8; BLOCK]; ROUND_KEYS], mut counter: u128, piece: &[u8], mut target: *mut u8) {
    let keys: [__m256i; ROUND_KEYS] = std::array::from_fn(|at| _mm256_broadcastsi128_si256(load(&keys[at])));
    let (batches, rest) = piece.as_chunks::<BATCH>();
    for batch in batches {
        let stream = key_stream(&keys, counter);
        counter = counter.wrapping_add((BATCH / BLOCK) as u128);
        let batch: *const __m256i = batch.as_ptr().cast();
        let to: *mut __m256i = target.cast();
        for (at, vector) in stream.into_iter().enumerate() {
            // SAFETY: both have so many bytes; neither needs to be aligned.
            unsafe { _mm256_storeu_si256(to.add(at), _mm256_xor_si256(_mm256_loadu_si256(batch.add(at)), vector)) };
        }
        // SAFETY: there is room for the whole of `piece`.
        target = unsafe { target.add(BATCH) };
    }
    if !rest.is_empty() {
        let mut last = [0; BATCH];
        for (bytes, vector) in last.as_chunks_mut::<32>().0.iter_mut().zip(key_stream(&keys, counter)) {
            // SAFETY: it has as many bytes.
            unsafe { _mm256_storeu_si256(bytes.as_mut_ptr().cast(), vector) };
        }
        for (at, byte) in rest.iter().enumerate() {
            // SAFETY: there is room for the whole of `piece`.
            unsafe { target.add(at).write(byte ^ last[at]) };
        }
    }
}

/// The counters from `counter` on, encrypted.
#[inline]
#[target_feature(enable = "vaes,aes,avx2")]
fn key_stream(keys: &[__m256i; ROUND_KEYS], counter: u128) -> [__m256i; VECTORS] {
    let mut vectors = counters(counter).map(|vector| _mm256_xor_si256(vector, keys[0]));
    for key in &keys[1..ROUND_KEYS - 1] {
        for vector in &mut vectors {
            *vector = _mm256_aesenc_epi128(*vector, *key);
        }
    }
    vectors.map(|vector| _mm256_aesenclast_epi128(vector, keys[ROUND_KEYS - 1]))
}

/// Sixteen counters, big-endian.
#[inline]
#[target_feature(enable = "avx2")]
fn counters(counter: u128) -> [__m256i; VECTORS] {
    let low = counter as u64;
    if low.checked_add((BATCH / BLOCK) as u64).is_none() {
        let block = |at: usize| load(&counter.wrapping_add(at as u128).to_be_bytes());
        return std::array::from_fn(|at| _mm256_set_m128i(block(2 * at + 1), block(2 * at)));
    }
    // Without a carry into the upper half.
    let order = _mm256_broadcastsi128_si256(_mm_set_epi64x(0x0001_0203_0405_0607, 0x0809_0a0b_0c0d_0e0f));
    let (high, low) = ((counter >> 64) as i64, low.cast_signed());
    let mut next = _mm256_add_epi64(_mm256_set_epi64x(high, low, high, low), _mm256_set_epi64x(0, 1, 0, 0));
    let mut vectors = [next; VECTORS];
    for vector in &mut vectors {
        *vector = _mm256_shuffle_epi8(next, order);
        next = _mm256_add_epi64(next, _mm256_set_epi64x(0, 2, 0, 2));
    }
    vectors
}
