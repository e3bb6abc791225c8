//! The same for every processor, in words that a compiler makes vectors of as it can.

use crate::{Block, Quad};

/// As [`crate::mix_blocks`].
pub fn mix_blocks<const L: usize>(x: [&[Block]; L], other: Option<[&[Block]; L]>, y: [&mut [Block]; L]) {
    match other {
        Some(other) => mix_inputs(x[0].len(), |lane, at| xor_block(&x[lane][at], &other[lane][at]), y),
        None => mix_inputs(x[0].len(), |lane, at| x[lane][at], y),
    }
}

#[inline(always)]
fn mix_inputs<const L: usize>(blocks: usize, input: impl Fn(usize, usize) -> Block, mut y: [&mut [Block]; L]) {
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
