//! How many files and directories may be open at once.

use crate::descriptors::free;

/// What one worker, and one thread that feeds, has open beside the pools.
const EACH: usize = 3;
/// Threads of the owner that feed, connections among them.
const FEEDING: usize = 8;

/// The sizes of the pools of open files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::restore) struct Limits {
    /// Directories of the target.
    pub(in crate::restore) directories: usize,
    /// Files that are being written.
    pub(in crate::restore) files: usize,
    /// Packs that are read.
    pub(in crate::restore) ranges: usize,
    /// Packs of trees.
    pub(in crate::restore) trees: usize,
    /// Directories that are kept open to show that they are in use.
    pub(in crate::restore) claims: usize,
}

impl Limits {
    /// As many as this process may open beside what it has open now.
    pub(in crate::restore) fn of_process(workers: usize) -> Self {
        Self::share(free(EACH * workers + 2 * FEEDING))
    }

    /// Pools that together are not larger than `free`, as far as one of each allows.
    fn share(free: usize) -> Self {
        Self {
            directories: (free / 4).clamp(2, 192),
            files: (free / 4).clamp(1, 128),
            ranges: (free / 6).clamp(1, 16),
            trees: (free / 6).clamp(1, 16),
            claims: (free / 8).clamp(1, 16),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Limits;

    #[test]
    fn pools_fit_into_what_is_free() {
        for free in (8..2000).step_by(7) {
            let Limits { directories, files, ranges, trees, claims } = Limits::share(free);
            assert!(directories + files + ranges + trees + claims <= free, "{free}");
        }
        assert_eq!(Limits::share(100_000).directories, 192);
    }
}
