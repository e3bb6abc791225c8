//! zstd as restic uses it: one frame with its content size, no checksum; and bounded on the way back.

mod stored;

pub(crate) use stored::Stored;

use crate::{Error, Result};
use std::collections::HashMap;
use zstd_safe::zstd_sys::{ZSTD_EndDirective, ZSTD_ErrorCode};
use zstd_safe::{CCtx, CParameter, DCtx, InBuffer, OutBuffer, Strategy};

/// The level that stands for restic's `auto`.
pub const DEFAULT_LEVEL: i32 = 3;

/// How hard to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effort {
    /// A level of zstd's own, 1 fastest to 22 best; below 1 faster still.
    Level(i32),
    /// Two hash tables that fit a core's own cache together: for chunks of some 100 kB and more.
    ///
    /// Measured on 1.5 MB chunks of prose and of shared libraries, ratio and MB/s of one core: level 1 0.310 at 351 and
    /// 0.378 at 541; level 2 0.292 at 271 and 0.359 at 435; level 3 0.278 at 214 and 0.343 at 334; this 0.280 at 293
    /// and 0.356 at 383. restic's default makes 0.285 of the same prose.
    Balanced,
}

impl Effort {
    fn parameters(self) -> Vec<CParameter> {
        match self {
            Self::Level(level) => vec![CParameter::CompressionLevel(level)],
            Self::Balanced => vec![
                CParameter::CompressionLevel(3),
                CParameter::Strategy(Strategy::ZSTD_dfast),
                CParameter::WindowLog(21),
                CParameter::HashLog(16),
                CParameter::ChainLog(15),
                CParameter::MinMatch(6),
            ],
        }
    }
}

/// How hard blobs are compressed; the names are restic's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Data blobs stay plain; trees are compressed all the same in version 2.
    Off,
    /// The quickest level.
    Fastest,
    /// The default.
    Auto,
    /// Slower and somewhat smaller.
    Better,
    /// As small as is sensible.
    Max,
}

/// Chunks above this size have enough to gain from larger tables, in bytes.
const LARGE: usize = 256 << 10;

impl Compression {
    /// The mode of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "off" => Self::Off,
            "fastest" => Self::Fastest,
            "auto" => Self::Auto,
            "better" => Self::Better,
            "max" => Self::Max,
            _ => return None,
        })
    }

    /// How hard to try for a blob of this size, or `None` where data blobs stay plain.
    ///
    /// `Auto` stores within 3 % of what restic's default does: level 1 for small files 1 % more, [`Effort::Balanced`]
    /// for chunks of prose 2 % less (`benchmarks/README.md` has the figures).
    pub fn effort(self, size: usize) -> Option<Effort> {
        match self {
            Self::Off => None,
            Self::Fastest => Some(Effort::Level(-1)),
            Self::Auto if size > LARGE => Some(Effort::Balanced),
            Self::Auto => Some(Effort::Level(1)),
            Self::Better => Some(Effort::Level(7)),
            Self::Max => Some(Effort::Level(15)),
        }
    }
}

/// Compresses blob after blob with one context.
pub struct Compressor {
    context: CCtx<'static>,
}

impl Compressor {
    /// A compressor at a zstd level (1 fastest to 22 best).
    pub fn new(level: i32) -> Self {
        Self::with(Effort::Level(level))
    }

    /// A compressor that tries this hard.
    pub fn with(effort: Effort) -> Self {
        let mut context = CCtx::create();
        let frame = [CParameter::ContentSizeFlag(true), CParameter::ChecksumFlag(false)];
        for parameter in effort.parameters().into_iter().chain(frame) {
            context.set_parameter(parameter).expect("zstd knows its own parameters");
        }
        Self { context }
    }

    /// Appends one frame that holds `plain` to `out`.
    pub fn compress(&mut self, plain: &[u8], out: &mut Vec<u8>) {
        out.reserve(zstd_safe::compress_bound(plain.len()));
        let start = out.len();
        let mut input = InBuffer::around(plain);
        let mut output = OutBuffer::around_pos(out, start);
        // With everything given at once zstd writes the content size and compresses in one go.
        let left = self.context.compress_stream2(&mut output, &mut input, ZSTD_EndDirective::ZSTD_e_end);
        assert_eq!(left.unwrap_or(usize::MAX), 0, "zstd's own bound is enough");
    }
}

/// Compressors for blobs of all sizes, each made when it is first needed.
#[derive(Default)]
pub struct Compressors(HashMap<(Effort, u32), Compressor>);

impl Compressors {
    /// Appends one frame that holds `plain` to `out`.
    pub fn compress(&mut self, effort: Effort, plain: &[u8], out: &mut Vec<u8>) {
        let key = (effort, size_class(effort, plain.len()));
        self.0.entry(key).or_insert_with(|| Compressor::with(effort)).compress(plain, out);
    }
}

/// Blobs of one class share a context: zstd gives one's memory back when blobs get much smaller, and maps it anew.
/// Large blobs do not vary that much.
fn size_class(effort: Effort, length: usize) -> u32 {
    if effort == Effort::Balanced { 0 } else { length.max(1 << 14).ilog2() / 2 }
}

/// Whether `frame` is a single ordinary frame, as every restic and rustic reads it: no dictionary, nothing behind its
/// end, a window of 8 MiB at most. What another program wrote is passed on only then.
pub fn is_ordinary(frame: &[u8]) -> bool {
    let Some((magic, rest)) = frame.split_first_chunk::<4>() else { return false };
    let Some(descriptor) = rest.first() else { return false };
    let has_window = descriptor & 0x20 == 0;
    // Exponent 13 above 1 KiB is 8 MiB.
    let is_wide = has_window && rest.get(1).is_none_or(|window| *window > 13 << 3);
    *magic == [0x28, 0xb5, 0x2f, 0xfd]
        && descriptor & 0x0b == 0
        && !is_wide
        && zstd_safe::find_frame_compressed_size(frame).is_ok_and(|length| length == frame.len())
}

/// Decompresses frame after frame with one context.
pub struct Decompressor {
    context: DCtx<'static>,
}

impl Default for Decompressor {
    fn default() -> Self {
        Self::new()
    }
}

impl Decompressor {
    /// A decompressor for any number of frames.
    pub fn new() -> Self {
        Self { context: DCtx::create() }
    }

    /// Decompresses `frame` into `out`, which then holds the plaintext and nothing else.
    ///
    /// Never writes more than `expected` bytes, or `limit` where none is expected; nothing is touched
    /// beyond what the frame really holds, whatever its header says. Frames without a content size
    /// (rustic's) and several frames in a row are fine.
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond `limit`; [`Error::Damaged`] if this is no zstd or its length is not
    /// the expected one.
    pub fn decompress(&mut self, frame: &[u8], expected: Option<usize>, limit: usize, out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        let too_large = || Error::too_large("the decompressed length, in bytes,", limit as u64);
        if expected.is_some_and(|expected| expected > limit) {
            return Err(too_large());
        }
        let bound = zstd_safe::decompress_bound(frame).map_err(|_| Error::damaged("compressed data is malformed"))?;
        // A small frame may declare a large length: reserved memory costs nothing until it is written.
        let room = usize::try_from(bound).unwrap_or(usize::MAX).min(expected.unwrap_or(limit));
        out.reserve_exact(room);
        let result = self.context.decompress(out, frame);
        let error = match result {
            Ok(length) if expected.is_some_and(|expected| expected != length) => {
                Error::damaged("compressed data has another length than declared")
            }
            Ok(length) if length > limit => too_large(),
            Ok(_) => return Ok(()),
            Err(code) if is_too_small(code) && expected.is_none() => too_large(),
            Err(code) => Error::damaged(format!("compressed data is malformed ({})", zstd_safe::get_error_name(code))),
        };
        out.clear();
        Err(error)
    }
}

/// Whether zstd stopped because the plaintext does not fit the room it was given.
fn is_too_small(code: usize) -> bool {
    // zstd returns its error codes negated; the number is part of its stable interface.
    code.wrapping_neg() == ZSTD_ErrorCode::ZSTD_error_dstSize_tooSmall as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::stream;

    fn frame(plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        Compressor::new(DEFAULT_LEVEL).compress(plain, &mut out);
        out
    }

    #[test]
    fn frames_carry_their_size_and_come_back() {
        let mut compressor = Compressor::new(DEFAULT_LEVEL);
        let mut decompressor = Decompressor::new();
        let mut out = Vec::new();
        for plain in [vec![], vec![1], vec![7; 300_000], stream(70_000), stream(3 << 20)] {
            let mut appended = b"kept".to_vec();
            compressor.compress(&plain, &mut appended);
            let frame = &appended[4..];
            assert_eq!(zstd_safe::get_frame_content_size(frame).unwrap(), Some(plain.len() as u64));
            assert_eq!(frame[4] & 4, 0, "no checksum");
            decompressor.decompress(frame, Some(plain.len()), 64 << 20, &mut out).unwrap();
            assert_eq!(out, plain);
            decompressor.decompress(frame, None, plain.len(), &mut out).unwrap();
            assert_eq!(out, plain);
        }
    }

    #[test]
    fn frames_without_a_size_come_back() {
        let plain = b"rustic writes frames without a content size".repeat(1000);
        let mut context = CCtx::create();
        context.set_parameter(CParameter::ContentSizeFlag(false)).unwrap();
        let mut frame = Vec::with_capacity(100_000);
        context.compress2(&mut frame, &plain).unwrap();
        assert_eq!(zstd_safe::get_frame_content_size(&frame).unwrap(), None);
        let mut out = Vec::new();
        for expected in [None, Some(plain.len())] {
            Decompressor::new().decompress(&frame, expected, 1 << 20, &mut out).unwrap();
            assert_eq!(out, plain);
        }
    }

    #[test]
    fn a_bomb_stops_at_the_limit() {
        let bomb = frame(&vec![0; 40 << 20]);
        let mut out = Vec::new();
        let mut decompressor = Decompressor::new();
        assert!(matches!(decompressor.decompress(&bomb, None, 1 << 20, &mut out), Err(Error::TooLarge { .. })));
        assert!(out.capacity() < 2 << 20);
        assert!(matches!(decompressor.decompress(&bomb, Some(1000), 1 << 20, &mut out), Err(Error::Damaged(_))));
        assert!(out.capacity() < 2 << 20);
        assert!(matches!(
            decompressor.decompress(&bomb, Some(2 << 20), 1 << 20, &mut out),
            Err(Error::TooLarge { .. })
        ));
    }

    #[test]
    fn a_larger_buffer_does_not_widen_the_limit() {
        let mut out = Vec::with_capacity(1 << 20);
        let result = Decompressor::new().decompress(&frame(&[0; 1000]), None, 999, &mut out);
        assert!(matches!(result, Err(Error::TooLarge { .. })));
        assert!(out.is_empty());
    }

    #[test]
    fn other_lengths_and_rubbish_are_damaged() {
        let good = frame(&stream(5000));
        let mut out = Vec::new();
        for (bytes, expected) in [(&good[..], 4999), (&good[..], 5001), (&good[..100], 5000), (&b"rubbish"[..], 5)] {
            let result = Decompressor::new().decompress(bytes, Some(expected), 1 << 20, &mut out);
            assert!(matches!(result, Err(Error::Damaged(_))));
        }
    }
}
