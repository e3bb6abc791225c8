//! Strings as Go writes them: `strconv.Quote` for names, `encoding/json` with HTML escaping around everything.

use super::printable::PRINTABLE;
use std::cmp::Ordering;

const HEX: &[u8; 16] = b"0123456789abcdef";

/// What to do with an ASCII byte: nothing, or an escape.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte] = !matches!(byte as u8, b'"' | b'\\' | b'<' | b'>' | b'&');
        byte += 1;
    }
    plain
};

/// Whether Go prints this rune above U+007F as it is.
fn is_printable(rune: char) -> bool {
    let rune = rune as u32;
    if (0xAE..=0x377).contains(&rune) || (0x4E00..=0x9FFC).contains(&rune) || (0xAC00..=0xD7A3).contains(&rune) {
        return true;
    }
    PRINTABLE
        .binary_search_by(|&(first, last)| match (first > rune, last < rune) {
            (true, _) => Ordering::Greater,
            (_, true) => Ordering::Less,
            _ => Ordering::Equal,
        })
        .is_ok()
}

/// Appends a name: quoted as by `strconv.Quote` (without its outer quotes), then as a JSON string with its quotes.
pub(super) fn write_name(name: &[u8], out: &mut Vec<u8>) {
    write_runs(name, out, |bad, out| match bad {
        Piece::Ascii(b'"') => out.extend_from_slice(br#"\\\""#),
        Piece::Ascii(b'\\') => out.extend_from_slice(br"\\\\"),
        Piece::Ascii(byte @ (b'<' | b'>' | b'&')) => write_code(u32::from(byte), out),
        Piece::Ascii(byte @ 7..=13) => {
            out.extend_from_slice(br"\\");
            out.push(b"abtnvfr"[usize::from(byte - 7)]);
        }
        Piece::Ascii(byte) | Piece::Invalid(byte) => {
            out.extend_from_slice(br"\\x");
            out.push(HEX[usize::from(byte >> 4)]);
            out.push(HEX[usize::from(byte & 15)]);
        }
        Piece::Rune(rune) if is_printable(rune) => {
            out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Piece::Rune(rune) => {
            let code = rune as u32;
            let (letter, digits) = if code < 0x10000 { (b'u', 4) } else { (b'U', 8) };
            out.extend_from_slice(br"\\");
            out.push(letter);
            for place in (0..digits).rev() {
                out.push(HEX[(code >> (4 * place) & 15) as usize]);
            }
        }
    });
}

/// Appends a JSON string with its quotes, as Go 1.19 escapes it; bytes that are not UTF-8 become U+FFFD.
pub(super) fn write_string(text: &[u8], out: &mut Vec<u8>) {
    write_runs(text, out, |bad, out| match bad {
        Piece::Ascii(byte @ (b'"' | b'\\')) => out.extend_from_slice(&[b'\\', byte]),
        Piece::Ascii(b'\n') => out.extend_from_slice(br"\n"),
        Piece::Ascii(b'\r') => out.extend_from_slice(br"\r"),
        Piece::Ascii(b'\t') => out.extend_from_slice(br"\t"),
        Piece::Ascii(0x7f) => out.push(0x7f),
        Piece::Ascii(byte) => write_code(u32::from(byte), out),
        Piece::Invalid(_) => out.extend_from_slice(br"\ufffd"),
        Piece::Rune(rune @ ('\u{2028}' | '\u{2029}')) => write_code(rune as u32, out),
        Piece::Rune(rune) => out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes()),
    });
}

/// A piece of a string that is no run of plain ASCII.
enum Piece {
    Ascii(u8),
    Rune(char),
    Invalid(u8),
}

/// Copies runs of plain ASCII and hands everything else to `special`; quotes around the whole.
fn write_runs(text: &[u8], out: &mut Vec<u8>, special: impl Fn(Piece, &mut Vec<u8>)) {
    out.push(b'"');
    let mut rest = text;
    while let Some(end) = rest.iter().position(|&byte| !PLAIN[usize::from(byte)]) {
        let (plain, tail) = rest.split_at(end);
        out.extend_from_slice(plain);
        if tail[0] < 0x80 {
            special(Piece::Ascii(tail[0]), out);
            rest = &tail[1..];
        } else if let Some(rune) = first_rune(tail) {
            special(Piece::Rune(rune), out);
            rest = &tail[rune.len_utf8()..];
        } else {
            special(Piece::Invalid(tail[0]), out);
            rest = &tail[1..];
        }
    }
    out.extend_from_slice(rest);
    out.push(b'"');
}

/// The rune that text begins with, if it is well formed. What is not is taken byte by byte, as Go does.
fn first_rune(text: &[u8]) -> Option<char> {
    let length = match text[0] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return None,
    };
    std::str::from_utf8(text.get(..length)?).ok()?.chars().next()
}

/// Appends `\u` and four digits.
fn write_code(code: u32, out: &mut Vec<u8>) {
    out.extend_from_slice(br"\u");
    for place in (0..4).rev() {
        out.push(HEX[(code >> (4 * place) & 15) as usize]);
    }
}

/// Undoes `strconv.Quote`; `None` where Go's `strconv.Unquote` reports a syntax error.
pub(super) fn unquote(quoted: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' | b'\n' => return None,
            b'\\' => match bytes.next()? {
                b'a' => out.push(7),
                b'b' => out.push(8),
                b'f' => out.push(12),
                b'n' => out.push(b'\n'),
                b'r' => out.push(b'\r'),
                b't' => out.push(b'\t'),
                b'v' => out.push(11),
                plain @ (b'\\' | b'"') => out.push(plain),
                b'x' => out.push(code(&mut bytes, 2)? as u8),
                b'u' => push_rune(code(&mut bytes, 4)?, &mut out)?,
                b'U' => push_rune(code(&mut bytes, 8)?, &mut out)?,
                first @ b'0'..=b'7' => {
                    let mut value = u32::from(first - b'0');
                    for _ in 0..2 {
                        let digit = bytes.next().filter(|digit| (b'0'..=b'7').contains(digit))?;
                        value = value * 8 + u32::from(digit - b'0');
                    }
                    out.push(u8::try_from(value).ok()?);
                }
                _ => return None,
            },
            plain => out.push(plain),
        }
    }
    Some(out)
}

fn code(bytes: &mut impl Iterator<Item = u8>, digits: u32) -> Option<u32> {
    let mut value = 0u32;
    for _ in 0..digits {
        value = value << 4 | char::from(bytes.next()?).to_digit(16)?;
    }
    Some(value)
}

fn push_rune(code: u32, out: &mut Vec<u8>) -> Option<()> {
    out.extend_from_slice(char::from_u32(code)?.encode_utf8(&mut [0; 4]).as_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write_name(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn string(bytes: &[u8]) -> String {
        let mut out = Vec::new();
        write_string(bytes, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Names are quoted twice, and differently where the two rules differ.
    #[test]
    fn names() {
        assert_eq!(name(b"a\"b\\c"), r#""a\\\"b\\\\c""#);
        assert_eq!(name(b"<&>\x07\x0d\x01\x7f\n"), r#""\u003c\u0026\u003e\\a\\r\\x01\\x7f\\n""#);
        assert_eq!(name(b"\xff\xc3\xed\xa0\x80"), r#""\\xff\\xc3\\xed\\xa0\\x80""#);
        assert_eq!(name("\u{a0}\u{3000}\u{200d}\u{2028}".as_bytes()), r#""\\u00a0\\u3000\\u200d\\u2028""#);
        assert_eq!(name("äß中😀\u{fffd}".as_bytes()), "\"äß中😀\u{fffd}\"");
        assert_eq!(name("\u{f0000}\u{1fae0}".as_bytes()), r#""\\U000f0000\\U0001fae0""#);
    }

    /// Other strings know only JSON's rule.
    #[test]
    fn strings() {
        assert_eq!(string(b"a\x08\x0c\n<\x7f\xff"), "\"a\\u0008\\u000c\\n\\u003c\x7f\\ufffd\"");
        assert_eq!(string("\u{2028}\u{a0}".as_bytes()), "\"\\u2028\u{a0}\"");
    }

    /// Every escape of Go's is read, and what Go refuses is refused.
    #[test]
    fn unquoting() {
        assert_eq!(
            unquote(br#"\a\b\f\n\r\t\v\\\"\xff\101\u00e4\U0001F600x"#).unwrap(),
            b"\x07\x08\x0c\n\r\t\x0b\\\"\xffA\xc3\xa4\xf0\x9f\x98\x80x"
        );
        for bad in [&br"\"[..], br"\q", br"\x4", br"\400", br"\ud800", br"\U00110000", b"a\"b", b"\n", br"\'", br"\78"]
        {
            assert!(unquote(bad).is_none(), "{}", bad.escape_ascii());
        }
    }
}
