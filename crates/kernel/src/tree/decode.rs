//! Reading trees that restic, rustic or an intruder wrote.

use super::json::{Reader, Text};
use super::{MAX_NAME, MAX_TREE, Node, NodeType, quote};
use crate::{Error, Id, Result, time::Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
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

/// A node with less text than this was not written by any of the programs we know; bounds what hostile trees cost.
const MIN_NODE: usize = 64;
/// How many nodes are taken whatever their size, and how many that were left out are listed.
const FREE_NODES: usize = 10_000;

/// Reads the plaintext of a tree blob.
///
/// A name is refused if it is empty, `.` or `..`, has a `/` or NUL, is longer than [`MAX_NAME`] or occurs twice (the
/// first stays). Keys are matched without regard to case and the last of equal keys counts, as in Go.
///
/// # Errors
/// [`Error::TooLarge`] beyond [`MAX_TREE`] or with too many nodes for its size; [`Error::Damaged`] if it is not the
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
        if fold(&key.bytes()) != b"nodes" {
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
    let mut ascending = true;
    let mut first = true;
    reader.expect(b'[')?;
    while reader.more(&mut first, b']')? {
        if tree.nodes.len() + tree.skipped.len() >= FREE_NODES + size / MIN_NODE {
            return Err(Error::too_large(
                "the number of nodes in a tree of its size",
                (FREE_NODES + size / MIN_NODE) as u64,
            ));
        }
        let (node, fault) = read_node(reader)?;
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

/// A name and a value.
type Attribute = (Vec<u8>, Vec<u8>);

/// Why a field could not be used, while its JSON is well formed.
type Field<T> = std::result::Result<T, &'static str>;

/// Reads one node to its end. A fault is the first thing that makes it unusable; the rest is read all the same.
fn read_node(reader: &mut Reader<'_>) -> Result<(Node, Option<&'static str>)> {
    let mut node = Node::default();
    let mut fault = None;
    if reader.peek() != Some(b'{') {
        reader.value()?;
        return Ok((node, Some("it is not an object")));
    }
    let mut raw_target = None;
    let mut first = true;
    reader.expect(b'{')?;
    while reader.more(&mut first, b'}')? {
        let key = reader.key()?;
        let result = field(reader, key, &mut node, &mut raw_target)?;
        fault = fault.or(result.err());
    }
    if let Some(raw) = raw_target {
        node.linktarget = raw;
    }
    Ok((node, fault))
}

fn field(
    reader: &mut Reader<'_>,
    key: Text<'_>,
    node: &mut Node,
    raw_target: &mut Option<Vec<u8>>,
) -> Result<Field<()>> {
    Ok(match key.raw {
        b"name" => name(reader, &mut node.name)?,
        b"type" => set(text(reader)?.map(|word| word.map(|word| kind(word))), &mut node.kind),
        b"mode" => set(integer(reader)?, &mut node.mode),
        b"mtime" => set(time(reader)?, &mut node.mtime),
        b"atime" => set(time(reader)?, &mut node.atime),
        b"ctime" => set(time(reader)?, &mut node.ctime),
        b"uid" => set(integer(reader)?, &mut node.uid),
        b"gid" => set(integer(reader)?, &mut node.gid),
        b"user" => set(text(reader)?.map(|text| text.map(Text::string)), &mut node.user),
        b"group" => set(text(reader)?.map(|text| text.map(Text::string)), &mut node.group),
        b"inode" => set(integer(reader)?, &mut node.inode),
        b"device_id" => set(integer(reader)?, &mut node.device_id),
        b"size" => set(integer(reader)?, &mut node.size),
        b"links" => set(integer(reader)?, &mut node.links),
        b"linktarget" => {
            set(text(reader)?.map(|text| text.map(|text| text.bytes().into_owned())), &mut node.linktarget)
        }
        b"linktarget_raw" => binary(reader)?.map(|raw| *raw_target = raw),
        b"extended_attributes" => attributes(reader)?.map(|list| node.extended_attributes = list),
        b"generic_attributes" => generic(reader)?.map(|raw| node.generic_attributes = raw),
        b"device" => set(integer(reader)?, &mut node.device),
        b"content" => content(reader)?.map(|list| node.content = list),
        b"subtree" => subtree(reader)?.map(|id| node.subtree = id),
        b"error" => set(text(reader)?.map(|text| text.map(Text::string)), &mut node.error),
        raw => {
            let folded = fold(&key.bytes());
            if folded != raw && KEYS.contains(&folded.as_slice()) {
                return field(reader, Text::of(&folded), node, raw_target);
            }
            let value = reader.value()?;
            node.unknown.extend_from_slice(b",\"");
            node.unknown.extend_from_slice(raw);
            node.unknown.extend_from_slice(b"\":");
            node.unknown.extend_from_slice(value);
            Ok(())
        }
    })
}

const KEYS: [&[u8]; 22] = [
    b"name",
    b"type",
    b"mode",
    b"mtime",
    b"atime",
    b"ctime",
    b"uid",
    b"gid",
    b"user",
    b"group",
    b"inode",
    b"device_id",
    b"size",
    b"links",
    b"linktarget",
    b"linktarget_raw",
    b"extended_attributes",
    b"generic_attributes",
    b"device",
    b"content",
    b"subtree",
    b"error",
];

/// A key as Go compares it: letters without case, with the two runes beyond ASCII that fold to ASCII letters.
fn fold(key: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(key);
    text.chars()
        .map(|rune| match rune {
            '\u{17f}' => 's',
            '\u{212a}' => 'k',
            other => other.to_ascii_lowercase(),
        })
        .collect::<String>()
        .into_bytes()
}

/// Sets a field; `null` leaves it alone, as in Go.
fn set<T>(value: Field<Option<T>>, target: &mut T) -> Field<()> {
    if let Some(value) = value? {
        *target = value;
    }
    Ok(())
}

fn kind(word: Text<'_>) -> NodeType {
    match word.raw {
        b"file" => NodeType::File,
        b"dir" => NodeType::Dir,
        b"symlink" => NodeType::Symlink,
        _ => NodeType::from_word(&word.string()),
    }
}

/// A string, `None` for `null`. A value of another type is passed over.
fn text<'a>(reader: &mut Reader<'a>) -> Result<Field<Option<Text<'a>>>> {
    if reader.peek() == Some(b'"') {
        return reader.text().map(|text| Ok(Some(text)));
    }
    Ok(if reader.value()? == b"null" { Ok(None) } else { Err("a field that must be a string is none") })
}

fn name(reader: &mut Reader<'_>, target: &mut Vec<u8>) -> Result<Field<()>> {
    Ok(match text(reader)? {
        Ok(Some(quoted)) => {
            let bytes = quoted.bytes();
            if !bytes.contains(&b'\\') && !bytes.contains(&b'"') && !bytes.contains(&b'\n') {
                target.clear();
                target.extend_from_slice(&bytes);
                Ok(())
            } else if let Some(name) = quote::unquote(&bytes) {
                *target = name;
                Ok(())
            } else {
                Err("its name is not quoted as it must be")
            }
        }
        Ok(None) => Ok(()),
        Err(fault) => Err(fault),
    })
}

fn integer<T: TryFrom<u64>>(reader: &mut Reader<'_>) -> Result<Field<Option<T>>> {
    let value = reader.value()?;
    if value == b"null" {
        return Ok(Ok(None));
    }
    let number = value.iter().try_fold(0u64, |number, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 { None } else { number.checked_mul(10)?.checked_add(u64::from(digit)) }
    });
    Ok(number.and_then(|number| T::try_from(number).ok()).map(Some).ok_or("a number is out of its range"))
}

fn time(reader: &mut Reader<'_>) -> Result<Field<Option<Timestamp>>> {
    Ok(match text(reader)? {
        Ok(Some(text)) => Timestamp::parse(&text.bytes()).map(Some).map_err(|_| "a time cannot be read"),
        Ok(None) => Ok(None),
        Err(fault) => Err(fault),
    })
}

fn hash(text: Text<'_>) -> Field<Id> {
    std::str::from_utf8(text.raw).ok().and_then(|hex| hex.parse().ok()).ok_or("an ID is none")
}

fn subtree(reader: &mut Reader<'_>) -> Result<Field<Option<Id>>> {
    Ok(match text(reader)? {
        Ok(Some(text)) => hash(text).map(Some),
        Ok(None) => Ok(None),
        Err(fault) => Err(fault),
    })
}

/// The list that comes next, `None` for `null`; each element is read by `element`, to its end also when it is faulty.
fn list<'a, T>(
    reader: &mut Reader<'a>,
    mut element: impl FnMut(&mut Reader<'a>) -> Result<Field<T>>,
) -> Result<Field<Option<Vec<T>>>> {
    if reader.peek() != Some(b'[') {
        return Ok(if reader.value()? == b"null" { Ok(None) } else { Err("a field that must be a list is none") });
    }
    let mut values = Vec::new();
    let mut fault = None;
    let mut first = true;
    reader.expect(b'[')?;
    while reader.more(&mut first, b']')? {
        match element(reader)? {
            Ok(value) => values.push(value),
            Err(reason) => fault = fault.or(Some(reason)),
        }
    }
    Ok(match fault {
        None => Ok(Some(values)),
        Some(reason) => Err(reason),
    })
}

fn content(reader: &mut Reader<'_>) -> Result<Field<Option<Vec<Id>>>> {
    list(reader, |reader| Ok(text(reader)?.and_then(|text| text.ok_or("an ID is none")).and_then(hash)))
}

fn binary(reader: &mut Reader<'_>) -> Result<Field<Option<Vec<u8>>>> {
    Ok(match text(reader)? {
        Ok(Some(text)) => STANDARD.decode(text.bytes()).map(Some).map_err(|_| "a value is not base64"),
        Ok(None) => Ok(None),
        Err(fault) => Err(fault),
    })
}

fn attributes(reader: &mut Reader<'_>) -> Result<Field<Vec<Attribute>>> {
    Ok(list(reader, attribute)?.map(Option::unwrap_or_default))
}

fn attribute(reader: &mut Reader<'_>) -> Result<Field<Attribute>> {
    if reader.peek() != Some(b'{') {
        reader.value()?;
        return Ok(Err("an extended attribute is not an object"));
    }
    let mut name = Vec::new();
    let mut value = Vec::new();
    let mut fault = None;
    let mut first = true;
    reader.expect(b'{')?;
    while reader.more(&mut first, b'}')? {
        let result = match fold(&reader.key()?.bytes()).as_slice() {
            b"name" => set(text(reader)?.map(|text| text.map(|text| text.bytes().into_owned())), &mut name),
            b"value" => binary(reader)?.map(|bytes| value = bytes.unwrap_or_default()),
            _ => reader.value().map(|_| Ok(()))?,
        };
        fault = fault.or(result.err());
    }
    Ok(match fault {
        None => Ok((name, value)),
        Some(reason) => Err(reason),
    })
}

fn generic(reader: &mut Reader<'_>) -> Result<Field<Option<Box<[u8]>>>> {
    Ok(match reader.value()? {
        b"null" | b"{}" => Ok(None),
        raw if raw.starts_with(b"{") => Ok(Some(raw.into())),
        _ => Err("a field that must be an object is none"),
    })
}
