//! A worker: does one task after the other, and ends the run when all are done.

use super::blobs::Scratch;
use super::content;
use super::shared::Shared;
use super::source::entries;
use super::source::listing;
use super::source::plan;
use super::tasks::Task;
use crate::sync::lock;
use crate::{Error, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::{Relaxed, SeqCst};

/// Do tasks until there are none. The last worker closes the packs that are still open.
pub(super) fn work(shared: &Shared) {
    let mut scratch = Scratch::default();
    while let Some(task) = shared.tasks.pop() {
        let answer = catch_unwind(AssertUnwindSafe(|| run(task, shared, &mut scratch)));
        match answer {
            Ok(Ok(())) => {}
            Ok(Err(error)) => shared.abort(error),
            Err(panic) => shared.abort(Error::Internal(panic_message(&*panic))),
        }
        shared.tasks.done();
    }
    if shared.working.fetch_sub(1, SeqCst) == 1 {
        if !shared.cancelled.load(Relaxed)
            && let Err(error) = flush(shared)
        {
            shared.abort(error);
        }
        shared.over.store(true, SeqCst);
        shared.parents.close();
        for target in &shared.targets {
            target.outbox.end();
        }
        *lock(&shared.ended) = true;
        shared.end.notify_all();
    }
}

fn flush(shared: &Shared) -> Result<()> {
    for target in shared.targets.iter().filter(|target| target.is_active()) {
        for pack in target.flush()?.into_iter().filter(|_| !shared.options.dry_run) {
            target.outbox.force(pack);
        }
    }
    Ok(())
}

fn run(task: Task, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
    match task {
        Task::Plan(plan) => plan::lay_out(plan, shared, scratch),
        Task::Leaf(task) => entries::save_leaf(task, shared, scratch),
        Task::Directory(task) => listing::list(*task, shared, scratch),
        Task::Entries(task) => entries::save_entries(task, shared, scratch),
        Task::Blob(task) => content::save_task(task, shared, scratch),
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a worker panicked".into())
}
