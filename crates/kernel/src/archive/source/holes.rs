//! Zeros: the chunk that they are cut into is known, and where a file has a hole nothing is read.
//!
//! The fingerprint of zeros is zero whatever the polynomial, so a run of them is cut at the shortest chunk that there
//! may be, and the ID of that chunk is computed once.

use crate::Id;
use crate::chunker::MIN;
use rustix::fs::{SeekFrom, Stat, fstat, seek};
use rustix::io::{Errno, pread};
use std::fs::File;
use std::sync::LazyLock;

/// The shortest chunk, of zeros.
pub(in crate::archive) static ZEROS: [u8; MIN] = [0; MIN];
/// Its ID.
pub(in crate::archive) static ZERO_CHUNK: LazyLock<Id> = LazyLock::new(|| Id::of(&ZEROS));

/// Whether all bytes are zero. Of other data the first bytes tell.
pub(in crate::archive) fn is_zero(bytes: &[u8]) -> bool {
    bytes.chunks(MIN).all(|part| part == &ZEROS[..part.len()])
}

/// What is cut into chunks: bytes in order, and runs of zeros of which it is known without reading them.
pub(in crate::archive) trait Source {
    /// Read what comes next, nothing at the end.
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize>;

    /// Pass over a run of zeros that comes next, and return its length; none where that cannot be known.
    fn pass_hole(&mut self) -> u64 {
        0
    }
}

impl<F: FnMut(&mut [u8]) -> std::io::Result<usize>> Source for F {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self(buffer)
    }
}

/// A file, read from its beginning whatever its handle's position, with holes where the file system tells of them.
pub(in crate::archive) struct Holed<'a> {
    file: &'a File,
    position: u64,
    /// Up to here there is data.
    data_end: u64,
    tells: bool,
}

impl<'a> Holed<'a> {
    /// A file of this status; one that takes as much of the disk as it is long has no holes worth a question.
    #[allow(clippy::unnecessary_cast, reason = "the widths of these fields differ between architectures")]
    pub(in crate::archive) fn new(file: &'a File, stat: &Stat) -> Self {
        let taken = (stat.st_blocks as u64).saturating_mul(512);
        Self { file, position: 0, data_end: 0, tells: taken < stat.st_size as u64 }
    }
}

impl Source for Holed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = pread(self.file, buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }

    fn pass_hole(&mut self) -> u64 {
        if !self.tells || self.position < self.data_end {
            return 0;
        }
        // Asked for first: what is appended after this is not in the hole that the next question finds.
        let size = fstat(self.file).map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0));
        let data = match seek(self.file, SeekFrom::Data(self.position)) {
            Ok(data) => data,
            Err(Errno::NXIO) => size,
            Err(_) => {
                self.tells = false;
                return 0;
            }
        };
        if data <= self.position {
            self.data_end = seek(self.file, SeekFrom::Hole(self.position)).unwrap_or(u64::MAX);
            return 0;
        }
        let length = data - self.position;
        self.position = data;
        length
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chunker::Chunker;
    use crate::polynomial::Polynomial;

    /// What the ID of a zero chunk rests on.
    #[test]
    fn zeros_are_cut_at_the_shortest_chunk_whatever_the_polynomial() {
        for polynomial in [0x003D_A335_8B4D_C173, 0x0029_1E9B_2F9C_D38D] {
            let Ok(chunker) = Chunker::new(Polynomial(polynomial)) else { continue };
            let mut data = vec![0; 3 * MIN];
            assert_eq!(chunker.cut(&data, false), Some(MIN));
            data[MIN] = 1;
            assert_eq!(chunker.cut(&data, false), Some(MIN));
        }
        assert!(Chunker::new(Polynomial(0x003D_A335_8B4D_C173)).is_ok());
        assert!(is_zero(&vec![0; 2 * MIN + 7]));
        assert!(!is_zero(&[0, 0, 1]));
    }
}
