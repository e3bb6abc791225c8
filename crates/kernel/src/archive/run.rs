//! A run: its workers, and what the owner pulls from it.

use super::counters::{Counters, Progress, Summary, TargetSummary, Totals};
use super::events::{Event, Events};
use super::limits::Limits;
use super::options::{Options, Plan, TargetOptions};
use super::parent::{PackRequest, Parents};
use super::shared::Shared;
use super::source::folders::Folders;
use super::source::places::absolute;
use super::source::scan::scan;
use super::target::outbox::Next;
use super::target::spool::Spool;
use super::target::{Standing, Target};
use super::tasks::{Task, Tasks};
use super::worker::work;
use crate::chunker::Chunker;
use crate::metadata::{self, MetadataReader};
use crate::polynomial::Polynomial;
use crate::sync::lock;
use crate::time::Zone;
use crate::{Error, Id, Result};
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How one repository came out of a run.
#[derive(Clone, Debug)]
pub struct TargetOutcome {
    /// The root tree, for the repository's polynomial; none when the repository left the run.
    pub root: Option<Id>,
    /// Whether it was too slow and wants a pass of its own.
    pub dropped: bool,
    /// What was added.
    pub summary: TargetSummary,
}

/// A backup under way. Its owner pulls packs and requests, answers them, and finishes or cancels it.
pub struct Run {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Run {
    /// Start the workers.
    ///
    /// # Errors
    /// [`Error::Io`] when a thread cannot be made.
    pub fn start(options: Options, targets: Vec<TargetOptions>, plan: Plan) -> Result<Self> {
        let events = Events::default();
        let spool = match &options.spool {
            Some((folder, limit)) if targets.len() > 1 => match Spool::new(folder, *limit) {
                Ok(spool) => Some(Arc::new(spool)),
                Err(error) => {
                    let message = format!("{error}; packs for a slow repository cannot wait on disk");
                    events.push(Event::Warning { path: folder.as_os_str().as_bytes().to_vec(), message });
                    None
                }
            },
            _ => None,
        };
        let mut polynomials: Vec<Polynomial> = Vec::new();
        let mut parent_roots: Vec<Option<Id>> = Vec::new();
        let has_spool = spool.is_some();
        let targets: Vec<Target> = targets
            .into_iter()
            .map(|target| {
                let group = polynomials.iter().position(|known| *known == target.polynomial).unwrap_or_else(|| {
                    polynomials.push(target.polynomial);
                    parent_roots.push(None);
                    polynomials.len() - 1
                });
                parent_roots[group] = parent_roots[group].or(target.parent);
                Target::new(target, group, spool.clone())
            })
            .collect();
        let numbers = |path: &[u8]| rustix::fs::stat(path).ok().map(|stat| (stat.st_dev, stat.st_ino));
        let sources = plan.targets.iter().filter(|_| options.one_file_system);
        let devices = sources
            .filter_map(|target| Some((absolute(&plan.working, target), rustix::fs::lstat(target).ok()?.st_dev)))
            .collect();
        let own = options.own_folders.iter();
        let own_folders = own.filter_map(|path| numbers(path.as_os_str().as_bytes())).collect();
        let threads = options.threads.max(1);
        let limits = Limits::of_process(threads);
        let shared = Arc::new(Shared {
            metadata: MetadataReader::new(metadata::Options { with_atime: options.with_atime }, Zone::local().clone()),
            chunkers: polynomials.into_iter().map(Chunker::new).collect::<Result<_>>()?,
            devices,
            own_folders,
            options,
            targets,
            parent_roots,
            tasks: Tasks::default(),
            folders: Folders::new(limits.folders),
            parents: Parents::new(limits.packs),
            limits,
            counters: Counters::default(),
            events,
            totals: Totals::default(),
            is_stream: plan.stdin.is_some(),
            spool: has_spool,
            current: Mutex::default(),
            roots: OnceLock::new(),
            cancelled: AtomicBool::new(false),
            over: AtomicBool::new(false),
            working: AtomicUsize::new(threads),
            fatal: Mutex::default(),
            ended: Mutex::default(),
            end: Condvar::new(),
        });
        let (paths, working) = (plan.targets.clone(), plan.working.clone());
        let is_scanned = shared.options.scan && plan.stdin.is_none();
        shared.tasks.push([Task::Plan(plan)]);
        let run = Self { shared: Arc::clone(&shared), threads: Mutex::default() };
        for number in 0..threads {
            run.spawn(&format!("backup-{number}"), work)?;
        }
        if is_scanned {
            run.spawn("backup-scan", move |shared| scan(shared, &paths, &working))?;
        }
        Ok(run)
    }

    fn spawn(&self, name: &str, work: impl FnOnce(&Shared) + Send + 'static) -> Result<()> {
        let shared = Arc::clone(&self.shared);
        let thread = std::thread::Builder::new().name(name.into()).spawn(move || work(&shared));
        match thread {
            Ok(thread) => {
                lock(&self.threads).push(thread);
                Ok(())
            }
            Err(error) => {
                self.shared.abort(Error::Cancelled);
                Err(Error::io("start a worker", error))
            }
        }
    }

    /// The next pack for a repository, after waiting for `patience` at most.
    ///
    /// # Errors
    /// [`Error::Io`] when a pack cannot be read back from the spool.
    pub fn next_pack(&self, target: usize, patience: Duration) -> Result<Next> {
        let target = &self.shared.targets[target];
        let mut next = target.outbox.next(patience)?;
        if let Next::Pack(pack) = &mut next {
            target.handed_out(pack);
        }
        Ok(next)
    }

    /// A pack is durable in its repository.
    ///
    /// # Errors
    /// [`Error::Internal`] when it was not handed out.
    pub fn stored(&self, target: usize, id: Id, size: u64) -> Result<()> {
        self.shared.targets[target].stored(id, size)
    }

    /// A repository failed: the others go on without it. Without any other the run ends.
    pub fn failed(&self, target: usize) {
        self.shared.targets[target].leave(Standing::Failed);
        if !self.shared.targets.iter().any(Target::is_active) {
            self.shared.abort(Error::Cancelled);
        }
    }

    /// The JSON of an index over packs that are stored, when it is time for one or `force` says so.
    pub fn take_index(&self, target: usize, force: bool) -> Option<Vec<u8>> {
        self.shared.targets[target].take_index(force)
    }

    /// The next pack of this repository that a worker needs to read the parent snapshot.
    ///
    /// # Errors
    /// [`Error::Cancelled`] when no more will be asked for.
    pub fn next_request(&self, target: usize, patience: Duration) -> Result<Option<PackRequest>> {
        self.shared.parents.next_request(target, patience)
    }

    /// Whether the source waits for this repository, while another one has nothing to store.
    pub fn holds_up(&self, target: usize) -> bool {
        self.shared.targets[target].holds_up()
    }

    /// Answer a request with an open file that begins where the pack begins.
    pub fn supply_file(&self, number: u64, file: File) {
        self.shared.parents.supply_file(number, file);
    }

    /// Answer a request with all bytes of the pack.
    pub fn supply_bytes(&self, number: u64, bytes: Vec<u8>) {
        self.shared.parents.supply_bytes(number, bytes);
    }

    /// Answer a request with the reason why the pack is not to be had.
    pub fn deny(&self, number: u64, why: String) {
        self.shared.parents.deny(number, why);
    }

    /// Where the run stands.
    pub fn progress(&self) -> Progress {
        let shared = &self.shared;
        Progress {
            files_done: shared.counters.total_files_processed.load(Relaxed),
            bytes_done: shared.counters.total_bytes_processed.load(Relaxed)
                + shared.counters.bytes_in_progress.load(Relaxed),
            files_total: shared.totals.files.load(Relaxed),
            bytes_total: shared.totals.bytes.load(Relaxed),
            scanned: shared.totals.is_complete.load(Relaxed),
            failures: shared.counters.failures.load(Relaxed),
            current: lock(&shared.current).clone(),
        }
    }

    /// Whether no pack waits and none will come.
    pub fn is_drained(&self, target: usize) -> bool {
        self.shared.targets[target].outbox.is_drained()
    }

    /// Wait for the workers to be through, for `patience` at most, and say whether they are.
    pub fn wait(&self, patience: Duration) -> bool {
        let ended = lock(&self.shared.ended);
        let waiting = |ended: &mut bool| !*ended;
        *self.shared.end.wait_timeout_while(ended, patience, waiting).unwrap_or_else(PoisonError::into_inner).0
    }

    /// What happened since the last call.
    pub fn events(&self) -> Vec<Event> {
        self.shared.events.take()
    }

    /// Stop: workers end soon, packs that were not handed out are forgotten.
    pub fn cancel(&self) {
        self.shared.abort(Error::Cancelled);
    }

    /// Whether the workers are through; packs may still wait to be fetched.
    pub fn is_over(&self) -> bool {
        self.shared.over.load(SeqCst)
    }

    /// What the run has seen and done so far.
    pub fn summary(&self) -> Summary {
        self.shared.counters.freeze()
    }

    /// How a repository stands.
    pub fn outcome(&self, target: usize) -> TargetOutcome {
        let target = &self.shared.targets[target];
        let root = self.shared.roots.get().and_then(|roots| roots.get(target.group)).copied();
        TargetOutcome {
            root: root.filter(|_| target.is_active() && self.is_over() && !self.shared.cancelled.load(Relaxed)),
            dropped: target.standing() == Standing::Dropped,
            summary: target.counters.freeze(),
        }
    }

    /// Wait for the workers to end, and say what ended the run if it was not its end.
    ///
    /// # Errors
    /// The first error that was not a single item's; [`Error::Cancelled`] after [`Run::cancel`].
    pub fn join(&self) -> Result<()> {
        let threads = std::mem::take(&mut *lock(&self.threads));
        for thread in threads {
            if thread.join().is_err() {
                return Err(Error::Internal("a worker panicked".into()));
            }
        }
        if let Some(error) = lock(&self.shared.fatal).take() {
            return Err(error);
        }
        self.shared.check_cancelled()
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.cancel();
        let _ = self.join();
    }
}
