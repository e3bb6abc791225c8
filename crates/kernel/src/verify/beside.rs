//! The hashes of a pack and of its blobs, two at a time.

use crate::{Hasher, Id};
use strongroom_sha256_pair::BLOCK;

/// The hash of a pack in memory, taken along while its blobs are hashed.
pub(super) struct Beside<'a> {
    pack: Hasher,
    left: &'a [u8],
}

impl<'a> Beside<'a> {
    /// The hash of these bytes, none of which was looked at yet.
    pub fn new(pack: &'a [u8]) -> Self {
        Self { pack: Hasher::new(), left: pack }
    }

    /// The hash of one blob.
    pub fn one(&mut self, plain: &[u8]) -> Id {
        let mut blob = Hasher::new();
        self.along(&mut blob, plain);
        blob.finish()
    }

    /// The hashes of two blobs.
    pub fn two(&mut self, plain: &[u8], other: &[u8]) -> (Id, Id) {
        let (mut first, mut second) = (Hasher::new(), Hasher::new());
        let common = plain.len().min(other.len()) / BLOCK * BLOCK;
        Hasher::update_both(&mut first, &plain[..common], &mut second, &other[..common]);
        self.along(&mut first, &plain[common..]);
        self.along(&mut second, &other[common..]);
        (first.finish(), second.finish())
    }

    /// The hash of the whole pack.
    pub fn finish(mut self) -> Id {
        self.pack.update(self.left);
        self.pack.finish()
    }

    fn along(&mut self, blob: &mut Hasher, piece: &[u8]) {
        let (now, later) = self.left.split_at(self.left.len().min(piece.len()));
        Hasher::update_both(blob, piece, &mut self.pack, now);
        self.left = later;
    }
}
