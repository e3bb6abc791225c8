//! A string of JSON, which is unescaped only when it is asked for.

use std::borrow::Cow;

/// A string as it stands between its quotes.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    /// Without the quotes, escapes unresolved.
    pub(super) raw: &'a [u8],
    /// Neither escapes nor bytes above 0x7f: `raw` is the string.
    pub(super) plain: bool,
}

impl<'a> Text<'a> {
    /// A string that needs no escapes.
    pub(super) fn of(raw: &'a [u8]) -> Self {
        Self { raw, plain: true }
    }

    /// The string's bytes, always UTF-8: what is none, lone surrogates too, becomes U+FFFD, as in Go.
    pub(super) fn bytes(self) -> Cow<'a, [u8]> {
        if self.plain {
            return Cow::Borrowed(self.raw);
        }
        if !self.raw.contains(&b'\\') {
            return match String::from_utf8_lossy(self.raw) {
                Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
                Cow::Owned(_) => Cow::Owned(valid(self.raw)),
            };
        }
        let mut out = Vec::with_capacity(self.raw.len());
        let mut rest = self.raw;
        while let Some(at) = rest.iter().position(|&byte| byte == b'\\') {
            out.extend_from_slice(&rest[..at]);
            let escape = rest[at + 1];
            rest = &rest[at + 2..];
            match escape {
                b'b' => out.push(8),
                b'f' => out.push(12),
                b'n' => out.push(b'\n'),
                b'r' => out.push(b'\r'),
                b't' => out.push(b'\t'),
                b'u' => {
                    let mut code = unit(rest);
                    rest = &rest[4..];
                    if (0xD800..0xDC00).contains(&code) && rest.starts_with(br"\u") {
                        let low = unit(&rest[2..]);
                        if (0xDC00..0xE000).contains(&low) {
                            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
                            rest = &rest[6..];
                        }
                    }
                    let rune = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                    out.extend_from_slice(rune.encode_utf8(&mut [0; 4]).as_bytes());
                }
                plain => out.push(plain),
            }
        }
        out.extend_from_slice(rest);
        Cow::Owned(if std::str::from_utf8(&out).is_ok() { out } else { valid(&out) })
    }

    /// The string itself.
    pub(super) fn string(self) -> String {
        String::from_utf8(self.bytes().into_owned()).unwrap_or_default()
    }
}

/// The value of four hexadecimal digits, which have been checked.
fn unit(digits: &[u8]) -> u32 {
    digits.iter().take(4).fold(0, |code, &digit| code << 4 | char::from(digit).to_digit(16).unwrap_or(0))
}

/// The text with one U+FFFD for each byte that is not part of a rune.
fn valid(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 16);
    for chunk in text.utf8_chunks() {
        out.extend_from_slice(chunk.valid().as_bytes());
        for _ in chunk.invalid() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out
}
