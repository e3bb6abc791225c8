//! A backup under way. Every call that may wait releases the interpreter.

use super::options::UserOptions;
use super::report::{BackupEvent, BackupOutcome, BackupProgress, BackupSummary};
use super::target::BackupTarget;
use crate::error::to_py;
use crate::pack_buffer::Pack;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use std::fs::File;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Duration;
use strongroom_kernel::BlobType;
use strongroom_kernel::archive::{Next, Options, Plan, Reread, Run, StdinSource};
use strongroom_kernel::time::Zone;

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
fn patience(seconds: f64) -> Duration {
    Duration::from_secs_f64(seconds.clamp(0.0, 0.1))
}

#[pymethods]
impl Backup {
    #[new]
    #[allow(clippy::too_many_arguments)]
    #[pyo3(signature = (targets, options, working, *, threads, parent_is_own, reread, spool, scan, verbose, stream))]
    fn new(
        py: Python<'_>,
        targets: Vec<Py<BackupTarget>>,
        mut options: UserOptions,
        working: Vec<u8>,
        threads: usize,
        parent_is_own: bool,
        reread: Option<(Vec<u8>, i64, i64)>,
        spool: Option<(PathBuf, u64)>,
        scan: bool,
        verbose: bool,
        stream: Option<(i32, Vec<u8>, i64)>,
    ) -> PyResult<Self> {
        let number = targets.len();
        let targets = targets.iter().map(|target| target.get().options()).collect();
        let stdin = stream
            .map(|(descriptor, name, now)| {
                let (seconds, nanos) = (now.div_euclid(1_000_000_000), now.rem_euclid(1_000_000_000));
                let time = Zone::local().timestamp(seconds, u32::try_from(nanos).unwrap_or(0));
                PyResult::Ok(StdinSource { file: duplicate(descriptor)?, name, time })
            })
            .transpose()?;
        let plan = Plan { targets: std::mem::take(&mut options.paths), working, stdin };
        let options = Options {
            threads,
            parent_is_own,
            reread: reread.map(|(salt, since, now)| Reread { salt, since, now }),
            spool,
            scan,
            verbose,
            ..options.options()?
        };
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
        self.run.progress().into()
    }

    fn events(&self) -> Vec<BackupEvent> {
        self.run.events().into_iter().map(BackupEvent::from).collect()
    }

    fn cancel(&self) {
        self.run.cancel();
    }

    fn summary(&self) -> BackupSummary {
        self.run.summary().into()
    }

    fn outcome(&self, target: usize) -> PyResult<BackupOutcome> {
        Ok(self.run.outcome(self.check(target)?).into())
    }

    fn join(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.run.join()).map_err(to_py)
    }
}
