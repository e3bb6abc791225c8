//! What a restore was asked to do.

use std::collections::HashSet;

/// What becomes of a file that is there already; the words are restic's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// Compare it with the snapshot, and replace it if it differs.
    #[default]
    Always,
    /// The same, but a file of equal size and modification time counts as equal without being read.
    IfChanged,
    /// Only if the snapshot's file was modified later than the one that is there.
    IfNewer,
    /// Leave it alone.
    Never,
}

/// Options of a restore. The default restores everything, faithfully.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What becomes of files that are there already.
    pub overwrite: Overwrite,
    /// Remove what the snapshot does not have, in the directories that are restored.
    pub delete: bool,
    /// Directories of the restored tree, as paths (empty for its root), in which nothing is removed: the snapshot
    /// has only what was named of them, so what it does not have says nothing.
    pub on_the_way: HashSet<Vec<u8>>,
    /// Change nothing, only say what would be done.
    pub dry_run: bool,
    /// Read restored files again and compare them with the snapshot.
    pub verify: bool,
    /// Leave holes where a new file has zeros.
    pub sparse: bool,
    /// Leave out what could harm this machine: set-user-ID and set-group-ID bits, devices, and the attributes
    /// of the namespaces `security` and `trusted` (threats E-3).
    pub safe: bool,
    /// Give entries to the users and groups of the same names on this machine, where there are such.
    pub ownership_by_name: bool,
    /// Only attributes whose names these patterns match, if there are any; others are left as they are.
    pub include_attributes: Vec<Vec<u8>>,
    /// No attributes whose names these patterns match.
    pub exclude_attributes: Vec<Vec<u8>>,
    /// Whether to report every item, not only failures.
    pub report_items: bool,
    /// Threads that write; 0 means as many as there are processors, two at least.
    pub workers: usize,
}
