//! From a password to the key that opens a key file: scrypt with bounded parameters.

mod mix;

use crate::envelope::MasterKey;
use crate::{Error, Result};
use mix::{STRIDE, mix};
use sha2::Sha256;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroize;

/// Memory of one lane, `128·N·r`, in bytes. A key file is written by whoever can write to the
/// repository and is not authenticated, so its parameters are bounded before they cost anything.
pub const MAX_LANE_BYTES: u64 = 256 << 20;

/// Work of all lanes, `N·r·p`.
pub const MAX_WORK: u64 = 1 << 23;

/// Memory for lanes that are mixed at the same time, in bytes, unless a single one needs more: what one
/// lane of the usual N=32768, r=8 takes elsewhere.
const MEMORY_AT_ONCE: usize = 32 << 20;

/// Derives 64 bytes with scrypt: encryption key, MAC key k, MAC key r. The `p` lanes run in parallel.
///
/// # Errors
/// [`Error::TooLarge`] beyond the budgets above, [`Error::Damaged`] for parameters that scrypt forbids
/// (N no power of two above 1, r or p of 0).
pub fn derive(password: &[u8], salt: &[u8], n: u64, r: u32, p: u32) -> Result<MasterKey> {
    if n < 2 || !n.is_power_of_two() || r == 0 || p == 0 {
        return Err(Error::damaged("a key has scrypt parameters that make no sense"));
    }
    let block = n.saturating_mul(u64::from(r));
    if block.saturating_mul(128) > MAX_LANE_BYTES {
        return Err(Error::too_large("the memory that a key asks scrypt to use, in bytes,", MAX_LANE_BYTES));
    }
    if block.saturating_mul(u64::from(p)) > MAX_WORK {
        return Err(Error::too_large("the work that a key asks scrypt to do", MAX_WORK));
    }
    let mut lanes = vec![0u8; 128 * r as usize * p as usize];
    pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, 1, &mut lanes);
    mix_lanes(&mut lanes, n as usize, r as usize);
    let mut bytes = [0u8; 64];
    pbkdf2::pbkdf2_hmac::<Sha256>(password, &lanes, 1, &mut bytes);
    lanes.zeroize();
    let mut key = MasterKey { encrypt: [0; 32], mac_k: [0; 16], mac_r: [0; 16] };
    key.encrypt.copy_from_slice(&bytes[..32]);
    key.mac_k.copy_from_slice(&bytes[32..48]);
    key.mac_r.copy_from_slice(&bytes[48..]);
    bytes.zeroize();
    Ok(key)
}

/// Mixes all lanes on as many threads as there are cores, within [`MEMORY_AT_ONCE`].
fn mix_lanes(lanes: &mut [u8], n: usize, r: usize) {
    let size = 128 * r;
    let at_once = (MEMORY_AT_ONCE / (size * n.div_ceil(STRIDE))).clamp(1, lanes.len() / size);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(at_once);
    let queue = Mutex::new(lanes.chunks_exact_mut(size));
    let work = || {
        let mut memory = vec![Default::default(); n.div_ceil(STRIDE) * 2 * r];
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(lane) = next else { break };
            mix(lane, n, &mut memory);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::array;

    #[test]
    fn the_vector_of_the_reference() {
        let salt: [u8; 64] = std::array::from_fn(|i| i as u8);
        let key = derive(b"geheim", &salt, 1024, 8, 1).unwrap();
        assert_eq!(key.encrypt, array("afd9918d07af99c41fe53ea3e2602702a2cc0f1d68f2c224f4f4bdff8a4bea38"));
        assert_eq!(key.mac_k, array("e522565c84ab5b1070e2da80cfd4ef48"));
        assert_eq!(key.mac_r, array("e369ce349fb98016146594b711346c99"));
    }

    #[test]
    fn several_lanes_match_rfc_7914() {
        let key = derive(b"password", b"NaCl", 1024, 8, 16).unwrap();
        assert_eq!(key.encrypt, array("fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"));
        assert_eq!(key.mac_k, array("2eaf30d92e22a3886ff109279d9830da"));
        assert_eq!(key.mac_r, array("c727afb94a83ee6d8360cbdfa2cc0640"));
    }

    #[test]
    fn parameters_beyond_the_budget_cost_nothing() {
        for (n, r, p) in [(1 << 22, 8, 1), (1 << 18, 16, 1), (1 << 40, 1, 1), (1 << 63, u32::MAX, 1), (32768, 8, 64)] {
            assert!(matches!(derive(b"", b"", n, r, p), Err(Error::TooLarge { .. })), "{n} {r} {p}");
        }
        for (n, r, p) in [(0, 8, 1), (1, 8, 1), (1000, 8, 1), (1024, 0, 1), (1024, 8, 0)] {
            assert!(matches!(derive(b"", b"", n, r, p), Err(Error::Damaged(_))), "{n} {r} {p}");
        }
    }
}
