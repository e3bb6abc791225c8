//! Trees of the parent snapshot, out of packs that the owner supplies.

use super::target::Target;
use crate::pack::Opener;
use crate::tree::{Mode, Node, decode_tree};
use crate::{BlobEntry, BlobType, Error, Id, Result};
use std::collections::{HashMap, VecDeque};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Packs that are kept as bytes, in bytes.
const BYTES: usize = 64 << 20;
/// How long one of several repositories may leave a request open before its trees are done without.
const PATIENCE: Duration = Duration::from_secs(20);

/// A pack that the owner is asked for.
#[derive(Clone, Copy, Debug)]
pub struct PackRequest {
    /// What to answer with.
    pub number: u64,
    /// Which repository, counted from 0.
    pub target: usize,
    /// The pack's name.
    pub pack: Id,
}

/// A decoded tree of the parent, its nodes in ascending order of their names.
pub(super) struct ParentTree {
    nodes: Vec<Node>,
}

impl ParentTree {
    pub(super) fn find(&self, name: &[u8]) -> Option<&Node> {
        self.nodes.binary_search_by(|node| node.name.as_slice().cmp(name)).ok().map(|place| &self.nodes[place])
    }
}

enum Source {
    Descriptor(File),
    Bytes(Vec<u8>),
    Denied(String),
}

/// A request that is not answered yet.
struct Open {
    key: (usize, Id),
    since: Instant,
}

#[derive(Default)]
struct State {
    packs: HashMap<(usize, Id), Arc<Source>>,
    order: VecDeque<(usize, Id)>,
    bytes: usize,
    waiting: VecDeque<PackRequest>,
    open: HashMap<u64, Open>,
    /// When a repository last answered.
    answered: HashMap<usize, Instant>,
    next: u64,
    closed: bool,
}

impl State {
    /// Whether a repository has left a request open for long, and answered none since. Another must not wait for it.
    fn is_silent(&self, target: usize) -> bool {
        self.open.values().any(|open| open.key.0 == target && open.since.elapsed() >= PATIENCE)
            && self.answered.get(&target).is_none_or(|at| at.elapsed() >= PATIENCE)
    }
}

/// The exchange between workers, who need packs, and the owner, who has them.
pub(super) struct Parents {
    state: Mutex<State>,
    changed: Condvar,
    /// Packs that are kept, whether by descriptor or as bytes.
    most: usize,
}

impl Parents {
    /// At most so many packs are kept.
    pub(super) fn new(most: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::default(), most }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next request to a repository, after waiting for `patience` at most; an error that says so when no more will
    /// come.
    pub(super) fn next_request(&self, target: usize, patience: Duration) -> Result<Option<PackRequest>> {
        let mut state = self.state();
        let place = |state: &State| state.waiting.iter().position(|request| request.target == target);
        if place(&state).is_none() && !state.closed {
            state = self.changed.wait_timeout(state, patience).unwrap_or_else(PoisonError::into_inner).0;
        }
        match place(&state).and_then(|place| state.waiting.remove(place)) {
            Some(request) => Ok(Some(request)),
            None if state.closed => Err(Error::Cancelled),
            None => Ok(None),
        }
    }

    /// Answer a request with an open pack.
    pub(super) fn supply_file(&self, number: u64, file: File) {
        self.supply(number, Source::Descriptor(file));
    }

    /// Answer a request with a pack's bytes.
    pub(super) fn supply_bytes(&self, number: u64, bytes: Vec<u8>) {
        self.supply(number, Source::Bytes(bytes));
    }

    /// Answer a request with the reason why the pack is not to be had.
    pub(super) fn deny(&self, number: u64, why: String) {
        self.supply(number, Source::Denied(why));
    }

    fn supply(&self, number: u64, source: Source) {
        let mut state = self.state();
        let Some(Open { key, .. }) = state.open.remove(&number) else { return };
        state.answered.insert(key.0, Instant::now());
        if let Source::Bytes(bytes) = &source {
            state.bytes += bytes.len();
        }
        state.packs.insert(key, Arc::new(source));
        state.order.push_back(key);
        while state.order.len() > 1 && (state.order.len() > self.most || state.bytes > BYTES) {
            let Some(oldest) = state.order.pop_front() else { break };
            if let Some(gone) = state.packs.remove(&oldest)
                && let Source::Bytes(bytes) = &*gone
            {
                state.bytes -= bytes.len();
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// No more requests: whoever still waits is told so.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    /// A pack of a repository, which is waited for until `check` objects; not for long unless it is the only one.
    fn pack(&self, target: usize, pack: Id, is_only: bool, check: &dyn Fn() -> Result<()>) -> Result<Arc<Source>> {
        let key = (target, pack);
        let mut state = self.state();
        loop {
            if let Some(source) = state.packs.get(&key) {
                return Ok(Arc::clone(source));
            }
            if state.closed {
                return Err(Error::Cancelled);
            }
            if !is_only && state.is_silent(target) {
                return Err(Error::Unavailable("the repository does not answer".into()));
            }
            if !state.open.values().any(|open| open.key == key) {
                let number = state.next;
                state.next += 1;
                state.open.insert(number, Open { key, since: Instant::now() });
                state.waiting.push_back(PackRequest { number, target, pack });
                self.changed.notify_all();
            }
            state =
                self.changed.wait_timeout(state, Duration::from_millis(100)).unwrap_or_else(PoisonError::into_inner).0;
            check()?;
        }
    }

    /// A tree by its ID, from whichever repository of the group yields bytes that match it. `check` ends a wait by an
    /// error of its own.
    pub(super) fn load(
        &self,
        targets: &[Target],
        group: usize,
        id: Id,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Arc<ParentTree>> {
        let mut reason = Error::damaged(format!("no repository has tree {id}"));
        let mut holders: Vec<_> =
            targets.iter().enumerate().filter(|(_, target)| target.group == group && target.is_active()).collect();
        holders.sort_by_key(|(_, target)| !target.near);
        for (number, target) in holders {
            let places = target.index.read().unwrap_or_else(PoisonError::into_inner).lookup_all(BlobType::Tree, &id);
            for place in places {
                let entry = BlobEntry {
                    kind: BlobType::Tree,
                    id,
                    offset: place.offset,
                    length: place.length,
                    uncompressed_length: place.uncompressed_length,
                };
                let source = self.pack(number, place.pack, targets.len() == 1, check);
                match source.and_then(|source| read(target, &source, &entry)) {
                    Ok(tree) => return Ok(Arc::new(tree)),
                    Err(Error::Cancelled) => return Err(Error::Cancelled),
                    Err(error) => reason = error,
                }
            }
        }
        Err(reason)
    }
}

fn read(target: &Target, source: &Source, entry: &BlobEntry) -> Result<ParentTree> {
    let length = entry.length as usize;
    let mut sealed = Vec::new();
    match source {
        Source::Descriptor(file) => {
            sealed.resize(length, 0);
            file.read_exact_at(&mut sealed, entry.offset.into())
                .map_err(|error| Error::io("read a tree of the parent", error))?;
        }
        Source::Bytes(bytes) => {
            let start = entry.offset as usize;
            let range = start.checked_add(length).and_then(|end| bytes.get(start..end));
            sealed.extend_from_slice(range.ok_or_else(|| Error::damaged("a pack ends before one of its blobs"))?);
        }
        Source::Denied(why) => return Err(Error::Unavailable(why.clone())),
    }
    let mut plain = Vec::new();
    Opener::default().open(target.envelope(), entry, &sealed, &mut plain)?;
    let mut nodes = decode_tree(&plain, Mode::Lenient)?.nodes;
    if !nodes.is_sorted_by(|one, other| one.name < other.name) {
        nodes.sort_by(|one, other| one.name.cmp(&other.name));
    }
    Ok(ParentTree { nodes })
}
