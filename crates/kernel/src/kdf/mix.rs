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

/// Of so many states one is kept; the others are made again from the one before them when they are wanted.
///
/// A quarter more work for half of the memory: two lanes at once then take what restic's one takes. With a third of
/// the memory it is half as much work again, which is the larger part of a small command's time.
pub(super) const STRIDE: usize = 2;

/// Mixes one lane of `128·r` bytes in place. `memory` has room for `⌈N / STRIDE⌉·2r` blocks.
pub(super) fn mix(lane: &mut [u8], n: usize, memory: &mut [Block]) {
    let mut x: Vec<Block> = lane.as_chunks::<64>().0.iter().map(gather).collect();
    let mut y = x.clone();
    let blocks = x.len();
    for number in 0..n {
        if number.is_multiple_of(STRIDE) {
            memory[number / STRIDE * blocks..][..blocks].copy_from_slice(&x);
        }
        mix_blocks(&x, None, &mut y);
        std::mem::swap(&mut x, &mut y);
    }
    let (mut again, mut spare) = (x.clone(), x.clone());
    for _ in 0..n {
        // N is a power of two, at most 2^21 here, so the lowest word is number enough.
        let number = x[blocks - 1][0][0] as usize & (n - 1);
        let kept = &memory[number / STRIDE * blocks..][..blocks];
        let steps = number % STRIDE;
        if steps > 0 {
            mix_blocks(kept, None, &mut again);
            for _ in 1..steps {
                mix_blocks(&again, None, &mut spare);
                std::mem::swap(&mut again, &mut spare);
            }
        }
        mix_blocks(&x, Some(if steps > 0 { &again } else { kept }), &mut y);
        std::mem::swap(&mut x, &mut y);
    }
    for (block, bytes) in x.iter().zip(lane.as_chunks_mut::<64>().0) {
        for (i, word) in block.as_flattened().iter().enumerate() {
            bytes[diagonal(i) * 4..][..4].copy_from_slice(&word.to_le_bytes());
        }
    }
}

fn gather(bytes: &[u8; 64]) -> Block {
    let words = bytes.as_chunks::<4>().0;
    std::array::from_fn(|quad| std::array::from_fn(|i| u32::from_le_bytes(words[diagonal(quad * 4 + i)])))
}

/// BlockMix of `x`, or of `x` xor `other`.
fn mix_blocks(x: &[Block], other: Option<&[Block]>, y: &mut [Block]) {
    let half = x.len() / 2;
    let input = |at: usize| match other {
        Some(other) => xor_block(&x[at], &other[at]),
        None => x[at],
    };
    let mut state = input(x.len() - 1);
    for at in 0..x.len() {
        state = salsa20_8(&xor_block(&state, &input(at)));
        y[at / 2 + half * (at % 2)] = state;
    }
}

#[inline(always)]
fn salsa20_8(input: &Block) -> Block {
    let [mut a, mut b, mut c, mut d] = *input;
    for _ in 0..4 {
        b = xor(b, rotate::<7>(add(a, d)));
        c = xor(c, rotate::<9>(add(b, a)));
        d = xor(d, rotate::<13>(add(c, b)));
        a = xor(a, rotate::<18>(add(d, c)));
        (b, c, d) = ([b[3], b[0], b[1], b[2]], [c[2], c[3], c[0], c[1]], [d[1], d[2], d[3], d[0]]);
        d = xor(d, rotate::<7>(add(a, b)));
        c = xor(c, rotate::<9>(add(d, a)));
        b = xor(b, rotate::<13>(add(c, d)));
        a = xor(a, rotate::<18>(add(b, c)));
        (b, c, d) = ([b[1], b[2], b[3], b[0]], [c[2], c[3], c[0], c[1]], [d[3], d[0], d[1], d[2]]);
    }
    [add(a, input[0]), add(b, input[1]), add(c, input[2]), add(d, input[3])]
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
