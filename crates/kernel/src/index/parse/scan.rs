//! A cursor over JSON text.

use crate::{Error, Id, Result};
use std::borrow::Cow;

/// Depth of nesting in what is skipped.
const MAX_DEPTH: usize = 64;

pub(super) struct Scan<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Scan<'a> {
    pub fn new(text: &'a [u8]) -> Self {
        Self { text, at: 0 }
    }

    /// What is wrong, with the place.
    pub fn error(&self, what: &str) -> Error {
        Error::damaged(format!("an index file is malformed near byte {}: {what}", self.at))
    }

    /// The text from here on.
    pub fn rest(&self) -> &'a [u8] {
        &self.text[self.at..]
    }

    pub fn advance(&mut self, bytes: usize) {
        self.at = (self.at + bytes).min(self.text.len());
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.text.get(self.at) {
            self.at += 1;
        }
    }

    /// Whether this byte comes next, after white space.
    pub fn next_is(&mut self, byte: u8) -> bool {
        self.space();
        self.text.get(self.at) == Some(&byte)
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.next_is(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<()> {
        if self.take(byte) { Ok(()) } else { Err(self.error(&format!("expected '{}'", char::from(byte)))) }
    }

    /// Nothing but white space is left.
    pub fn end(&mut self) -> Result<()> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { Err(self.error("something follows the end")) }
    }

    /// An object; `field` reads the value of each key.
    pub fn object(&mut self, mut field: impl FnMut(&mut Self, &[u8]) -> Result<()>) -> Result<()> {
        self.expect(b'{')?;
        if self.take(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            self.space();
            field(self, &key)?;
            if !self.take(b',') {
                return self.expect(b'}');
            }
        }
    }

    /// A list, whose elements `element` reads; `null` is an empty one.
    pub fn array_or_null(&mut self, mut element: impl FnMut(&mut Self) -> Result<()>) -> Result<()> {
        if self.null() {
            return Ok(());
        }
        self.expect(b'[')?;
        if self.take(b']') {
            return Ok(());
        }
        loop {
            self.space();
            element(self)?;
            if !self.take(b',') {
                return self.expect(b']');
            }
        }
    }

    /// Takes `null`, if it comes next.
    pub fn null(&mut self) -> bool {
        self.space();
        let found = self.rest().starts_with(b"null");
        self.advance(if found { 4 } else { 0 });
        found
    }

    /// A number without sign, fraction or exponent, of at most 32 bits.
    pub fn number(&mut self) -> Result<u32> {
        self.space();
        let digits = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = &self.rest()[..digits];
        let whole = !matches!(self.rest().get(digits), Some(b'.' | b'e' | b'E'));
        if !whole || digits == 0 || (digits > 1 && text[0] == b'0') {
            return Err(self.error("expected a whole number"));
        }
        let value =
            text.iter().try_fold(0u32, |value, digit| value.checked_mul(10)?.checked_add(u32::from(digit - b'0')));
        self.at += digits;
        value.ok_or_else(|| self.error("a number has more than 32 bits"))
    }

    /// An ID.
    pub fn id(&mut self) -> Result<Id> {
        let text = self.string()?;
        let text = std::str::from_utf8(&text).map_err(|_| self.error("an ID is malformed"))?;
        text.parse().map_err(|_| self.error("an ID is malformed"))
    }

    /// A string, without its escapes.
    pub fn string(&mut self) -> Result<Cow<'a, [u8]>> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match self.text.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Borrowed(&self.text[start..self.at - 1]));
                }
                Some(b'\\') => return self.escaped(start).map(Cow::Owned),
                Some(0..0x20) | None => return Err(self.error("a string does not end")),
                Some(_) => self.at += 1,
            }
        }
    }

    fn escaped(&mut self, start: usize) -> Result<Vec<u8>> {
        let mut out = self.text[start..self.at].to_vec();
        loop {
            let byte = self.text.get(self.at).copied();
            self.at += 1;
            match byte {
                Some(b'"') => return Ok(out),
                Some(b'\\') => {
                    let letter = self.text.get(self.at).copied();
                    self.at += 1;
                    match letter {
                        Some(byte @ (b'"' | b'\\' | b'/')) => out.push(byte),
                        Some(b'b') => out.push(8),
                        Some(b'f') => out.push(12),
                        Some(b'n') => out.push(b'\n'),
                        Some(b'r') => out.push(b'\r'),
                        Some(b't') => out.push(b'\t'),
                        Some(b'u') => self.unicode(&mut out)?,
                        _ => return Err(self.error("unknown escape")),
                    }
                }
                Some(0..0x20) | None => return Err(self.error("a string does not end")),
                Some(byte) => out.push(byte),
            }
        }
    }

    /// The four digits after `\u`. Halves of pairs become the replacement character: nothing that an
    /// index means holds any character outside ASCII.
    fn unicode(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let digits = self.rest().first_chunk::<4>().ok_or_else(|| self.error("unknown escape"))?;
        let mut value = 0;
        for digit in digits {
            let digit = char::from(*digit).to_digit(16).ok_or_else(|| self.error("unknown escape"))?;
            value = value * 16 + digit;
        }
        self.at += 4;
        let character = char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    /// Skips a value of any kind.
    pub fn skip_value(&mut self) -> Result<()> {
        self.skip(0)
    }

    fn skip(&mut self, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(Error::too_large("the depth of an index file", MAX_DEPTH as u64));
        }
        self.space();
        match self.text.get(self.at) {
            Some(b'{') => self.object(|scan, _| scan.skip(depth + 1)),
            Some(b'[') => self.array_or_null(|scan| scan.skip(depth + 1)),
            Some(b'"') => self.string().map(|_| ()),
            _ => self.skip_literal(),
        }
    }

    /// `true`, `false`, `null` or a number, of which nobody asks which.
    fn skip_literal(&mut self) -> Result<()> {
        let length = self.rest().iter().take_while(|b| b.is_ascii_alphanumeric() || b"+-.".contains(b)).count();
        let text = &self.rest()[..length];
        let number = text.strip_prefix(b"-").unwrap_or(text).first().is_some_and(u8::is_ascii_digit)
            && text.iter().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte));
        if !number && ![&b"true"[..], b"false", b"null"].contains(&text) {
            return Err(self.error("expected a value"));
        }
        self.at += length;
        Ok(())
    }
}
