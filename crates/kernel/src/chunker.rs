//! restic's content-defined chunker: a Rabin fingerprint over a window of 64 bytes.
//!
//! A chunk ends after the first byte at which it is at least [`MIN`] bytes long and the fingerprint of
//! its last 64 bytes has its lower 20 bits zero, or at [`MAX`]. The fingerprint depends on those 64 bytes
//! alone, so the search may begin 64 bytes before any place, and several places are searched at once:
//! one fingerprint is a chain of dependent table lookups that leaves most of a core idle.

use crate::polynomial::{DEGREE, Polynomial, remainder};
use crate::{Error, Result};

/// The shortest chunk but the last of a file, in bytes.
pub const MIN: usize = 512 << 10;
/// The longest chunk, in bytes.
pub const MAX: usize = 8 << 20;
const MASK: u64 = (1 << 20) - 1;
const WINDOW: usize = 64;

/// Places searched at once, and the bytes that each takes before all start again further on.
const LANES: usize = 4;
const SPAN: usize = 4 << 10;

/// The chunker for one polynomial; holds nothing but tables.
pub struct Chunker {
    tables: Box<Tables>,
    polynomial: Polynomial,
}

struct Tables {
    /// What a byte contributes 64 steps later, when it leaves the window, shifted once more.
    out: [u64; 256],
    /// Reduces the byte above the degree: its remainder, and the byte itself to clear it.
    reduce: [u64; 256],
}

impl Chunker {
    /// Tables for an irreducible polynomial of degree 53.
    ///
    /// # Errors
    /// [`Error::Damaged`] for a polynomial that is reducible, [`Error::Unsupported`] for another degree.
    pub fn new(polynomial: Polynomial) -> Result<Self> {
        if polynomial.0.checked_ilog2() != Some(DEGREE) {
            return Err(Error::Unsupported(format!("the chunker polynomial {polynomial} is not of degree {DEGREE}")));
        }
        if !polynomial.is_irreducible() {
            return Err(Error::damaged(format!("the chunker polynomial {polynomial} is reducible")));
        }
        let out = |byte: u64| (0..WINDOW).fold(remainder(byte, polynomial.0), |h, _| remainder(h << 8, polynomial.0));
        let reduce = |byte: u64| remainder(byte << DEGREE, polynomial.0) | byte << DEGREE;
        let tables = Tables {
            out: std::array::from_fn(|byte| out(byte as u64)),
            reduce: std::array::from_fn(|byte| reduce(byte as u64)),
        };
        Ok(Self { tables: Box::new(tables), polynomial })
    }

    /// The polynomial of these tables.
    pub fn polynomial(&self) -> Polynomial {
        self.polynomial
    }

    /// The length of the chunk that begins where `data` begins, or `None` if `data` holds no cut yet.
    ///
    /// With `end` the data is all there is, and the rest is the last chunk; an empty rest is none.
    pub fn cut(&self, data: &[u8], end: bool) -> Option<usize> {
        self.cut_from(data, 0, end)
    }

    /// As [`Chunker::cut`], for data whose first `searched` bytes are known to hold no cut: they were all
    /// the data when `cut` last said `None`.
    pub fn cut_from(&self, data: &[u8], searched: usize, end: bool) -> Option<usize> {
        let data = &data[..data.len().min(MAX)];
        // Lengths from `first` on may be cuts.
        let first = MIN.max(searched + 1);
        if first <= data.len()
            && let Some(length) = self.search(data, first)
        {
            return Some(length);
        }
        let whole = data.len() == MAX || (end && !data.is_empty());
        whole.then_some(data.len())
    }

    /// The first length from `first` on whose last 64 bytes have the fingerprint of a cut.
    fn search(&self, data: &[u8], first: usize) -> Option<usize> {
        let tables = &*self.tables;
        let mut at = first;
        // `at + LANES * SPAN - 1` is the last length that a round tests.
        while at + LANES * SPAN <= data.len() + 1 {
            if let Some(offset) = round(tables, &data[at - WINDOW..at + LANES * SPAN - 1]) {
                return Some(at + offset);
            }
            at += LANES * SPAN;
        }
        let mut digest = fingerprint(tables, &data[at.min(data.len() + 1) - WINDOW..at.min(data.len() + 1) - 1]);
        for length in at..=data.len() {
            // The first test takes the 64th byte into a window that holds 63.
            let oldest = if length == at { 0 } else { data[length - 1 - WINDOW] };
            digest = slide(tables, digest, data[length - 1], oldest);
            if digest & MASK == 0 {
                return Some(length);
            }
        }
        None
    }
}

#[inline(always)]
fn slide(tables: &Tables, digest: u64, newest: u8, oldest: u8) -> u64 {
    let top = usize::from((digest >> (DEGREE - 8)) as u8);
    (digest << 8 | u64::from(newest)) ^ tables.reduce[top] ^ tables.out[usize::from(oldest)]
}

/// The fingerprint of at most 64 bytes.
#[inline(always)]
fn fingerprint(tables: &Tables, bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |digest, byte| slide(tables, digest, *byte, 0))
}

/// Tests `LANES · SPAN` windows, the first of which ends with byte 64 of `data`; returns the number of
/// the first hit.
fn round(tables: &Tables, data: &[u8]) -> Option<usize> {
    let olds: [&[u8; SPAN]; LANES] =
        std::array::from_fn(|lane| data[lane * SPAN..].first_chunk().expect("long enough"));
    // One byte less than a span for the newest, since the first test needs no slide out.
    let news: [&[u8; SPAN]; LANES] =
        std::array::from_fn(|lane| data[lane * SPAN + WINDOW - 1..].first_chunk().expect("long enough"));
    let mut digests: [u64; LANES] = std::array::from_fn(|lane| fingerprint(tables, &olds[lane][..WINDOW - 1]));
    let mut hits = [usize::MAX; LANES];
    for at in 0..SPAN {
        for lane in 0..LANES {
            let oldest = if at == 0 { 0 } else { olds[lane][at - 1] };
            digests[lane] = slide(tables, digests[lane], news[lane][at], oldest);
        }
        for lane in 0..LANES {
            if digests[lane] & MASK == 0 {
                hits[lane] = hits[lane].min(at);
            }
        }
    }
    (0..LANES).find(|lane| hits[*lane] != usize::MAX).map(|lane| lane * SPAN + hits[lane])
}

#[cfg(test)]
#[path = "chunker_tests.rs"]
mod tests;
