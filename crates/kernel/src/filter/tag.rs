//! Directories that say of themselves that they are not worth a backup: `--exclude-if-present`, `--exclude-caches`.

use crate::{Error, Result};
use rustix::fd::BorrowedFd;
use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

/// A file whose presence keeps its directory's other entries out of the backup; the directory and the file stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagFile {
    /// The file's name.
    pub name: Vec<u8>,
    /// What it must begin with; empty if its presence is enough.
    pub header: Vec<u8>,
}

impl TagFile {
    /// The tag of `--exclude-caches`: <https://bford.info/cachedir/>.
    pub fn cache() -> Self {
        Self { name: b"CACHEDIR.TAG".to_vec(), header: b"Signature: 8a477f597d28d172789f06886806bc55".to_vec() }
    }

    /// Reads `NAME` or `NAME:HEADER`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] without a name.
    pub fn parse(text: &[u8]) -> Result<Self> {
        let mut halves = text.splitn(2, |&byte| byte == b':');
        let name = halves.next().unwrap_or_default().to_vec();
        if name.is_empty() || name.contains(&b'/') {
            return Err(Error::Unsupported("a tag file needs a name without a slash".into()));
        }
        Ok(Self { name, header: halves.next().unwrap_or_default().to_vec() })
    }

    /// Whether the directory behind this handle has the file, and in it the header.
    ///
    /// # Errors
    /// A warning for the user, after which the directory counts as not tagged: the file is there but cannot be read or
    /// begins differently.
    pub fn is_in(&self, directory: BorrowedFd<'_>) -> Result<bool> {
        let io = |error: Errno| Error::io(format!("reading the tag file {}", self.name.escape_ascii()), error);
        match rustix::fs::statat(directory, self.name.as_slice(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) if self.header.is_empty() => return Ok(true),
            Ok(_) => {}
            Err(Errno::NOENT) => return Ok(false),
            Err(error) => return Err(io(error)),
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = rustix::fs::openat(directory, self.name.as_slice(), flags, Mode::empty()).map_err(io)?;
        let mut found = vec![0; self.header.len()];
        let mut filled = 0;
        while filled < found.len() {
            match rustix::io::read(&file, &mut found[filled..]).map_err(io)? {
                0 => break,
                length => filled += length,
            }
        }
        if found != self.header {
            return Err(Error::damaged(format!("the tag file {} has another signature", self.name.escape_ascii())));
        }
        Ok(true)
    }
}
