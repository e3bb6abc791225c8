//! Frames of what zstd could not compress, whose plaintext stands in them as it is (RFC 8878, section 3.1.1).
//!
//! restic makes a frame of every blob, of a photograph, too. Of such a frame nothing needs to be copied to be hashed.

use std::ops::Range;

const MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
const LONGEST_BLOCK: u64 = 128 << 10;
const BLOCK_HEADER: usize = 3;

/// Finds the plaintext in a frame while that comes piece by piece.
///
/// Whatever is not as simple as can be (a single frame of raw blocks and nothing else, its length declared, without a
/// checksum) is left to zstd, which alone judges what a frame is.
pub(crate) struct Stored {
    /// How much plaintext there must be.
    expected: u64,
    found: u64,
    /// The first byte of the frame that was not looked at.
    at: usize,
    longest_block: u64,
    part: Part,
}

/// What stands next in the frame.
enum Part {
    Header,
    Block,
    Raw {
        left: usize,
        last: bool,
    },
    End,
    /// Something else.
    Other,
}

impl Stored {
    /// A frame that must hold so many bytes of plaintext.
    pub fn new(expected: usize) -> Self {
        Self { expected: expected as u64, found: 0, at: 0, longest_block: 0, part: Part::Header }
    }

    /// Whether nothing has spoken against it so far.
    pub fn is_possible(&self) -> bool {
        !matches!(self.part, Part::Other)
    }

    /// Whether this was the whole of the frame, and all of the plaintext was found.
    pub fn is_whole(&self, frame: &[u8]) -> bool {
        matches!(self.part, Part::End) && self.at == frame.len() && self.found == self.expected
    }

    /// Where the next plaintext stands in `frame`, its beginning so far; None until there is more of it.
    pub fn next(&mut self, frame: &[u8]) -> Option<Range<usize>> {
        loop {
            let rest = frame.get(self.at..).unwrap_or_default();
            match self.part {
                Part::Header => self.header(rest)?,
                Part::Block => self.block(rest)?,
                Part::Raw { left: 0, last } => self.part = if last { Part::End } else { Part::Block },
                Part::Raw { left, last } => {
                    let length = left.min(rest.len());
                    if length == 0 {
                        return None;
                    }
                    let start = self.at;
                    self.at += length;
                    self.found += length as u64;
                    self.part = Part::Raw { left: left - length, last };
                    return Some(start..self.at);
                }
                Part::End | Part::Other => return None,
            }
        }
    }

    /// None until it is there as a whole.
    fn header(&mut self, rest: &[u8]) -> Option<()> {
        let (magic, rest) = rest.split_first_chunk::<4>()?;
        let (descriptor, rest) = rest.split_first()?;
        let is_single = descriptor & 0x20 != 0;
        let window = if is_single { 0 } else { 1 };
        let size = match descriptor >> 6 {
            0 => usize::from(is_single),
            flag => 1 << flag,
        };
        let fields = rest.get(..window + size)?;
        self.at = 5 + window + size;
        let mut number = [0; 8];
        number[..size].copy_from_slice(&fields[window..]);
        let declared = u64::from_le_bytes(number) + if size == 2 { 256 } else { 0 };
        let window_size = if is_single { Some(declared) } else { window_size(fields[0]) };
        self.part = match window_size {
            // No checksum, no dictionary, nothing that is reserved or unused.
            Some(window) if *magic == MAGIC && descriptor & 0x1f == 0 && size > 0 && declared == self.expected => {
                self.longest_block = window.min(LONGEST_BLOCK);
                Part::Block
            }
            _ => Part::Other,
        };
        Some(())
    }

    /// None until its header is there as a whole.
    fn block(&mut self, rest: &[u8]) -> Option<()> {
        let header = rest.first_chunk::<BLOCK_HEADER>()?;
        self.at += BLOCK_HEADER;
        let number = u32::from_le_bytes([header[0], header[1], header[2], 0]);
        let (last, kind, length) = (number & 1 == 1, number >> 1 & 3, number as usize >> 3);
        let is_raw = kind == 0 && length > 0 && length as u64 <= self.longest_block;
        self.part = if is_raw { Part::Raw { left: length, last } } else { Part::Other };
        Some(())
    }
}

/// The bytes of a window from its descriptor, if they are not so many that zstd may refuse it.
fn window_size(descriptor: u8) -> Option<u64> {
    let exponent = descriptor >> 3;
    let base = 1u64 << (10 + exponent);
    (exponent <= 13).then_some(base + base / 8 * u64::from(descriptor & 7))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::{Compressor, Decompressor};
    use crate::testing::stream;

    /// The plaintext that is found in a frame which comes in pieces of this length, and how often nothing was left to zstd.
    fn found(frame: &[u8], expected: usize, piece: usize) -> Option<Vec<u8>> {
        let (mut stored, mut plain) = (Stored::new(expected), Vec::new());
        for end in (piece..frame.len()).step_by(piece).chain([frame.len()]) {
            while let Some(range) = stored.next(&frame[..end]) {
                plain.extend_from_slice(&frame[range]);
            }
        }
        stored.is_whole(frame).then_some(plain)
    }

    fn frame(plain: &[u8]) -> Vec<u8> {
        let mut frame = Vec::new();
        Compressor::new(3).compress(plain, &mut frame);
        frame
    }

    #[test]
    fn what_does_not_compress_is_found_in_any_pieces() {
        for length in [1, 10, 200, 255, 256, 257, 5000, 70_000, 131_072, 131_073, 700_000] {
            let plain = stream(length);
            for piece in [1, 7, 4096, 1 << 20] {
                assert_eq!(found(&frame(&plain), length, piece).as_ref(), Some(&plain), "{length} by {piece}");
            }
        }
    }

    #[test]
    fn anything_else_is_left_to_zstd() {
        let plain = stream(300_000);
        let good = frame(&plain);
        assert!(found(&good, 299_999, 4096).is_none(), "another length");
        assert!(found(&good[..good.len() - 1], 300_000, 4096).is_none(), "cut off");
        assert!(found(&[good.as_slice(), &[0]].concat(), 300_000, 4096).is_none(), "something behind it");
        assert!(found(&[good.as_slice(), &good].concat(), 600_000, 4096).is_none(), "two frames");
        assert!(found(&[], 0, 1).is_none());
        for text in [b"a".repeat(300_000), [stream(200_000), b"a".repeat(100_000)].concat()] {
            let good = frame(&text);
            assert!(found(&good, 300_000, 4096).is_none(), "compressed, at least in part");
        }
    }

    #[test]
    fn zstd_finds_the_same_in_whatever_is_found() {
        let (plain, mut decompressor, mut out) = (stream(140_000), Decompressor::new(), Vec::new());
        let good = frame(&plain);
        let mut accepted = 0;
        for at in (0..20).chain(131_070..131_100).filter(|at| *at < good.len()) {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                for expected in [plain.len(), plain.len() ^ 1 << bit] {
                    if let Some(found) = found(&bad, expected, 50_000) {
                        decompressor.decompress(&bad, Some(expected), 1 << 20, &mut out).unwrap();
                        assert_eq!(out, found);
                        accepted += 1;
                    }
                }
            }
        }
        assert!(accepted > 100, "{accepted}");
    }
}
