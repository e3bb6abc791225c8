//! What tells one state of a file from another.

use super::metadata::Time;
use rustix::fs::Stat;

/// Device and inode: an entry that was exchanged for another is noticed.
pub(in crate::restore) type Identity = (u64, u64);

pub(in crate::restore) fn identity(stat: &Stat) -> Identity {
    (stat.st_dev, stat.st_ino)
}

/// What tells whether a file is the one that was looked at, as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::restore) struct Stamp {
    identity: Identity,
    pub(in crate::restore) size: u64,
    mtime: Time,
}

impl Stamp {
    pub(in crate::restore) fn of(stat: &Stat) -> Self {
        Self { identity: identity(stat), size: stat.st_size as u64, mtime: mtime(stat) }
    }
}

/// When it was modified.
pub(in crate::restore) fn mtime(stat: &Stat) -> Time {
    Time { seconds: stat.st_mtime, nanos: stat.st_mtime_nsec as u32 }
}
