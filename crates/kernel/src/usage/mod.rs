//! Which blobs of an index snapshots need, and what follows for each pack: what a prune decides by.
//!
//! A byte of memory for each place of the index, so that five million blobs cost what a picture costs. Walking needs no
//! lock: several trees are read at once.

mod fate;
mod first;
mod packs;
mod run;
#[cfg(test)]
mod tests;

pub use first::PackShare;
pub use packs::{PackUse, Totals};
pub use run::RunFindings;

use crate::index::Index;
use crate::reach::{Findings, MAX_FAULTS, fault};
use crate::tree::{Mode, NodeType, decode_tree};
use crate::{BlobEntry, BlobType, Error, Id, Result};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// Of a blob, at its first place: a snapshot needs it.
const NEEDED: u8 = 1;
/// Of a place: what lies there is not what the index says.
const VOID: u8 = 2;
/// Of a place: what lies there was read and hashed.
const PROVEN: u8 = 4;
/// Of a blob: a pack that stays has it.
const STAYS: u8 = 8;
/// Of a blob: no pack that stays has it, so it moves.
const MOVES: u8 = 16;
/// Of a blob: it stays, and a pack that goes has it, too.
const RISKS: u8 = 32;

/// What snapshots need of an index. All methods want the index that it was made for; what was added since counts for
/// nothing.
pub struct Usage {
    starts: Vec<usize>,
    flags: Vec<AtomicU8>,
    /// Trees that are needed and in no index.
    strays: Mutex<HashSet<Id>>,
    trees: AtomicUsize,
}

impl Usage {
    /// Nothing is needed.
    pub fn new(index: &Index) -> Self {
        Self {
            starts: index.starts(),
            flags: (0..index.len()).map(|_| AtomicU8::new(0)).collect(),
            strays: Mutex::default(),
            trees: AtomicUsize::new(0),
        }
    }

    /// Refuses another index than the one that this was made for.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn fits(&self, index: &Index) -> Result<()> {
        if index.had(&self.starts) {
            return Ok(());
        }
        Err(Error::Internal("this is another index than the one that was counted".to_owned()))
    }

    fn has(&self, place: usize, flag: u8) -> bool {
        self.flags[place].load(Relaxed) & flag != 0
    }

    /// Whether the flag is new.
    fn set(&self, place: usize, flag: u8) -> bool {
        // Most of what snapshots need, earlier ones needed, too; looking is cheaper than writing.
        !self.has(place, flag) && self.flags[place].fetch_or(flag, Relaxed) & flag == 0
    }

    /// The number of a blob: that of its first place.
    fn first(&self, index: &Index, kind: BlobType, id: &Id) -> Option<usize> {
        index.places(&self.starts, kind, id).next().map(|(place, _)| place)
    }

    /// Marks a tree as needed; whether it is new, in the index or not.
    pub fn reach(&self, index: &Index, tree: &Id) -> bool {
        let new = match self.first(index, BlobType::Tree, tree) {
            Some(place) => self.set(place, NEEDED),
            None => self.strays.lock().unwrap_or_else(PoisonError::into_inner).insert(*tree),
        };
        self.trees.fetch_add(usize::from(new), Relaxed);
        new
    }

    /// The number of trees that were reached.
    pub fn trees(&self) -> usize {
        self.trees.load(Relaxed)
    }

    /// Whether a blob of the index is needed.
    pub fn needs(&self, index: &Index, kind: BlobType, id: &Id) -> bool {
        self.first(index, kind, id).is_some_and(|place| self.has(place, NEEDED))
    }

    /// Reads a tree's plaintext: all that it names is needed. The trees below it that are new, and what is wrong.
    ///
    /// # Errors
    /// Those of [`decode_tree`] when it is no tree at all; bad nodes are faults.
    pub fn read(&self, index: &Index, plaintext: &[u8]) -> Result<Findings> {
        let tree = decode_tree(plaintext, Mode::Lenient)?;
        let mut found = Findings::default();
        let mut wrong = |name: &[u8], what: String| {
            if found.faults.len() < MAX_FAULTS {
                found.faults.push((name.to_vec(), what));
            }
        };
        for skipped in tree.skipped {
            wrong(&skipped.name, skipped.reason.to_owned());
        }
        if tree.reordered {
            wrong(b"", "is a tree whose nodes are not in order".to_owned());
        }
        for node in &tree.nodes {
            if let Some(what) = fault(node, |_| false) {
                wrong(&node.name, what);
            }
            let mut missing = None;
            for blob in node.content.iter().flatten() {
                match self.first(index, BlobType::Data, blob) {
                    Some(place) => _ = self.set(place, NEEDED),
                    None => missing = missing.or(Some(blob)),
                }
            }
            if let Some(blob) = missing {
                wrong(&node.name, format!("needs the blob {blob}, which the index names in no pack that is there"));
            }
            if node.kind == NodeType::Dir
                && let Some(subtree) = node.subtree
                && self.reach(index, &subtree)
            {
                found.subtrees.push(subtree);
            }
        }
        Ok(found)
    }

    /// What a pack's reader found out of one of its blobs: it is what the index says, or it is not.
    pub fn settle(&self, index: &Index, pack: &Id, blobs: &[BlobEntry], good: bool) {
        let Some(pack) = index.number_of(pack) else { return };
        for blob in blobs {
            for (place, row) in index.places(&self.starts, blob.kind, &blob.id) {
                if row.pack() == pack && row.entry() == *blob {
                    self.set(place, if good { PROVEN } else { VOID });
                }
            }
        }
    }

    /// The needed blobs that have no place that is what the index says.
    pub fn lost(&self, index: &Index) -> Vec<(BlobType, Id)> {
        let mut lost = Vec::new();
        for (place, row) in index.all_places(&self.starts).enumerate() {
            if !row.is_copy() && self.has(place, NEEDED) {
                let mut places = index.places(&self.starts, row.kind(), &row.id);
                if places.all(|(place, _)| self.has(place, VOID)) {
                    lost.push((row.kind(), row.id));
                }
            }
        }
        lost.sort_unstable();
        lost
    }
}
