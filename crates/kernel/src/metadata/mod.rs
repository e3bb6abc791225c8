//! What the file system says of its entries, read through directory handles so that no parent can be swapped meanwhile.

mod list;
mod names;
mod read;
mod xattr;

pub use list::{Entry, Listing, list_directory};
pub use names::Names;
pub use read::{MetadataReader, Options, stat_at};
