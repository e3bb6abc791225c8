//! Work for the workers, and bytes for the work: a queue that the owner serves.
//!
//! Ranges of packs are asked for ahead of the workers, as many as fit into a window; the owner answers each with bytes
//! or with an open file. Nothing here calls the owner.

use super::entry::Batch;
use super::plan::{Plan, Segment};
use super::report::Report;
use crate::{Error, Id, Result};
use rustix::fd::OwnedFd;
use std::collections::{HashMap, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes that may be under way or wait to be written.
const WINDOW: u64 = 64 << 20;
/// How long anybody waits before looking whether the run was stopped.
const TICK: Duration = Duration::from_millis(100);

/// A range of a pack that the owner is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// To be given back with the answer.
    pub ticket: u64,
    /// Which pack.
    pub pack: Id,
    /// Where the range begins, in bytes.
    pub offset: u64,
    /// Its length in bytes.
    pub length: u64,
    /// Whether it is a directory listing, which a cache may hold.
    pub tree: bool,
}

/// The owner's answer.
pub enum Answer {
    /// The bytes of the range.
    Bytes(Box<dyn AsRef<[u8]> + Send + Sync>),
    /// A file that holds them.
    File {
        /// Open for reading; only read with positions.
        handle: OwnedFd,
        /// Where the range begins in it, in bytes.
        position: u64,
    },
}

/// What a worker does next.
pub(super) enum Work {
    /// Part of a list of a batch.
    Chunk(Arc<Batch>, Phase, Range<usize>),
    /// Blobs that have come, or the reason why they did not.
    Segment(Arc<Batch>, Arc<Plan>, Segment, Result<Answer, String>),
}

/// What is done with a part of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Compare files that are there with the snapshot.
    Compare,
    /// Make files without content.
    Empty,
    /// Make what is no file.
    Others,
    /// Make hard links.
    Links,
    /// Read files again.
    Verify,
}

struct Wanted {
    batch: Arc<Batch>,
    plan: Arc<Plan>,
    segment: Segment,
}

#[derive(Default)]
struct Queue {
    work: VecDeque<Work>,
    wanted: VecDeque<Wanted>,
    trees: VecDeque<Request>,
    asked: HashMap<u64, Option<Wanted>>,
    tree_answers: HashMap<u64, Result<Answer, String>>,
    next_ticket: u64,
    /// Bytes under way or waiting, of ranges that are not open files.
    bytes: u64,
    /// Ranges under way or waiting.
    ranges: usize,
    /// Pieces of work that are not finished.
    unfinished: usize,
    closed: bool,
}

pub(super) struct Fetch {
    /// Ranges that may be under way or wait, open files among them.
    most_ranges: usize,
    queue: Mutex<Queue>,
    for_workers: Condvar,
    for_owner: Condvar,
    for_waiters: Condvar,
}

impl Fetch {
    pub(super) fn new(most_ranges: usize) -> Self {
        let (for_workers, for_owner, for_waiters) = Default::default();
        Self { most_ranges, queue: Mutex::default(), for_workers, for_owner, for_waiters }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Cuts a list into chunks for the workers.
    pub(super) fn add_chunks(&self, batch: &Arc<Batch>, phase: Phase, total: usize, chunk: usize) {
        let mut queue = self.queue();
        for start in (0..total).step_by(chunk) {
            queue.work.push_back(Work::Chunk(Arc::clone(batch), phase, start..total.min(start + chunk)));
            queue.unfinished += 1;
        }
        self.for_workers.notify_all();
    }

    /// Asks for these ranges, one after the other.
    pub(super) fn add_segments(&self, batch: &Arc<Batch>, plan: &Arc<Plan>, segments: Vec<Segment>) {
        let mut queue = self.queue();
        queue.unfinished += segments.len();
        queue.wanted.extend(segments.into_iter().map(|segment| Wanted {
            batch: Arc::clone(batch),
            plan: Arc::clone(plan),
            segment,
        }));
        self.for_owner.notify_all();
    }

    /// Waits until all work is done.
    pub(super) fn settle(&self, report: &Report) -> Result<()> {
        let mut queue = self.queue();
        while queue.unfinished > 0 {
            report.check()?;
            queue = self.for_waiters.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
        report.check()
    }

    /// The next piece of work; `None` when there will be none.
    pub(super) fn next_work(&self, report: &Report) -> Option<Work> {
        let mut queue = self.queue();
        loop {
            if report.stopped() {
                return None;
            }
            if let Some(work) = queue.work.pop_front() {
                return Some(work);
            }
            if queue.closed {
                return None;
            }
            queue = self.for_workers.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// A piece of work is done; `bytes` of it were held in memory, `range` says whether it was a range.
    pub(super) fn finished(&self, bytes: u64, range: bool) {
        let mut queue = self.queue();
        queue.unfinished -= 1;
        queue.bytes -= bytes;
        queue.ranges -= usize::from(range);
        if queue.unfinished == 0 {
            self.for_waiters.notify_all();
        }
        if range {
            self.for_owner.notify_one();
        }
    }

    /// No work will be added any more.
    pub(super) fn close(&self) {
        self.queue().closed = true;
        self.for_workers.notify_all();
        self.for_owner.notify_all();
        self.for_waiters.notify_all();
    }

    /// Lets go of what was not done, and of the files that it holds open.
    pub(super) fn clear(&self) {
        let mut queue = self.queue();
        queue.work.clear();
        queue.wanted.clear();
        queue.trees.clear();
        queue.asked.clear();
        queue.tree_answers.clear();
    }

    /// Whether nothing more will be asked.
    pub(super) fn is_closed(&self) -> bool {
        self.queue().closed
    }

    /// Asks for one range and waits for it.
    ///
    /// # Errors
    /// [`Error::Unavailable`] with the owner's reason, [`Error::Cancelled`].
    pub(super) fn read(&self, report: &Report, pack: Id, offset: u64, length: u64, tree: bool) -> Result<Answer> {
        let mut queue = self.queue();
        let ticket = queue.next_ticket;
        queue.next_ticket += 1;
        queue.trees.push_back(Request { ticket, pack, offset, length, tree });
        self.for_owner.notify_one();
        loop {
            if let Some(answer) = queue.tree_answers.remove(&ticket) {
                return answer.map_err(Error::Unavailable);
            }
            report.check()?;
            queue = self.for_waiters.wait_timeout(queue, TICK).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// What the owner should fetch next; `None` after the timeout, and when nothing more will be asked.
    pub(super) fn next_request(&self, timeout: Duration) -> Option<Request> {
        let deadline = Instant::now() + timeout.min(TICK);
        let mut queue = self.queue();
        loop {
            if let Some(request) = queue.trees.pop_front() {
                queue.asked.insert(request.ticket, None);
                return Some(request);
            }
            let room = queue.ranges < self.most_ranges;
            let (bytes, ranges) = (queue.bytes, queue.ranges);
            let fits = |wanted: &Wanted| ranges == 0 || bytes + wanted.segment.length <= WINDOW;
            if room
                && queue.wanted.front().is_some_and(fits)
                && let Some(wanted) = queue.wanted.pop_front()
            {
                let ticket = queue.next_ticket;
                queue.next_ticket += 1;
                queue.ranges += 1;
                queue.bytes += wanted.segment.length;
                let Segment { pack, offset, length, .. } = wanted.segment;
                queue.asked.insert(ticket, Some(wanted));
                return Some(Request { ticket, pack, offset, length, tree: false });
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || queue.closed {
                return None;
            }
            queue = self.for_owner.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes the owner's answer. One that nobody asked for is ignored.
    pub(super) fn answer(&self, ticket: u64, answer: Result<Answer, String>) {
        let mut queue = self.queue();
        match queue.asked.remove(&ticket) {
            None => {}
            Some(None) => {
                queue.tree_answers.insert(ticket, answer);
                self.for_waiters.notify_all();
            }
            Some(Some(wanted)) => {
                if !matches!(answer, Ok(Answer::Bytes(_))) {
                    queue.bytes -= wanted.segment.length;
                    self.for_owner.notify_one();
                }
                queue.work.push_back(Work::Segment(wanted.batch, wanted.plan, wanted.segment, answer));
                self.for_workers.notify_one();
            }
        }
    }
}
