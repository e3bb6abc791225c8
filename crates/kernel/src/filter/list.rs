//! The lists of a backup and of a restore, put together.

use super::{PatternList, Patterns, TagFile};
use crate::Result;
use rustix::fd::BorrowedFd;

/// What a backup leaves out.
#[derive(Clone, Debug, Default)]
pub struct Excludes {
    lists: Vec<PatternList>,
    tags: Vec<TagFile>,
    larger_than: Option<u64>,
}

impl Excludes {
    /// From the patterns of `--exclude` and `--iexclude` (files of patterns included), tag files, and the size in bytes
    /// above which files are left out.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] naming every malformed pattern.
    pub fn new(
        patterns: Patterns<'_>,
        folded: Patterns<'_>,
        tags: Vec<TagFile>,
        larger_than: Option<u64>,
    ) -> Result<Self> {
        let mut lists = vec![PatternList::new(patterns, false)?, PatternList::new(folded, true)?];
        lists.retain(|list| !list.is_empty());
        Ok(Self { lists, tags, larger_than })
    }

    /// Whether patterns leave out this absolute path. A directory that is left out is not walked; restic's 0.14 asks
    /// this of the targets, too, later releases do not.
    pub fn by_name(&self, path: &[u8]) -> bool {
        self.lists.iter().any(|list| list.matches(path))
    }

    /// Whether a file of this size is left out.
    pub fn by_size(&self, size: u64) -> bool {
        self.larger_than.is_some_and(|limit| size > limit)
    }

    /// The tag files that a directory has; ask once for each directory. Warnings are added to the list.
    pub fn tags_in(&self, directory: BorrowedFd<'_>, warnings: &mut Vec<crate::Error>) -> Vec<&TagFile> {
        let tagged = |tag: &&TagFile| {
            tag.is_in(directory).unwrap_or_else(|warning| {
                warnings.push(warning);
                false
            })
        };
        self.tags.iter().filter(tagged).collect()
    }

    /// Whether an entry is left out of a directory with these tag files: all are but the tag file itself.
    pub fn by_tags(tags: &[&TagFile], name: &[u8]) -> bool {
        tags.iter().any(|tag| tag.name != name)
    }
}

/// What a restore takes.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    includes: Vec<PatternList>,
    excludes: Vec<PatternList>,
}

impl Selection {
    /// From the patterns of `--include`, `--iinclude`, `--exclude` and `--iexclude`. Without includes everything is taken
    /// that is not excluded.
    ///
    /// # Errors
    /// [`crate::Error::Unsupported`] naming every malformed pattern.
    pub fn new(
        includes: Patterns<'_>,
        folded_includes: Patterns<'_>,
        excludes: Patterns<'_>,
        folded_excludes: Patterns<'_>,
    ) -> Result<Self> {
        let pair = |exact, folded| -> Result<Vec<PatternList>> {
            let mut lists = vec![PatternList::new(exact, false)?, PatternList::new(folded, true)?];
            lists.retain(|list| !list.is_empty());
            Ok(lists)
        };
        Ok(Self { includes: pair(includes, folded_includes)?, excludes: pair(excludes, folded_excludes)? })
    }

    /// Whether the excludes alone leave out this absolute path.
    pub fn excludes(&self, path: &[u8]) -> bool {
        self.excludes.iter().any(|list| list.matches(path))
    }

    /// Whether this path in the snapshot (absolute, `/` is the root of the snapshot) is restored, and whether entries
    /// below it may be, if it is a directory.
    pub fn select(&self, path: &[u8], is_dir: bool) -> (bool, bool) {
        if self.excludes(path) {
            return (false, false);
        }
        if self.includes.is_empty() {
            return (true, is_dir);
        }
        let (mut selected, mut below) = (false, false);
        for list in &self.includes {
            let (matched, child) = list.matches_with_child(path);
            selected |= matched;
            below |= child;
        }
        (selected, below && is_dir)
    }
}
