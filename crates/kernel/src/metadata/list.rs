//! A directory's names in the order of their bytes, which is the order of a tree's nodes.

use crate::{Error, Result};
use rustix::fd::BorrowedFd;
use rustix::fs::{FileType, RawDir, SeekFrom};

/// The entries of a directory: names in one buffer, sorted, each once, without `.` and `..`.
#[derive(Debug, Default)]
pub struct Listing {
    names: Vec<u8>,
    entries: Vec<(u32, u16, FileType)>,
}

/// One entry of a listing.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// The name's bytes.
    pub name: &'a [u8],
    /// What the directory says it is; `Unknown` on file systems that do not say. Only a hint: it may have changed.
    pub kind: FileType,
}

impl Listing {
    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Entry<'_>> + ExactSizeIterator {
        self.entries.iter().map(|&(start, length, kind)| Entry { name: name(&self.names, start, length), kind })
    }
}

fn name(names: &[u8], start: u32, length: u16) -> &[u8] {
    &names[start as usize..start as usize + usize::from(length)]
}

/// Reads the directory behind this handle from its beginning. The handle must be open for reading, not `O_PATH`.
///
/// # Errors
/// [`Error::Io`] of `lseek` or `getdents`; [`Error::TooLarge`] when the names take more than 4 GiB.
pub fn list_directory(directory: BorrowedFd<'_>) -> Result<Listing> {
    let io = |error: rustix::io::Errno| Error::io("reading a directory", error);
    let mut listing = Listing::default();
    let mut buffer = Vec::with_capacity(32 << 10);
    rustix::fs::seek(directory, SeekFrom::Start(0)).map_err(io)?;
    let mut raw = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = raw.next() {
        let entry = entry.map_err(io)?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        let start = u32::try_from(listing.names.len());
        let (Ok(start), Ok(length)) = (start, u16::try_from(name.len())) else {
            return Err(Error::too_large("the names of a directory in bytes", u64::from(u32::MAX)));
        };
        listing.names.extend_from_slice(name);
        listing.entries.push((start, length, entry.file_type()));
    }
    let names = &listing.names;
    listing.entries.sort_unstable_by(|a, b| name(names, a.0, a.1).cmp(name(names, b.0, b.1)));
    listing.entries.dedup_by(|a, b| name(names, a.0, a.1) == name(names, b.0, b.1));
    Ok(listing)
}
