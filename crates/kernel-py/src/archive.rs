//! A backup under way, as Python's senders and readers see it. Every call that may wait releases the interpreter.

use crate::error::to_py;
use crate::filter::{Raw, raw};
use crate::index::Index;
use crate::key::Key;
use crate::pack_buffer::Pack;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use strongroom_kernel::archive::{
    Action, Compression, Event, Next, Options, Plan, Reread, Run, StdinSource, TargetOptions,
};
use strongroom_kernel::filter::{Excludes, TagFile};
use strongroom_kernel::polynomial::Polynomial;
use strongroom_kernel::time::Zone;
use strongroom_kernel::{BlobType, Id};

/// One repository of a backup.
#[pyclass(frozen, name = "BackupTarget", module = "strongroom._kernel")]
pub struct BackupTarget {
    key: Py<Key>,
    index: Py<Index>,
    version: u8,
    compression: Compression,
    pack_size: usize,
    polynomial: Polynomial,
    near: bool,
    parent: Option<Id>,
}

fn compression(name: &str) -> PyResult<Compression> {
    Ok(match name {
        "off" => Compression::Off,
        "fastest" => Compression::Fastest,
        "auto" => Compression::Auto,
        "better" => Compression::Better,
        "max" => Compression::Max,
        _ => return Err(PyValueError::new_err(format!("no compression mode: {name}"))),
    })
}

#[pymethods]
impl BackupTarget {
    #[new]
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (key, index, *, version, compression, pack_size, polynomial, near=false, parent=None))]
    fn new(
        key: Py<Key>,
        index: Py<Index>,
        version: u8,
        compression: &str,
        pack_size: usize,
        polynomial: u64,
        near: bool,
        parent: Option<&str>,
    ) -> PyResult<Self> {
        Ok(Self {
            key,
            index,
            version,
            compression: self::compression(compression)?,
            pack_size,
            polynomial: Polynomial(polynomial),
            near,
            parent: parent.map(str::parse).transpose().map_err(to_py)?,
        })
    }
}

/// A run of the backup pipeline.
#[pyclass(frozen, name = "Backup", module = "strongroom._kernel")]
pub struct Backup {
    run: Run,
    targets: usize,
}

impl Backup {
    fn check(&self, target: usize) -> PyResult<usize> {
        if target < self.targets { Ok(target) } else { Err(PyIndexError::new_err("no such target")) }
    }
}

fn duplicate(descriptor: i32) -> PyResult<File> {
    if descriptor < 0 {
        return Err(PyValueError::new_err("not a file descriptor"));
    }
    // SAFETY: the caller holds the descriptor open for the length of this call; it is only duplicated.
    let borrowed = unsafe { BorrowedFd::borrow_raw(descriptor) };
    Ok(File::from(borrowed.try_clone_to_owned()?))
}

/// Seconds as a duration, a tenth of one at most: a wait must end for signals.
pub fn patience(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 0.1))
}

#[pymethods]
impl Backup {
    #[new]
    #[allow(clippy::too_many_arguments, clippy::fn_params_excessive_bools, clippy::type_complexity)]
    #[pyo3(signature = (targets, paths, working, *, threads, extra_verify, dry_run, with_atime, ignore_inode,
        ignore_ctime, one_file_system, excludes, iexcludes, exclude_if_present, exclude_larger_than, own_folders, parent_is_own,
        reread, spool, scan, verbose, stream))]
    fn new(
        py: Python<'_>,
        targets: Vec<Py<BackupTarget>>,
        paths: Vec<Vec<u8>>,
        working: Vec<u8>,
        threads: usize,
        extra_verify: bool,
        dry_run: bool,
        with_atime: bool,
        ignore_inode: bool,
        ignore_ctime: bool,
        one_file_system: bool,
        excludes: Vec<Raw>,
        iexcludes: Vec<Raw>,
        exclude_if_present: Vec<(Vec<u8>, Option<Vec<u8>>)>,
        exclude_larger_than: Option<u64>,
        own_folders: Vec<Vec<u8>>,
        parent_is_own: bool,
        reread: Option<(Vec<u8>, i64, i64)>,
        spool: Option<(PathBuf, u64)>,
        scan: bool,
        verbose: bool,
        stream: Option<(i32, Vec<u8>, i64)>,
    ) -> PyResult<Self> {
        let number = targets.len();
        let targets = targets
            .iter()
            .map(|target| {
                let target = target.get();
                TargetOptions {
                    envelope: Arc::clone(target.key.get().envelope()),
                    version: target.version,
                    compression: target.compression,
                    pack_size: target.pack_size,
                    index: Arc::clone(target.index.get().shared()),
                    polynomial: target.polynomial,
                    near: target.near,
                    parent: target.parent,
                }
            })
            .collect();
        let stdin = stream
            .map(|(descriptor, name, now)| {
                let (seconds, nanos) = (now.div_euclid(1_000_000_000), now.rem_euclid(1_000_000_000));
                let time = Zone::local().timestamp(seconds, u32::try_from(nanos).unwrap_or(0));
                PyResult::Ok(StdinSource { file: duplicate(descriptor)?, name, time })
            })
            .transpose()?;
        let tags = exclude_if_present.into_iter();
        let tags = tags.map(|(name, header)| TagFile { name, header: header.unwrap_or_default() }).collect();
        let options = Options {
            threads,
            extra_verify,
            dry_run,
            with_atime,
            ignore_inode,
            ignore_ctime,
            one_file_system,
            excludes: Excludes::new(&raw(excludes), &raw(iexcludes), tags, exclude_larger_than).map_err(to_py)?,
            own_folders: own_folders.iter().map(|path| PathBuf::from(OsStr::from_bytes(path))).collect(),
            parent_is_own,
            reread: reread.map(|(salt, since, now)| Reread { salt, since, now }),
            spool,
            scan,
            verbose,
        };
        let plan = Plan { targets: paths, working, stdin };
        let run = py.detach(|| Run::start(options, targets, plan)).map_err(to_py)?;
        Ok(Self { run, targets: number })
    }

    fn next_pack(&self, py: Python<'_>, target: usize, patience: f64) -> PyResult<Option<Pack>> {
        let target = self.check(target)?;
        match py.detach(|| self.run.next_pack(target, self::patience(patience))).map_err(to_py)? {
            Next::Pack(pack) => Ok(Some(Pack::new(pack.id, pack.bytes, pack.kind == BlobType::Tree))),
            Next::Wait | Next::End => Ok(None),
        }
    }

    fn is_drained(&self, target: usize) -> PyResult<bool> {
        Ok(self.run.is_drained(self.check(target)?))
    }

    fn stored(&self, target: usize, pack: &str, size: u64) -> PyResult<()> {
        self.run.stored(self.check(target)?, pack.parse().map_err(to_py)?, size).map_err(to_py)
    }

    fn failed(&self, target: usize) -> PyResult<()> {
        self.run.failed(self.check(target)?);
        Ok(())
    }

    fn take_index(&self, py: Python<'_>, target: usize, force: bool) -> PyResult<Option<Vec<u8>>> {
        let target = self.check(target)?;
        Ok(py.detach(|| self.run.take_index(target, force)))
    }

    fn next_request(&self, py: Python<'_>, target: usize, patience: f64) -> PyResult<Option<(u64, String)>> {
        let target = self.check(target)?;
        let request = py.detach(|| self.run.next_request(target, self::patience(patience))).map_err(to_py)?;
        Ok(request.map(|request| (request.number, request.pack.to_hex())))
    }

    fn holds_up(&self, target: usize) -> PyResult<bool> {
        Ok(self.run.holds_up(self.check(target)?))
    }

    fn supply_file(&self, number: u64, descriptor: i32) -> PyResult<()> {
        self.run.supply_file(number, duplicate(descriptor)?);
        Ok(())
    }

    fn supply_bytes(&self, number: u64, data: Vec<u8>) {
        self.run.supply_bytes(number, data);
    }

    fn deny(&self, number: u64, why: String) {
        self.run.deny(number, why);
    }

    fn wait(&self, py: Python<'_>, patience: f64) -> bool {
        py.detach(|| self.run.wait(self::patience(patience)))
    }

    fn progress(&self) -> BackupProgress {
        let now = self.run.progress();
        BackupProgress {
            files_done: now.files_done,
            bytes_done: now.bytes_done,
            files_total: now.files_total,
            bytes_total: now.bytes_total,
            scanned: now.scanned,
            failures: now.failures,
            current: now.current,
        }
    }

    fn events(&self) -> Vec<BackupEvent> {
        self.run.events().into_iter().map(BackupEvent::from).collect()
    }

    fn cancel(&self) {
        self.run.cancel();
    }

    fn summary(&self) -> BackupSummary {
        let seen = self.run.summary();
        BackupSummary {
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

    fn outcome(&self, target: usize) -> PyResult<BackupOutcome> {
        let outcome = self.run.outcome(self.check(target)?);
        let added = outcome.summary;
        Ok(BackupOutcome {
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
        })
    }

    fn join(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.run.join()).map_err(to_py)
    }
}

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

/// Something worth a line.
#[pyclass(frozen, get_all, module = "strongroom._kernel")]
pub struct BackupEvent {
    kind: &'static str,
    path: Vec<u8>,
    message: String,
    directory: bool,
    size: u64,
}

impl From<Event> for BackupEvent {
    fn from(event: Event) -> Self {
        let plain = |kind, path, message| Self { kind, path, message, directory: false, size: 0 };
        match event {
            Event::Failed { path, message } => plain("failed", path, message),
            Event::Warning { path, message } => plain("warning", path, message),
            Event::ContentDiffers { path } => plain("content-differs", path, String::new()),
            Event::LeftOut { path } => plain("left-out", path, String::new()),
            Event::Item { path, directory, action, size } => {
                let kind = match action {
                    Action::New => "new",
                    Action::Changed => "changed",
                    Action::Unchanged => "unchanged",
                };
                Self { kind, path, message: String::new(), directory, size }
            }
        }
    }
}

/// Add what this module offers.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<BackupTarget>()?;
    module.add_class::<Backup>()?;
    module.add_class::<BackupProgress>()?;
    module.add_class::<BackupSummary>()?;
    module.add_class::<BackupTargetSummary>()?;
    module.add_class::<BackupOutcome>()?;
    module.add_class::<BackupEvent>()?;
    module.add_class::<Pack>()
}
