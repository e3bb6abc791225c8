//! With the vectors of x86: those of SSE2, which all of them have, or of AVX-512, which rotate in one step.

use crate::Block;
use std::arch::x86_64::*;

/// A block in registers.
type Row = [__m128i; 4];

/// As [`crate::mix_blocks`].
pub(super) fn mix_blocks<const L: usize>(x: [&[Block]; L], other: Option<[&[Block]; L]>, y: [&mut [Block]; L]) {
    let rotates = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vl");
    // SAFETY: the processor has what the function is compiled for; SSE2 belongs to the architecture.
    unsafe { if rotates { rotating::mix_blocks(x, other, y) } else { shifting::mix_blocks(x, other, y) } }
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

macro_rules! mixing {
    ($name:ident, $features:literal, $rotate:item) => {
        mod $name {
            use super::*;

            $rotate

            /// `target` xor the rotated sum of the two others.
            #[inline]
            #[target_feature(enable = $features)]
            fn step<const BITS: i32, const REST: i32, const L: usize>(
                target: &mut [__m128i; L],
                one: &[__m128i; L],
                other: &[__m128i; L],
            ) {
                for lane in 0..L {
                    let sum = _mm_add_epi32(one[lane], other[lane]);
                    target[lane] = _mm_xor_si128(target[lane], rotate::<BITS, REST>(sum));
                }
            }

            /// The words of each in another order.
            #[inline]
            #[target_feature(enable = $features)]
            fn turn<const ORDER: i32, const L: usize>(words: &mut [__m128i; L]) {
                for words in words {
                    *words = _mm_shuffle_epi32::<ORDER>(*words);
                }
            }

            /// Salsa20/8 of each block, one operation for all of them after the other.
            #[inline]
            #[target_feature(enable = $features)]
            fn salsa20_8<const L: usize>(input: &[Row; L]) -> [Row; L] {
                const BY_ONE: i32 = 0b10_01_00_11;
                const BY_TWO: i32 = 0b01_00_11_10;
                const BY_THREE: i32 = 0b00_11_10_01;
                let part = |part: usize| -> [__m128i; L] { std::array::from_fn(|lane| input[lane][part]) };
                let (mut a, mut b, mut c, mut d) = (part(0), part(1), part(2), part(3));
                for _ in 0..4 {
                    step::<7, 25, L>(&mut b, &a, &d);
                    step::<9, 23, L>(&mut c, &b, &a);
                    step::<13, 19, L>(&mut d, &c, &b);
                    step::<18, 14, L>(&mut a, &d, &c);
                    turn::<BY_ONE, L>(&mut b);
                    turn::<BY_TWO, L>(&mut c);
                    turn::<BY_THREE, L>(&mut d);
                    step::<7, 25, L>(&mut d, &a, &b);
                    step::<9, 23, L>(&mut c, &d, &a);
                    step::<13, 19, L>(&mut b, &c, &d);
                    step::<18, 14, L>(&mut a, &b, &c);
                    turn::<BY_THREE, L>(&mut b);
                    turn::<BY_TWO, L>(&mut c);
                    turn::<BY_ONE, L>(&mut d);
                }
                std::array::from_fn(|lane| {
                    let [e, f, g, h] = input[lane];
                    [
                        _mm_add_epi32(a[lane], e),
                        _mm_add_epi32(b[lane], f),
                        _mm_add_epi32(c[lane], g),
                        _mm_add_epi32(d[lane], h),
                    ]
                })
            }

            #[target_feature(enable = $features)]
            pub(super) fn mix_blocks<const L: usize>(
                x: [&[Block]; L],
                other: Option<[&[Block]; L]>,
                y: [&mut [Block]; L],
            ) {
                let blocks = x[0].len();
                let input = |lane: usize, at: usize| -> Row {
                    let block: &Block = &x[lane][at];
                    match &other {
                        None => std::array::from_fn(|part| load(&block[part])),
                        Some(other) => {
                            let second: &Block = &other[lane][at];
                            std::array::from_fn(|part| _mm_xor_si128(load(&block[part]), load(&second[part])))
                        }
                    }
                };
                let mut state: [Row; L] = std::array::from_fn(|lane| input(lane, blocks - 1));
                for at in 0..blocks {
                    for lane in 0..L {
                        let next = input(lane, at);
                        state[lane] = std::array::from_fn(|part| _mm_xor_si128(state[lane][part], next[part]));
                    }
                    state = salsa20_8(&state);
                    for lane in 0..L {
                        let into: &mut Block = &mut y[lane][at / 2 + blocks / 2 * (at % 2)];
                        for (quad, words) in into.iter_mut().zip(state[lane]) {
                            store(quad, words);
                        }
                    }
                }
            }
        }
    };
}

mixing!(
    rotating,
    "avx512f,avx512vl",
    #[inline]
    #[target_feature(enable = "avx512f,avx512vl")]
    fn rotate<const BITS: i32, const REST: i32>(words: __m128i) -> __m128i {
        _mm_rol_epi32::<BITS>(words)
    }
);
mixing!(
    shifting,
    "sse2",
    #[inline]
    #[target_feature(enable = "sse2")]
    fn rotate<const BITS: i32, const REST: i32>(words: __m128i) -> __m128i {
        _mm_or_si128(_mm_slli_epi32::<BITS>(words), _mm_srli_epi32::<REST>(words))
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways give what the portable one gives, for one lane and for two, with another block and without.
    #[test]
    fn both_ways_are_the_portable_one() {
        let blocks = |seed: u32| -> Vec<Block> {
            (0..16u32)
                .map(|at| {
                    std::array::from_fn(|part| {
                        std::array::from_fn(|word| {
                            (at * 16 + part as u32 * 4 + word as u32 + seed).wrapping_mul(2_654_435_761)
                        })
                    })
                })
                .collect()
        };
        let (one, two, three, four) = (blocks(1), blocks(2), blocks(3), blocks(4));
        for other in [None, Some([three.as_slice(), four.as_slice()])] {
            let mut expected = [blocks(0), blocks(0)];
            crate::portable::mix_blocks([&one, &two], other, expected.each_mut().map(Vec::as_mut_slice));
            let mut found = [blocks(0), blocks(0)];
            // SAFETY: SSE2 belongs to the architecture.
            unsafe { shifting::mix_blocks([&one, &two], other, found.each_mut().map(Vec::as_mut_slice)) };
            assert_eq!(found, expected);
            found = [blocks(0), blocks(0)];
            mix_blocks([&one, &two], other, found.each_mut().map(Vec::as_mut_slice));
            assert_eq!(found, expected);
            let mut alone = [blocks(0)];
            mix_blocks([&one], other.map(|both| [both[0]]), alone.each_mut().map(Vec::as_mut_slice));
            assert_eq!(alone[0], expected[0]);
        }
    }
}
