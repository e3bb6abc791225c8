//! Which unchanged files are read again, so that all are within ninety days.

use crate::Hasher;

/// The period within which every file is read again, in seconds.
pub const PERIOD: i64 = 90 * 24 * 3600;

/// A run's share of the period: the slots that have passed since the last run.
#[derive(Clone, Debug)]
pub struct Reread {
    /// A secret of the host, so that nobody can predict when a path is due.
    pub salt: Vec<u8>,
    /// When the last run began, in seconds since 1970.
    pub since: i64,
    /// When this run began, in seconds since 1970.
    pub now: i64,
}

impl Reread {
    /// Whether the slot of this path lies between the last run and this one.
    ///
    /// The slot is H(salt, path) modulo the period; any rhythm of runs covers every slot once a period, and a gap of a
    /// whole period covers them all. A clock that went backwards covers nothing twice.
    pub fn is_due(&self, path: &[u8]) -> bool {
        if self.now - self.since >= PERIOD {
            return true;
        }
        let mut hasher = Hasher::new();
        hasher.update(&self.salt);
        hasher.update(path);
        let digest = hasher.finish();
        let mut first = [0u8; 8];
        first.copy_from_slice(&digest.0[..8]);
        let slot = (u64::from_le_bytes(first) % PERIOD.unsigned_abs()).cast_signed();
        (self.now - slot).div_euclid(PERIOD) > (self.since - slot).div_euclid(PERIOD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_rhythm_reads_every_path_once_a_period() {
        for step in [3600, 86_400, 40 * 86_400] {
            let paths: Vec<Vec<u8>> = (0..200).map(|n| format!("/file/{n}").into_bytes()).collect();
            let mut reads = vec![0u32; paths.len()];
            let start = 1_700_000_000;
            let mut since = start;
            while since < start + PERIOD {
                let now = (since + step).min(start + PERIOD);
                let share = Reread { salt: b"salt".to_vec(), since, now };
                for (count, path) in reads.iter_mut().zip(&paths) {
                    *count += u32::from(share.is_due(path));
                }
                since = now;
            }
            assert!(reads.iter().all(|&count| count == 1), "step {step}: {reads:?}");
        }
    }

    #[test]
    fn a_gap_of_a_period_reads_everything() {
        let share = Reread { salt: Vec::new(), since: 0, now: PERIOD };
        assert!(share.is_due(b"/anything"));
    }
}
