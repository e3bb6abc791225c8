//! The entries of a directory, one by one: left out, unchanged, read, or a directory of its own.

use super::base::{Base, join};
use super::entry::Entry;
use super::reading::{OpenedFile, open_or_report};
use crate::archive::blobs::Scratch;
use crate::archive::directory::{Finished, Opening, Variant};
use crate::archive::events::{Action, Cost, Event};
use crate::archive::file::FileJob;
use crate::archive::shared::Shared;
use crate::archive::tasks::{DirectoryTask, EntriesTask, LeafTask, Task};
use crate::archive::trees::release;
use crate::tree::{MAX_DEPTH, NodeType, is_too_deep};
use crate::{BlobType, Error, Id, Result};
use rustix::fs::{AtFlags, FileType, Stat, statat};
use std::collections::VecDeque;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

/// Save a path that the user named.
pub(in crate::archive) fn save_leaf(task: LeafTask, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
    let found = Base::of(&shared.folders, &task.target);
    match found.map_err(|error| Error::io("open the folder above", error)).and_then(|(base, target)| {
        let held = base.hold()?;
        Ok((base, held, target))
    }) {
        Ok((base, held, target)) => {
            let device = shared.device_of(&task.path);
            let entry = Entry {
                device,
                is_beyond: device.is_some_and(|device| held.device().is_ok_and(|above| above != device)),
                directory: &task.directory,
                slot: task.slot,
                base: &base,
                held: &held,
                target,
                name: &task.name,
                path: task.path,
                is_explicit: task.is_explicit,
            };
            if let Some(file) = entry.save(shared)? {
                file.read(shared, scratch)?;
            }
        }
        Err(error) if !task.is_explicit && error.is_missing() => {}
        Err(error) => shared.fail(&task.path, &error.to_string()),
    }
    release(&task.directory, shared, scratch)
}

/// Save entries of a directory, some of them opened ahead.
pub(in crate::archive) fn save_entries(mut task: EntriesTask, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
    let (directory, base, names) = (Arc::clone(&task.directory), task.base.clone(), Arc::clone(&task.names));
    let held = match base.hold() {
        Ok(held) => held,
        Err(error) => {
            if !error.is_missing() {
                shared.fail(&directory.path, &error.to_string());
            }
            return release(&directory, shared, scratch);
        }
    };
    let mut ahead = VecDeque::with_capacity(shared.limits.ahead + 1);
    while task.start < task.end {
        shared.check_cancelled()?;
        share(&mut task, shared);
        let name = &names[task.start];
        let entry = Entry {
            directory: &directory,
            slot: task.start,
            base: &base,
            held: &held,
            target: name,
            name,
            path: join(&directory.path, name),
            is_explicit: false,
            device: directory.device,
            is_beyond: directory.is_beyond,
        };
        let opened = entry.save(shared)?;
        task.start += 1;
        let Some(file) = opened else { continue };
        // Small ones must not wait behind a large one, nor it behind a worker who has read them all.
        let kept = if file.is_large() { 0 } else { shared.limits.ahead };
        ahead.push_back(file);
        while ahead.len() > kept {
            read_next(&mut ahead, shared, scratch)?;
        }
    }
    while !ahead.is_empty() {
        shared.check_cancelled()?;
        read_next(&mut ahead, shared, scratch)?;
    }
    release(&directory, shared, scratch)
}

/// Give half of what is left to a worker who has nothing to do.
fn share(task: &mut EntriesTask, shared: &Shared) {
    let left = task.end - task.start;
    if left < 2 || !shared.tasks.has_idle() {
        return;
    }
    let middle = task.end - left / 2;
    task.directory.expect(1);
    shared.tasks.push([Task::Entries(EntriesTask {
        directory: Arc::clone(&task.directory),
        base: task.base.clone(),
        names: Arc::clone(&task.names),
        start: middle,
        end: task.end,
    })]);
    task.end = middle;
}

/// Read the file that was opened first, and the one after it.
fn read_next(ahead: &mut VecDeque<OpenedFile<'_>>, shared: &Shared, scratch: &mut Scratch) -> Result<()> {
    let Some(file) = ahead.pop_front() else { return Ok(()) };
    match ahead.pop_front() {
        Some(other) => file.read_with(other, shared, scratch),
        None => file.read(shared, scratch),
    }
}

impl<'a> Entry<'a> {
    /// Do what needs no reading; a file that must be read comes back open.
    fn save(self, shared: &Shared) -> Result<Option<OpenedFile<'a>>> {
        let options = &shared.options;
        if !self.is_explicit && options.excludes.by_name(&self.path) {
            return Ok(None);
        }
        let stat = match statat(self.held.fd(), self.target, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(error) => {
                self.fail(shared, &Error::io("lstat", error));
                return Ok(None);
            }
        };
        let kind = FileType::from_raw_mode(stat.st_mode);
        let size = u64::try_from(stat.st_size).unwrap_or(0);
        if !self.is_explicit && kind != FileType::Directory && options.excludes.by_size(size) {
            return Ok(None);
        }
        let is_foreign = !self.is_explicit && self.device.is_some_and(|device| device != stat.st_dev);
        // Of another file system only the folder where it is mounted stays, as in restic.
        if is_foreign && (kind != FileType::Directory || self.is_beyond) {
            return Ok(None);
        }
        match kind {
            FileType::Socket => Ok(None),
            FileType::Directory => self.descend(shared, &stat, is_foreign).map(|()| None),
            FileType::RegularFile => self.save_file(shared, &stat),
            _ => self.save_other(shared, &stat).map(|()| None),
        }
    }

    fn descend(self, shared: &Shared, stat: &Stat, is_beyond: bool) -> Result<()> {
        if shared.own_folders.contains(&(stat.st_dev, stat.st_ino)) {
            shared.events.push(Event::LeftOut { path: self.path });
            return Ok(());
        }
        let snapshot_path = join(&self.directory.snapshot_path, self.name);
        if is_too_deep(&snapshot_path, self.directory.depth + 1) {
            shared
                .fail(&self.path, &format!("more than {MAX_DEPTH} directories below each other; this one is left out"));
            return Ok(());
        }
        let node = match self.node(shared, stat, None) {
            Ok(node) => node,
            Err(error) => {
                self.fail(shared, &error);
                return Ok(());
            }
        };
        let old_subtrees = self.directory.old_subtrees_below(self.name);
        self.directory.expect(1);
        shared.tasks.push([Task::Directory(Box::new(DirectoryTask {
            opening: Opening {
                up: Some((Arc::clone(self.directory), self.slot)),
                snapshot_path,
                path: self.path,
                node: Some(node),
                old_subtrees,
                device: self.device,
                is_beyond,
            },
            base: self.base.clone(),
            name: self.target.to_vec(),
            is_explicit: self.is_explicit,
        }))]);
        Ok(())
    }

    fn save_other(self, shared: &Shared, stat: &Stat) -> Result<()> {
        match self.node(shared, stat, None) {
            Ok(node) => {
                let action = match self.old(0) {
                    None => Action::New,
                    Some(old) if *old == node => Action::Unchanged,
                    Some(_) => Action::Changed,
                };
                self.directory.fill(self.slot, Finished::plain(node));
                shared.report_item(&self.directory.snapshot_path, self.name, action, Cost::default());
            }
            Err(error) => self.fail(shared, &error),
        }
        Ok(())
    }

    fn save_file(self, shared: &Shared, stat: &Stat) -> Result<Option<OpenedFile<'a>>> {
        let (begun, is_new) = (Instant::now(), self.old(0).is_none());
        // What the parent does not have is read in any case; its attributes are then at hand.
        let file = if is_new {
            match open_or_report(shared, &self) {
                Some(file) => Some(file),
                None => return Ok(None),
            }
        } else {
            None
        };
        let mut node = match self.node(shared, stat, file.as_ref().map(AsFd::as_fd)) {
            Ok(node) => node,
            Err(error) => {
                self.fail(shared, &error);
                return Ok(None);
            }
        };
        let options = &shared.options;
        let groups = shared.chunkers.len();
        let is_same = (0..groups).all(|group| {
            self.old(group).is_some_and(|old| node.unchanged_since(old, options.ignore_inode, options.ignore_ctime))
        });
        let is_due = is_same && options.reread.as_ref().is_some_and(|share| share.is_due(&self.path));
        if is_same && !is_due && self.is_stored(shared) {
            let mut contents =
                (0..groups).map(|group| self.old(group).and_then(|old| old.content.clone()).unwrap_or_default());
            node.content = contents.next();
            let others = contents.map(Variant::Content).collect();
            let size = node.size;
            self.directory.fill(self.slot, Finished { node, others });
            shared.item(&self.directory.snapshot_path, self.name, Action::Unchanged, size, Cost::default());
            return Ok(None);
        }
        if is_due {
            shared.counters.files_reread.fetch_add(1, Relaxed);
        }
        let action = if is_new {
            Action::New
        } else if is_same {
            Action::Unchanged
        } else {
            Action::Changed
        };
        let expected = if is_same { self.old(0).and_then(|old| old.content.clone()) } else { None };
        let file = file.or_else(|| open_or_report(shared, &self));
        Ok(file.map(|file| OpenedFile::new(self, file, node, stat, FileJob { action, expected, begun })))
    }

    /// Whether every repository has all the content that the parent snapshot names.
    fn is_stored(&self, shared: &Shared) -> bool {
        shared.targets.iter().filter(|target| target.is_active()).all(|target| {
            self.old(target.group)
                .filter(|old| old.kind == NodeType::File)
                .and_then(|old| old.content.as_deref())
                .is_some_and(|content: &[Id]| content.iter().all(|id| target.knows(BlobType::Data, id)))
        })
    }
}
