//! One list of patterns, read once and asked for every path.

use super::glob;
use crate::{Error, Result};

/// The patterns of one list, and whether letters are compared without case.
#[derive(Clone, Debug, Default)]
pub struct PatternList {
    patterns: Vec<Pattern>,
    negated: bool,
    fold: bool,
}

/// Patterns as the user wrote them.
pub type Patterns<'a> = &'a [Vec<u8>];

#[derive(Clone, Debug)]
struct Pattern {
    parts: Vec<Part>,
    /// Parts that are `**`.
    wild: usize,
    negated: bool,
}

/// One component of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// The root, at the beginning of an anchored pattern.
    Root,
    /// `**`, any number of directories.
    Wild,
    /// A name without special characters.
    Plain(Box<[u8]>),
    /// `*` and a plain end.
    Suffix(Box<[u8]>),
    /// Anything else.
    Glob(Box<[u8]>),
}

/// A path's components; the first of an absolute one is `/`.
pub(super) type Components<'a> = Vec<&'a [u8]>;

/// Splits a path as restic does: `/a/b` is `/`, `a`, `b`, and `/` itself is `/` and an empty name.
pub(super) fn components(path: &[u8]) -> Components<'_> {
    let mut parts = Vec::with_capacity(16);
    parts.extend(path.split(|&byte| byte == b'/'));
    if parts[0].is_empty() && !path.is_empty() {
        parts[0] = b"/";
    }
    parts
}

impl PatternList {
    /// Reads patterns; empty ones are ignored.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming every malformed pattern.
    pub fn new(patterns: Patterns<'_>, fold: bool) -> Result<Self> {
        let mut bad = Vec::new();
        let mut list = Self { fold, ..Self::default() };
        for text in patterns.iter().filter(|text| !text.is_empty()) {
            match Pattern::new(&if fold { lower(text) } else { text.clone() }) {
                Some(pattern) if Pattern::new(text).is_some() => list.patterns.push(pattern),
                _ => bad.push(String::from_utf8_lossy(text)),
            }
        }
        if !bad.is_empty() {
            return Err(Error::Unsupported(format!("malformed patterns: {}", bad.join(", "))));
        }
        list.negated = list.patterns.iter().any(|pattern| pattern.negated);
        Ok(list)
    }

    /// Whether there is no pattern.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether the path matches: the last pattern that says something about it decides.
    pub fn matches(&self, path: &[u8]) -> bool {
        self.list(path, false).0
    }

    /// Whether the path matches, and whether something below it may.
    pub fn matches_with_child(&self, path: &[u8]) -> (bool, bool) {
        self.list(path, true)
    }

    fn list(&self, path: &[u8], with_child: bool) -> (bool, bool) {
        if self.patterns.is_empty() || path.is_empty() {
            return (false, false);
        }
        let lowered;
        let path = if self.fold {
            lowered = lower(path);
            &lowered
        } else {
            path
        };
        let components = components(path);
        let (mut matched, mut child) = (false, false);
        for pattern in &self.patterns {
            let hit = pattern.matches(&components);
            if pattern.negated {
                matched &= !hit;
                child &= !hit;
            } else {
                matched |= hit;
                child |= !with_child || pattern.child_matches(&components);
                if matched && child && !self.negated {
                    break;
                }
            }
        }
        (matched, child)
    }
}

impl Pattern {
    /// Reads a pattern that is not empty; `None` if it is malformed.
    fn new(text: &[u8]) -> Option<Self> {
        let negated = text.starts_with(b"!");
        let cleaned = clean(&text[usize::from(negated)..]);
        let parts: Vec<Part> = components(&cleaned)
            .into_iter()
            .enumerate()
            .map(|(position, part)| Part::new(part, position == 0))
            .collect::<Option<_>>()?;
        let wild = parts.iter().filter(|part| **part == Part::Wild).count();
        Some(Self { parts, wild, negated })
    }

    /// Whether any run of the path's components matches; an anchored pattern's run begins at the root.
    fn matches(&self, path: &[&[u8]]) -> bool {
        let (first, last) = match (&self.parts[0], path[0]) {
            (Part::Root, _) => (0, 0),
            (_, b"/") => (1, path.len()),
            _ => (0, path.len()),
        };
        let fixed = self.parts.len() - self.wild;
        (first..=last).any(|start| path.len() - start >= fixed && self.matches_at(path, start))
    }

    /// Whether the parts match from here on, `**` taking as little as it can.
    ///
    /// restic expands the first `**` before the next and counts those that are left as one component each, so that
    /// several of them do not match paths that are too short. Taking as little as possible leaves each `**` the most
    /// room, so checking that one way is enough.
    fn matches_at(&self, path: &[&[u8]], start: usize) -> bool {
        let mut segments = self.parts.split(|part| *part == Part::Wild);
        let fits = |segment: &[Part], at: usize| {
            path.len() - at >= segment.len() && segment.iter().zip(&path[at..]).all(|(part, name)| part.matches(name))
        };
        let head = segments.next().unwrap_or_default();
        if !fits(head, start) {
            return false;
        }
        let mut at = start + head.len();
        let mut taken = 0;
        for (count, segment) in segments.enumerate() {
            let Some(gap) = (0..=path.len() - at).find(|gap| fits(segment, at + gap)) else {
                return false;
            };
            taken += gap;
            if self.parts.len() + taken > path.len() + count + 1 {
                return false;
            }
            at += gap + segment.len();
        }
        // An empty run matches nothing.
        at > start || self.wild > 0 && start < path.len()
    }

    /// Whether something below the path may match.
    fn child_matches(&self, path: &[&[u8]]) -> bool {
        if self.parts[0] != Part::Root {
            return true;
        }
        let before_wild = self.parts.iter().position(|part| *part == Part::Wild).unwrap_or(self.parts.len());
        self.parts[..before_wild].iter().zip(path).all(|(part, name)| part.matches(name))
    }
}

impl Part {
    fn new(part: &[u8], first: bool) -> Option<Self> {
        let special = |byte: &u8| matches!(byte, b'\\' | b'[' | b']' | b'*' | b'?');
        Some(match part {
            b"/" if first => Self::Root,
            b"" | b"**" => Self::Wild,
            [b'*', end @ ..] if !end.iter().any(special) => Self::Suffix(end.into()),
            plain if !plain.iter().any(special) => Self::Plain(plain.into()),
            glob if glob::is_valid(glob) => Self::Glob(glob.into()),
            _ => return None,
        })
    }

    fn matches(&self, name: &[u8]) -> bool {
        match self {
            Self::Root => name == b"/",
            Self::Wild => true,
            Self::Plain(plain) => **plain == *name,
            Self::Suffix(end) => name.ends_with(end),
            Self::Glob(glob) => glob::matches(glob, name).unwrap_or(false),
        }
    }
}

/// Go's `filepath.Clean`.
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|&byte| byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if rooted => {}
            other => parts.push(other),
        }
    }
    let joined = parts.join(&b'/');
    match (rooted, joined.is_empty()) {
        (true, _) => [b"/", joined.as_slice()].concat(),
        (false, true) => b".".to_vec(),
        (false, false) => joined,
    }
}

/// Go's `strings.ToLower`: one rune for one rune, and U+FFFD for each byte that is not UTF-8.
pub(super) fn lower(text: &[u8]) -> Vec<u8> {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for chunk in text.utf8_chunks() {
        out.extend(chunk.valid().chars().map(|rune| rune.to_lowercase().next().unwrap_or(rune)));
        out.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    out.into_bytes()
}

#[cfg(test)]
mod tests;
