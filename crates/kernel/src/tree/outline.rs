//! Where the nodes of a tree stand in its text, so that each is made when it is asked for.
//!
//! Decoded, a tree takes up to 1.35 times its text, and the text is there anyhow. Whoever looks at one node after the
//! other holds the text and four bytes for each node instead.

use super::Node;
use super::decode::{Mode, Sink, Skipped, TWICE, walk};
use super::fields::read_node;
use super::json::Reader;
use crate::Result;
use std::collections::HashSet;

/// The nodes of a tree's text, which the caller keeps and hands in again.
#[derive(Debug, Default)]
pub struct Outline {
    /// Where the JSON of each node begins, in the order of the names' bytes; no tree is longer than four gigabytes.
    starts: Vec<u32>,
    /// What was left out. Empty in strict mode.
    pub skipped: Vec<Skipped>,
    /// Whether the nodes stand in another order in the text. Never in strict mode.
    pub reordered: bool,
}

/// Keeps the places of nodes, and the last name to see that they ascend.
#[derive(Default)]
struct Places {
    starts: Vec<u32>,
    last: Option<Vec<u8>>,
}

impl Sink for Places {
    fn last(&self) -> Option<&[u8]> {
        self.last.as_deref()
    }

    fn take(&mut self, node: Node, start: usize) {
        self.starts.push(start as u32);
        self.last = Some(node.name);
    }
}

impl Outline {
    /// Goes through the text of a tree once: each node that the outline has can be read.
    ///
    /// # Errors
    /// Those of [`decode_tree`](super::decode_tree), which finds the same nodes.
    pub fn read(text: &[u8], mode: Mode) -> Result<Self> {
        let mut places = Places::default();
        let found = walk(text, mode, &mut places)?;
        let mut outline = Self { starts: places.starts, skipped: found.skipped, reordered: false };
        if !found.ascending {
            outline.settle(text);
        }
        outline.starts.shrink_to_fit();
        Ok(outline)
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// The node at a place, counted from 0, out of the text that was read.
    pub fn node(&self, text: &[u8], place: usize) -> Option<Node> {
        node_at(text, *self.starts.get(place)?)
    }

    /// The node of this name, out of the text that was read.
    pub fn find(&self, text: &[u8], name: &[u8]) -> Option<Node> {
        let mut range = 0..self.starts.len();
        while !range.is_empty() {
            let middle = range.start.midpoint(range.end);
            let node = self.node(text, middle)?;
            match node.name.as_slice().cmp(name) {
                std::cmp::Ordering::Equal => return Some(node),
                std::cmp::Ordering::Less => range.start = middle + 1,
                std::cmp::Ordering::Greater => range.end = middle,
            }
        }
        None
    }

    /// Drops all but the first of equal names and sorts the rest.
    fn settle(&mut self, text: &[u8]) {
        let name = |start| node_at(text, start).map(|node| node.name).unwrap_or_default();
        let mut named: Vec<(Vec<u8>, u32)> = self.starts.iter().map(|&start| (name(start), start)).collect();
        let mut seen = HashSet::with_capacity(named.len());
        let skipped = &mut self.skipped;
        named.retain(|(name, _)| {
            let keep = seen.insert(name.clone());
            if !keep {
                skipped.push(Skipped { name: name.clone(), reason: TWICE });
            }
            keep
        });
        self.reordered = !named.is_sorted();
        named.sort();
        self.starts = named.into_iter().map(|(_, start)| start).collect();
    }
}

/// The node whose JSON begins here; there is one wherever an outline says so.
fn node_at(text: &[u8], start: u32) -> Option<Node> {
    let rest = text.get(start as usize..)?;
    read_node(&mut Reader::new(rest)).ok().map(|(node, _)| node)
}
