//! What is left out of a backup and what a restore takes: restic's rules, exactly (`docs/reference/format.md` 1.14).
//!
//! Paths are bytes, absolute, with `/` between components. One difference is meant: restic lets some malformed patterns
//! through its check and then, on paths where it stumbles over one, ignores *all* patterns of the list with a warning.
//! Here every malformed pattern is refused before anything is read.

mod glob;
mod list;
mod pattern;
mod tag;

pub use glob::glob;
pub use list::{Excludes, Selection};
pub use pattern::{PatternList, Patterns};
pub use tag::TagFile;
