//! What repositories still need of some snapshots, found tree by tree, and in which packs of the source it lies.
//!
//! Each tree is looked at once for each set of repositories, however many paths lead to it.

use crate::index::Index;
use crate::pack::PackWriter;
use crate::tree::{Mode, NodeType, decode_tree};
use crate::{BlobEntry, BlobType, Error, Id, Result};
use std::collections::{HashMap, VecDeque};

/// Repositories that one plan serves at most: they are the bits of a number.
pub const MAX_TARGETS: usize = 64;
/// Faults that are listed for one tree; a hostile one has millions.
const MAX_FAULTS: usize = 100;

/// Some of a plan's repositories, a bit each.
pub type Targets = u64;

/// A repository as the plan sees it: what takes its blobs, and what it has.
pub type Target<'a> = (&'a PackWriter, &'a Index);

/// What is to be brought, by pack, and which trees were looked at for whom.
#[derive(Default)]
pub struct TransferPlan {
    reached: HashMap<Id, Targets>,
    packs: VecDeque<(Id, Vec<BlobEntry>)>,
    /// Where in `packs` a pack stands, counted from the first that ever stood there.
    places: HashMap<Id, usize>,
    taken: usize,
    blobs: u64,
    bytes: u64,
}

/// What one tree says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Trees below it that were not looked at for one of the repositories.
    pub subtrees: Vec<Id>,
    /// What is needed and in no index of the source: the name of the node, and a sentence without a subject.
    pub faults: Vec<(Vec<u8>, String)>,
}

/// The trees and the data that one tree names.
pub struct Named {
    trees: Vec<(Vec<u8>, Id)>,
    data: Vec<(Vec<u8>, Id)>,
}

/// Reads a tree's plaintext.
///
/// # Errors
/// Those of [`decode_tree`], for anything that restic would not have written: what is not sound is not spread.
pub fn read(plaintext: &[u8]) -> Result<Named> {
    let tree = decode_tree(plaintext, Mode::Strict)?;
    let mut named = Named { trees: Vec::new(), data: Vec::new() };
    for node in tree.nodes {
        if node.kind == NodeType::Dir {
            named.trees.extend(node.subtree.map(|tree| (node.name.clone(), tree)));
        }
        named.data.extend(node.content.into_iter().flatten().map(|blob| (node.name.clone(), blob)));
    }
    Ok(named)
}

impl TransferPlan {
    /// A root tree for some repositories; whether it must be read. Wants it where it is lacking.
    ///
    /// # Errors
    /// [`Error::Damaged`] when it is wanted and in no index of the source.
    pub fn root(&mut self, source: &Index, all: &[Target<'_>], targets: Targets, tree: Id) -> Result<bool> {
        if !self.want(source, all, targets, BlobType::Tree, tree) {
            return Err(Error::damaged(format!("tree {tree} is in no index")));
        }
        Ok(self.reach(targets, tree))
    }

    /// Takes in what [`read`] found in a tree: wants for some repositories what they lack.
    pub fn include(&mut self, source: &Index, all: &[Target<'_>], targets: Targets, named: Named) -> Findings {
        let mut findings = Findings::default();
        for (name, tree) in named.trees {
            if !self.want(source, all, targets, BlobType::Tree, tree) {
                findings.fault(name, tree);
            } else if self.reach(targets, tree) {
                findings.subtrees.push(tree);
            }
        }
        for (name, blob) in named.data {
            if !self.want(source, all, targets, BlobType::Data, blob) {
                findings.fault(name, blob);
            }
        }
        findings
    }

    fn reach(&mut self, targets: Targets, tree: Id) -> bool {
        let reached = self.reached.entry(tree).or_default();
        let is_new = *reached & targets != targets;
        *reached |= targets;
        is_new
    }

    /// Wants a blob wherever it is lacking; false when the source's index does not know where it lies.
    fn want(&mut self, source: &Index, all: &[Target<'_>], targets: Targets, kind: BlobType, id: Id) -> bool {
        let mut is_wanted = false;
        for (number, (writer, index)) in all.iter().enumerate() {
            if targets & 1 << number != 0 && !index.contains(kind, &id) {
                is_wanted |= writer.want(kind, id);
            }
        }
        if !is_wanted {
            return true;
        }
        let Some(place) = source.lookup(kind, &id) else { return false };
        let entry = BlobEntry {
            kind,
            id,
            offset: place.offset,
            length: place.length,
            uncompressed_length: place.uncompressed_length,
        };
        self.blobs += 1;
        self.bytes += u64::from(place.length);
        let next = self.taken + self.packs.len();
        let number = *self.places.entry(place.pack).or_insert(next);
        if number == next {
            self.packs.push_back((place.pack, vec![entry]));
        } else {
            self.packs[number - self.taken].1.push(entry);
        }
        true
    }

    /// The next pack with the blobs that are wanted of it; `None` when all were taken.
    pub fn next_pack(&mut self) -> Option<(Id, Vec<BlobEntry>)> {
        let next = self.packs.pop_front()?;
        self.taken += 1;
        self.places.remove(&next.0);
        self.blobs -= next.1.len() as u64;
        self.bytes -= next.1.iter().map(|entry| u64::from(entry.length)).sum::<u64>();
        Some(next)
    }

    /// Packs that wait to be taken.
    pub fn packs(&self) -> usize {
        self.packs.len()
    }

    /// Blobs that wait to be taken.
    pub fn blobs(&self) -> u64 {
        self.blobs
    }

    /// Their sizes as the source stores them, in bytes.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Findings {
    fn fault(&mut self, name: Vec<u8>, blob: Id) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push((name, format!("needs the blob {blob}, which no index names")));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::Compression;
    use crate::envelope::{Envelope, MasterKey};
    use crate::pack::WriterOptions;
    use crate::tree::{Node, encode_tree};
    use std::sync::Arc;

    fn id(number: u8) -> Id {
        Id([number; 32])
    }

    fn index(packs: &[(u8, &[(BlobType, u8)])]) -> Index {
        let mut index = Index::new();
        for (pack, blobs) in packs {
            let entry = |(kind, number): &(BlobType, u8)| BlobEntry {
                kind: *kind,
                id: id(*number),
                offset: 0,
                length: 100,
                uncompressed_length: 0,
            };
            index.insert_pack(id(*pack), &blobs.iter().map(entry).collect::<Vec<_>>()).unwrap();
        }
        index
    }

    fn writer() -> PackWriter {
        let options = WriterOptions {
            version: 2,
            compression: Compression::Auto,
            pack_size: 1000,
            open_packs: 1,
            recompress: false,
            extra_verify: true,
        };
        PackWriter::new(Arc::new(Envelope::new(&MasterKey::generate())), options)
    }

    fn tree(files: &[(&str, &[u8])], folders: &[(&str, u8)]) -> Vec<u8> {
        let file = |(name, content): &(&str, &[u8])| Node {
            name: (*name).into(),
            kind: NodeType::File,
            content: Some(content.iter().map(|number| id(*number)).collect()),
            ..Node::default()
        };
        let folder = |(name, tree): &(&str, u8)| Node {
            name: (*name).into(),
            kind: NodeType::Dir,
            subtree: Some(id(*tree)),
            ..Node::default()
        };
        encode_tree(&files.iter().map(file).chain(folders.iter().map(folder)).collect::<Vec<_>>()).unwrap()
    }

    use BlobType::{Data, Tree};

    #[test]
    fn each_repository_wants_what_it_lacks() {
        let source = index(&[(200, &[(Data, 1), (Data, 2), (Data, 3)]), (201, &[(Tree, 10), (Tree, 11)])]);
        let (one, two) = (writer(), writer());
        let (has_some, has_none) = (index(&[(202, &[(Data, 1), (Tree, 11)])]), index(&[]));
        let all = [(&one, &has_some), (&two, &has_none)];
        let mut plan = TransferPlan::default();
        let root = tree(&[("a", &[1, 2, 1])], &[("b", 11), ("c", 11)]);
        assert!(plan.root(&source, &all, 1, id(10)).unwrap());
        assert!(!plan.root(&source, &all, 1, id(10)).unwrap());
        let found = plan.include(&source, &all, 1, read(&root).unwrap());
        // What is there is looked at all the same: what it names may not be.
        assert_eq!(found, Findings { subtrees: vec![id(11)], faults: vec![] });
        assert_eq!((plan.packs(), plan.blobs(), plan.bytes()), (2, 2, 200));
        // The same snapshot for both: only the second repository has something to ask for.
        assert!(plan.root(&source, &all, 3, id(10)).unwrap());
        assert_eq!(plan.include(&source, &all, 3, read(&root).unwrap()).subtrees, [id(11)]);
        plan.include(&source, &all, 3, read(&tree(&[("d", &[3])], &[])).unwrap());
        let mut wanted = one.wanted();
        wanted.sort_unstable();
        assert_eq!(wanted, [(Data, id(2)), (Data, id(3)), (Tree, id(10))]);
        assert_eq!(two.wanted().len(), 5);
        let (pack, entries) = plan.next_pack().unwrap();
        assert_eq!((pack, entries[0].id), (id(201), id(10)));
        let (pack, entries) = plan.next_pack().unwrap();
        assert_eq!((pack, entries.iter().map(|entry| entry.id.0[0]).collect::<Vec<_>>()), (id(200), vec![2, 1, 2, 3]));
        assert!(plan.next_pack().is_none());
        assert_eq!((plan.packs(), plan.blobs(), plan.bytes()), (0, 0, 0));
    }

    #[test]
    fn what_the_source_does_not_know_is_a_fault_unless_it_is_there() {
        let source = index(&[(201, &[(Tree, 10)])]);
        let one = writer();
        let has = index(&[(202, &[(Data, 1), (Tree, 12)])]);
        let all = [(&one, &has)];
        let mut plan = TransferPlan::default();
        assert!(plan.root(&source, &all, 1, id(9)).is_err());
        assert!(plan.root(&source, &all, 1, id(12)).unwrap());
        let found = plan.include(&source, &all, 1, read(&tree(&[("a", &[1]), ("b", &[2])], &[("c", 13)])).unwrap());
        let names: Vec<_> = found.faults.iter().map(|(name, _)| &name[..]).collect();
        assert_eq!(names, [b"c", b"b"]);
        assert!(read(b"{\"nodes\":[{\"name\":\"..\",\"type\":\"file\"}]}").is_err());
    }
}
