//! From a password to the key that opens a key file: scrypt with bounded parameters.

mod mix;

use crate::envelope::MasterKey;
use crate::{Error, Result};
use mix::mix;
use sha2::Sha256;
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroize;

/// Memory of one lane, `128·N·r`, in bytes. A key file is written by whoever can write to the
/// repository and is not authenticated, so its parameters are bounded before they cost anything.
pub const MAX_LANE_BYTES: u64 = 256 << 20;

/// Work of all lanes, `N·r·p`.
pub const MAX_WORK: u64 = 1 << 23;

/// Memory for lanes that are mixed at the same time, in bytes, unless a single one needs more: with what a small command
/// takes beside it, not more than elsewhere, where one lane of the usual N=32768, r=8 takes 32 MiB.
const MEMORY_AT_ONCE: usize = 44 << 20;

/// Of so many states of a lane one is kept at least: with 2 a lane is a quarter more work, with 3 half as much again.
const LONGEST_STRIDE: usize = 3;

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

/// How lanes are mixed.
#[derive(Debug, PartialEq, Eq)]
struct Plan {
    threads: usize,
    /// Lanes that one thread mixes side by side.
    width: usize,
    /// Of how many states of a lane one is kept.
    stride: usize,
}

/// Two lanes to a thread where there are enough, as many threads as there are cores, within [`MEMORY_AT_ONCE`].
fn plan(lanes: usize, lane_bytes: usize, cores: usize) -> Plan {
    let at_once = (MEMORY_AT_ONCE * LONGEST_STRIDE / lane_bytes).clamp(1, lanes);
    let width = if at_once > 2 || (at_once == 2 && cores == 1) { 2 } else { 1 };
    let threads = cores.clamp(1, at_once.div_ceil(width));
    let stride = (at_once.min(threads * width) * lane_bytes).div_ceil(MEMORY_AT_ONCE).min(LONGEST_STRIDE);
    Plan { threads, width, stride }
}

fn mix_lanes(lanes: &mut [u8], n: usize, r: usize) {
    let size = 128 * r;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let Plan { threads, width, stride } = plan(lanes.len() / size, size * n, cores);
    let queue = Mutex::new(lanes.chunks_mut(width * size));
    let work = || {
        let blocks = n.div_ceil(stride) * 2 * r;
        let (mut memory, mut other) = (vec![Default::default(); blocks], Vec::new());
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(next) = next else { break };
            let (first, second) = next.split_at_mut(size);
            if second.is_empty() {
                mix([first], n, stride, [&mut memory]);
            } else {
                other.resize(blocks, Default::default());
                mix([first, second], n, stride, [&mut memory, &mut other]);
            }
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
    fn memory_is_bounded_and_cores_are_used() {
        let usual = 32 << 20;
        assert_eq!(plan(1, usual, 2), Plan { threads: 1, width: 1, stride: 1 });
        assert_eq!(plan(2, usual, 2), Plan { threads: 2, width: 1, stride: 2 });
        assert_eq!(plan(3, usual, 2), Plan { threads: 2, width: 2, stride: 3 });
        assert_eq!(plan(8, usual, 2), Plan { threads: 2, width: 2, stride: 3 });
        assert_eq!(plan(8, usual, 64), Plan { threads: 2, width: 2, stride: 3 });
        assert_eq!(plan(8, usual, 1), Plan { threads: 1, width: 2, stride: 2 });
        assert_eq!(plan(4, 256 << 20, 8), Plan { threads: 1, width: 1, stride: 3 });
        for (lanes, lane_bytes, cores) in [(8, usual, 2), (3, usual, 8), (5, 1 << 20, 4), (64, 4 << 20, 16)] {
            let Plan { threads, width, stride } = plan(lanes, lane_bytes, cores);
            assert!(threads * width * (lane_bytes / stride) <= MEMORY_AT_ONCE + (1 << 20), "{lanes} {lane_bytes}");
        }
    }

    /// Every way of mixing gives the same key: lanes alone and in pairs, all states kept and some of them.
    #[test]
    fn mixing_side_by_side_changes_nothing() {
        let (n, r) = (64usize, 2usize);
        let lane = |seed: u8| (0..128 * r).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed)).collect::<Vec<u8>>();
        let alone = |seed, stride: usize| {
            let mut lane = lane(seed);
            let mut memory = vec![Default::default(); n.div_ceil(stride) * 2 * r];
            mix([&mut lane], n, stride, [&mut memory]);
            lane
        };
        for stride in 1..=5usize {
            let room = vec![Default::default(); n.div_ceil(stride) * 2 * r];
            let (mut one, mut two, mut memory, mut other) = (lane(1), lane(2), room.clone(), room);
            mix([&mut one, &mut two], n, stride, [&mut memory, &mut other]);
            assert_eq!((one, two), (alone(1, 1), alone(2, 1)));
            assert_eq!(alone(1, stride), alone(1, 1));
        }
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
