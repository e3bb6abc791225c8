//! The part of scrypt that takes time and memory (RFC 7914, section 5).
//!
//! Of our own because unlocking is a fixed cost of every command and consists of nothing else. For N=32768,
//! r=8, on one core of an AMD EPYC 9005, best of many: the `scrypt` crate takes 113 ms a lane, this took 68 ms
//! before `salsa_mix` wrote its vectors out. With those that are wide enough a second lane takes next to nothing.

use strongroom_salsa_mix::{Block, mix_blocks};

/// Which word of a block in memory stands at place `i` of a block here.
const fn diagonal(i: usize) -> usize {
    i * 5 % 16
}

/// Which states of a lane are kept: of each `every` the first `of`. The others are made again from the last one kept
/// before them when they are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) of: usize,
    pub(super) every: usize,
}

impl Kept {
    /// How many of `n` states are kept.
    pub(super) fn count(self, n: usize) -> usize {
        n / self.every * self.of + (n % self.every).min(self.of)
    }

    /// Where the state stands from which a state is made, and by how many steps.
    fn find(self, number: usize) -> (usize, usize) {
        let (whole, rest) = (number / self.every, number % self.every);
        (whole * self.of + rest.min(self.of - 1), rest.saturating_sub(self.of - 1))
    }
}

/// The state that a lane wants to mix with.
struct Wanted {
    /// Where the one stands that it is made from.
    place: usize,
    /// Steps until it is made, and whether the first is taken.
    left: usize,
    begun: bool,
}

impl Wanted {
    /// N is a power of two, at most 2^21 here, so the lowest word is number enough.
    fn by(x: &[Block], n: usize, kept: Kept) -> Self {
        let (place, left) = kept.find(x[x.len() - 1][0][0] as usize & (n - 1));
        Self { place, left, begun: false }
    }
}

/// Mixes lanes of `128·r` bytes in place, side by side in one thread. Each memory has room for `portion.count(n)·2r` blocks.
pub(super) fn mix<const L: usize>(lanes: [&mut [u8]; L], n: usize, portion: Kept, mut memories: [&mut [Block]; L]) {
    let mut x: [Vec<Block>; L] =
        std::array::from_fn(|lane| lanes[lane].as_chunks::<64>().0.iter().map(gather).collect());
    let mut y = x.clone();
    let blocks = x.first().map_or(0, Vec::len);
    for number in 0..n {
        if let (place, 0) = portion.find(number) {
            for (memory, x) in memories.iter_mut().zip(&x) {
                memory[place * blocks..][..blocks].copy_from_slice(x);
            }
        }
        mix_blocks(x.each_ref().map(Vec::as_slice), None, y.each_mut().map(Vec::as_mut_slice));
        std::mem::swap(&mut x, &mut y);
    }
    // A lane that must make its state again does so while others go on: no lane waits for another.
    let nothing = vec![Block::default(); blocks];
    let mut again = x.clone();
    let mut wanted = x.each_ref().map(|x| Wanted::by(x, n, portion));
    let mut steps = [0; L];
    while steps.iter().any(|steps| *steps < n) {
        let kept = |lane: usize| match &wanted[lane] {
            Wanted { begun: false, place, .. } => &memories[lane][place * blocks..][..blocks],
            _ => again[lane].as_slice(),
        };
        let is_made = |lane: usize| wanted[lane].left == 0;
        let from = std::array::from_fn(|lane| if is_made(lane) { x[lane].as_slice() } else { kept(lane) });
        let other = std::array::from_fn(|lane| if is_made(lane) { kept(lane) } else { nothing.as_slice() });
        mix_blocks(from, Some(other), y.each_mut().map(Vec::as_mut_slice));
        for lane in 0..L {
            if steps[lane] == n {
                continue; // it is done, and mixes only because its neighbours do
            }
            if wanted[lane].left == 0 {
                std::mem::swap(&mut x[lane], &mut y[lane]);
                steps[lane] += 1;
                wanted[lane] = Wanted::by(&x[lane], n, portion);
            } else {
                std::mem::swap(&mut again[lane], &mut y[lane]);
                wanted[lane].left -= 1;
                wanted[lane].begun = true;
            }
        }
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
