//! Directory listings as restic stores them, byte for byte: a tree's ID is the hash of its JSON, so every comma counts.
//!
//! The rules are those of Go 1.19, which Debian's restic 0.14 is built with: Unicode 13 decides what is printable,
//! and a backspace in a link target is written as a code (a later Go writes `\b`). Where another release writes
//! other bytes, only deduplication of that one directory listing is lost.

mod decode;
mod encode;
mod fields;
mod json;
mod keys;
mod node;
mod outline;
mod printable;
mod quote;
mod text;

pub use decode::{Mode, Skipped, Tree, decode_tree};
pub use encode::{TreeEncoder, encode_node, encode_tree};
pub use node::{Node, NodeType, mode};
pub use outline::Outline;

/// The largest tree that is read, in bytes of plaintext (threats B-1).
pub const MAX_TREE: usize = 512 << 20;

/// The longest name of a node that is read, in bytes; no file system has longer ones.
pub const MAX_NAME: usize = 4096;

/// Folders below each other that are saved and read (threats B-3): as many as a path has room for, which is 4096 bytes
/// long at most on Linux.
pub const MAX_DEPTH: usize = 2048;

/// Bytes of a folder's path in a snapshot. Paths on Windows are the longest that restic saves, with three times 32,767;
/// a chain of folders with long names would otherwise cost gigabytes (threats B-3).
pub const MAX_PATH: usize = 128 << 10;

/// Whether a folder at this path lies deeper than is saved and read; the root has depth 0.
pub fn is_too_deep(path: &[u8], depth: usize) -> bool {
    depth > MAX_DEPTH || path.len() > MAX_PATH
}
