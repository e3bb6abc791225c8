//! Go's `filepath.Match` on Unix, over bytes.

/// The pattern is malformed: Go's `ErrBadPattern`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadPattern;

type Result<T> = std::result::Result<T, BadPattern>;

/// Whether the whole name, which holds no `/`, matches; `None` where Go meets what is malformed in the pattern. It reads
/// a pattern only as far as the name goes along, so that depends on the name.
pub fn glob(pattern: &[u8], name: &[u8]) -> Option<bool> {
    matches(pattern, name).ok()
}

/// Whether the whole name matches; the name holds no `/`.
pub(super) fn matches(mut pattern: &[u8], mut name: &[u8]) -> Result<bool> {
    'pattern: while !pattern.is_empty() {
        let (star, chunk, rest) = scan_chunk(pattern);
        pattern = rest;
        if star && chunk.is_empty() {
            return Ok(true);
        }
        if let Some(left) = match_chunk(chunk, name)?
            && (left.is_empty() || !pattern.is_empty())
        {
            name = left;
            continue;
        }
        if star {
            for skip in 1..=name.len() {
                if let Some(left) = match_chunk(chunk, &name[skip..])?
                    && (left.is_empty() || !pattern.is_empty())
                {
                    name = left;
                    continue 'pattern;
                }
            }
        }
        return Ok(false);
    }
    Ok(name.is_empty())
}

/// Whether every chunk is well formed, also those that Go would look at only when the ones before them match.
pub(super) fn is_valid(mut pattern: &[u8]) -> bool {
    while !pattern.is_empty() {
        let (_, chunk, rest) = scan_chunk(pattern);
        if match_chunk(chunk, b"").is_err() {
            return false;
        }
        pattern = rest;
    }
    true
}

/// The stars in front, if any, the chunk up to the next star, and what follows.
fn scan_chunk(pattern: &[u8]) -> (bool, &[u8], &[u8]) {
    let stars = pattern.iter().take_while(|&&byte| byte == b'*').count();
    let pattern = &pattern[stars..];
    let mut in_range = false;
    let mut at = 0;
    while at < pattern.len() {
        match pattern[at] {
            b'\\' if at + 1 < pattern.len() => at += 1,
            b'[' => in_range = true,
            b']' => in_range = false,
            b'*' if !in_range => break,
            _ => {}
        }
        at += 1;
    }
    (stars > 0, &pattern[..at], &pattern[at..])
}

/// What is left of the text after a chunk without stars, `None` if it does not match. A chunk is read to its end even
/// after it has failed, so that its errors are found.
fn match_chunk<'t>(mut chunk: &[u8], mut text: &'t [u8]) -> Result<Option<&'t [u8]>> {
    let mut failed = false;
    while let Some(&first) = chunk.first() {
        failed |= text.is_empty();
        match first {
            b'[' => {
                let (rune, width) = if failed { (0, 0) } else { decode(text) };
                text = &text[width..];
                let (rest, hit) = class(&chunk[1..], rune)?;
                chunk = rest;
                failed |= !hit;
                continue;
            }
            b'?' => {
                let width = if failed { 0 } else { decode(text).1 };
                text = &text[width..];
            }
            _ => {
                if first == b'\\' {
                    chunk = &chunk[1..];
                }
                let &literal = chunk.first().ok_or(BadPattern)?;
                if !failed {
                    failed = literal != text[0];
                    text = &text[1..];
                }
            }
        }
        chunk = &chunk[1..];
    }
    Ok((!failed).then_some(text))
}

/// Reads a class behind its `[`: what follows it, and whether the rune is in it.
fn class(mut chunk: &[u8], rune: u32) -> Result<(&[u8], bool)> {
    let negated = chunk.first() == Some(&b'^');
    chunk = &chunk[usize::from(negated)..];
    let mut hit = false;
    let mut ranges = 0;
    loop {
        if ranges > 0 && chunk.first() == Some(&b']') {
            return Ok((&chunk[1..], hit != negated));
        }
        let (low, rest) = escaped(chunk)?;
        let (high, rest) = if rest[0] == b'-' { escaped(&rest[1..])? } else { (low, rest) };
        hit |= (low..=high).contains(&rune);
        chunk = rest;
        ranges += 1;
    }
}

/// One character of a class, with or without a backslash; something must follow it.
fn escaped(chunk: &[u8]) -> Result<(u32, &[u8])> {
    let chunk = match chunk {
        [] | [b'-' | b']', ..] => return Err(BadPattern),
        [b'\\', rest @ ..] => rest,
        all => all,
    };
    if chunk.is_empty() {
        return Err(BadPattern);
    }
    let (rune, width) = decode(chunk);
    if (rune == REPLACEMENT && width == 1) || width == chunk.len() {
        return Err(BadPattern);
    }
    Ok((rune, &chunk[width..]))
}

const REPLACEMENT: u32 = 0xFFFD;

/// The first rune and its width in bytes; U+FFFD and 1 where the text is not UTF-8, as Go's `DecodeRune`.
fn decode(text: &[u8]) -> (u32, usize) {
    let width = match text[0] {
        0..=0x7F => return (u32::from(text[0]), 1),
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => return (REPLACEMENT, 1),
    };
    text.get(..width)
        .and_then(|bytes| std::str::from_utf8(bytes).ok())
        .and_then(|rune| rune.chars().next())
        .map_or((REPLACEMENT, 1), |rune| (rune as u32, width))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cases of Go's own test of `filepath.Match`, with `/` left out: components hold none.
    #[test]
    fn go_cases() {
        for (pattern, name, expected) in [
            ("abc", "abc", true),
            ("*", "abc", true),
            ("*c", "abc", true),
            ("a*", "a", true),
            ("a*", "abc", true),
            ("a*b*c*d*e*", "axbxcxdxe", true),
            ("a*b*c*d*e*", "axbxcxdxexxx", true),
            ("a*b?c*x", "abxbbxdbxebxczzx", true),
            ("a*b?c*x", "abxbbxdbxebxczzy", false),
            ("ab[c]", "abc", true),
            ("ab[b-d]", "abc", true),
            ("ab[e-g]", "abc", false),
            ("ab[^c]", "abc", false),
            ("ab[^b-d]", "abc", false),
            ("ab[^e-g]", "abc", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "ab", false),
            ("a?b", "a☺b", true),
            ("a[^a]b", "a☺b", true),
            ("a???b", "a☺b", false),
            ("a[^a][^a][^a]b", "a☺b", false),
            ("[a-ζ]*", "α", true),
            ("*[a-ζ]", "A", false),
            ("[\\]a]", "]", true),
            ("[\\-]", "-", true),
            ("[x\\-]", "x", true),
            ("[x\\-]", "-", true),
            ("[x\\-]", "z", false),
            ("[\\-x]", "a", false),
            ("*x", "xxx", true),
            ("", "", true),
            ("", "a", false),
        ] {
            assert_eq!(matches(pattern.as_bytes(), name.as_bytes()), Ok(expected), "{pattern} {name}");
            assert!(is_valid(pattern.as_bytes()));
        }
        for bad in ["[]a]", "[-]", "[x-]", "[-x]", "\\", "[a-b-c]", "[", "[^", "[^bc", "a[", "[a]*[", "a*[]", "a\\"] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
        for (bad, name) in [("[]a]", "]"), ("[-]", "-"), ("a[", "a"), ("a[", "ab"), ("[a-b-c]", "a"), ("\\", "a")] {
            assert_eq!(matches(bad.as_bytes(), name.as_bytes()), Err(BadPattern), "{bad}");
        }
    }

    /// Bytes that are not UTF-8 are single characters.
    #[test]
    fn not_utf8() {
        assert_eq!(matches(b"a?b", b"a\xffb"), Ok(true));
        assert_eq!(matches(b"a??b", b"a\xc3b"), Ok(false));
        assert_eq!(matches(b"a[^x]b", b"a\xffb"), Ok(true));
        assert_eq!(matches(b"\xff*", b"\xffz"), Ok(true));
        assert!(!is_valid(b"[\xff]"));
    }
}
