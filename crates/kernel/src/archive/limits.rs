//! How many files and directories a backup has open at once.

use crate::descriptors::free;

/// What one worker has open beside the pools: a folder in use, one being listed, a file being read, its extents.
const EACH: usize = 4;
/// What the owner opens: connections, packs on their way, a spool, the cache.
const OWNERS: usize = 16;

/// The sizes of the pools of open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    /// Folders with work left in them.
    pub(super) folders: usize,
    /// Folders that the count beside the run has still to go through.
    pub(super) counted: usize,
    /// Packs with trees of the parent.
    pub(super) packs: usize,
    /// Files that each worker has opened and not yet read: the disk fetches them while others are hashed.
    pub(super) ahead: usize,
}

impl Limits {
    /// As many as this process may open beside what it has open now.
    pub(super) fn of_process(workers: usize) -> Self {
        Self::share(free(EACH * (workers + 1) + OWNERS), workers) // the count beside the run is one more
    }

    /// Pools that together are not larger than `free`, as far as one of each allows.
    fn share(free: usize, workers: usize) -> Self {
        Self {
            folders: (free / 4).clamp(2, 128),
            counted: (free / 8).clamp(1, 64),
            packs: (free / 4).clamp(1, 64),
            ahead: (free * 3 / 8 / workers.max(1)).min(8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn pools_fit_into_what_is_free() {
        for free in (8..4000).step_by(7) {
            for workers in [1, 2, 7, 64] {
                let Limits { folders, counted, packs, ahead } = Limits::share(free, workers);
                assert!(folders + counted + packs + ahead * workers <= free, "{free}");
            }
        }
        assert_eq!(Limits::share(100_000, 8), Limits { folders: 128, counted: 64, packs: 64, ahead: 8 });
    }
}
