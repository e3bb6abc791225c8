//! The walk through the snapshot's trees: makes directories as they are needed and hands out everything else in batches.

mod directories;
mod entries;

use super::context::Context;
use super::directory::{Dir, Found};
use super::disk::beneath;
use super::disk::metadata::{LeftOut, Metadata};
use super::entry::{Batch, LinkSource};
use super::finish::release;
use super::stage::is_temporary;
use super::trees::Trees;
use crate::tree::{MAX_DEPTH, NodeType, Tree, is_too_deep};
use crate::{Error, Id, Result};
use rustix::io::Errno;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, PoisonError};
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

    fn send(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.len() == 0 {
            return Ok(());
        }
        self.batches.send(batch).map_err(|_| Error::Cancelled)
    }
}

/// What the system says, in words alone.
pub(super) fn words(error: Errno) -> Error {
    let message = Error::io("", error).to_string();
    Error::damaged(message.trim_start_matches(": "))
}
