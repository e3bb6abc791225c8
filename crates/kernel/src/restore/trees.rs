//! Directory listings out of the repository, and how many paths they make.

use super::context::Context;
use super::disk::bytes;
use super::fetch::Answer;
use super::plan;
use crate::index::Location;
use crate::pack::Opener;
use crate::tree::{MAX_DEPTH, Mode, NodeType, Tree, decode_tree};
use crate::{BlobEntry, BlobType, Error, Id, Result};
use rustix::fd::OwnedFd;
use std::collections::{HashMap, HashSet, VecDeque};

/// How often trees may be seen again before their paths are counted.
const REPEATS: usize = 4096;
/// Paths that a snapshot may have. No honest one comes near; trees that share themselves reach 10^12 with a few
/// hundred kilobytes (threats B).
const MOST_PATHS: u64 = 1_000_000_000;

pub(super) struct Trees<'a> {
    context: &'a Context,
    opener: Opener,
    plain: Vec<u8>,
    buffer: Vec<u8>,
    files: VecDeque<(Id, OwnedFd, u64)>,
    seen: HashSet<Id>,
    repeated: usize,
}

impl<'a> Trees<'a> {
    pub(super) fn new(context: &'a Context) -> Self {
        Self {
            context,
            opener: Opener::default(),
            plain: Vec::new(),
            buffer: Vec::new(),
            files: VecDeque::new(),
            seen: HashSet::new(),
            repeated: 0,
        }
    }

    /// A tree of the walk that began at `root`.
    ///
    /// # Errors
    /// As [`Trees::load`]; [`Error::TooLarge`] once it is clear that the walk would not end, which ends the run.
    pub(super) fn visit(&mut self, id: Id, root: Id) -> Result<Tree> {
        if !self.seen.insert(id) {
            self.repeated += 1;
            if self.repeated == REPEATS && self.paths_below(root)? > MOST_PATHS {
                let what = "the number of paths in the snapshot, whose directories contain one another over and over,";
                self.context.report.stop(Error::too_large(what, MOST_PATHS));
                return Err(Error::Cancelled);
            }
        }
        self.load(id)
    }

    /// A tree, decoded leniently, out of the first copy that is good.
    ///
    /// # Errors
    /// [`Error::Damaged`], [`Error::TooLarge`] of the last copy; [`Error::Cancelled`].
    pub(super) fn load(&mut self, id: Id) -> Result<Tree> {
        let copies = self.context.index().lookup_all(BlobType::Tree, &id);
        let mut failure = Error::damaged(format!("tree blob {id} is not in the index"));
        for copy in copies {
            // A copy out of a cache may be bad where the store's is good.
            for cached in [true, false] {
                match self.open(id, &copy, cached) {
                    Ok(()) => return decode_tree(&self.plain, Mode::Lenient),
                    Err(Error::Cancelled) => return Err(Error::Cancelled),
                    Err(Error::Unavailable(why)) => failure = Error::damaged(format!("tree blob {id}: {why}")),
                    Err(error) => failure = error,
                }
            }
        }
        Err(failure)
    }

    fn open(&mut self, id: Id, copy: &Location, cached: bool) -> Result<()> {
        let limit = crate::pack::limit_of(BlobType::Tree) as u64;
        if u64::from(copy.length) > limit + limit / 64 || plan::plain_length(copy) > limit {
            return Err(Error::too_large(format!("the length of tree blob {id}"), limit));
        }
        let entry = BlobEntry {
            kind: BlobType::Tree,
            id,
            offset: copy.offset,
            length: copy.length,
            uncompressed_length: copy.uncompressed_length,
        };
        let (offset, length) = (u64::from(copy.offset), u64::from(copy.length));
        if !cached || !self.read_open_file(copy) {
            match self.context.fetch.read(&self.context.report, copy.pack, offset, length, cached)? {
                Answer::Bytes(bytes) => {
                    let bytes: &[u8] = (*bytes).as_ref();
                    return self.opener.open(&self.context.envelope, &entry, bytes, &mut self.plain);
                }
                Answer::File { handle, position } => {
                    self.files.retain(|(pack, ..)| *pack != copy.pack);
                    self.files.push_back((copy.pack, handle, position.saturating_sub(offset)));
                    if self.files.len() > self.context.limits.trees {
                        self.files.pop_front();
                    }
                    if !self.read_open_file(copy) {
                        return Err(Error::damaged(format!("tree blob {id}: pack {} ends before it does", copy.pack)));
                    }
                }
            }
        }
        self.opener.open(&self.context.envelope, &entry, &self.buffer, &mut self.plain)
    }

    /// Whether the envelope was read from a pack that is open.
    fn read_open_file(&mut self, copy: &Location) -> bool {
        let Some((_, handle, start)) = self.files.iter().find(|(pack, ..)| *pack == copy.pack) else { return false };
        self.buffer.resize(copy.length as usize, 0);
        bytes::read_exact(handle, start + u64::from(copy.offset), &mut self.buffer).is_ok()
    }

    /// How many paths there are below a tree; each distinct tree is read once. Those too deep do not count, since
    /// they are not walked, and neither do those that cannot be read.
    fn paths_below(&mut self, root: Id) -> Result<u64> {
        let mut known: HashMap<Id, u64> = HashMap::new();
        // Trees on the way down: subtrees that are still to be looked at, and the sum so far.
        let mut stack: Vec<(Id, Vec<Id>, u64)> = Vec::new();
        let mut next = Some(root);
        loop {
            self.context.report.check()?;
            if let Some(id) = next.take() {
                let (subtrees, entries) = match self.load(id) {
                    Ok(tree) => {
                        let entries = tree.nodes.len() as u64;
                        let directories = tree.nodes.into_iter().filter(|node| node.kind == NodeType::Dir);
                        (directories.filter_map(|node| node.subtree).collect(), entries)
                    }
                    Err(Error::Cancelled) => return Err(Error::Cancelled),
                    Err(_) => (Vec::new(), 0),
                };
                stack.push((id, subtrees, entries));
            }
            let deep = stack.len() > MAX_DEPTH; // the root is none of them
            let Some((id, subtrees, sum)) = stack.last_mut() else { return Ok(known.get(&root).copied().unwrap_or(0)) };
            match subtrees.pop() {
                Some(below) => match known.get(&below) {
                    Some(paths) => *sum = sum.saturating_add(*paths),
                    None if deep => {}
                    None => {
                        subtrees.push(below);
                        next = Some(below);
                    }
                },
                None => {
                    known.insert(*id, *sum);
                    stack.pop();
                }
            }
        }
    }
}
