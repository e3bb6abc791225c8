//! The walk through the snapshot's trees: makes directories as they are needed and hands out everything else in batches.

use super::context::Context;
use super::directory::{Dir, Found};
use super::disk::beneath;
use super::disk::metadata::{LeftOut, Metadata, Time};
use super::disk::stamp::mtime;
use super::entry::{Batch, File, Link, LinkSource, Other, State, There};
use super::finish::release;
use super::options::Overwrite;
use super::place::clear_leftovers;
use super::stage::is_temporary;
use super::trees::Trees;
use crate::tree::{MAX_DEPTH, Node, NodeType, Tree, is_too_deep};
use crate::{Error, Id, Result};
use rustix::fd::AsFd;
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::vec;

/// Items of the first batch: writing begins early. Later ones are twice as large each.
const FIRST_BATCH: usize = 4096;
/// Bytes of memory of a batch.
const MOST_MEMORY: usize = 24 << 20;
/// Subdirectories that may wait on the way down, so that a chain of huge trees does not fill the memory.
const MOST_WAITING: usize = 2_000_000;

/// A directory that is still to be walked.
struct Subdirectory {
    name: Box<[u8]>,
    metadata: Metadata,
    left_out: LeftOut,
    subtree: Option<Id>,
    wanted: bool,
    below: bool,
}

/// A directory on the way down.
struct Frame {
    /// In the restored tree; empty for the root.
    path: Vec<u8>,
    subdirectories: vec::IntoIter<Subdirectory>,
    /// Made or found, once something in it is wanted.
    dir: Option<Arc<Dir>>,
    /// Until then, what is needed for it.
    waiting: Option<Subdirectory>,
    /// It could not be made.
    broken: bool,
    expected: Option<HashSet<Box<[u8]>>>,
    /// Names that the snapshot has here and that look like temporary ones of ours; `None` before its tree was read.
    spared: Option<Vec<Box<[u8]>>>,
    /// What a killed run left in it is gone.
    cleared: bool,
}

pub(super) struct Walk<'a> {
    context: &'a Context,
    trees: Trees<'a>,
    root: Id,
    stack: Vec<Frame>,
    waiting: usize,
    batch: Batch,
    batch_items: usize,
    batches: SyncSender<Batch>,
    sources: HashMap<(u64, u64), Arc<LinkSource>>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(context: &'a Context, root: Id, batches: SyncSender<Batch>) -> Self {
        Self {
            context,
            trees: Trees::new(context),
            root,
            stack: Vec::new(),
            waiting: 0,
            batch: Batch::default(),
            batch_items: FIRST_BATCH,
            batches,
            sources: HashMap::new(),
        }
    }

    /// Walks everything. What fails on the way is reported.
    ///
    /// # Errors
    /// What ends the run: the root cannot be read, [`Error::Cancelled`].
    pub(super) fn run(&mut self, target: Option<Found>) -> Result<()> {
        let tree = self.trees.visit(self.root, self.root)?;
        let dir = self.context.directories.target(target)?;
        self.stack.push(Frame {
            path: Vec::new(),
            subdirectories: Vec::new().into_iter(),
            dir: Some(dir),
            waiting: None,
            broken: false,
            expected: None,
            spared: None,
            cleared: false,
        });
        self.enter(tree)?;
        while let Some(top) = self.stack.last_mut() {
            self.context.report.check()?;
            if let Some(next) = top.subdirectories.next().filter(|_| !top.broken) {
                self.waiting -= 1;
                self.descend(next)?;
            } else if let Some(frame) = self.stack.pop() {
                self.waiting -= frame.subdirectories.len();
                self.leave(frame);
            }
        }
        self.send()?;
        for (_, source) in self.sources.drain() {
            release(self.context, &source.dir);
        }
        Ok(())
    }

    fn leave(&mut self, frame: Frame) {
        let Some(dir) = frame.dir else { return };
        // With nothing of it restored, nothing in the target is removed either.
        let untouched = dir.parent.is_none() && self.context.report.files_total.load(Relaxed) == 0;
        if self.context.options.delete && !dir.fresh && dir.exists() && !untouched {
            *dir.expected.lock().unwrap_or_else(PoisonError::into_inner) = frame.expected;
        }
        release(self.context, &dir);
    }

    fn descend(&mut self, subdirectory: Subdirectory) -> Result<()> {
        let above = self.stack.last().map_or(&[][..], |frame| &frame.path);
        let path = [above, b"/", &subdirectory.name].concat();
        let (subtree, wanted, below) = (subdirectory.subtree, subdirectory.wanted, subdirectory.below);
        let frame = Frame {
            path,
            subdirectories: Vec::new().into_iter(),
            dir: None,
            waiting: Some(subdirectory),
            broken: false,
            expected: None,
            spared: None,
            cleared: false,
        };
        let path = frame.path.clone();
        self.stack.push(frame);
        if wanted && self.directory(self.stack.len() - 1).is_none() {
            return Ok(());
        }
        if !below {
            return Ok(());
        }
        if is_too_deep(&path, self.stack.len() - 1) {
            self.context
                .report
                .failed(path, format!("lies deeper than {MAX_DEPTH} directories; what is in it was left out"));
            return Ok(());
        }
        let tree = match subtree {
            Some(id) => self.trees.visit(id, self.root),
            None => Err(Error::damaged("the snapshot has no tree for this directory")),
        };
        match tree {
            Ok(tree) => self.enter(tree),
            Err(Error::Cancelled) => Err(Error::Cancelled),
            Err(error) => {
                self.context.report.failed(path, format!("what is in it was left out: {error}"));
                Ok(())
            }
        }
    }

    /// Takes the entries of the directory on top.
    fn enter(&mut self, tree: Tree) -> Result<()> {
        let position = self.stack.len() - 1;
        let path = self.stack[position].path.clone();
        for skipped in &tree.skipped {
            let item = [&path, &b"/"[..], &skipped.name].concat();
            self.context.report.failed(item, format!("left out: {}", skipped.reason));
        }
        // Of an entry that could not be read we do not know what it stands for on disk: nothing is removed then.
        let options = &self.context.options;
        if options.delete && tree.skipped.is_empty() && !options.on_the_way.contains(&path) {
            self.stack[position].expected = Some(tree.nodes.iter().map(|node| node.name.as_slice().into()).collect());
        }
        let spared = tree.nodes.iter().filter(|node| is_temporary(&node.name));
        self.stack[position].spared = Some(spared.map(|node| node.name.as_slice().into()).collect());
        self.clear_leftovers(position);
        let mut subdirectories = Vec::new();
        let mut item = path;
        let base = item.len();
        for mut node in tree.nodes {
            item.truncate(base);
            item.push(b'/');
            item.extend_from_slice(&node.name);
            if !beneath::is_name(&node.name) {
                self.context.report.failed(item.clone(), "left out: its name leads elsewhere");
                continue;
            }
            let directory = node.kind == NodeType::Dir;
            let (wanted, below) = self.context.select.select(&item, directory);
            if directory && (wanted || below) {
                let mut left_out = LeftOut::new();
                let metadata =
                    Metadata::take(&mut node, self.context.options.safe, self.context.choice.as_ref(), &mut left_out);
                subdirectories.push(Subdirectory {
                    name: node.name.into(),
                    metadata,
                    left_out,
                    subtree: node.subtree,
                    wanted,
                    below,
                });
            } else if wanted {
                self.entry(node, &item)?;
            }
        }
        self.waiting += subdirectories.len();
        if self.waiting > MOST_WAITING {
            self.waiting -= subdirectories.len();
            item.truncate(base);
            let error = Error::too_large("the number of directories that wait to be restored", MOST_WAITING as u64);
            self.context.report.failed(item, format!("its directories were left out: {error}"));
            return Ok(());
        }
        self.stack[position].subdirectories = subdirectories.into_iter();
        Ok(())
    }

    /// Removes what a killed run left in a directory, once that is open and its names are known.
    fn clear_leftovers(&mut self, position: usize) {
        let frame = &mut self.stack[position];
        let (Some(dir), Some(spared), false) = (&frame.dir, &frame.spared, frame.cleared) else { return };
        frame.cleared = true;
        if dir.fresh || !dir.exists() || self.context.options.dry_run {
            return;
        }
        if let Err(error) = clear_leftovers(self.context, dir, spared) {
            self.context.report.failed(frame.path.clone(), error.to_string());
        }
    }

    /// The directory of a frame, made with those above it if need be. Reported if that fails; then all of it is
    /// left out.
    fn directory(&mut self, position: usize) -> Option<Arc<Dir>> {
        if let Some(dir) = &self.stack[position].dir {
            return Some(Arc::clone(dir));
        }
        if self.stack[position].broken {
            return None;
        }
        let Some(above) = self.directory(position - 1) else {
            self.stack[position].broken = true;
            return None;
        };
        let subdirectory = self.stack[position].waiting.take()?;
        match self.make_directory(&above, &subdirectory) {
            Ok(found) => {
                if found.as_ref().is_some_and(|found| found.staged.is_some()) {
                    self.context.report.watch([&self.stack[position].path[..], b"/"].concat());
                }
                let path = &self.stack[position].path;
                for what in subdirectory.left_out {
                    self.context.report.left_out(path.clone(), what);
                }
                self.context.report.found(0);
                match self.context.directories.child(&above, &subdirectory.name, found, subdirectory.metadata) {
                    Ok(dir) => {
                        self.stack[position].dir = Some(Arc::clone(&dir));
                        self.clear_leftovers(position);
                        return Some(dir);
                    }
                    Err(error) => self.context.report.failed(path.clone(), error.to_string()),
                }
            }
            Err(Error::Cancelled) => {}
            Err(error) => {
                let message = format!("cannot make the directory, what is in it was left out: {error}");
                self.context.report.failed(self.stack[position].path.clone(), message);
            }
        }
        self.stack[position].broken = true;
        None
    }

    fn make_directory(&self, above: &Arc<Dir>, subdirectory: &Subdirectory) -> Result<Option<Found>> {
        let name = &subdirectory.name;
        if !above.exists() {
            return Ok(None); // only in a dry run
        }
        let parent = self.context.handle(above)?;
        let io = |error: Errno| {
            if beneath::is_fatal(error) {
                let path = above.path_of(name);
                self.context
                    .report
                    .stop(Error::io(format!("cannot make a directory, at {}", path.escape_ascii()), error));
                return Error::Cancelled;
            }
            words(error)
        };
        let there = if above.fresh { None } else { beneath::look(parent.as_fd(), name).map_err(io)? };
        if there.as_ref().is_some_and(|stat| beneath::kind(stat).is_dir()) {
            let (handle, relaxed) = self.context.directories.open_entry(&parent, name).map_err(io)?;
            return Ok(Some(Found { handle, fresh: false, staged: None, relaxed }));
        }
        if there.as_ref().is_some_and(|stat| !self.overwrites(subdirectory.metadata.mtime, mtime(stat))) {
            return Err(io(Errno::EXIST));
        }
        if self.context.options.dry_run {
            return Ok(None);
        }
        self.context.directories.make_writable(above, &parent).map_err(io)?;
        let make = |name: &[u8]| {
            rustix::fs::mkdirat(parent.as_fd(), name, rustix::fs::Mode::RWXU)?;
            beneath::open_directory(parent.as_fd(), name)
        };
        if there.is_none() {
            let handle = make(name).map_err(io)?;
            return Ok(Some(Found { handle, fresh: true, staged: None, relaxed: None }));
        }
        // What stands there stays until the directory is whole.
        let (temporary, handle) = self.context.stage.make(above, make).map_err(io)?;
        self.context.stage.claim(&temporary, &handle, self.context.limits.claims);
        Ok(Some(Found { handle, fresh: true, staged: Some(temporary), relaxed: None }))
    }

    /// Takes one entry that is no directory.
    fn entry(&mut self, mut node: Node, path: &[u8]) -> Result<()> {
        let report = &self.context.report;
        match &node.kind {
            NodeType::Socket => return Ok(()), // whoever listens on it makes it anew
            NodeType::Dev | NodeType::CharDev if self.context.options.safe => {
                report.left_out(path.to_vec(), "devices");
                return Ok(());
            }
            NodeType::Irregular | NodeType::Unknown(_) => {
                report.failed(
                    path.to_vec(),
                    format!("left out: entries of type \"{}\" cannot be made", node.kind.as_str()),
                );
                return Ok(());
            }
            _ => {}
        }
        let Some(dir) = self.directory(self.stack.len() - 1) else { return Ok(()) };
        let mut left_out = LeftOut::new();
        let metadata =
            Metadata::take(&mut node, self.context.options.safe, self.context.choice.as_ref(), &mut left_out);
        for what in left_out {
            self.context.report.left_out(path.to_vec(), what);
        }
        let there = match self.there(&dir, &node.name) {
            Ok(there) => there,
            Err(error) => {
                self.context.report.failed(path.to_vec(), format!("cannot look at what is there: {error}"));
                return Ok(());
            }
        };
        if there.as_ref().is_some_and(|stat| !self.overwrites(metadata.mtime, mtime(stat))) {
            self.context.report.skipped(|| path.to_vec(), node.size);
            return Ok(());
        }
        if node.kind == NodeType::File {
            if !self.may_go(&dir, &node.name, there.as_ref(), path) {
                self.context.report.found(node.size);
                return Ok(());
            }
            self.file(dir, node, metadata, there);
        } else {
            self.context.report.found(0);
            if self.may_go(&dir, &node.name, there.as_ref(), path) {
                dir.hold();
                let Node { name, kind, linktarget, device, .. } = node;
                let (name, target, replaced) = (name.into(), linktarget.into(), there.is_some());
                self.batch.add_other(Other { dir, name, kind, target, device, metadata, replaced });
            }
        }
        if self.batch.len() >= self.batch_items || self.batch.memory() >= MOST_MEMORY {
            self.send()?;
            self.batch_items = self.batch_items.saturating_mul(2);
        }
        Ok(())
    }

    fn file(&mut self, dir: Arc<Dir>, node: Node, metadata: Metadata, there: Option<rustix::fs::Stat>) {
        let report = &self.context.report;
        let mut source = None;
        if node.links > 1 {
            let key = (node.inode, node.device_id);
            if let Some(first) = self.sources.get(&key) {
                report.found(0);
                first.dir.hold();
                dir.hold();
                let source = Arc::clone(first);
                self.batch.add_link(Link { dir, name: node.name.into(), source, mtime: metadata.mtime });
                return;
            }
            dir.hold(); // its own metadata waits until all links to this file are made
            let name = node.name.as_slice().into();
            let new = Arc::new(LinkSource { dir: Arc::clone(&dir), name, identity: OnceLock::new() });
            self.sources.insert(key, Arc::clone(&new));
            source = Some(new);
        }
        let there = match &there {
            None => There::Nothing,
            Some(stat) if beneath::kind(stat).is_file() => There::File,
            Some(_) => There::Other,
        };
        if there != There::File {
            report.found(node.size);
        }
        dir.hold();
        self.batch.add_file(File {
            dir,
            name: node.name.into(),
            content: node.content.unwrap_or_default().into(),
            metadata,
            size: node.size,
            there,
            source,
            state: Mutex::new(State::New),
            staged: OnceLock::new(),
            remaining: AtomicU32::new(0),
            planned: AtomicBool::new(false),
            length: AtomicU64::new(0),
            failed: AtomicBool::new(false),
        });
    }

    /// What stands where an entry is to be made.
    fn there(&self, dir: &Arc<Dir>, name: &[u8]) -> Result<Option<rustix::fs::Stat>> {
        if dir.fresh || !dir.exists() {
            return Ok(None);
        }
        let handle = self.context.handle(dir)?;
        beneath::look(handle.as_fd(), name).map_err(words)
    }

    fn overwrites(&self, snapshot: Time, there: Time) -> bool {
        match self.context.options.overwrite {
            Overwrite::Always | Overwrite::IfChanged => true,
            Overwrite::IfNewer => snapshot > there,
            Overwrite::Never => false,
        }
    }

    /// Whether what stands where an entry is to be made may be replaced by it; reported if not.
    fn may_go(&self, dir: &Arc<Dir>, name: &[u8], there: Option<&rustix::fs::Stat>, path: &[u8]) -> bool {
        const WHAT: &str = "cannot replace what is there";
        if self.context.options.delete || !there.is_some_and(|stat| beneath::kind(stat).is_dir()) {
            return true;
        }
        let empty = self.context.handle(dir).map(|handle| beneath::is_empty(handle.as_fd(), name));
        match empty {
            Ok(Ok(true)) => return true,
            Ok(Ok(false)) => self.context.fail(path.to_vec(), WHAT, Errno::NOTEMPTY),
            Ok(Err(error)) => self.context.fail(path.to_vec(), WHAT, error),
            Err(error) => self.context.failed(path.to_vec(), WHAT, error),
        }
        false
    }

    fn send(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.len() == 0 {
            return Ok(());
        }
        self.batches.send(batch).map_err(|_| Error::Cancelled)
    }
}

/// What the system says, in words alone.
fn words(error: Errno) -> Error {
    let message = Error::io("", error).to_string();
    Error::damaged(message.trim_start_matches(": "))
}
