//! The hashes of a pack and of its blobs, two at a time.

use crate::Id;
use strongroom_sha256_pair::{BLOCK, Stream};

/// The hash of a pack in memory, taken along while its blobs are hashed.
pub(super) struct Beside<'a> {
    pack: Stream,
    left: &'a [u8],
}

impl<'a> Beside<'a> {
    /// The hash of these bytes, none of which was looked at yet.
    pub fn new(pack: &'a [u8]) -> Self {
        Self { pack: Stream::new(), left: pack }
    }

    /// The hash of one blob.
    pub fn one(&mut self, plain: &[u8]) -> Id {
        let mut blob = Stream::new();
        self.along(&mut blob, plain);
        Id(blob.finish())
    }

    /// The hashes of two blobs.
    pub fn two(&mut self, plain: &[u8], other: &[u8]) -> (Id, Id) {
        let (mut first, mut second) = (Stream::new(), Stream::new());
        let common = plain.len().min(other.len()) / BLOCK * BLOCK;
        Stream::update_both(&mut first, &plain[..common], &mut second, &other[..common]);
        self.along(&mut first, &plain[common..]);
        self.along(&mut second, &other[common..]);
        (Id(first.finish()), Id(second.finish()))
    }

    /// The hash of the whole pack.
    pub fn finish(mut self) -> Id {
        self.pack.update(self.left);
        Id(self.pack.finish())
    }

    fn along(&mut self, blob: &mut Stream, piece: &[u8]) {
        let (now, later) = self.left.split_at(self.left.len().min(piece.len()));
        Stream::update_both(blob, piece, &mut self.pack, now);
        self.left = later;
    }
}
