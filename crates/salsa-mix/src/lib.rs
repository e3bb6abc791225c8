//! BlockMix with Salsa20/8, the inner loop of scrypt (RFC 7914, sections 3 and 4), for lanes side by side.
//!
//! A lane is one long chain in which each operation waits for the one before. In a vector that is wide enough two or
//! four lanes take hardly longer than one; else the steps of a second vector fill the waits of the first. A crate of its
//! own because calling what not every processor has takes an `unsafe` block.
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

/// How many lanes take hardly longer than one on this processor: 1 or 4.
pub fn side_by_side() -> usize {
    #[cfg(target_arch = "x86_64")]
    return x86::side_by_side();
    #[cfg(not(target_arch = "x86_64"))]
    1
}

/// Room for so many blocks of zeros, on pages of 2 MiB where the system gives them: it is read in no order, and 4 KiB
/// pages cost a fault each and miss the processor's table of pages.
pub fn room(blocks: usize) -> Vec<Block> {
    let mut room = vec![Block::default(); blocks];
    #[cfg(target_os = "linux")]
    advise_large_pages(&mut room);
    room
}

#[cfg(target_os = "linux")]
fn advise_large_pages(room: &mut [Block]) {
    let page = rustix::param::page_size();
    let words = room.as_flattened_mut().as_flattened_mut();
    let skipped = words.as_ptr().align_offset(page);
    let Some(inner) = words.get_mut(skipped..) else { return };
    let length = size_of_val(inner) / page * page;
    // SAFETY: the range lies within memory that is borrowed for us, and this advice changes no byte of it.
    let _ = unsafe { rustix::mm::madvise(inner.as_mut_ptr().cast(), length, rustix::mm::Advice::LinuxHugepage) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_zeros_of_the_length_that_was_asked_for() {
        for blocks in [0, 1, 63, 64, 1 << 16] {
            assert_eq!(room(blocks), vec![Block::default(); blocks]);
        }
    }
}
