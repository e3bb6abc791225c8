//! The keys of a node, and how a key is compared.

use super::text::Text;

/// The keys that most nodes have, in the order in which restic and rustic write them: they are looked for before the
/// key at hand is looked up.
pub(super) const USUAL: [&[u8]; 16] = [
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
    b"content",
    b"subtree",
];

/// The other keys that a node can have.
const RARE: [&[u8]; 6] =
    [b"linktarget", b"linktarget_raw", b"extended_attributes", b"generic_attributes", b"device", b"error"];

/// Whether a node can have this key.
pub(super) fn is_known(key: &[u8]) -> bool {
    USUAL.contains(&key) || RARE.contains(&key)
}

/// A key as Go compares it: letters without case, with the two runes beyond ASCII that fold to ASCII letters. A key too
/// long for any of ours, however it is escaped, is nothing.
pub(super) fn fold(key: Text<'_>) -> Vec<u8> {
    const LONGEST: usize = 200;
    if key.raw.len() > LONGEST {
        return Vec::new();
    }
    let fold = |rune| match rune {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    key.string().chars().map(fold).collect::<String>().into_bytes()
}

/// Whether a key is as it stands, and short as all of ours: then it need not be folded to be compared.
pub(super) fn is_lower(key: &[u8]) -> bool {
    key.iter().all(|byte| byte.is_ascii_lowercase() || *byte == b'_')
}
