//! Names, and the open directories that they are relative to.

use super::folders::{Folder, Folders};
use crate::Result;
use crate::metadata::list_directory;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, statat};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

/// What names are relative to.
#[derive(Clone)]
pub(in crate::archive) enum Base {
    /// The process's working directory, for paths that the user named.
    Working,
    /// A directory, open or not.
    Folder(Arc<Folder>),
}

/// What names are relative to, open for as long as this lives.
pub(in crate::archive) enum Held {
    Working,
    Open(Arc<OwnedFd>),
}

impl Held {
    pub(in crate::archive) fn fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Working => CWD,
            Self::Open(fd) => fd.as_fd(),
        }
    }

    /// The file system that the folder itself is on.
    pub(in crate::archive) fn device(&self) -> rustix::io::Result<u64> {
        statat(self.fd(), ".", AtFlags::empty()).map(|stat| stat.st_dev)
    }
}

impl Base {
    /// # Errors
    /// Those of [`Folder::open`].
    pub(in crate::archive) fn hold(&self) -> Result<Held> {
        match self {
            Self::Working => Ok(Held::Working),
            Self::Folder(folder) => folder.open().map(Held::Open),
        }
    }

    /// A folder below this one that was just opened.
    pub(in crate::archive) fn below(&self, folders: &Arc<Folders>, name: &[u8], fd: OwnedFd) -> Self {
        Self::Folder(match self {
            Self::Working => folders.named(name, fd),
            Self::Folder(folder) => folder.below(name, fd),
        })
    }

    /// The folder that a path lies in, and the path's last component.
    pub(in crate::archive) fn of<'a>(folders: &Arc<Folders>, path: &'a [u8]) -> rustix::io::Result<(Self, &'a [u8])> {
        let (folder, name) = match path.iter().rposition(|&byte| byte == b'/') {
            Some(0) => (&path[..1], &path[1..]),
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => return Ok((Self::Working, path)),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fd = rustix::fs::open(folder, flags, Mode::empty())?;
        Ok((Self::Folder(folders.named(folder, fd)), name))
    }
}

/// `folder/name`.
pub(in crate::archive) fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(folder.len() + 1 + name.len());
    path.extend_from_slice(folder);
    if !folder.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}

/// The names in an open directory, in the order of their bytes.
pub(in crate::archive) fn list_names(fd: impl AsFd) -> Result<Vec<Vec<u8>>> {
    Ok(list_directory(fd.as_fd())?.iter().map(|entry| entry.name.to_vec()).collect())
}
