//! A buffer that files are read into.

use std::ops::{Deref, DerefMut};

/// Where its bytes begin, as a multiple in memory. The system copies a file's pages some three times slower to where
/// the place within a page is up to 31 bytes beyond theirs, and large allocations begin 16 bytes into a page.
const BEGIN: usize = 64;

/// Bytes that begin where they are read into fast. Memory is not cleared before it is filled.
#[derive(Default)]
pub(super) struct ReadBuffer {
    bytes: Vec<u8>,
    begin: usize,
}

impl ReadBuffer {
    /// Empty, with room for so many bytes.
    pub fn begin(&mut self, room: usize) -> &mut Vec<u8> {
        self.bytes.clear();
        self.bytes.reserve_exact(room + BEGIN);
        self.begin = self.bytes.as_ptr().align_offset(BEGIN).min(BEGIN);
        self.bytes.resize(self.begin, 0);
        &mut self.bytes
    }

    /// At least so many bytes long, with zeros at the end; what is there stays.
    pub fn grow(&mut self, length: usize) {
        if self.bytes.capacity() < self.begin + length {
            let mut more = Self::default();
            more.begin(length).extend_from_slice(self);
            *self = more;
        }
        let end = self.begin + length;
        self.bytes.resize(self.bytes.len().max(end), 0);
    }

    /// Bytes that it takes of memory.
    pub fn capacity(&self) -> usize {
        self.bytes.capacity()
    }
}

impl Deref for ReadBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.begin..]
    }
}

impl DerefMut for ReadBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.begin..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_line_of_the_cache_and_keeps_what_it_holds() {
        let mut buffer = ReadBuffer::default();
        assert!(buffer.is_empty());
        for length in [1, 100, 5000, 300_000, 1 << 20, 3 << 20] {
            let before = buffer.to_vec();
            buffer.grow(length);
            assert_eq!(buffer.as_ptr().align_offset(BEGIN), 0);
            assert_eq!((buffer.len(), &buffer[..before.len()]), (length, &before[..]));
            buffer[length - 1] = 7;
        }
        buffer.begin(10).extend_from_slice(b"ten bytes.");
        assert_eq!(&*buffer, b"ten bytes.");
        assert_eq!(buffer.as_ptr().align_offset(BEGIN), 0);
    }
}
