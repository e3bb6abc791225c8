//! What snapshots need: which trees were looked at, which blobs they use, and what is wrong with each tree.
//!
//! Each tree is looked at once, however many paths lead to it, so a few trees that spell 10^12 paths cost what a few
//! trees cost (threats B-2).

use crate::envelope::OVERHEAD;
use crate::index::{Index, Location};
use crate::tree::{Mode, Node, NodeType, Tree, decode_tree};
use crate::{BlobEntry, BlobType, Id, Result};
use std::collections::{HashMap, HashSet};

/// Faults that are listed for one tree; a hostile one has millions.
pub(crate) const MAX_FAULTS: usize = 100;

/// The trees and blobs that were reached so far.
#[derive(Default)]
pub struct Reach {
    trees: HashSet<Id>,
    data: Option<HashSet<Id>>,
}

/// What one tree says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Trees below it that nobody has reached before; they count as reached now.
    pub subtrees: Vec<Id>,
    /// What is wrong: the name of the node, and a sentence without a subject. A hundred at most.
    pub faults: Vec<(Vec<u8>, String)>,
}

impl Reach {
    /// Nothing is reached. Data blobs are remembered on demand only: they take 40 bytes of memory each.
    pub fn new(remember_data: bool) -> Self {
        Self { trees: HashSet::new(), data: remember_data.then(HashSet::new) }
    }

    /// Marks a root tree; whether it is new.
    pub fn root(&mut self, tree: Id) -> bool {
        self.trees.insert(tree)
    }

    /// The number of trees that were reached.
    pub fn trees(&self) -> usize {
        self.trees.len()
    }

    /// Whether a blob was reached; always false for data that is not remembered.
    pub fn uses(&self, kind: BlobType, id: &Id) -> bool {
        match kind {
            BlobType::Tree => self.trees.contains(id),
            BlobType::Data => self.data.as_ref().is_some_and(|data| data.contains(id)),
        }
    }

    /// Takes in what [`read`] found in a tree.
    pub fn include(&mut self, read: Read) -> Findings {
        let subtrees = read.subtrees.into_iter().filter(|tree| self.trees.insert(*tree)).collect();
        if let Some(data) = &mut self.data {
            data.extend(read.data);
        }
        Findings { subtrees, faults: read.faults }
    }

    /// The blobs of an index that were not reached, each once, sorted by type and ID.
    pub fn unused(&self, index: &Index) -> Vec<(BlobType, Id)> {
        let mut unused: Vec<_> = index.blobs().map(|(blob, _)| (blob.kind, blob.id)).collect();
        unused.retain(|(kind, id)| !self.uses(*kind, id));
        unused.sort_unstable();
        unused.dedup();
        unused
    }
}

/// What stands in one tree.
pub struct Read {
    subtrees: Vec<Id>,
    data: Vec<Id>,
    faults: Vec<(Vec<u8>, String)>,
}

/// Reads a tree's plaintext and compares it with an index. `remember_data` as in [`Reach::new`].
///
/// # Errors
/// Those of [`decode_tree`] when it is no tree at all; bad nodes are faults.
pub fn read(index: &Index, plaintext: &[u8], remember_data: bool) -> Result<Read> {
    Ok(read_tree(index, decode_tree(plaintext, Mode::Lenient)?, remember_data))
}

fn read_tree(index: &Index, tree: Tree, remember_data: bool) -> Read {
    let mut read = Read { subtrees: Vec::new(), data: Vec::new(), faults: Vec::new() };
    for skipped in tree.skipped {
        read.fault(&skipped.name, skipped.reason.to_owned());
    }
    if tree.reordered {
        read.fault(b"", "is a tree whose nodes are not in order".to_owned());
    }
    for node in &tree.nodes {
        if let Some(fault) = fault(node, |blob| !index.contains(BlobType::Data, blob)) {
            read.fault(&node.name, fault);
        }
        read.subtrees.extend(node.subtree.filter(|_| node.kind == NodeType::Dir));
        if remember_data {
            read.data.extend(node.content.iter().flatten().copied());
        }
    }
    read
}

impl Read {
    fn fault(&mut self, name: &[u8], what: String) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push((name.to_vec(), what));
        }
    }
}

/// What is wrong with a node. `missing(blob)`: whether a data blob is in no index.
pub(crate) fn fault(node: &Node, missing: impl FnMut(&&Id) -> bool) -> Option<String> {
    match &node.kind {
        NodeType::File => {
            let Some(content) = &node.content else { return Some("is a file without a list of blobs".to_owned()) };
            let blob = content.iter().find(missing)?;
            Some(format!("needs the blob {blob}, which no index names"))
        }
        NodeType::Dir if node.subtree.is_none() => Some("is a directory without a tree".to_owned()),
        NodeType::Unknown(word) => Some(format!("is of the unknown type {word:?}")),
        _ => None,
    }
}

/// How much stands in one tree.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Files of this tree alone.
    pub files: u64,
    /// Bytes of their content by the index, whatever the nodes claim; no more than an `i64` holds.
    pub bytes: u64,
    /// The trees of its folders, in their order, as often as they are named.
    pub subtrees: Vec<Id>,
    /// As in [`Findings`].
    pub faults: Vec<(Vec<u8>, String)>,
    /// Of the blobs of files that are in no index, one that is drawn by `draw`.
    pub lacks: Option<Id>,
}

/// Reads a tree's plaintext, and adds up what its files hold by an index. With `draw`, of the blobs that are missing one
/// is named: the one that is least by [`drawn`].
///
/// # Errors
/// Those of [`read`].
pub fn measure(index: &Index, plaintext: &[u8], draw: Option<&[u8]>) -> Result<Measured> {
    let tree = decode_tree(plaintext, Mode::Lenient)?;
    let mut found = Measured::default();
    let mut least: Option<(Id, Id)> = None;
    for node in tree.nodes.iter().filter(|node| node.kind == NodeType::File) {
        let mut size = 0_u64;
        for blob in node.content.iter().flatten() {
            if let Some(place) = index.lookup(BlobType::Data, blob) {
                size = size.saturating_add(plain_length(&place));
            } else if let Some(draw) = draw {
                let one = (drawn(draw, blob), *blob);
                least = Some(least.map_or(one, |least| least.min(one)));
            }
        }
        found.files += 1;
        found.bytes = found.bytes.saturating_add(size).min(i64::MAX as u64);
    }
    let read = read_tree(index, tree, false);
    let lacks = least.map(|(_, blob)| blob);
    Ok(Measured { subtrees: read.subtrees, faults: read.faults, lacks, ..found })
}

/// Where a blob stands among others by a secret: who does not know it cannot tell which of them comes first.
#[must_use]
pub fn drawn(secret: &[u8], blob: &Id) -> Id {
    Id::of(&[secret, &blob.0].concat())
}

/// The length of a blob's plaintext by an index, in bytes.
pub fn plain_length(place: &Location) -> u64 {
    match place.uncompressed_length {
        0 => u64::from(place.length).saturating_sub(OVERHEAD as u64),
        length => u64::from(length),
    }
}

/// The size that each pack must have by an index, in bytes: its blobs, its header and the header's length.
pub fn pack_sizes(index: &Index) -> HashMap<Id, u64> {
    let mut sizes: HashMap<Id, u64> = index.packs().map(|pack| (pack, 32 + 4)).collect();
    for (BlobEntry { length, uncompressed_length, .. }, pack) in index.blobs() {
        let entry = if uncompressed_length == 0 { 37 } else { 41 };
        *sizes.entry(pack).or_default() += u64::from(length) + entry;
    }
    sizes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::encode_tree;

    fn id(number: u8) -> Id {
        Id([number; 32])
    }

    fn node(name: &str, kind: NodeType, content: Option<Vec<Id>>, subtree: Option<Id>) -> Node {
        Node { name: name.into(), kind, content, subtree, ..Node::default() }
    }

    fn index() -> Index {
        let mut index = Index::new();
        let blob = |kind, number, offset, uncompressed_length| BlobEntry {
            kind,
            id: id(number),
            offset,
            length: 100,
            uncompressed_length,
        };
        index.insert_pack(id(200), &[blob(BlobType::Data, 1, 0, 0), blob(BlobType::Data, 2, 100, 500)]).unwrap();
        index.insert_pack(id(201), &[blob(BlobType::Tree, 3, 0, 0)]).unwrap();
        index
    }

    #[test]
    fn each_tree_is_reached_once() {
        let tree = encode_tree(&[
            node("a", NodeType::Dir, None, Some(id(3))),
            node("b", NodeType::Dir, None, Some(id(3))),
            node("c", NodeType::File, Some(vec![id(1)]), None),
        ])
        .unwrap();
        let index = index();
        let mut reach = Reach::new(true);
        assert!(reach.root(id(9)));
        assert!(!reach.root(id(9)));
        let findings = reach.include(read(&index, &tree, true).unwrap());
        assert_eq!(findings, Findings { subtrees: vec![id(3)], faults: vec![] });
        assert!(reach.include(read(&index, &tree, true).unwrap()).subtrees.is_empty());
        assert!(reach.uses(BlobType::Data, &id(1)) && reach.uses(BlobType::Tree, &id(3)));
        assert_eq!(reach.unused(&index), vec![(BlobType::Data, id(2))]);
        assert_eq!(reach.trees(), 2);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let tree = encode_tree(&[
            node("dir", NodeType::Dir, None, None),
            node("file", NodeType::File, None, None),
            node("hole", NodeType::File, Some(vec![id(1), id(77)]), None),
            node("odd", NodeType::Unknown("door".into()), None, None),
        ])
        .unwrap();
        let read = read(&index(), &tree, false).unwrap();
        let names: Vec<_> = read.faults.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect();
        assert_eq!(names, ["dir", "file", "hole", "odd"]);
        assert!(super::read(&index(), b"junk", false).is_err());
    }

    #[test]
    fn bytes_are_those_of_the_content_whatever_a_node_claims() {
        let tree = encode_tree(&[
            node("a", NodeType::Dir, None, Some(id(3))),
            node("b", NodeType::Dir, None, Some(id(3))),
            Node { size: 1 << 40, ..node("c", NodeType::File, Some(vec![id(1), id(2)]), None) },
        ])
        .unwrap();
        let found = measure(&index(), &tree, Some(b"secret")).unwrap();
        let subtrees = vec![id(3), id(3)];
        assert_eq!(found, Measured { files: 1, bytes: 68 + 500, subtrees, ..Measured::default() });
    }

    #[test]
    fn of_what_is_missing_the_first_by_a_secret_is_named() {
        let lacking = (50..90).map(id).collect::<Vec<_>>();
        let content = lacking.iter().copied().chain([id(1)]).collect();
        let tree = encode_tree(&[node("a", NodeType::File, Some(content), None)]).unwrap();
        let mut named = HashSet::new();
        for secret in 0..40_u8 {
            let one = measure(&index(), &tree, Some(&[secret])).unwrap().lacks.unwrap();
            assert!(lacking.iter().all(|other| drawn(&[secret], &one) <= drawn(&[secret], other)));
            named.insert(one);
        }
        assert!(named.len() > 10);
        assert_eq!(measure(&index(), &tree, None).unwrap().lacks, None);
    }

    #[test]
    fn sizes_count_blobs_and_header() {
        let sizes = pack_sizes(&index());
        assert_eq!(sizes[&id(200)], 100 + 37 + 100 + 41 + 36);
        assert_eq!(sizes[&id(201)], 100 + 37 + 36);
    }
}
