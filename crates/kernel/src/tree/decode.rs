//! Reading trees that restic, rustic or an intruder wrote.

use super::fields::{fold, read_node};
use super::json::Reader;
use super::{MAX_NAME, MAX_TREE, Node};
use crate::{Error, Result};
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

/// Memory that the nodes of any tree may take, in bytes, and how much more for each two bytes of text. Real trees need
/// less than one byte for each byte; this bounds what tiny nodes and attributes of a hostile tree cost.
const FREE_MEMORY: usize = 64 << 20;
const MEMORY_FOR_TWO: usize = 5;

/// Reads the plaintext of a tree blob.
///
/// A name is refused if it is empty, `.` or `..`, has a `/` or NUL, is longer than [`MAX_NAME`] or occurs twice (the
/// first stays). Keys are matched without regard to case and the last of equal keys counts, as in Go.
///
/// # Errors
/// [`Error::TooLarge`] beyond [`MAX_TREE`] or if its nodes take more than 64 MiB and 2.5 times its size in memory; [`Error::Damaged`] if it is not the
/// JSON of a tree, in strict mode also for each node that is not as it must be.
pub fn decode_tree(data: &[u8], mode: Mode) -> Result<Tree> {
    if data.len() > MAX_TREE {
        return Err(Error::too_large("the size of a tree in bytes", MAX_TREE as u64));
    }
    let mut reader = Reader::new(data);
    let mut tree = Tree::default();
    let mut found = false;
    let mut first = true;
    reader.expect(b'{')?;
    while reader.more(&mut first, b'}')? {
        let key = reader.key()?;
        if fold(key) != b"nodes" {
            reader.value()?;
        } else if found {
            return Err(Error::damaged("a tree has two lists of nodes"));
        } else {
            found = true;
            nodes(&mut reader, data.len(), mode, &mut tree)?;
        }
    }
    if !found || reader.peek().is_some() {
        return Err(Error::damaged("a tree is not one JSON object with a list of nodes"));
    }
    Ok(tree)
}

fn nodes(reader: &mut Reader<'_>, size: usize, mode: Mode, tree: &mut Tree) -> Result<()> {
    if mode == Mode::Lenient && reader.peek() == Some(b'n') && reader.scalar()? == b"null" {
        return Ok(());
    }
    let limit = FREE_MEMORY + size / 2 * MEMORY_FOR_TWO;
    let mut memory = 0;
    let mut ascending = true;
    let mut first = true;
    reader.expect(b'[')?;
    while reader.more(&mut first, b']')? {
        let (node, fault) = read_node(reader)?;
        memory += cost(&node);
        if memory > limit {
            return Err(Error::too_large("the memory for a tree's nodes in bytes", limit as u64));
        }
        let fault = fault.or_else(|| name_fault(&node.name));
        let Some(reason) = fault else {
            ascending &= tree.nodes.last().is_none_or(|last| last.name < node.name);
            if !ascending && mode == Mode::Strict {
                return Err(Error::damaged(format!(
                    "a tree's nodes are not in order at \"{}\"",
                    node.name.escape_ascii()
                )));
            }
            tree.nodes.push(node);
            continue;
        };
        if mode == Mode::Strict {
            return Err(Error::damaged(format!("node \"{}\": {reason}", node.name.escape_ascii())));
        }
        tree.skipped.push(Skipped { name: node.name, reason });
    }
    if !ascending {
        settle(tree);
    }
    Ok(())
}

/// What a node takes in memory beyond its text, in bytes: about, and rather more.
fn cost(node: &Node) -> usize {
    const ALLOCATION: usize = 32;
    size_of::<Node>() + ALLOCATION + node.extended_attributes.len() * (size_of::<(Vec<u8>, Vec<u8>)>() + 2 * ALLOCATION)
}

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
            skipped.push(Skipped { name: std::mem::take(&mut node.name), reason: "its name occurs twice" });
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
