//! The one spelling of a blob that restic and rustic write, recognised without looking at keys.

use super::scan::Scan;
use crate::{BlobEntry, BlobType, Id};

/// Takes a blob in the usual spelling; otherwise takes nothing.
pub(super) fn blob(scan: &mut Scan) -> Option<BlobEntry> {
    let text = scan.rest();
    let rest = text.strip_prefix(b"{\"id\":\"")?;
    let (digits, rest) = rest.split_first_chunk::<64>()?;
    let id = unhex(digits)?;
    let rest = rest.strip_prefix(b"\",\"type\":\"")?;
    let (kind, rest) = rest.split_first_chunk::<4>()?;
    let kind = match kind {
        b"data" => BlobType::Data,
        b"tree" => BlobType::Tree,
        _ => return None,
    };
    let (offset, rest) = number(rest.strip_prefix(b"\",\"offset\":")?)?;
    let (length, rest) = number(rest.strip_prefix(b",\"length\":")?)?;
    let (uncompressed_length, rest) = match rest.strip_prefix(b",\"uncompressed_length\":") {
        Some(rest) => number(rest)?,
        None => (0, rest),
    };
    let rest = rest.strip_prefix(b"}")?;
    scan.advance(text.len() - rest.len());
    Some(BlobEntry { kind, id, offset, length, uncompressed_length })
}

/// One to nine digits without a leading zero. Longer ones take the slow path, which checks for overflow.
fn number(text: &[u8]) -> Option<(u32, &[u8])> {
    let mut value = 0;
    for (at, byte) in text.iter().enumerate().take(10) {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            let leading = at > 1 && text[0] == b'0';
            return (at > 0 && !leading).then_some((value, &text[at..]));
        }
        if at == 9 {
            return None;
        }
        value = value * 10 + u32::from(digit);
    }
    None
}

/// The value of each lower-case digit; 16 for all other bytes.
const DIGITS: [u8; 256] = {
    let mut table = [16; 256];
    let mut digit = 0;
    while digit < 16 {
        table[b"0123456789abcdef"[digit] as usize] = digit as u8;
        digit += 1;
    }
    table
};

fn unhex(digits: &[u8; 64]) -> Option<Id> {
    let mut id = [0; 32];
    let mut any = 0;
    for (byte, pair) in id.iter_mut().zip(digits.as_chunks::<2>().0) {
        let (high, low) = (DIGITS[usize::from(pair[0])], DIGITS[usize::from(pair[1])]);
        any |= high | low;
        *byte = high << 4 | low;
    }
    (any < 16).then_some(Id(id))
}
