//! One node's fields, from JSON.

use super::json::Reader;
use super::keys::{USUAL, fold, is_known, is_lower};
use super::text::Text;
use super::{Node, NodeType, quote};
use crate::{Id, Result, time::Timestamp};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// More extended attributes than any file can have: Linux lists 64 KiB of names.
const MAX_ATTRIBUTES: usize = 32 << 10;

/// A name and a value.
type Attribute = (Vec<u8>, Vec<u8>);

/// Why a field could not be used, while its JSON is well formed.
type Field<T> = std::result::Result<T, &'static str>;

/// Reads one node to its end. A fault is the first thing that makes it unusable; the rest is read all the same.
pub(super) fn read_node(reader: &mut Reader<'_>) -> Result<(Node, Option<&'static str>)> {
    let mut node = Node { kind: NodeType::Unknown("".into()), ..Node::default() };
    let mut fault = None;
    if reader.peek() != Some(b'{') {
        reader.value()?;
        return Ok((node, Some("it is not an object")));
    }
    let mut raw_target = None;
    let mut first = true;
    reader.expect(b'{')?;
    for &key in &USUAL {
        if reader.take_key(key, &mut first) {
            let result = field(reader, Text::of(key), &mut node, &mut raw_target)?;
            fault = fault.or(result.err());
        }
    }
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
            let folded = if is_lower(raw) { Vec::new() } else { fold(key) };
            if is_known(&folded) {
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

/// The longest string that is taken, in bytes as it is spelt: a bound on what bytes that are no UTF-8 grow to.
const MAX_TEXT: usize = 1 << 20;
/// The longest binary value that is taken, as it is spelt.
const MAX_BINARY: usize = 64 << 20;

/// A string, `None` for `null`. A value of another type is passed over.
fn text<'a>(reader: &mut Reader<'a>) -> Result<Field<Option<Text<'a>>>> {
    text_up_to(MAX_TEXT, reader)
}

fn text_up_to<'a>(limit: usize, reader: &mut Reader<'a>) -> Result<Field<Option<Text<'a>>>> {
    if reader.peek() == Some(b'"') {
        let text = reader.text()?;
        return Ok(if text.raw.len() > limit { Err("a text is too long") } else { Ok(Some(text)) });
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
    if let Some(number) = reader.digits() {
        return Ok(T::try_from(number).map(Some).map_err(|_| "a number is out of its range"));
    }
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
    let Ok(digits) = <&[u8; 64]>::try_from(text.raw) else { return Err("an ID is none") };
    let mut id = [0u8; 32];
    let mut all = 0;
    for (byte, pair) in id.iter_mut().zip(digits.chunks_exact(2)) {
        let (high, low) = (DIGIT[usize::from(pair[0])], DIGIT[usize::from(pair[1])]);
        all |= high | low;
        *byte = high << 4 | low & 15;
    }
    if all > 15 { Err("an ID is none") } else { Ok(Id(id)) }
}

/// The value of a lower-case hexadecimal digit, 255 for every other byte.
const DIGIT: [u8; 256] = {
    let mut table = [255; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

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
    limit: usize,
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
            Ok(_) if values.len() >= limit => fault = Some("a list is too long"),
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
    list(reader, usize::MAX, |reader| Ok(text(reader)?.and_then(|text| text.ok_or("an ID is none")).and_then(hash)))
}

fn binary(reader: &mut Reader<'_>) -> Result<Field<Option<Vec<u8>>>> {
    Ok(match text_up_to(MAX_BINARY, reader)? {
        Ok(Some(text)) => STANDARD.decode(text.bytes()).map(Some).map_err(|_| "a value is not base64"),
        Ok(None) => Ok(None),
        Err(fault) => Err(fault),
    })
}

fn attributes(reader: &mut Reader<'_>) -> Result<Field<Vec<Attribute>>> {
    Ok(list(reader, MAX_ATTRIBUTES, attribute)?.map(Option::unwrap_or_default))
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
        let key = reader.key()?;
        let folded = if is_lower(key.raw) { key.raw } else { &fold(key) };
        let result = match folded {
            b"name" => set(text(reader)?.map(|text| text.map(|text| text.bytes().into_owned())), &mut name),
            b"value" => binary(reader)?.map(|bytes| value = bytes.unwrap_or_default()),
            _ => reader.value().map(|_| Ok(()))?,
        };
        fault = fault.or(result.err());
    }
    Ok(match fault {
        None if name.is_empty() => Err("an extended attribute has no name"),
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
