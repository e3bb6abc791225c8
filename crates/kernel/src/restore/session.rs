//! A restore from its start to its end: threads, batches, the last word.

use super::context::Context;
use super::directory::{Directories, Found};
use super::disk::choice::Choice;
use super::disk::limits::Limits;
use super::entry::{Batch, File, State, There};
use super::fetch::{Answer, Fetch, Phase, Request};
use super::options::Options;
use super::place;
use super::plan;
use super::remove;
use super::report::{Event, Progress, Report};
use super::stage::Stage;
use super::walk::Walk;
use super::worker::Worker;
use super::write::{self, OpenFiles};
use crate::envelope::Envelope;
use crate::filter::Selection;
use crate::index::Index;
use crate::{Error, Id, Result, chunker};
use rustix::fs::{Mode, OFlags};
use std::any::Any;
use std::os::unix::fs::DirBuilderExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// What a worker takes at once of a list: few enough that two share the work, enough that the queue costs nothing.
const CHUNK: usize = 64;

/// A running restore. Its owner answers requests until it has finished.
pub struct Restore {
    context: Arc<Context>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Restore {
    /// Begins to restore what is below the tree `root` into the directory `target`, which is made if it is missing.
    /// The target itself may be reached through symbolic links and keeps its metadata.
    ///
    /// # Errors
    /// [`Error::Io`] when the target cannot be made or opened.
    pub fn start(
        envelope: Arc<Envelope>,
        index: Arc<RwLock<Index>>,
        root: Id,
        target: &Path,
        select: Selection,
        options: Options,
    ) -> Result<Self> {
        let choice = Choice::new(&options)?.map(Arc::new);
        let dry_run = options.dry_run;
        let found = open_target(target, dry_run)?;
        let limits = Limits::of_process(workers(&options));
        let context = Arc::new(Context {
            report: Report::new(options.report_items),
            options,
            select,
            choice,
            envelope,
            index,
            directories: Directories::new(limits.directories, dry_run),
            fetch: Fetch::new(limits.ranges),
            limits,
            stage: Stage::default(),
            doomed: Mutex::default(),
        });
        let shared = Arc::clone(&context);
        let thread = thread::Builder::new()
            .name("restore".into())
            .spawn(move || guarded(&shared, || conduct(&shared, root, found)))
            .map_err(|error| Error::io("starting a thread", error))?;
        Ok(Self { context, thread: Mutex::new(Some(thread)) })
    }

    /// What the owner should fetch next; `None` after the timeout (at most 100 ms) and at the end.
    pub fn next_request(&self, timeout: Duration) -> Option<Request> {
        self.context.fetch.next_request(timeout)
    }

    /// Gives what a request asked for, or the reason why it cannot be had.
    pub fn answer(&self, ticket: u64, answer: Result<Answer, String>) {
        self.context.fetch.answer(ticket, answer);
    }

    /// What happened since the last call.
    pub fn take_events(&self) -> Vec<Event> {
        self.context.report.take()
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        self.context.report.progress()
    }

    /// Whether nothing more will be asked: [`Restore::join`] returns soon.
    pub fn is_finished(&self) -> bool {
        self.context.fetch.is_closed()
    }

    /// Ends the run for this reason, soon.
    pub fn stop(&self, reason: Error) {
        self.context.report.stop(reason);
        self.context.fetch.close();
    }

    /// Waits for the end. Items that failed are events, not errors.
    ///
    /// # Errors
    /// What ended the run before its time: a full disk, an unreadable root, the reason given to [`Restore::stop`],
    /// [`Error::Internal`] for a panic.
    pub fn join(&self) -> Result<()> {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            thread.join().map_err(|panic| Error::Internal(message(&*panic)))?;
        }
        match self.context.report.reason() {
            Some(reason) => Err(reason),
            None => self.context.report.check(),
        }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        if !self.is_finished() {
            self.stop(Error::Cancelled);
        }
        let _ = self.join();
    }
}

fn open_target(target: &Path, dry_run: bool) -> Result<Option<Found>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let there = rustix::fs::open(target, flags, Mode::empty());
    let failed = |error: std::io::Error| Error::io(format!("cannot use {} as a target", target.display()), error);
    match there {
        Ok(handle) => Ok(Some(Found { handle, fresh: false, staged: None, relaxed: None })),
        Err(rustix::io::Errno::NOENT) if dry_run => Ok(None),
        Err(rustix::io::Errno::NOENT) => {
            std::fs::DirBuilder::new().recursive(true).mode(0o700).create(target).map_err(failed)?;
            let handle = rustix::fs::open(target, flags, Mode::empty()).map_err(|error| failed(error.into()))?;
            Ok(Some(Found { handle, fresh: false, staged: None, relaxed: None }))
        }
        Err(error) => Err(failed(error.into())),
    }
}

/// Runs a part; an error or a panic ends the whole run.
fn guarded(context: &Context, part: impl FnOnce() -> Result<()>) {
    let reason = match catch_unwind(AssertUnwindSafe(part)) {
        Ok(Ok(())) => return,
        Ok(Err(error)) => error,
        Err(panic) => Error::Internal(message(&*panic)),
    };
    context.report.stop(reason);
    context.fetch.close();
}

fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic".to_owned())
}

fn workers(options: &Options) -> usize {
    match options.workers {
        0 => thread::available_parallelism().map_or(2, |count| count.get().clamp(2, 8)),
        given => given,
    }
}

/// One thread walks ahead, the workers write, this one plans between them.
fn conduct(context: &Context, root: Id, target: Option<Found>) -> Result<()> {
    let open = OpenFiles::default();
    let workers = workers(&context.options);
    thread::scope(|scope| {
        let (send, receive) = sync_channel(1);
        for _ in 0..workers {
            scope.spawn(|| {
                guarded(context, || {
                    Worker::new(context, &open).run();
                    Ok(())
                });
            });
        }
        scope.spawn(move || {
            guarded(context, || {
                let mut walk = Walk::new(context, root, send);
                let result = walk.run(target);
                context.report.walked.store(true, Relaxed);
                result
            });
        });
        guarded(context, || write_batches(context, &receive, &open));
        context.fetch.close();
    });
    context.fetch.clear();
    place::clear(context);
    context.directories.give_back_modes();
    Ok(())
}

fn write_batches(context: &Context, batches: &Receiver<Batch>, open: &OpenFiles) -> Result<()> {
    while let Ok(batch) = batches.recv() {
        context.report.check()?;
        open.clear();
        let batch = Arc::new(batch);
        write_batch(context, &batch)?;
    }
    context.report.check()?;
    // All directories are finished: what the snapshot does not have goes last.
    remove::all(context, context.take_doomed());
    Ok(())
}

/// The blob that a long stretch of zeros is cut into.
fn zeros() -> &'static Id {
    static ZEROS: OnceLock<Id> = OnceLock::new();
    ZEROS.get_or_init(|| Id::of(&vec![0; chunker::MIN]))
}

/// What must come before what: files that are there are compared before the plan is made, content comes before links.
fn write_batch(context: &Context, batch: &Arc<Batch>) -> Result<()> {
    let fetch = &context.fetch;
    if batch.files.iter().any(|file| file.there == There::File) {
        fetch.add_chunks(batch, Phase::Compare, batch.files.len(), CHUNK);
        fetch.settle(&context.report)?;
    }
    if context.options.dry_run {
        for file in &batch.files {
            if !matches!(*file.state(), State::Settled) {
                file.length.store(file.size, Relaxed);
                context.report.wrote(file.size);
                write::settle(context, file);
            }
        }
    } else {
        let zeros = context.options.sparse.then(zeros);
        let refuse = |file: &File, message: String| write::refuse(context, file, &message);
        let plan = plan::plan(batch, &context.index(), zeros, refuse);
        context.report.wrote(plan.holes);
        let segments = plan.segments();
        fetch.add_segments(batch, &Arc::new(plan), segments);
        fetch.add_chunks(batch, Phase::Empty, batch.files.len(), 16 * CHUNK);
    }
    fetch.add_chunks(batch, Phase::Others, batch.others.len(), CHUNK);
    fetch.settle(&context.report)?;
    fetch.add_chunks(batch, Phase::Links, batch.links.len(), CHUNK);
    fetch.settle(&context.report)?;
    if context.options.verify && !context.options.dry_run {
        fetch.add_chunks(batch, Phase::Verify, batch.files.len(), CHUNK);
        fetch.settle(&context.report)?;
    }
    Ok(())
}
