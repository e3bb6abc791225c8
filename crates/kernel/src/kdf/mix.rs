//! The part of scrypt that takes time and memory (RFC 7914, section 5).
//!
//! Of our own because unlocking is a fixed cost of every command and consists of nothing else. For N=32768,
//! r=8, on one core of an AMD EPYC 9005, best of many: the `scrypt` crate takes 113 ms a lane, this took 68 ms
//! before `salsa_mix` wrote its vectors out.

use strongroom_salsa_mix::{Block, mix_blocks};

/// Which word of a block in memory stands at place `i` of a block here.
const fn diagonal(i: usize) -> usize {
    i * 5 % 16
}

/// Mixes lanes of `128·r` bytes in place, side by side in one thread.
///
/// Of `stride` states one is kept, and the others are made again from the one before them when they are wanted: each
/// memory has room for `⌈N / stride⌉·2r` blocks.
///
/// The steps of a second lane fill the waits of the first: two lanes take 1.4 times as long as one.
pub(super) fn mix<const L: usize>(lanes: [&mut [u8]; L], n: usize, stride: usize, mut memories: [&mut [Block]; L]) {
    let mut x: [Vec<Block>; L] =
        std::array::from_fn(|lane| lanes[lane].as_chunks::<64>().0.iter().map(gather).collect());
    let mut y = x.clone();
    let blocks = x.first().map_or(0, Vec::len);
    for number in 0..n {
        if number.is_multiple_of(stride) {
            for (memory, x) in memories.iter_mut().zip(&x) {
                memory[number / stride * blocks..][..blocks].copy_from_slice(x);
            }
        }
        mix_blocks(x.each_ref().map(Vec::as_slice), None, y.each_mut().map(Vec::as_mut_slice));
        std::mem::swap(&mut x, &mut y);
    }
    let (mut again, mut spare) = (x.clone(), x.clone());
    for _ in 0..n {
        // N is a power of two, at most 2^21 here, so the lowest word is number enough.
        let numbers: [usize; L] = std::array::from_fn(|lane| x[lane][blocks - 1][0][0] as usize & (n - 1));
        let kept: [&[Block]; L] =
            std::array::from_fn(|lane| &memories[lane][numbers[lane] / stride * blocks..][..blocks]);
        let steps = numbers.map(|number| number % stride);
        if L > 1 && steps.iter().all(|steps| *steps > 0) {
            mix_blocks(kept, None, again.each_mut().map(Vec::as_mut_slice));
        } else {
            for lane in (0..L).filter(|lane| steps[*lane] > 0) {
                mix_blocks([kept[lane]], None, [&mut again[lane]]);
            }
        }
        for lane in 0..L {
            for _ in 1..steps[lane] {
                mix_blocks([&again[lane]], None, [&mut spare[lane]]);
                std::mem::swap(&mut again[lane], &mut spare[lane]);
            }
        }
        let other = std::array::from_fn(|lane| if steps[lane] > 0 { again[lane].as_slice() } else { kept[lane] });
        mix_blocks(x.each_ref().map(Vec::as_slice), Some(other), y.each_mut().map(Vec::as_mut_slice));
        std::mem::swap(&mut x, &mut y);
    }
    for (lane, x) in lanes.into_iter().zip(&x) {
        for (block, bytes) in x.iter().zip(lane.as_chunks_mut::<64>().0) {
            for (i, word) in block.as_flattened().iter().enumerate() {
                bytes[diagonal(i) * 4..][..4].copy_from_slice(&word.to_le_bytes());
            }
        }
    }
}

fn gather(bytes: &[u8; 64]) -> Block {
    let words = bytes.as_chunks::<4>().0;
    std::array::from_fn(|quad| std::array::from_fn(|i| u32::from_le_bytes(words[diagonal(quad * 4 + i)])))
}
