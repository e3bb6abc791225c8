//! A small JSON reader over bytes that borrows what it can and copies nothing that is not asked for.

use super::text::Text;
use crate::{Error, Result};

/// How deeply values may be nested; trees of restic nest four deep.
const MAX_DEPTH: u32 = 64;

/// Where we are in the text.
pub(super) struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    /// Where the next byte stands in the text.
    pub(super) fn position(&self) -> usize {
        self.at
    }

    /// What was read since a position.
    pub(super) fn since(&self, start: usize) -> &'a [u8] {
        &self.data[start..self.at]
    }

    pub(super) fn damaged(&self) -> Error {
        Error::damaged(format!("a tree is malformed at byte {}", self.at))
    }

    /// The next byte after white space, which stays.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(&byte) = self.data.get(self.at) {
            if !matches!(byte, b' ' | b'\n' | b'\t' | b'\r') {
                return Some(byte);
            }
            self.at += 1;
        }
        None
    }

    /// Takes this byte if it is the next one.
    pub(super) fn take(&mut self, byte: u8) -> bool {
        let here = self.peek() == Some(byte);
        self.at += usize::from(here);
        here
    }

    pub(super) fn expect(&mut self, byte: u8) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(self.damaged()) }
    }

    /// Whether another member follows in an object or array that `close` ends; takes commas and the end.
    pub(super) fn more(&mut self, first: &mut bool, close: u8) -> Result<bool> {
        if std::mem::take(first) {
            return Ok(!self.take(close));
        }
        if self.take(b',') {
            return Ok(true);
        }
        self.expect(close).map(|()| false)
    }

    /// A member's name, with the colon behind it.
    pub(super) fn key(&mut self) -> Result<Text<'a>> {
        let key = self.text()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Takes this member's name and colon if they come next just as restic writes them, without white space.
    pub(super) fn take_key(&mut self, key: &[u8], first: &mut bool) -> bool {
        let start = self.at + usize::from(!*first);
        let end = start + key.len() + 1;
        let here = self.data.get(start..end + 2).is_some_and(|text| {
            (*first || self.data[self.at] == b',')
                && text[0] == b'"'
                && text[1..].starts_with(key)
                && text.ends_with(b"\":")
        });
        if here {
            self.at = end + 2;
            *first = false;
        }
        here
    }

    /// A number that is nothing but some digits; `None`, and nothing taken, if anything else comes next.
    pub(super) fn digits(&mut self) -> Option<u64> {
        let rest = &self.data[self.at..];
        let mut number = 0u64;
        let mut length = 0;
        while let Some(digit) = rest.get(length).map(|byte| byte.wrapping_sub(b'0')).filter(|&digit| digit < 10) {
            number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
            length += 1;
        }
        let ends = matches!(rest.get(length), Some(b',' | b'}'));
        if !ends || length == 0 || (length > 1 && rest[0] == b'0') {
            return None;
        }
        self.at += length;
        Some(number)
    }

    pub(super) fn text(&mut self) -> Result<Text<'a>> {
        self.expect(b'"')?;
        let start = self.at;
        let mut plain = true;
        loop {
            self.at += plain_run(&self.data[self.at..]).ok_or_else(|| self.damaged())?;
            match self.data[self.at] {
                b'"' => break,
                b'\\' => {
                    plain = false;
                    self.at += self.escape_length().ok_or_else(|| self.damaged())?;
                }
                0x80.. => {
                    plain = false;
                    self.at += 1;
                }
                _ => return Err(self.damaged()),
            }
        }
        let raw = &self.data[start..self.at];
        self.at += 1;
        Ok(Text { raw, plain })
    }

    /// Length of the escape that begins here, if it is one.
    fn escape_length(&self) -> Option<usize> {
        match self.data.get(self.at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
            b'u' => self.data.get(self.at + 2..self.at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
            _ => None,
        }
    }

    /// A number or one of the three words, as it stands; any other value is an error of syntax.
    pub(super) fn scalar(&mut self) -> Result<&'a [u8]> {
        self.peek();
        let rest = &self.data[self.at..];
        let length = rest
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'+' | b'-' | b'.' | b'E'))
            .unwrap_or(rest.len());
        let scalar = &rest[..length];
        if !matches!(scalar, b"true" | b"false" | b"null") && !is_number(scalar) {
            return Err(self.damaged());
        }
        self.at += length;
        Ok(scalar)
    }

    /// Passes over a value and returns it as it stands.
    pub(super) fn value(&mut self) -> Result<&'a [u8]> {
        self.peek();
        let start = self.at;
        self.skip(MAX_DEPTH)?;
        Ok(self.since(start))
    }

    fn skip(&mut self, depth: u32) -> Result<()> {
        if depth == 0 {
            return Err(Error::too_large("the nesting of a tree's JSON", u64::from(MAX_DEPTH)));
        }
        let mut first = true;
        match self.peek() {
            Some(b'"') => self.text().map(|_| ()),
            Some(b'{') => {
                self.at += 1;
                while self.more(&mut first, b'}')? {
                    self.key()?;
                    self.skip(depth - 1)?;
                }
                Ok(())
            }
            Some(b'[') => {
                self.at += 1;
                while self.more(&mut first, b']')? {
                    self.skip(depth - 1)?;
                }
                Ok(())
            }
            _ => self.scalar().map(|_| ()),
        }
    }
}

/// Where the first byte stands that is not plain ASCII within a string: a quote, a backslash, a control character, or
/// part of a longer rune. Eight bytes at a time.
fn plain_run(text: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & HIGH;
    let mut at = 0;
    while let Some(&eight) = text[at..].first_chunk::<8>() {
        let word = u64::from_le_bytes(eight);
        let control = word.wrapping_sub(ONES * 0x20) & !word & HIGH;
        let special = zero(word ^ (ONES * 0x22)) | zero(word ^ (ONES * 0x5c)) | control | word & HIGH;
        if special != 0 {
            return Some(at + special.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = &text[at..];
    rest.iter().position(|&byte| matches!(byte, b'"' | b'\\') || !(0x20..0x80).contains(&byte)).map(|run| at + run)
}

/// Whether this is a number by JSON's grammar.
fn is_number(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = text.strip_prefix(b"-").unwrap_or(text);
    let whole = digits(rest);
    if whole == 0 || (whole > 1 && rest[0] == b'0') {
        return false;
    }
    let mut rest = &rest[whole..];
    if let Some(fraction) = rest.strip_prefix(b".") {
        let length = digits(fraction);
        if length == 0 {
            return false;
        }
        rest = &fraction[length..];
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let exponent = exponent.strip_prefix(b"+").or(exponent.strip_prefix(b"-")).unwrap_or(exponent);
        let length = digits(exponent);
        return length > 0 && length == exponent.len();
    }
    rest.is_empty()
}
