//! From a password to the key that opens a key file: scrypt with bounded parameters.

mod mix;

use crate::envelope::MasterKey;
use crate::{Error, Result};
use mix::{Kept, mix};
use sha2::Sha256;
use std::sync::{Mutex, PoisonError};
use strongroom_salsa_mix::{room, side_by_side};
use zeroize::Zeroize;

/// Memory of one lane, `128·N·r`, in bytes. A key file is written by whoever can write to the
/// repository and is not authenticated, so its parameters are bounded before they cost anything.
pub const MAX_LANE_BYTES: u64 = 256 << 20;

/// Work of all lanes, `N·r·p`.
pub const MAX_WORK: u64 = 1 << 23;

/// Memory for lanes that are mixed at the same time, in bytes, unless a single one needs more: with what a small command
/// takes beside it, not more than elsewhere, where one lane of the usual N=32768, r=8 takes 32 MiB.
const MEMORY_AT_ONCE: usize = 44 << 20;

/// How much of a lane may be kept, the most first: a state that is not costs a step, or two, when it is wanted.
const PORTIONS: [Kept; 4] =
    [Kept { of: 1, every: 1 }, Kept { of: 2, every: 3 }, Kept { of: 1, every: 2 }, Kept { of: 1, every: 3 }];

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
    /// Lanes that one thread mixes side by side, four at most.
    width: usize,
    kept: Kept,
}

/// As many lanes side by side as cost no more than one, as many threads as there are cores for the rest, within
/// [`MEMORY_AT_ONCE`]. Where a lane costs the same beside another one, two go together if all threads have two.
fn plan(lanes: usize, lane_bytes: usize, cores: usize, side_by_side: usize) -> Plan {
    let least = PORTIONS[PORTIONS.len() - 1];
    let at_once = (MEMORY_AT_ONCE * least.every / least.of / lane_bytes).clamp(1, lanes);
    let together = if at_once > 2 || (at_once == 2 && cores == 1) { 2 } else { 1 };
    let width = at_once.min(side_by_side.max(together));
    let groups = if at_once < lanes { at_once / width } else { lanes.div_ceil(width) };
    let threads = cores.clamp(1, groups);
    let bytes = at_once.min(threads * width) * lane_bytes;
    let fits = |kept: &Kept| bytes / kept.every * kept.of <= MEMORY_AT_ONCE;
    Plan { threads, width, kept: PORTIONS.into_iter().find(fits).unwrap_or(least) }
}

fn mix_lanes(lanes: &mut [u8], n: usize, r: usize) {
    let size = 128 * r;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let Plan { threads, width, kept } = plan(lanes.len() / size, size * n, cores, side_by_side());
    let queue = Mutex::new(lanes.chunks_mut(width * size));
    let work = || {
        let mut memories: [Vec<_>; 4] = Default::default();
        loop {
            let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
            let Some(next) = next else { break };
            let mut lanes: Vec<_> = next.chunks_mut(size).collect();
            for memory in &mut memories[..lanes.len()] {
                if memory.is_empty() {
                    *memory = room(kept.count(n) * 2 * r);
                }
            }
            let [first, second, third, fourth] = memories.each_mut().map(Vec::as_mut_slice);
            match lanes.as_mut_slice() {
                [a] => mix([a], n, kept, [first]),
                [a, b] => mix([a, b], n, kept, [first, second]),
                [a, b, c] => mix([a, b, c], n, kept, [first, second, third]),
                [a, b, c, d] => mix([a, b, c, d], n, kept, [first, second, third, fourth]),
                _ => unreachable!("a thread mixes one to four lanes side by side"),
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
        let [all, most, half, third] = PORTIONS;
        assert_eq!(plan(1, usual, 2, 4), Plan { threads: 1, width: 1, kept: all });
        assert_eq!(plan(2, usual, 2, 4), Plan { threads: 1, width: 2, kept: most });
        assert_eq!(plan(2, usual, 2, 1), Plan { threads: 2, width: 1, kept: most });
        assert_eq!(plan(3, usual, 2, 4), Plan { threads: 1, width: 3, kept: third });
        assert_eq!(plan(3, usual, 2, 1), Plan { threads: 2, width: 2, kept: third });
        assert_eq!(plan(8, usual, 64, 4), Plan { threads: 1, width: 4, kept: third });
        assert_eq!(plan(8, usual, 64, 2), Plan { threads: 2, width: 2, kept: third });
        assert_eq!(plan(8, usual, 1, 1), Plan { threads: 1, width: 2, kept: most });
        assert_eq!(plan(3, 25 << 20, 2, 4), Plan { threads: 1, width: 3, kept: half });
        assert_eq!(plan(4, 256 << 20, 8, 4), Plan { threads: 1, width: 1, kept: third });
        for (lanes, lane_bytes, cores) in [(8, usual, 2), (3, usual, 8), (5, 1 << 20, 4), (64, 4 << 20, 16)] {
            for side_by_side in [1, 2, 4] {
                let Plan { threads, width, kept } = plan(lanes, lane_bytes, cores, side_by_side);
                let bytes = threads * width * kept.count(lane_bytes);
                assert!(bytes <= MEMORY_AT_ONCE + (1 << 20), "{lanes} {lane_bytes}");
            }
        }
    }

    /// Every way of mixing gives the same key: lanes alone and side by side, all states kept and some of them.
    #[test]
    fn mixing_side_by_side_changes_nothing() {
        const N: usize = 64;
        let lane = |seed: usize| (0..256).map(|i| (i as u8).wrapping_mul(31).wrapping_add(seed as u8)).collect();
        let expected: [Vec<u8>; 4] = std::array::from_fn(|seed| {
            let mut lane: Vec<u8> = lane(seed);
            mix([&mut lane], N, PORTIONS[0], [&mut room(N * 4)]);
            lane
        });
        fn mixed<const L: usize>(lane: impl Fn(usize) -> Vec<u8>, kept: Kept) -> [Vec<u8>; L] {
            let mut lanes: [Vec<u8>; L] = std::array::from_fn(lane);
            let mut memories: [_; L] = std::array::from_fn(|_| room(kept.count(N) * 4));
            mix(lanes.each_mut().map(Vec::as_mut_slice), N, kept, memories.each_mut().map(Vec::as_mut_slice));
            lanes
        }
        for kept in PORTIONS.into_iter().chain([Kept { of: 3, every: 5 }, Kept { of: 1, every: 7 }]) {
            assert_eq!(mixed::<1>(lane, kept), expected[..1]);
            assert_eq!(mixed::<2>(lane, kept), expected[..2]);
            assert_eq!(mixed::<3>(lane, kept), expected[..3]);
            assert_eq!(mixed::<4>(lane, kept), expected[..4]);
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
