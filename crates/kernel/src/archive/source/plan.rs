//! The first task of a run: lays out the root tree, with the user's paths in it, or a stream.

use super::base::{Base, join};
use super::places::{Places, absolute, clean, split};
use super::stream::cut_stream;
use crate::archive::blobs::Scratch;
use crate::archive::content::close;
use crate::archive::directory::Opening;
use crate::archive::events::Action;
use crate::archive::file::{FileJob, OpenFile};
use crate::archive::options::{Plan, StdinSource};
use crate::archive::shared::Shared;
use crate::archive::tasks::{LeafTask, Task};
use crate::archive::trees::{open, release};
use crate::time::Timestamp;
use crate::tree::{MAX_DEPTH, Node, NodeType, is_too_deep};
use crate::{Error, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{AtFlags, statat};
use std::fs::File;
use std::io::Read;
use std::sync::Arc;
use std::time::Instant;

/// Lay the root tree out, with what is to be done in it on the stack.
pub(in crate::archive) fn lay_out(plan: Plan, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
    let old_subtrees = shared.parent_roots.clone();
    let opening = Opening {
        up: None,
        path: Vec::new(),
        snapshot_path: b"/".to_vec(),
        node: None,
        old_subtrees,
        device: None,
        is_beyond: false,
    };
    if let Some(stdin) = plan.stdin {
        return save_stream(shared, scratch, opening, stdin);
    }
    let places = Places::of(&plan.targets, &shared.options.excludes)?;
    build(shared, scratch, opening, places, &plan.working)
}

fn build(shared: &Shared, scratch: &mut Scratch, opening: Opening, places: Places, working: &[u8]) -> Result<()> {
    let mut waiting = vec![(opening, 0)];
    while let Some((opening, number)) = waiting.pop() {
        let place = &places.0[number];
        let directory = open(shared, opening, place.below.len());
        for (slot, (name, child)) in place.below.iter().enumerate() {
            directory.expect(1);
            let name = name.clone();
            if let Some((target, is_explicit)) = places.0[*child].target.clone() {
                let path = absolute(working, &target);
                let directory = Arc::clone(&directory);
                shared.tasks.push([Task::Leaf(LeafTask { directory, slot, name, target, path, is_explicit })]);
                continue;
            }
            let info = places.0[*child].info.clone().unwrap_or_default();
            match folder_node(shared, &info, &name) {
                Ok(node) => {
                    let old_subtrees = directory.old_subtrees_below(&name);
                    let opening = Opening {
                        up: Some((Arc::clone(&directory), slot)),
                        path: info,
                        snapshot_path: join(&directory.snapshot_path, &name),
                        node: Some(node),
                        old_subtrees,
                        device: None,
                        is_beyond: false,
                    };
                    waiting.push((opening, *child));
                }
                Err(error) => {
                    shared.fail(&info, &error.to_string());
                    release(&directory, shared, scratch)?;
                }
            }
        }
        release(&directory, shared, scratch)?;
    }
    Ok(())
}

/// A folder above the user's path, with the metadata that it has; a link on the way is followed.
fn folder_node(shared: &Shared, path: &[u8], name: &[u8]) -> Result<Node> {
    let io = |error: rustix::io::Errno| Error::io("stat", error);
    let (base, target) = Base::of(&shared.folders, path).map_err(io)?;
    let held = base.hold()?;
    let stat = statat(held.fd(), target, AtFlags::empty()).map_err(io)?;
    let (mut node, _) = shared.metadata.node_from(held.fd(), target, &stat)?;
    node.name = name.to_vec();
    Ok(node)
}

fn save_stream(shared: &Shared, scratch: &mut Scratch, opening: Opening, stdin: StdinSource) -> Result<()> {
    let StdinSource { file: mut source, name, time } = stdin;
    let (_, mut names) = split(&clean(&join(b"/", &name)));
    let Some(name) = names.pop() else { return Err(Error::damaged("the stream has no file name")) };
    if is_too_deep(&names.join(&b'/'), names.len()) {
        return Err(Error::too_large("the number of folders in the stream's name", MAX_DEPTH as u64));
    }
    let mut directory = open(shared, opening, 1);
    let mut guards = vec![Arc::clone(&directory)];
    for folder in names {
        directory.expect(1);
        let opening = Opening {
            up: Some((Arc::clone(&directory), 0)),
            path: folder.clone(),
            snapshot_path: join(&directory.snapshot_path, &folder),
            node: Some(made_up(NodeType::Dir, 0x8000_0000 | 0o755, &folder, time)),
            old_subtrees: directory.old_subtrees_below(&folder),
            device: None,
            is_beyond: false,
        };
        directory = open(shared, opening, 1);
        guards.push(Arc::clone(&directory));
    }
    let is_new = directory.old.first().is_none_or(|old| old.as_ref().is_none_or(|old| old.find(&name).is_none()));
    let action = if is_new { Action::New } else { Action::Changed };
    let job = FileJob { action, expected: None, begun: Instant::now() };
    let file = OpenFile::new(shared.chunkers.len(), &directory, 0, name.clone(), name.clone(), job);
    let current = shared.current(&name);
    let size = cut_stream(shared, scratch, &file, |buffer: &mut [u8]| read_when_ready(&mut source, buffer))?;
    drop(current);
    let mut node = made_up(NodeType::File, 0o644, &name, time);
    node.size = size;
    close(&file, shared, scratch, Some(node))?;
    guards.iter().rev().try_for_each(|directory| release(directory, shared, scratch))
}

/// Read what a pipe has. One that stays silent counts as interrupted ten times a second, so that whoever reads looks
/// whether the run was cancelled.
fn read_when_ready(file: &mut File, buffer: &mut [u8]) -> std::io::Result<usize> {
    let tenth = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    if poll(&mut [PollFd::new(file, PollFlags::IN)], Some(&tenth))? == 0 {
        return Err(std::io::ErrorKind::Interrupted.into());
    }
    file.read(buffer)
}

fn made_up(kind: NodeType, mode: u32, name: &[u8], time: Timestamp) -> Node {
    Node {
        name: name.to_vec(),
        kind,
        mode,
        mtime: time,
        atime: time,
        ctime: time,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        ..Node::default()
    }
}
