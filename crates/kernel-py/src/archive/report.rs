//! What a backup tells: how far it is, what it has seen and added, what happened to single items.

use pyo3::prelude::*;
use strongroom_kernel::archive::{Action, Event, Progress, Summary, TargetOutcome};

/// Where a run stands.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
pub struct BackupProgress {
    files_done: u64,
    bytes_done: u64,
    files_total: u64,
    bytes_total: u64,
    scanned: bool,
    failures: u64,
    current: Vec<Vec<u8>>,
}

impl From<Progress> for BackupProgress {
    fn from(now: Progress) -> Self {
        Self {
            files_done: now.files_done,
            bytes_done: now.bytes_done,
            files_total: now.files_total,
            bytes_total: now.bytes_total,
            scanned: now.scanned,
            failures: now.failures,
            current: now.current,
        }
    }
}

/// What a run has seen of the source.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
pub struct BackupSummary {
    files_new: u64,
    files_changed: u64,
    files_unmodified: u64,
    dirs_new: u64,
    dirs_changed: u64,
    dirs_unmodified: u64,
    total_files_processed: u64,
    total_bytes_processed: u64,
    failures: u64,
    files_changed_while_read: u64,
    files_reread: u64,
    files_differing: u64,
    bytes_read: u64,
    blobs_compressed: u64,
}

impl From<Summary> for BackupSummary {
    fn from(seen: Summary) -> Self {
        Self {
            files_new: seen.files_new,
            files_changed: seen.files_changed,
            files_unmodified: seen.files_unmodified,
            dirs_new: seen.dirs_new,
            dirs_changed: seen.dirs_changed,
            dirs_unmodified: seen.dirs_unmodified,
            total_files_processed: seen.total_files_processed,
            total_bytes_processed: seen.total_bytes_processed,
            failures: seen.failures,
            files_changed_while_read: seen.files_changed_while_read,
            files_reread: seen.files_reread,
            files_differing: seen.files_differing,
            bytes_read: seen.bytes_read,
            blobs_compressed: seen.blobs_compressed,
        }
    }
}

/// What a run has added to one repository.
#[pyclass(frozen, get_all, from_py_object, module = "strongroom._kernel")]
#[derive(Clone)]
pub struct BackupTargetSummary {
    data_seen: u64,
    data_blobs: u64,
    tree_blobs: u64,
    data_added: u64,
    data_added_packed: u64,
    packs_stored: u64,
    bytes_stored: u64,
}

/// How one repository stands.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
pub struct BackupOutcome {
    root: Option<String>,
    dropped: bool,
    summary: BackupTargetSummary,
}

impl From<TargetOutcome> for BackupOutcome {
    fn from(outcome: TargetOutcome) -> Self {
        let added = outcome.summary;
        Self {
            root: outcome.root.map(|id| id.to_hex()),
            dropped: outcome.dropped,
            summary: BackupTargetSummary {
                data_seen: added.data_seen,
                data_blobs: added.data_blobs,
                tree_blobs: added.tree_blobs,
                data_added: added.data_added,
                data_added_packed: added.data_added_packed,
                packs_stored: added.packs_stored,
                bytes_stored: added.bytes_stored,
            },
        }
    }
}

/// Something worth a line.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
pub struct BackupEvent {
    kind: &'static str,
    path: Vec<u8>,
    message: String,
    directory: bool,
    added: u64,
    stored: u64,
    duration: f64,
}

impl From<Event> for BackupEvent {
    fn from(event: Event) -> Self {
        let plain =
            |kind, path, message| Self { kind, path, message, directory: false, added: 0, stored: 0, duration: 0.0 };
        match event {
            Event::Failed { path, message } => plain("failed", path, message),
            Event::Warning { path, message } => plain("warning", path, message),
            Event::ContentDiffers { path } => plain("content-differs", path, String::new()),
            Event::LeftOut { path } => plain("left-out", path, String::new()),
            Event::Item { path, directory, action, cost } => {
                let kind = match action {
                    Action::New => "new",
                    Action::Changed => "changed",
                    Action::Unchanged => "unchanged",
                };
                let (added, stored, duration) = (cost.added, cost.stored, cost.duration.as_secs_f64());
                Self { kind, path, message: String::new(), directory, added, stored, duration }
            }
        }
    }
}
