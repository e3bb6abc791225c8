//! Trees as restic writes them: field order, omissions and escapes of its Go structures (`docs/reference/format.md` 1.10).

use super::{Node, NodeType, quote};
use crate::{Error, Id, Result, time::Timestamp};
use base64::{Engine, engine::general_purpose::STANDARD};

/// Appends one node as JSON.
pub fn encode_node(node: &Node, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    quote::write_name(&node.name, out);
    out.extend_from_slice(b",\"type\":");
    match &node.kind {
        NodeType::Unknown(word) => quote::write_string(word.as_bytes(), out),
        known => {
            out.push(b'"');
            out.extend_from_slice(known.as_str().as_bytes());
            out.push(b'"');
        }
    }
    number(b",\"mode\":", u64::from(node.mode), out);
    time(b",\"mtime\":\"", &node.mtime, out);
    time(b"\",\"atime\":\"", &node.atime, out);
    time(b"\",\"ctime\":\"", &node.ctime, out);
    out.extend_from_slice(b"\",\"uid\":");
    decimal(u64::from(node.uid), out);
    out.extend_from_slice(b",\"gid\":");
    decimal(u64::from(node.gid), out);
    string(b",\"user\":", node.user.as_bytes(), out);
    string(b",\"group\":", node.group.as_bytes(), out);
    number(b",\"inode\":", node.inode, out);
    number(b",\"device_id\":", node.device_id, out);
    number(b",\"size\":", node.size, out);
    number(b",\"links\":", node.links, out);
    if !node.linktarget.is_empty() {
        string(b",\"linktarget\":", &node.linktarget, out);
        if std::str::from_utf8(&node.linktarget).is_err() {
            out.extend_from_slice(b",\"linktarget_raw\":");
            binary(&node.linktarget, out);
        }
    }
    for (position, (name, value)) in node.extended_attributes.iter().enumerate() {
        out.extend_from_slice(if position == 0 { b",\"extended_attributes\":[{\"name\":" } else { b",{\"name\":" });
        quote::write_string(name, out);
        out.extend_from_slice(b",\"value\":");
        binary(value, out);
        out.push(b'}');
    }
    if !node.extended_attributes.is_empty() {
        out.push(b']');
    }
    if let Some(raw) = &node.generic_attributes {
        out.extend_from_slice(b",\"generic_attributes\":");
        out.extend_from_slice(raw);
    }
    number(b",\"device\":", node.device, out);
    content(node.content.as_deref(), out);
    if let Some(subtree) = &node.subtree {
        out.extend_from_slice(b",\"subtree\":");
        id(subtree, out);
    }
    string(b",\"error\":", node.error.as_bytes(), out);
    out.extend_from_slice(&node.unknown);
    out.push(b'}');
}

/// Builds a tree from nodes that come in the order of their names' bytes.
#[derive(Debug)]
pub struct TreeEncoder {
    out: Vec<u8>,
    last: Vec<u8>,
    empty: bool,
}

impl TreeEncoder {
    /// An empty tree.
    pub fn new() -> Self {
        Self::with_buffer(Vec::new())
    }

    /// An empty tree that is written into a buffer used before; what it holds is dropped.
    pub fn with_buffer(mut out: Vec<u8>) -> Self {
        out.clear();
        out.extend_from_slice(b"{\"nodes\":[");
        Self { out, last: Vec::new(), empty: true }
    }

    /// Adds a node.
    ///
    /// # Errors
    /// [`Error::Internal`] unless its name comes after the one before: such a tree would be refused by every reader.
    pub fn add(&mut self, node: &Node) -> Result<()> {
        if !self.empty {
            if node.name <= self.last {
                let name = node.name.escape_ascii();
                return Err(Error::Internal(format!("a tree's nodes are out of order at \"{name}\"")));
            }
            self.out.push(b',');
        }
        self.empty = false;
        self.last.clear();
        self.last.extend_from_slice(&node.name);
        encode_node(node, &mut self.out);
        Ok(())
    }

    /// The plaintext of the tree blob.
    pub fn finish(mut self) -> Vec<u8> {
        self.out.extend_from_slice(b"]}\n");
        self.out
    }
}

impl Default for TreeEncoder {
    fn default() -> Self {
        Self::new()
    }
}

/// The plaintext of the tree of these nodes, which are in the order of their names.
///
/// # Errors
/// As [`TreeEncoder::add`].
pub fn encode_tree<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Result<Vec<u8>> {
    let mut encoder = TreeEncoder::new();
    for node in nodes {
        encoder.add(node)?;
    }
    Ok(encoder.finish())
}

/// A decimal number, nothing at all if it is zero.
fn number(key: &[u8], value: u64, out: &mut Vec<u8>) {
    if value != 0 {
        out.extend_from_slice(key);
        decimal(value, out);
    }
}

fn decimal(mut value: u64, out: &mut Vec<u8>) {
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

fn time(key: &[u8], value: &Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(key);
    value.write(out);
}

/// A string, nothing at all if it is empty.
fn string(key: &[u8], value: &[u8], out: &mut Vec<u8>) {
    if !value.is_empty() {
        out.extend_from_slice(key);
        quote::write_string(value, out);
    }
}

fn binary(value: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + value.len().div_ceil(3) * 4, 0);
    let written = STANDARD.encode_slice(value, &mut out[start..]).unwrap_or(0);
    out.truncate(start + written);
    out.push(b'"');
}

fn content(blobs: Option<&[Id]>, out: &mut Vec<u8>) {
    let Some(blobs) = blobs else {
        out.extend_from_slice(b",\"content\":null");
        return;
    };
    out.extend_from_slice(b",\"content\":[");
    for (position, blob) in blobs.iter().enumerate() {
        if position != 0 {
            out.push(b',');
        }
        id(blob, out);
    }
    out.push(b']');
}

fn id(id: &Id, out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut hex = [b'"'; 66];
    for (pair, byte) in hex[1..65].chunks_exact_mut(2).zip(id.0) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    out.extend_from_slice(&hex);
}
