//! An envelope that is opened piece by piece.

use super::{Envelope, IV, KeyStream, MAC, Mac, STEP};
use crate::Result;
use aes::cipher::StreamCipher;

/// An envelope under way. What comes out before the end is nobody's word: whoever takes it keeps it
/// to themselves, or drops it, until [`Opening::finish`] has found the MAC right.
pub(crate) struct Opening<'a> {
    stream: KeyStream<'a>,
    mac: Mac,
}

impl Opening<'_> {
    /// Appends the plaintext of the next piece, of which only the last may be no multiple of 16 bytes long.
    pub fn next(&mut self, sealed: &[u8], out: &mut Vec<u8>) {
        for piece in sealed.chunks(STEP) {
            let start = out.len();
            out.extend_from_slice(piece);
            self.mac.update(piece);
            self.stream.apply_keystream(&mut out[start..]);
        }
    }

    /// Compares the MAC, which follows the last piece.
    ///
    /// # Errors
    /// [`Error::WrongKey`] if it is another one.
    pub fn finish(self, mac: &[u8; MAC]) -> Result<()> {
        self.mac.compare(mac)
    }
}

impl Envelope {
    /// Begins to open an envelope that comes piece by piece.
    ///
    /// # Errors
    /// As [`Envelope::open`], but for the MAC, which comes last.
    pub(crate) fn opening(&self, iv: &[u8; IV]) -> Result<Opening<'_>> {
        self.allow(iv)?;
        Ok(Opening { stream: self.key_stream(iv), mac: self.mac(iv) })
    }
}
