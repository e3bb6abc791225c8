//! Polynomials over GF(2), as far as the chunker needs them.

use crate::envelope::fill_random;
use crate::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// A polynomial over GF(2): bit i is the coefficient of x^i.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Polynomial(pub u64);

/// The degree that restic's chunker works with.
pub const DEGREE: u32 = 53;

impl Polynomial {
    /// A new random irreducible polynomial of degree 53.
    ///
    /// # Panics
    /// If the system has no randomness to give.
    pub fn random() -> Self {
        loop {
            let mut bytes = [0; 8];
            fill_random(&mut bytes);
            let top = 1 << DEGREE;
            let candidate = Self(u64::from_le_bytes(bytes) & (top - 1) | top | 1);
            if candidate.is_irreducible() {
                return candidate;
            }
        }
    }

    /// Whether no polynomial of lower degree but 1 divides this one (Ben-Or's test).
    pub fn is_irreducible(self) -> bool {
        let Some(degree) = degree(self.0).filter(|degree| *degree > 0) else { return false };
        let mut power = 2; // x
        for _ in 1..=degree / 2 {
            power = square_mod(power, self.0); // x^(2^i)
            // The second one is reduced for the sake of degree 1, where x itself is too large.
            if gcd(self.0, power ^ remainder(2, self.0)) != 1 {
                return false;
            }
        }
        true
    }
}

impl fmt::Display for Polynomial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

impl FromStr for Polynomial {
    type Err = Error;

    /// Hexadecimal without prefix, as `config` has it.
    fn from_str(text: &str) -> Result<Self> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match u64::from_str_radix(text, 16) {
            Ok(bits) if digits => Ok(Self(bits)),
            _ => Err(Error::damaged("a chunker polynomial is no hexadecimal number of at most 64 bits")),
        }
    }
}

/// The degree of a polynomial; none for zero.
fn degree(bits: u64) -> Option<u32> {
    bits.checked_ilog2()
}

/// The remainder of a division. The divisor is not zero.
pub(crate) fn remainder(mut bits: u64, divisor: u64) -> u64 {
    let target = divisor.ilog2();
    while let Some(degree) = degree(bits).filter(|degree| *degree >= target) {
        bits ^= divisor << (degree - target);
    }
    bits
}

/// The square of a reduced polynomial, reduced.
fn square_mod(bits: u64, modulus: u64) -> u64 {
    let top = 1 << modulus.ilog2();
    let (mut result, mut shifted) = (0, bits);
    for bit in 0..64 {
        if bits >> bit & 1 == 1 {
            result ^= shifted;
        }
        shifted <<= 1;
        if shifted & top != 0 {
            shifted ^= modulus;
        }
    }
    result
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, remainder(a, b));
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_polynomials_are_judged_rightly() {
        for irreducible in ["3DA3358B4DC173", "25b468838dcb75", "2482734cacca49", "2", "3", "7", "b", "11b"] {
            assert!(irreducible.parse::<Polynomial>().unwrap().is_irreducible(), "{irreducible}");
        }
        for reducible in ["38f1e565e288df", "0", "1", "5", "6", "9", "f", "20000000000000", "101"] {
            assert!(!reducible.parse::<Polynomial>().unwrap().is_irreducible(), "{reducible}");
        }
    }

    #[test]
    fn sieve_and_test_agree_up_to_degree_eleven() {
        for candidate in 2u64..1 << 12 {
            let divided =
                (2..candidate).take_while(|d| 2 * d.ilog2() <= candidate.ilog2()).any(|d| remainder(candidate, d) == 0);
            assert_eq!(Polynomial(candidate).is_irreducible(), !divided, "{candidate:x}");
        }
    }

    #[test]
    fn random_ones_have_degree_53_and_are_irreducible() {
        for _ in 0..3 {
            let random = Polynomial::random();
            assert_eq!(random.0.ilog2(), DEGREE);
            assert!(random.is_irreducible());
            assert_eq!(random.to_string().parse::<Polynomial>().unwrap(), random);
        }
    }

    #[test]
    fn odd_spellings_are_refused() {
        for text in ["", "+5", "0x25", " 25", "25b468838dcb75ffff", "g"] {
            assert!(text.parse::<Polynomial>().is_err(), "{text}");
        }
    }
}
