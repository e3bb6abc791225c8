//! The encryption envelope around everything that restic stores (`IV | ciphertext | MAC`).
//!
//! AES-256-CTR whose first counter block is the IV, big-endian, and Poly1305-AES over the ciphertext:
//! the one-time key is `r | AES-128_k(IV)`. The MAC binds neither name, type nor place, so whoever
//! opens a blob compares its SHA-256 (`pack::Opener` does).
//!
//! RustCrypto finds AES and AVX2 instructions at run time. On one core of an AMD EPYC 9005, pieces of 1 MiB: AES-256-CTR
//! 6.3 GB/s (aws-lc-rs 8.5), Poly1305 4.7 GB/s (ring 3.9 in an AEAD; neither offers Poly1305 by itself), together 2.7 to
//! seal and 2.9 to open. Beside SHA-256 at 1.9 that is enough for pure Rust.

use crate::{Error, Result};
use aes::cipher::{Array, BlockCipherEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper};
use aes::{Aes128, Aes256};
use ctr::{CtrCore, flavors::Ctr128BE};
use poly1305::Poly1305;
use poly1305::universal_hash::UniversalHash;
use zeroize::Zeroize;

mod opening;

pub(crate) use opening::Opening;

/// Bytes that an envelope adds to its plaintext: IV and MAC.
pub const OVERHEAD: usize = IV + MAC;
pub(crate) const IV: usize = 16;
pub(crate) const MAC: usize = 16;

/// Encrypted and authenticated in steps of this many bytes, so that each is still in the first-level
/// cache when the MAC reads it. A multiple of the Poly1305 block.
const STEP: usize = 8 * 1024;

/// The master key of a repository, or the key that a password derives; 64 bytes in three parts.
#[derive(Clone)]
pub struct MasterKey {
    /// Key of AES-256-CTR.
    pub encrypt: [u8; 32],
    /// AES-128 key that turns the IV into half of the one-time key.
    pub mac_k: [u8; 16],
    /// The other half, as stored: Poly1305 clamps it when it is used.
    pub mac_r: [u8; 16],
}

impl MasterKey {
    /// A new random key from the system's generator.
    ///
    /// # Panics
    /// If the system has no randomness to give: going on would be worse.
    pub fn generate() -> Self {
        let mut key = Self { encrypt: [0; 32], mac_k: [0; 16], mac_r: [0; 16] };
        fill_random(&mut key.encrypt);
        fill_random(&mut key.mac_k);
        fill_random(&mut key.mac_r);
        key
    }

    /// Whether each part has a bit set; restic refuses keys that have not.
    fn is_valid(&self) -> bool {
        let set = |part: &[u8]| part.iter().any(|byte| *byte != 0);
        set(&self.encrypt) && set(&self.mac_k) && set(&self.mac_r)
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.encrypt.zeroize();
        self.mac_k.zeroize();
        self.mac_r.zeroize();
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(secret)")
    }
}

/// A key in the expanded form that seals and opens. Cheap to share behind an `Arc`.
pub struct Envelope {
    cipher: Aes256,
    nonce: Aes128,
    r: [u8; 16],
    valid: bool,
}

impl std::fmt::Debug for Envelope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Envelope(secret)")
    }
}

impl Drop for Envelope {
    fn drop(&mut self) {
        self.r.zeroize();
    }
}

impl Envelope {
    /// Expands a key.
    pub fn new(key: &MasterKey) -> Self {
        Self {
            cipher: Aes256::new(&Array(key.encrypt)),
            nonce: Aes128::new(&Array(key.mac_k)),
            r: key.mac_r,
            valid: key.is_valid(),
        }
    }

    /// Whether both seal and open alike: then an envelope may move from one to the other as it is.
    pub fn is_same_key(&self, other: &Self) -> bool {
        let answers = |envelope: &Self| {
            let (mut cipher, mut nonce) = (Array([0u8; 16]), Array([0u8; 16]));
            envelope.cipher.encrypt_block(&mut cipher);
            envelope.nonce.encrypt_block(&mut nonce);
            (cipher, nonce, envelope.r)
        };
        self.valid && other.valid && (std::ptr::eq(self, other) || answers(self) == answers(other))
    }

    /// Appends the envelope of `plaintext` to `out`: its length and [`OVERHEAD`] bytes.
    ///
    /// # Panics
    /// If the system has no randomness to give, or the key has a part of zeros only.
    pub fn seal(&self, plaintext: &[u8], out: &mut Vec<u8>) {
        assert!(self.valid, "a key has a part of zeros only");
        let mut iv = [0u8; IV];
        while iv == [0; IV] {
            fill_random(&mut iv);
        }
        self.seal_with(iv, plaintext, out);
    }

    fn seal_with(&self, iv: [u8; IV], plaintext: &[u8], out: &mut Vec<u8>) {
        out.reserve(plaintext.len() + OVERHEAD);
        out.extend_from_slice(&iv);
        let (mut stream, mut mac) = (self.key_stream(&iv), self.mac(&iv));
        for piece in plaintext.chunks(STEP) {
            let start = out.len();
            out.extend_from_slice(piece);
            let sealed = &mut out[start..];
            stream.apply_keystream(sealed);
            mac.update(sealed);
        }
        out.extend_from_slice(&mac.finish());
    }

    /// Opens an envelope into `out`, which then holds the plaintext and nothing else.
    ///
    /// # Errors
    /// [`Error::Damaged`] for an impossible length or IV, [`Error::WrongKey`] if the MAC is another one;
    /// `out` is empty then. Nothing is decrypted before the MAC was found right.
    pub fn open(&self, envelope: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.clear();
        let (iv, ciphertext) = self.authenticate(envelope)?;
        let mut stream = self.key_stream(&iv);
        out.reserve(ciphertext.len());
        for piece in ciphertext.chunks(STEP) {
            let start = out.len();
            out.extend_from_slice(piece);
            stream.apply_keystream(&mut out[start..]);
        }
        Ok(())
    }

    /// Whether an envelope opens to this plaintext, without memory for another one.
    ///
    /// # Errors
    /// As [`Envelope::open`].
    pub fn holds(&self, envelope: &[u8], plaintext: &[u8]) -> Result<bool> {
        let (iv, ciphertext) = self.authenticate(envelope)?;
        if ciphertext.len() != plaintext.len() {
            return Ok(false);
        }
        let mut stream = self.key_stream(&iv);
        let mut opened = [0; STEP];
        Ok(ciphertext.chunks(STEP).zip(plaintext.chunks(STEP)).all(|(sealed, expected)| {
            let opened = &mut opened[..sealed.len()];
            opened.copy_from_slice(sealed);
            stream.apply_keystream(opened);
            opened == expected
        }))
    }

    /// Splits an envelope into IV and ciphertext after checking the MAC in constant time.
    fn authenticate<'a>(&self, envelope: &'a [u8]) -> Result<([u8; IV], &'a [u8])> {
        let Some((iv, rest)) = envelope.split_first_chunk::<IV>() else {
            return Err(Error::damaged("an encrypted object is shorter than 32 bytes"));
        };
        let Some((ciphertext, mac)) = rest.split_last_chunk::<MAC>() else {
            return Err(Error::damaged("an encrypted object is shorter than 32 bytes"));
        };
        self.allow(iv)?;
        let mut running = self.mac(iv);
        running.update(ciphertext);
        running.compare(mac)?;
        Ok((*iv, ciphertext))
    }

    fn allow(&self, iv: &[u8; IV]) -> Result<()> {
        if !self.valid {
            return Err(Error::damaged("a key has a part of zeros only"));
        }
        if *iv == [0; IV] {
            return Err(Error::damaged("an encrypted object has an initialisation vector of zeros"));
        }
        Ok(())
    }

    fn key_stream(&self, iv: &[u8; IV]) -> KeyStream<'_> {
        StreamCipherCoreWrapper::from_core(CtrCore::inner_iv_init(&self.cipher, &Array(*iv)))
    }

    fn mac(&self, iv: &[u8; IV]) -> Mac {
        let mut key = [0u8; 32];
        let mut block = Array(*iv);
        self.nonce.encrypt_block(&mut block);
        key[..16].copy_from_slice(&self.r);
        key[16..].copy_from_slice(&block);
        let mac = Mac { state: Poly1305::new(&Array(key)), tail: [0; 16], tail_length: 0 };
        key.zeroize();
        mac
    }
}

type KeyStream<'a> = StreamCipherCoreWrapper<CtrCore<&'a Aes256, Ctr128BE>>;

/// Poly1305 of pieces, of which only the last may be no multiple of 16 bytes long.
struct Mac {
    state: Poly1305,
    tail: [u8; 16],
    tail_length: usize,
}

impl Mac {
    fn update(&mut self, piece: &[u8]) {
        debug_assert_eq!(self.tail_length, 0, "only the last piece may be uneven");
        let (blocks, tail) = Array::slice_as_chunks(piece);
        self.state.update(blocks);
        self.tail[..tail.len()].copy_from_slice(tail);
        self.tail_length = tail.len();
    }

    /// In constant time.
    fn compare(self, expected: &[u8; MAC]) -> Result<()> {
        let difference = self.finish().iter().zip(expected).fold(0, |all, (ours, theirs)| all | (ours ^ theirs));
        if std::hint::black_box(difference) != 0 { Err(Error::WrongKey) } else { Ok(()) }
    }

    fn finish(self) -> [u8; MAC] {
        self.state.compute_unpadded(&self.tail[..self.tail_length]).into()
    }
}

/// Fills `bytes` from the system's generator.
///
/// # Panics
/// If the system has no randomness to give.
pub(crate) fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has no randomness to give");
}

#[cfg(test)]
#[path = "envelope_tests.rs"]
mod tests;
