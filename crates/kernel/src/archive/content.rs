//! The blobs of a file are saved by its reader or by a worker who has nothing else to do; the last one makes the node.

use super::blobs::{Scope, Scratch, save_blob, save_hashed};
use super::directory::{Directory, Finished, Variant};
use super::events::{Action, Event};
use super::file::{FileJob, OpenFile, Saved};
use super::shared::Shared;
use super::source::holes::{ZERO_CHUNK, ZEROS};
use super::tasks::{BlobTask, Task};
use super::trees;
use crate::chunker::MIN;
use crate::tree::Node;
use crate::{BlobType, Result};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Bytes of the file were read: progress counts them before the file is done.
pub(super) fn count(file: &OpenFile, shared: &Shared, bytes: u64) {
    file.count(bytes);
    shared.counters.bytes_in_progress.fetch_add(bytes, Ordering::Relaxed);
}

/// Save one blob, or hand it to a worker who has nothing to do.
pub(super) fn save(
    file: &Arc<OpenFile>,
    shared: &Shared,
    scratch: &mut Scratch,
    group: usize,
    number: usize,
    plain: &[u8],
) -> Result<()> {
    if plain.len() >= MIN / 4 && shared.tasks.has_idle() {
        file.expect();
        let plain = plain.to_vec();
        shared.tasks.push([Task::Blob(BlobTask { file: Arc::clone(file), group, number, plain })]);
        return Ok(());
    }
    let (id, cost) = save_blob(shared, scratch, BlobType::Data, plain, Scope::Group(group))?;
    file.place(group, number, id, cost);
    Ok(())
}

/// Save the shortest chunk of zeros, whose ID is known.
pub(super) fn save_zeros(
    file: &OpenFile,
    shared: &Shared,
    scratch: &mut Scratch,
    group: usize,
    number: usize,
) -> Result<()> {
    let cost = save_hashed(shared, scratch, BlobType::Data, &ZEROS, *ZERO_CHUNK, Scope::Group(group))?;
    file.place(group, number, *ZERO_CHUNK, cost);
    Ok(())
}

/// Save a blob that was handed on.
pub(super) fn save_task(task: BlobTask, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
    let BlobTask { file, group, number, plain } = task;
    let (id, cost) = save_blob(shared, scratch, BlobType::Data, &plain, Scope::Group(group))?;
    drop(plain);
    file.place(group, number, id, cost);
    release(&file, shared, scratch)
}

/// The reader is through; without a node the file is left out.
pub(super) fn close(file: &OpenFile, shared: &Shared, scratch: &mut Scratch, node: Option<Node>) -> Result<()> {
    file.set_node(node);
    release(file, shared, scratch)
}

fn release(file: &OpenFile, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
    if !file.arrive() {
        return Ok(());
    }
    shared.counters.bytes_in_progress.fetch_sub(file.bytes_read(), Ordering::Relaxed);
    if let Some(node) = file.take_node() {
        let names = (&file.path[..], &file.name[..]);
        finish(shared, &file.directory, file.slot, names, &file.job, node, file.take_saved());
    }
    trees::release(&file.directory, shared, scratch)
}

/// Complete a file's node with its content and hand it to the directory.
pub(super) fn finish(
    shared: &Shared,
    directory: &Arc<Directory>,
    slot: usize,
    (path, name): (&[u8], &[u8]),
    job: &FileJob,
    mut node: Node,
    saved: Saved,
) {
    let size = node.size;
    let Saved { contents, mut cost } = saved;
    let mut contents = contents.into_iter();
    node.content = contents.next();
    let mut action = job.action;
    if job.expected.is_some() && job.expected != node.content {
        action = Action::Changed;
        shared.counters.files_differing.fetch_add(1, Ordering::Relaxed);
        shared.events.push(Event::ContentDiffers { path: path.to_vec() });
    }
    directory.fill(slot, Finished { node, others: contents.map(Variant::Content).collect() });
    cost.duration = job.begun.elapsed();
    shared.item(&directory.snapshot_path, name, action, size, cost);
}
