//! The part of scrypt that takes time and memory (RFC 7914, sections 3 to 5).
//!
//! Of our own because unlocking is a fixed cost of every command and consists of nothing else. For N=32768,
//! r=8, on one core of an AMD EPYC 9005, best of many: the `scrypt` crate takes 113 ms a lane, this 68 ms.
//! The words of each block lie in the order of the diagonals, so that a quarter of a round is four
//! operations on vectors of four; everything else commutes with that order.

/// Four words that are treated alike.
type Quad = [u32; 4];

/// The 64 bytes of one Salsa20 block.
pub(super) type Block = [Quad; 4];

/// Which word of a block in memory stands at place `i` of a block here.
const fn diagonal(i: usize) -> usize {
    i * 5 % 16
}

/// Mixes lanes of `128·r` bytes in place, side by side in one thread.
///
/// Of `stride` states one is kept, and the others are made again from the one before them when they are wanted: each
/// memory has room for `⌈N / stride⌉·2r` blocks.
///
/// A lane is one long chain in which each operation waits for the one before; the steps of a second one fill the
/// waits. Two lanes take 1.2 times as long as one.
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
        mix_blocks(x.each_ref().map(Vec::as_slice), None, y.each_mut());
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
            mix_blocks(kept, None, again.each_mut());
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
        mix_blocks(x.each_ref().map(Vec::as_slice), Some(other), y.each_mut());
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

/// BlockMix of each `x`, or of each `x` xor `other`.
fn mix_blocks<const L: usize>(x: [&[Block]; L], other: Option<[&[Block]; L]>, y: [&mut Vec<Block>; L]) {
    match other {
        Some(other) => mix_inputs(x[0].len(), |lane, at| xor_block(&x[lane][at], &other[lane][at]), y),
        None => mix_inputs(x[0].len(), |lane, at| x[lane][at], y),
    }
}

#[inline(always)]
fn mix_inputs<const L: usize>(blocks: usize, input: impl Fn(usize, usize) -> Block, mut y: [&mut Vec<Block>; L]) {
    let half = blocks / 2;
    let mut state: [Block; L] = std::array::from_fn(|lane| input(lane, blocks - 1));
    for at in 0..blocks {
        for (lane, state) in state.iter_mut().enumerate() {
            *state = xor_block(state, &input(lane, at));
        }
        state = salsa20_8(&state);
        for (y, state) in y.iter_mut().zip(&state) {
            y[at / 2 + half * (at % 2)] = *state;
        }
    }
}

/// Salsa20/8 of each block, one operation for all of them after the other.
#[inline(always)]
fn salsa20_8<const L: usize>(input: &[Block; L]) -> [Block; L] {
    let part = |part: usize| -> [Quad; L] { std::array::from_fn(|lane| input[lane][part]) };
    let (mut a, mut b, mut c, mut d) = (part(0), part(1), part(2), part(3));
    for _ in 0..4 {
        b = step::<7, L>(&b, &a, &d);
        c = step::<9, L>(&c, &b, &a);
        d = step::<13, L>(&d, &c, &b);
        a = step::<18, L>(&a, &d, &c);
        b = b.map(|b| [b[3], b[0], b[1], b[2]]);
        c = c.map(|c| [c[2], c[3], c[0], c[1]]);
        d = d.map(|d| [d[1], d[2], d[3], d[0]]);
        d = step::<7, L>(&d, &a, &b);
        c = step::<9, L>(&c, &d, &a);
        b = step::<13, L>(&b, &c, &d);
        a = step::<18, L>(&a, &b, &c);
        b = b.map(|b| [b[1], b[2], b[3], b[0]]);
        c = c.map(|c| [c[2], c[3], c[0], c[1]]);
        d = d.map(|d| [d[3], d[0], d[1], d[2]]);
    }
    std::array::from_fn(|lane| {
        let input = &input[lane];
        [add(a[lane], input[0]), add(b[lane], input[1]), add(c[lane], input[2]), add(d[lane], input[3])]
    })
}

/// `target` xor the rotated sum of the two others.
#[inline(always)]
fn step<const BITS: u32, const L: usize>(target: &[Quad; L], one: &[Quad; L], other: &[Quad; L]) -> [Quad; L] {
    std::array::from_fn(|lane| xor(target[lane], rotate::<BITS>(add(one[lane], other[lane]))))
}

#[inline(always)]
fn add(a: Quad, b: Quad) -> Quad {
    std::array::from_fn(|i| a[i].wrapping_add(b[i]))
}

#[inline(always)]
fn xor(a: Quad, b: Quad) -> Quad {
    std::array::from_fn(|i| a[i] ^ b[i])
}

#[inline(always)]
fn rotate<const BITS: u32>(a: Quad) -> Quad {
    std::array::from_fn(|i| a[i].rotate_left(BITS))
}

#[inline(always)]
fn xor_block(a: &Block, b: &Block) -> Block {
    std::array::from_fn(|i| xor(a[i], b[i]))
}
