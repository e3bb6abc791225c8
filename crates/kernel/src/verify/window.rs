//! A pack from its beginning on, in pieces that a core's own cache holds.

use crate::Result;
use crate::pack::Place;

/// Bytes that are taken at once, at most: with their plaintext they fit a core's first cache or little more.
pub(super) const STEP: usize = 32 << 10;

/// Bytes that are read out of a file at once.
const READ: usize = 128 << 10;

/// What of a pack was not looked at yet. Every byte is read once, so that all who look at it see the same.
pub(super) struct Window<'a> {
    place: &'a Place<'a>,
    buffer: &'a mut Vec<u8>,
    /// Where in the buffer the next byte stands, and where those end that were read.
    next: usize,
    filled: usize,
    /// Where in the pack the next byte to be read stands, and the first that will not be.
    offset: u64,
    end: u64,
}

impl<'a> Window<'a> {
    /// The first `end` bytes of a pack that has as many.
    pub fn new(place: &'a Place<'a>, end: u64, buffer: &'a mut Vec<u8>) -> Self {
        if matches!(place, Place::File { .. }) {
            buffer.resize(STEP + READ, 0);
        }
        Self { place, buffer, next: 0, filled: 0, offset: 0, end }
    }

    /// The next bytes, of which there are as many; [`STEP`] at most.
    pub fn take(&mut self, length: usize) -> Result<&[u8]> {
        debug_assert!(length <= STEP);
        if let Place::Memory(bytes) = self.place {
            let start = self.offset as usize;
            self.offset += length as u64;
            return Ok(&bytes[start..start + length]);
        }
        if self.filled - self.next < length {
            self.buffer.copy_within(self.next..self.filled, 0);
            self.filled -= self.next;
            self.next = 0;
            let more = (self.end - self.offset).min(READ as u64) as usize;
            self.place.read(self.offset, &mut self.buffer[self.filled..self.filled + more])?;
            self.offset += more as u64;
            self.filled += more;
        }
        let start = self.next;
        self.next += length;
        Ok(&self.buffer[start..self.next])
    }
}
