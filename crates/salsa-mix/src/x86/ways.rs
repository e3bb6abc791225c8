//! BlockMix in vectors of one, two and four lanes, with a step that rotates and without.

use super::{load, store};
use crate::Block;
use std::arch::x86_64::*;

/// A module with `mix_blocks` for vectors of `$width` lanes, out of the operations on such vectors.
macro_rules! mixing {
    ($name:ident, $features:literal, $width:literal, $vector:ty; $($operations:item)*) => {
        pub(super) mod $name {
            use super::*;

            type Vector = $vector;
            /// A block of each lane in registers.
            type Row = [Vector; 4];

            $(#[inline]
            #[target_feature(enable = $features)]
            $operations)*

            /// `target` xor the rotated sum of the two others.
            #[inline]
            #[target_feature(enable = $features)]
            fn step<const BITS: i32, const REST: i32, const G: usize>(
                target: &mut [Vector; G],
                one: &[Vector; G],
                other: &[Vector; G],
            ) {
                for at in 0..G {
                    target[at] = xor(target[at], rotate::<BITS, REST>(add(one[at], other[at])));
                }
            }

            /// The words of each in another order.
            #[inline]
            #[target_feature(enable = $features)]
            fn turn_all<const ORDER: i32, const G: usize>(words: &mut [Vector; G]) {
                for words in words {
                    *words = turn::<ORDER>(*words);
                }
            }

            /// Salsa20/8 of each block, one operation for all of them after the other.
            #[inline]
            #[target_feature(enable = $features)]
            fn salsa20_8<const G: usize>(input: &[Row; G]) -> [Row; G] {
                const BY_ONE: i32 = 0b10_01_00_11;
                const BY_TWO: i32 = 0b01_00_11_10;
                const BY_THREE: i32 = 0b00_11_10_01;
                let part = |part: usize| -> [Vector; G] { std::array::from_fn(|at| input[at][part]) };
                let (mut a, mut b, mut c, mut d) = (part(0), part(1), part(2), part(3));
                for _ in 0..4 {
                    step::<7, 25, G>(&mut b, &a, &d);
                    step::<9, 23, G>(&mut c, &b, &a);
                    step::<13, 19, G>(&mut d, &c, &b);
                    step::<18, 14, G>(&mut a, &d, &c);
                    turn_all::<BY_ONE, G>(&mut b);
                    turn_all::<BY_TWO, G>(&mut c);
                    turn_all::<BY_THREE, G>(&mut d);
                    step::<7, 25, G>(&mut d, &a, &b);
                    step::<9, 23, G>(&mut c, &d, &a);
                    step::<13, 19, G>(&mut b, &c, &d);
                    step::<18, 14, G>(&mut a, &b, &c);
                    turn_all::<BY_THREE, G>(&mut b);
                    turn_all::<BY_TWO, G>(&mut c);
                    turn_all::<BY_ONE, G>(&mut d);
                }
                std::array::from_fn(|at| {
                    let [e, f, g, h] = input[at];
                    [add(a[at], e), add(b[at], f), add(c[at], g), add(d[at], h)]
                })
            }

            /// In `G` vectors, which hold at least as many lanes as there are.
            #[target_feature(enable = $features)]
            pub(in crate::x86) fn mix_blocks<const G: usize>(
                x: &[&[Block]],
                other: Option<&[&[Block]]>,
                y: &mut [&mut [Block]],
            ) {
                let (lanes, blocks) = (x.len(), x[0].len());
                // A vector with room for more lanes than there are holds the last one more than once.
                let of = |from: &[&[Block]], group: usize, at: usize| -> Row {
                    let block: [&Block; $width] =
                        std::array::from_fn(|part| &from[(group * $width + part).min(lanes - 1)][at]);
                    std::array::from_fn(|quad| gather(std::array::from_fn(|part| load(&block[part][quad]))))
                };
                let input = |group: usize, at: usize| -> Row {
                    let one = of(x, group, at);
                    let Some(other) = other else { return one };
                    let two = of(other, group, at);
                    std::array::from_fn(|quad| xor(one[quad], two[quad]))
                };
                let mut state: [Row; G] = std::array::from_fn(|group| input(group, blocks - 1));
                for at in 0..blocks {
                    for group in 0..G {
                        let next = input(group, at);
                        state[group] = std::array::from_fn(|quad| xor(state[group][quad], next[quad]));
                    }
                    state = salsa20_8(&state);
                    for (y, state) in y.chunks_mut($width).zip(&state) {
                        for (quad, words) in state.iter().enumerate() {
                            for (y, words) in y.iter_mut().zip(split(*words)) {
                                store(&mut y[at / 2 + blocks / 2 * (at % 2)][quad], words);
                            }
                        }
                    }
                }
            }
        }
    };
}

mixing! {
    one_shifting, "sse2", 1, __m128i;
    fn add(one: Vector, other: Vector) -> Vector {
        _mm_add_epi32(one, other)
    }
    fn xor(one: Vector, other: Vector) -> Vector {
        _mm_xor_si128(one, other)
    }
    fn rotate<const BITS: i32, const REST: i32>(words: Vector) -> Vector {
        _mm_or_si128(_mm_slli_epi32::<BITS>(words), _mm_srli_epi32::<REST>(words))
    }
    fn turn<const ORDER: i32>(words: Vector) -> Vector {
        _mm_shuffle_epi32::<ORDER>(words)
    }
    fn gather(lanes: [__m128i; 1]) -> Vector {
        lanes[0]
    }
    fn split(words: Vector) -> [__m128i; 1] {
        [words]
    }
}
mixing! {
    one_rotating, "avx512f,avx512vl", 1, __m128i;
    fn add(one: Vector, other: Vector) -> Vector {
        _mm_add_epi32(one, other)
    }
    fn xor(one: Vector, other: Vector) -> Vector {
        _mm_xor_si128(one, other)
    }
    fn rotate<const BITS: i32, const REST: i32>(words: Vector) -> Vector {
        _mm_rol_epi32::<BITS>(words)
    }
    fn turn<const ORDER: i32>(words: Vector) -> Vector {
        _mm_shuffle_epi32::<ORDER>(words)
    }
    fn gather(lanes: [__m128i; 1]) -> Vector {
        lanes[0]
    }
    fn split(words: Vector) -> [__m128i; 1] {
        [words]
    }
}
mixing! {
    two_shifting, "avx2", 2, __m256i;
    fn add(one: Vector, other: Vector) -> Vector {
        _mm256_add_epi32(one, other)
    }
    fn xor(one: Vector, other: Vector) -> Vector {
        _mm256_xor_si256(one, other)
    }
    fn rotate<const BITS: i32, const REST: i32>(words: Vector) -> Vector {
        _mm256_or_si256(_mm256_slli_epi32::<BITS>(words), _mm256_srli_epi32::<REST>(words))
    }
    fn turn<const ORDER: i32>(words: Vector) -> Vector {
        _mm256_shuffle_epi32::<ORDER>(words)
    }
    fn gather([one, other]: [__m128i; 2]) -> Vector {
        _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(one), other)
    }
    fn split(words: Vector) -> [__m128i; 2] {
        [_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words)]
    }
}
mixing! {
    two_rotating, "avx2,avx512f,avx512vl", 2, __m256i;
    fn add(one: Vector, other: Vector) -> Vector {
        _mm256_add_epi32(one, other)
    }
    fn xor(one: Vector, other: Vector) -> Vector {
        _mm256_xor_si256(one, other)
    }
    fn rotate<const BITS: i32, const REST: i32>(words: Vector) -> Vector {
        _mm256_rol_epi32::<BITS>(words)
    }
    fn turn<const ORDER: i32>(words: Vector) -> Vector {
        _mm256_shuffle_epi32::<ORDER>(words)
    }
    fn gather([one, other]: [__m128i; 2]) -> Vector {
        _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(one), other)
    }
    fn split(words: Vector) -> [__m128i; 2] {
        [_mm256_castsi256_si128(words), _mm256_extracti128_si256::<1>(words)]
    }
}
mixing! {
    four_rotating, "avx2,avx512f,avx512vl", 4, __m512i;
    fn add(one: Vector, other: Vector) -> Vector {
        _mm512_add_epi32(one, other)
    }
    fn xor(one: Vector, other: Vector) -> Vector {
        _mm512_xor_si512(one, other)
    }
    fn rotate<const BITS: i32, const REST: i32>(words: Vector) -> Vector {
        _mm512_rol_epi32::<BITS>(words)
    }
    fn turn<const ORDER: i32>(words: Vector) -> Vector {
        _mm512_shuffle_epi32::<ORDER>(words)
    }
    fn gather([one, two, three, four]: [__m128i; 4]) -> Vector {
        let words = _mm512_inserti32x4::<1>(_mm512_castsi128_si512(one), two);
        _mm512_inserti32x4::<3>(_mm512_inserti32x4::<2>(words, three), four)
    }
    fn split(words: Vector) -> [__m128i; 4] {
        [
            _mm512_castsi512_si128(words),
            _mm512_extracti32x4_epi32::<1>(words),
            _mm512_extracti32x4_epi32::<2>(words),
            _mm512_extracti32x4_epi32::<3>(words),
        ]
    }
}
