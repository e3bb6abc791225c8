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

/// Places searched at once. Bytes searched for each second on one core of an AMD EPYC 9005: 0.85 GB with 2
/// places, 1.55 with 4, 2.0 with 8, 1.0 with 16, for which there are not enough registers.
const LANES: usize = 8;

/// Bytes that each place takes before all start again further on. Longer ones waste more after a cut (half of
/// all on average, 1.6 % of a chunk), shorter ones hash more of the 64 bytes before their first test.
const SPAN: usize = 4 << 10;

/// The same for the end of the data, where there is no room for long ones.
const SHORT_SPAN: usize = 512;

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
        // The window before the first one that is tested begins here; `at` is at least MIN.
        let before = |at: usize| &data[at - 1 - WINDOW..];
        while data.len() - (at - 1) >= LANES * SPAN {
            if let Some(offset) = round::<SPAN>(tables, before(at)) {
                return Some(at + offset);
            }
            at += LANES * SPAN;
        }
        while data.len() - (at - 1) >= LANES * SHORT_SPAN {
            if let Some(offset) = round::<SHORT_SPAN>(tables, before(at)) {
                return Some(at + offset);
            }
            at += LANES * SHORT_SPAN;
        }
        let rest = before(at);
        let mut digest = fingerprint(tables, &rest[..WINDOW]);
        rest[WINDOW..]
            .iter()
            .zip(rest)
            .position(|(newest, oldest)| {
                digest = slide(tables, digest, *newest, *oldest);
                digest & MASK == 0
            })
            .map(|offset| at + offset)
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

/// Tests `LANES · S` windows, the first of which is one byte after the beginning of `data`; returns the number
/// of the first hit.
fn round<const S: usize>(tables: &Tables, data: &[u8]) -> Option<usize> {
    let olds: [&[u8; S]; LANES] = std::array::from_fn(|lane| data[lane * S..].first_chunk().expect("long enough"));
    let news: [&[u8; S]; LANES] =
        std::array::from_fn(|lane| data[lane * S + WINDOW..].first_chunk().expect("long enough"));
    let mut digests: [u64; LANES] = std::array::from_fn(|lane| fingerprint(tables, &olds[lane][..WINDOW]));
    let mut hits = [usize::MAX; LANES];
    for at in 0..S {
        for lane in 0..LANES {
            digests[lane] = slide(tables, digests[lane], news[lane][at], olds[lane][at]);
            if digests[lane] & MASK == 0 {
                note(&mut hits[lane], at);
            }
        }
    }
    (0..LANES).find(|lane| hits[*lane] != usize::MAX).map(|lane| lane * S + hits[lane])
}

/// Apart, so that the loop above keeps all else in registers.
#[cold]
#[inline(never)]
fn note(hit: &mut usize, at: usize) {
    *hit = at.min(*hit);
}

#[cfg(test)]
#[path = "chunker_tests.rs"]
mod tests;
