//! BlockMix with Salsa20/8, the inner loop of scrypt (RFC 7914, sections 3 and 4), for lanes side by side.
//!
//! A lane is one long chain in which each operation waits for the one before; the steps of a second one fill the
//! waits. With vectors that are written out a lane of N=32768, r=8 takes 70 ms of a core where the compiler's own take
//! 92, and 50 where the processor can rotate (AVX-512); two lanes 92 and 69 for 157. A crate of its own because calling
//! what not every processor has takes an `unsafe` block.
//!
//! The words of a block lie in the order of the diagonals, so that a quarter of a round is four operations on vectors
//! of four; everything else in scrypt commutes with that order.

pub mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Four words that are treated alike.
pub type Quad = [u32; 4];

/// The 64 bytes of one Salsa20 block, its words in the order of the diagonals.
pub type Block = [Quad; 4];

/// BlockMix of each `x`, or of each `x` xor `other`, into `y`. All are of the same even number of blocks.
pub fn mix_blocks<const L: usize>(x: [&[Block]; L], other: Option<[&[Block]; L]>, y: [&mut [Block]; L]) {
    #[cfg(target_arch = "x86_64")]
    x86::mix_blocks(x, other, y);
    #[cfg(not(target_arch = "x86_64"))]
    portable::mix_blocks(x, other, y);
}
