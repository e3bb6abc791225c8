//! Reading trees that restic, rustic or an intruder wrote.

use super::fields::read_node;
use super::json::Reader;
use super::keys::fold;
use super::{MAX_NAME, MAX_TREE, Node};
use crate::{Error, Id, Result};
use std::collections::HashSet;

/// How much is forgiven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Anything that restic would not have written is an error: for `check`, and before anything is written.
    Strict,
    /// A node that cannot be used is named and left out; its siblings go on. For reading.
    Lenient,
}

/// A node that was left out, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The name, as far as it could be read: empty if not at all.
    pub name: Vec<u8>,
    /// Why, as half a sentence.
    pub reason: &'static str,
}

/// A directory's entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// In the order of their names' bytes, each name once.
    pub nodes: Vec<Node>,
    /// What was left out. Empty in strict mode.
    pub skipped: Vec<Skipped>,
    /// Whether the nodes stood in another order and were sorted here. Never in strict mode.
    pub reordered: bool,
}

/// Memory that the nodes of any tree may take, in bytes, and how much more for each eight bytes of text. Real trees need
/// up to 1.35 bytes for each byte; this bounds what tiny nodes and attributes of a hostile tree cost. The largest tree
/// with its text takes 1.25 GiB, two of them, as `diff` holds them, with the text of one about 2 GiB.
const FREE_MEMORY: usize = 64 << 20;
const MEMORY_FOR_EIGHT: usize = 11;

/// Reads the plaintext of a tree blob.
///
/// A name is refused if it is empty, `.` or `..`, has a `/` or NUL, is longer than [`MAX_NAME`] or occurs twice (the
/// first stays). Keys are matched without regard to case and the last of equal keys counts, as in Go.
///
/// # Errors
/// [`Error::TooLarge`] beyond [`MAX_TREE`] or if its nodes take more than 64 MiB and 1.375 times its size in memory;
/// [`Error::Damaged`] if it is not the JSON of a tree, in strict mode also for each node that is not as it must be.
pub fn decode_tree(data: &[u8], mode: Mode) -> Result<Tree> {
    let mut tree = Tree::default();
    let found = walk(data, mode, &mut tree.nodes)?;
    tree.skipped = found.skipped;
    if !found.ascending {
        settle(&mut tree);
    }
    Ok(tree)
}

/// What becomes of a tree's usable nodes, in the order of the text.
pub(super) trait Sink {
    /// The name of the node that came last.
    fn last(&self) -> Option<&[u8]>;
    /// Takes a node, whose JSON begins at byte `start` of the text.
    fn take(&mut self, node: Node, start: usize);
}

impl Sink for Vec<Node> {
    fn last(&self) -> Option<&[u8]> {
        self.as_slice().last().map(|node| node.name.as_slice())
    }

    fn take(&mut self, node: Node, _: usize) {
        self.push(node);
    }
}

/// What else was found in a tree's text.
pub(super) struct Found {
    pub(super) skipped: Vec<Skipped>,
    /// Whether each name is above the one before.
    pub(super) ascending: bool,
}

/// Goes through the text of a tree; limits and errors are those of [`decode_tree`].
pub(super) fn walk(data: &[u8], mode: Mode, sink: &mut impl Sink) -> Result<Found> {
    if data.len() > MAX_TREE {
        return Err(Error::too_large("the size of a tree in bytes", MAX_TREE as u64));
    }
    let mut reader = Reader::new(data);
    let mut found = None;
    let mut first = true;
    reader.expect(b'{')?;
    while reader.more(&mut first, b'}')? {
        let key = reader.key()?;
        if fold(key) != b"nodes" {
            reader.value()?;
        } else if found.is_some() {
            return Err(Error::damaged("a tree has two lists of nodes"));
        } else {
            found = Some(nodes(&mut reader, data.len(), mode, sink)?);
        }
    }
    match found {
        Some(found) if reader.peek().is_none() => Ok(found),
        _ => Err(Error::damaged("a tree is not one JSON object with a list of nodes")),
    }
}

fn nodes(reader: &mut Reader<'_>, size: usize, mode: Mode, sink: &mut impl Sink) -> Result<Found> {
    let mut found = Found { skipped: Vec::new(), ascending: true };
    if mode == Mode::Lenient && reader.peek() == Some(b'n') && reader.scalar()? == b"null" {
        return Ok(found);
    }
    let limit = FREE_MEMORY + size / 8 * MEMORY_FOR_EIGHT;
    let mut memory = 0;
    let mut first = true;
    reader.expect(b'[')?;
    while reader.more(&mut first, b']')? {
        let start = reader.position();
        let (node, fault) = read_node(reader)?;
        memory += cost(&node);
        if memory > limit {
            return Err(Error::too_large("the memory for a tree's nodes in bytes", limit as u64));
        }
        let fault = fault.or_else(|| name_fault(&node.name));
        let Some(reason) = fault else {
            found.ascending &= sink.last().is_none_or(|last| last < node.name.as_slice());
            if !found.ascending && mode == Mode::Strict {
                return Err(Error::damaged(format!(
                    "a tree's nodes are not in order at \"{}\"",
                    node.name.escape_ascii()
                )));
            }
            sink.take(node, start);
            continue;
        };
        if mode == Mode::Strict {
            return Err(Error::damaged(format!("node \"{}\": {reason}", node.name.escape_ascii())));
        }
        found.skipped.push(Skipped { name: node.name, reason });
    }
    Ok(found)
}

/// What a node takes in memory, in bytes: itself, and each text with what the allocator adds to it.
fn cost(node: &Node) -> usize {
    const ALLOCATION: usize = 16;
    let text = |length: usize| if length == 0 { 0 } else { length + ALLOCATION };
    let attributes = node.extended_attributes.iter();
    size_of::<Node>()
        + text(node.name.len())
        + text(node.user.len())
        + text(node.group.len())
        + text(node.linktarget.len())
        + text(node.error.len())
        + text(node.unknown.len())
        + node.generic_attributes.as_ref().map_or(0, |raw| text(raw.len()))
        + node.content.as_ref().map_or(0, |content| text(content.len() * size_of::<Id>()))
        + attributes
            .map(|(name, value)| size_of::<(Vec<u8>, Vec<u8>)>() + text(name.len()) + text(value.len()))
            .sum::<usize>()
}

/// Why a node is left out whose name another has.
pub(super) const TWICE: &str = "its name occurs twice";

/// Drops all but the first of equal names and sorts the rest.
fn settle(tree: &mut Tree) {
    let order: Vec<bool> = {
        let mut seen = HashSet::with_capacity(tree.nodes.len());
        tree.nodes.iter().map(|node| seen.insert(node.name.as_slice())).collect()
    };
    let mut fresh = order.into_iter();
    let skipped = &mut tree.skipped;
    tree.nodes.retain_mut(|node| {
        let keep = fresh.next().unwrap_or(false);
        if !keep {
            skipped.push(Skipped { name: std::mem::take(&mut node.name), reason: TWICE });
        }
        keep
    });
    tree.reordered = !tree.nodes.is_sorted_by(|a, b| a.name < b.name);
    if tree.reordered {
        tree.nodes.sort_by(|a, b| a.name.cmp(&b.name));
    }
}

fn name_fault(name: &[u8]) -> Option<&'static str> {
    match name {
        b"" => Some("its name is empty"),
        b"." | b".." => Some("its name leads to another directory"),
        _ if name.contains(&b'/') => Some("its name has a slash"),
        _ if name.contains(&0) => Some("its name has a NUL"),
        _ if name.len() > MAX_NAME => Some("its name is too long"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;
    use crate::tree::{NodeType, encode_tree};

    /// However many entries a folder has, an honest one stays within its budget without the part that is free.
    #[test]
    fn an_honest_node_takes_less_than_its_share() {
        let time = Timestamp { seconds: 1_700_000_000, nanos: 123_456_789, offset: 3600 };
        let node = Node {
            name: b"IMG_0001.JPG".to_vec(),
            kind: NodeType::File,
            mode: 0o644,
            mtime: time,
            atime: time,
            ctime: time,
            user: "ann".into(),
            group: "ann".into(),
            inode: 123_456,
            device_id: 2049,
            size: 1,
            links: 1,
            content: Some(vec![Id([7; 32])]),
            ..Node::default()
        };
        let json = encode_tree(std::slice::from_ref(&node)).unwrap().len() - "{\"nodes\":[]}\n".len();
        assert!(cost(&node) <= json * MEMORY_FOR_EIGHT / 8, "{} for {json}", cost(&node));
    }
}
