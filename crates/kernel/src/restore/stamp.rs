//! What tells one state of a file from another.

use super::directory::{Identity, identity};
use super::metadata::Time;
use rustix::fs::Stat;

/// What tells whether a file is the one that was looked at, as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    identity: Identity,
    pub(super) size: u64,
    mtime: Time,
}

impl Stamp {
    pub(super) fn of(stat: &Stat) -> Self {
        Self { identity: identity(stat), size: stat.st_size as u64, mtime: mtime(stat) }
    }
}

/// When it was modified.
pub(super) fn mtime(stat: &Stat) -> Time {
    Time { seconds: stat.st_mtime, nanos: stat.st_mtime_nsec as u32 }
}
