//! Two SHA-256 at once on one core.
//!
//! A round waits four cycles for the one before it, while the processor could begin one every two: a second message
//! fills the gaps. On one core of an AMD EPYC 9005: 2.6 GB/s of two messages together, one after the other 1.84.
//! A crate of its own because calling what not every processor has takes the one `unsafe` block of the kernel.

#[cfg(target_arch = "x86_64")]
mod x86;

use sha2::block_api::compress256;

/// Bytes of a block (FIPS 180-4, 5.2.1).
pub const BLOCK: usize = 64;
/// The state before the first block (FIPS 180-4, 5.3.3).
const START: [u32; 8] =
    [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

/// SHA-256 of bytes that come piece by piece, alone or beside another one's.
#[derive(Clone)]
pub struct Stream {
    state: [u32; 8],
    /// What is left of the pieces so far: less than a block.
    tail: [u8; BLOCK],
    /// Bytes so far.
    length: u64,
}

impl Default for Stream {
    fn default() -> Self {
        Self { state: START, tail: [0; BLOCK], length: 0 }
    }
}

impl Stream {
    /// A hash of nothing so far.
    pub fn new() -> Self {
        Self::default()
    }

    fn tail_length(&self) -> usize {
        (self.length % BLOCK as u64) as usize
    }

    /// Completes the tail, hashes it if it became a block, and returns what is left of the piece.
    fn fill<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let have = self.tail_length();
        if have == 0 {
            return piece;
        }
        let (now, later) = piece.split_at(piece.len().min(BLOCK - have));
        self.tail[have..have + now.len()].copy_from_slice(now);
        self.length += now.len() as u64;
        if have + now.len() == BLOCK {
            compress256(&mut self.state, std::slice::from_ref(&self.tail));
        }
        later
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        let (blocks, tail) = self.fill(piece).as_chunks::<BLOCK>();
        compress256(&mut self.state, blocks);
        self.length += (blocks.len() * BLOCK + tail.len()) as u64;
        self.tail[..tail.len()].copy_from_slice(tail);
    }

    /// Takes the next piece of each of two streams, which may be of different lengths.
    pub fn update_both(first: &mut Self, one: &[u8], second: &mut Self, other: &[u8]) {
        let (one, other) = (first.fill(one), second.fill(other));
        let common = one.len().min(other.len()) / BLOCK;
        let (blocks, one) = one.split_at(common * BLOCK);
        let (other_blocks, other) = other.split_at(common * BLOCK);
        compress_both(&mut first.state, blocks.as_chunks().0, &mut second.state, other_blocks.as_chunks().0);
        first.length += blocks.len() as u64;
        second.length += other_blocks.len() as u64;
        first.update(one);
        second.update(other);
    }

    /// The hash of all pieces.
    pub fn finish(mut self) -> [u8; 32] {
        let bits = self.length.wrapping_mul(8);
        let have = self.tail_length();
        self.tail[have] = 0x80;
        self.tail[have + 1..].fill(0);
        if have + 1 > BLOCK - 8 {
            compress256(&mut self.state, std::slice::from_ref(&self.tail));
            self.tail.fill(0);
        }
        self.tail[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, std::slice::from_ref(&self.tail));
        let mut hash = [0; 32];
        for (bytes, word) in hash.chunks_exact_mut(4).zip(self.state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        hash
    }
}

/// As many blocks of the one as of the other.
fn compress_both(first: &mut [u32; 8], one: &[[u8; BLOCK]], second: &mut [u32; 8], other: &[[u8; BLOCK]]) {
    #[cfg(target_arch = "x86_64")]
    if x86::is_available() {
        // SAFETY: the processor has what the function is compiled for.
        unsafe { x86::compress_both(first, one, second, other) };
        return;
    }
    compress256(first, one);
    compress256(second, other);
}
