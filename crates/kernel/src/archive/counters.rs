//! Counting: progress while a run goes, and the summary after it.

use super::events::Action;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

macro_rules! counters {
    ($(#[$struct_doc:meta])* $live:ident => $frozen:ident { $($(#[$doc:meta])* $name:ident,)* }) => {
        #[derive(Default)]
        pub(super) struct $live { $(pub(super) $name: AtomicU64,)* }

        $(#[$struct_doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $frozen { $($(#[$doc])* pub $name: u64,)* }

        impl $live {
            pub(super) fn freeze(&self) -> $frozen {
                $frozen { $($name: self.$name.load(Relaxed),)* }
            }
        }
    };
}

counters! {
    /// What a run has seen and done, in items and bytes of the source.
    Counters => Summary {
        /// Files that the parent did not have.
        files_new,
        /// Files other than in the parent.
        files_changed,
        /// Files as in the parent.
        files_unmodified,
        /// Directories that the parent did not have.
        dirs_new,
        /// Directories other than in the parent.
        dirs_changed,
        /// Directories as in the parent.
        dirs_unmodified,
        /// Items done that are no directories.
        total_files_processed,
        /// Their bytes.
        total_bytes_processed,
        /// Items that could not be saved, or not wholly.
        failures,
        /// Files that changed while they were read, twice in a row.
        files_changed_while_read,
        /// Unchanged files that were read again.
        files_reread,
        /// Of these, how many held other content.
        files_differing,
        /// Bytes read from files.
        bytes_read,
        /// Bytes read of files that are not done yet.
        bytes_in_progress,
        /// Distinct blobs that were compressed.
        blobs_compressed,
    }
}

counters! {
    /// What a run has added to one repository.
    TargetCounters => TargetSummary {
        /// Plain bytes of data blobs that it was given or has already.
        data_seen,
        /// New data blobs.
        data_blobs,
        /// New tree blobs.
        tree_blobs,
        /// Plain bytes of new blobs.
        data_added,
        /// Stored bytes of new blobs.
        data_added_packed,
        /// Packs handed out and stored.
        packs_stored,
        /// Bytes of these packs.
        bytes_stored,
    }
}

/// Files and bytes that the scan has found so far.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) files: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) is_complete: AtomicBool,
}

/// A moment of a run.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// Files done.
    pub files_done: u64,
    /// Bytes done.
    pub bytes_done: u64,
    /// Files found by the scan so far.
    pub files_total: u64,
    /// Bytes found by the scan so far.
    pub bytes_total: u64,
    /// Whether the scan has seen everything.
    pub scanned: bool,
    /// Items that failed.
    pub failures: u64,
    /// Files under way.
    pub current: Vec<Vec<u8>>,
}

impl Counters {
    pub(super) fn count_file(&self, action: Action, bytes: u64) {
        let counter = match action {
            Action::New => &self.files_new,
            Action::Changed => &self.files_changed,
            Action::Unchanged => &self.files_unmodified,
        };
        counter.fetch_add(1, Relaxed);
        self.total_files_processed.fetch_add(1, Relaxed);
        self.total_bytes_processed.fetch_add(bytes, Relaxed);
    }

    pub(super) fn count_directory(&self, action: Action) {
        let counter = match action {
            Action::New => &self.dirs_new,
            Action::Changed => &self.dirs_changed,
            Action::Unchanged => &self.dirs_unmodified,
        };
        counter.fetch_add(1, Relaxed);
    }
}
