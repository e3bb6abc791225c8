//! Directory listings as restic stores them, byte for byte: a tree's ID is the hash of its JSON, so every comma counts.
//!
//! The rules are those of Go 1.19, which Debian's restic 0.14 is built with: Unicode 13 decides what is printable,
//! and a backspace in a link target is written as a code (a later Go writes `\b`). Where another release writes
//! other bytes, only deduplication of that one directory listing is lost.

mod decode;
mod encode;
mod fields;
mod json;
mod node;
mod printable;
mod quote;

pub use decode::{Mode, Skipped, Tree, decode_tree};
pub use encode::{TreeEncoder, encode_node, encode_tree};
pub use node::{Node, NodeType, mode};

/// The largest tree that is read, in bytes of plaintext (threats B-1).
pub const MAX_TREE: usize = 512 << 20;

/// The longest name of a node that is read, in bytes; no file system has longer ones.
pub const MAX_NAME: usize = 4096;
