//! Sets of blobs and of digests, for those who count. As objects of Python five million blobs are a gigabyte.

use crate::index::Index;
use crate::tree::Node;
use crate::{BlobType, Hasher, Id};
use std::collections::HashSet;

/// What encryption adds to a blob that is not compressed, in bytes.
const ENVELOPE: u64 = 32;

/// Blobs, each once.
#[derive(Default)]
pub struct BlobSet {
    data: HashSet<Id>,
    trees: HashSet<Id>,
}

/// How many blobs there are, and their sizes by an index, in bytes. Sizes of blobs that no index names are unknown.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Data blobs.
    pub data_blobs: u64,
    /// Tree blobs.
    pub tree_blobs: u64,
    /// Blobs of both types that the index names.
    pub indexed: u64,
    /// Those as they are stored.
    pub stored: u64,
    /// Their plaintext.
    pub plain: u64,
    /// Those of them that are compressed.
    pub compressed: u64,
    /// These as they are stored.
    pub compressed_stored: u64,
    /// Their plaintext.
    pub compressed_plain: u64,
}

impl BlobSet {
    /// Adds a blob; whether it is new.
    pub fn insert(&mut self, kind: BlobType, id: Id) -> bool {
        match kind {
            BlobType::Data => self.data.insert(id),
            BlobType::Tree => self.trees.insert(id),
        }
    }

    /// Adds the content of a file.
    pub fn insert_content(&mut self, node: &Node) {
        self.data.extend(node.content.iter().flatten());
    }

    /// Adds all of another set; how many are new.
    pub fn insert_all(&mut self, other: &Self) -> usize {
        let before = self.len();
        self.data.extend(&other.data);
        self.trees.extend(&other.trees);
        self.len() - before
    }

    /// Whether a blob was added.
    pub fn contains(&self, kind: BlobType, id: &Id) -> bool {
        match kind {
            BlobType::Data => self.data.contains(id),
            BlobType::Tree => self.trees.contains(id),
        }
    }

    /// The number of blobs.
    pub fn len(&self) -> usize {
        self.data.len() + self.trees.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds up the blobs that are not in `other`.
    pub fn totals(&self, index: &Index, other: &Self) -> Totals {
        let mut totals = Totals::default();
        for id in self.data.difference(&other.data) {
            totals.data_blobs += 1;
            totals.add(index, BlobType::Data, id);
        }
        for id in self.trees.difference(&other.trees) {
            totals.tree_blobs += 1;
            totals.add(index, BlobType::Tree, id);
        }
        totals
    }
}

impl Totals {
    fn add(&mut self, index: &Index, kind: BlobType, id: &Id) {
        let Some(place) = index.lookup(kind, id) else { return };
        let (stored, plain) = (u64::from(place.length), u64::from(place.uncompressed_length));
        self.indexed += 1;
        self.stored += stored;
        if plain == 0 {
            self.plain += stored.saturating_sub(ENVELOPE);
        } else {
            self.plain += plain;
            self.compressed += 1;
            self.compressed_stored += stored;
            self.compressed_plain += plain;
        }
    }
}

/// Things that are known by half of their SHA-256.
#[derive(Default)]
pub struct DigestSet(HashSet<[u8; 16]>);

impl DigestSet {
    /// Adds the thing that these bytes, one after the other, describe; whether it is new.
    pub fn insert<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>) -> bool {
        let mut hasher = Hasher::new();
        for part in parts {
            hasher.update(part);
        }
        let mut half = [0; 16];
        half.copy_from_slice(&hasher.finish().0[..16]);
        self.0.insert(half)
    }

    /// Adds a content by its list of blobs; whether it is new. What has no content counts as empty.
    pub fn insert_content(&mut self, node: &Node) -> bool {
        self.insert(node.content.iter().flatten().map(|id| id.0.as_slice()))
    }

    /// Adds the use of each blob of a file at this path: how many are new, and the bytes of their plaintext.
    pub fn insert_uses(&mut self, path: &[u8], node: &Node, index: &Index) -> (u64, u64) {
        let mut totals = Totals::default();
        let mut uses = 0;
        let length = (path.len() as u64).to_le_bytes();
        for id in node.content.iter().flatten() {
            if self.insert([&length, path, &id.0]) {
                uses += 1;
                totals.add(index, BlobType::Data, id);
            }
        }
        (uses, totals.plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BlobEntry;

    fn id(number: u8) -> Id {
        Id([number; 32])
    }

    fn index() -> Index {
        let entry = |kind, number, uncompressed_length| BlobEntry {
            kind,
            id: id(number),
            offset: u32::from(number) * 100,
            length: 100,
            uncompressed_length,
        };
        let mut index = Index::new();
        let blobs = [entry(BlobType::Data, 1, 0), entry(BlobType::Data, 2, 500), entry(BlobType::Tree, 3, 300)];
        index.insert_pack(id(200), &blobs).unwrap();
        index
    }

    fn file(content: &[u8]) -> Node {
        Node { content: Some(content.iter().map(|number| id(*number)).collect()), ..Node::default() }
    }

    #[test]
    fn only_what_the_other_lacks_is_added_up() {
        let (mut one, mut two) = (BlobSet::default(), BlobSet::default());
        one.insert_content(&file(&[1, 2, 2, 9]));
        assert!(one.insert(BlobType::Tree, id(3)));
        assert!(!one.insert(BlobType::Tree, id(3)));
        assert_eq!(one.len(), 4);
        two.insert_content(&file(&[1]));
        let totals = one.totals(&index(), &two);
        let expected = Totals {
            data_blobs: 2,
            tree_blobs: 1,
            indexed: 2,
            stored: 200,
            plain: 800,
            compressed: 2,
            compressed_stored: 200,
            compressed_plain: 800,
        };
        assert_eq!(totals, expected);
        assert_eq!(one.totals(&index(), &BlobSet::default()).plain, 800 + 68);
    }

    #[test]
    fn contents_and_uses_count_once() {
        let mut set = DigestSet::default();
        assert!(set.insert_content(&file(&[1, 2])));
        assert!(!set.insert_content(&file(&[1, 2])));
        assert!(set.insert_content(&file(&[2, 1])));
        assert!(set.insert_content(&file(&[])));
        assert!(!set.insert_content(&Node::default()));
        let mut uses = DigestSet::default();
        assert_eq!(uses.insert_uses(b"/a", &file(&[1, 2, 1]), &index()), (2, 568));
        assert_eq!(uses.insert_uses(b"/a", &file(&[2]), &index()), (0, 0));
        assert_eq!(uses.insert_uses(b"/b", &file(&[2, 9]), &index()), (2, 500));
    }
}
