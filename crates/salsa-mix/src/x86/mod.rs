//! With the vectors of x86: a lane in each quarter of the widest that the processor has, up to four lanes side by side.
//!
//! AVX-512 also rotates in one step, in narrower vectors, too.

mod ways;

use crate::Block;
use std::arch::x86_64::*;
use ways::{four_rotating, one_rotating, one_shifting, two_rotating, two_shifting};

/// How many lanes take hardly longer than one. Two vectors of AVX2 fill each other's waits: 835 ns one lane, 853 two,
/// 1064 four on an AMD EPYC 7003.
pub(super) fn side_by_side() -> usize {
    if has_avx512() || is_x86_feature_detected!("avx2") { 4 } else { 1 }
}

fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl") && is_x86_feature_detected!("avx2")
}

/// As [`crate::mix_blocks`].
pub(super) fn mix_blocks<const L: usize>(x: [&[Block]; L], other: Option<[&[Block]; L]>, mut y: [&mut [Block]; L]) {
    let (y, other, avx512) = (&mut y, other.as_ref().map(<[_; L]>::as_slice), has_avx512());
    // SAFETY: the processor has what each function is compiled for; SSE2 belongs to the architecture.
    unsafe {
        match L {
            1 if avx512 => one_rotating::mix_blocks::<1>(&x, other, y),
            2 if avx512 => two_rotating::mix_blocks::<1>(&x, other, y),
            2 if is_x86_feature_detected!("avx2") => two_shifting::mix_blocks::<1>(&x, other, y),
            3 | 4 if avx512 => four_rotating::mix_blocks::<1>(&x, other, y),
            3 | 4 if is_x86_feature_detected!("avx2") => two_shifting::mix_blocks::<2>(&x, other, y),
            _ => one_shifting::mix_blocks::<L>(&x, other, y),
        }
    }
}

/// The words of a quarter of a block.
#[inline]
#[target_feature(enable = "sse2")]
fn load(quad: &[u32; 4]) -> __m128i {
    let [a, b, c, d] = quad.map(u32::cast_signed);
    _mm_set_epi32(d, c, b, a)
}

/// The same way back.
#[inline]
#[target_feature(enable = "sse2")]
fn store(quad: &mut [u32; 4], words: __m128i) {
    let halves = [words, _mm_unpackhi_epi64(words, words)].map(|half| _mm_cvtsi128_si64(half));
    *quad = [halves[0] as u32, (halves[0] >> 32) as u32, halves[1] as u32, (halves[1] >> 32) as u32];
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(seed: u32) -> Vec<Block> {
        (0..16u32)
            .map(|at| {
                std::array::from_fn(|part| {
                    std::array::from_fn(|word| {
                        (at * 16 + part as u32 * 4 + word as u32 + seed).wrapping_mul(2_654_435_761)
                    })
                })
            })
            .collect()
    }

    /// What the portable one gives, and a way here, for `L` lanes, with another block and without.
    fn same<const L: usize>(way: impl Fn(&[&[Block]], Option<&[&[Block]]>, &mut [&mut [Block]])) {
        let (x, second): ([_; L], [_; L]) =
            (std::array::from_fn(|lane| blocks(lane as u32)), std::array::from_fn(|lane| blocks(lane as u32 + 9)));
        let (x, second) = (x.each_ref().map(Vec::as_slice), second.each_ref().map(Vec::as_slice));
        for other in [None, Some(second)] {
            let mut expected: [Vec<Block>; L] = std::array::from_fn(|_| blocks(0));
            crate::portable::mix_blocks(x, other, expected.each_mut().map(Vec::as_mut_slice));
            let mut found: [Vec<Block>; L] = std::array::from_fn(|_| blocks(0));
            way(&x, other.as_ref().map(<[_; L]>::as_slice), &mut found.each_mut().map(Vec::as_mut_slice));
            assert_eq!(found, expected);
            mix_blocks(x, other, found.each_mut().map(Vec::as_mut_slice));
            assert_eq!(found, expected);
        }
    }

    /// Every way that this processor has gives what the portable one gives, for as many lanes as it may be asked for.
    #[test]
    fn all_ways_are_the_portable_one() {
        // SAFETY: SSE2 belongs to the architecture, and the others are asked for.
        unsafe {
            same::<1>(|x, other, y| one_shifting::mix_blocks::<1>(x, other, y));
            same::<4>(|x, other, y| one_shifting::mix_blocks::<4>(x, other, y));
            if is_x86_feature_detected!("avx2") {
                same::<2>(|x, other, y| two_shifting::mix_blocks::<1>(x, other, y));
                same::<3>(|x, other, y| two_shifting::mix_blocks::<2>(x, other, y));
                same::<4>(|x, other, y| two_shifting::mix_blocks::<2>(x, other, y));
            }
            if has_avx512() {
                same::<1>(|x, other, y| one_rotating::mix_blocks::<1>(x, other, y));
                same::<2>(|x, other, y| two_rotating::mix_blocks::<1>(x, other, y));
                same::<3>(|x, other, y| four_rotating::mix_blocks::<1>(x, other, y));
                same::<4>(|x, other, y| four_rotating::mix_blocks::<1>(x, other, y));
            }
        }
    }
}
