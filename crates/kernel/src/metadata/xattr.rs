//! Extended attributes, POSIX access lists among them, in the order in which the system lists them.

use crate::{Error, Result};
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use std::sync::OnceLock;

/// The kernel's bound on a list of names, and on a value.
const MAX: usize = 64 << 10;

/// How an entry's attributes are reached: Linux has no such call relative to a directory's handle before 6.13.
enum Way<'a> {
    /// By the entry itself, which is open.
    Handle(BorrowedFd<'a>),
    /// By a path that follows the handle and not the name: `/proc/self/fd/N/name`.
    Path(Vec<u8>),
}

/// The attributes of an entry of a directory; empty where the file system has none.
///
/// One that cannot be read is a warning, the others go on.
///
/// # Errors
/// [`Error::Io`] when the list cannot be read.
pub(super) fn read(
    directory: BorrowedFd<'_>,
    name: &[u8],
    openable: bool,
    warnings: &mut Vec<Error>,
) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let opened;
    let way = if directory.as_raw_fd() == rustix::fs::CWD.as_raw_fd() {
        Way::Path(name.to_vec())
    } else if has_proc() {
        Way::Path(proc_path(directory, name))
    } else if openable {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        opened = rustix::fs::openat(directory, name, flags, Mode::empty()).map_err(unreadable)?;
        Way::Handle(opened.as_fd())
    } else {
        return Ok(Vec::new());
    };
    read_by(&way, warnings)
}

/// The same of an entry that is open.
///
/// # Errors
/// [`Error::Io`] when the list cannot be read.
pub(super) fn read_open(handle: BorrowedFd<'_>, warnings: &mut Vec<Error>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    read_by(&Way::Handle(handle), warnings)
}

fn unreadable(error: Errno) -> Error {
    Error::io("reading the extended attributes", error)
}

fn read_by(way: &Way<'_>, warnings: &mut Vec<Error>) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut small = [0u8; 1024];
    let mut large = Vec::new();
    let names = match way.list(&mut small) {
        Ok(length) => &small[..length],
        Err(Errno::RANGE) => {
            large.resize(MAX, 0);
            let length = way.list(&mut large).map_err(unreadable)?;
            &large[..length]
        }
        Err(Errno::NOTSUP | Errno::NODATA) => &[],
        Err(error) => return Err(unreadable(error)),
    };
    let mut attributes = Vec::new();
    for name in names.split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        match way.value(name) {
            Ok(value) => attributes.push((name.to_vec(), value)),
            Err(Errno::NODATA | Errno::NOTSUP) => {}
            Err(error) => {
                warnings.push(Error::io(format!("reading the extended attribute \"{}\"", name.escape_ascii()), error));
            }
        }
    }
    Ok(attributes)
}

impl Way<'_> {
    fn list(&self, buffer: &mut [u8]) -> rustix::io::Result<usize> {
        match self {
            Self::Path(path) => rustix::fs::llistxattr(path, buffer),
            Self::Handle(handle) => rustix::fs::flistxattr(handle, buffer),
        }
    }

    fn value(&self, name: &[u8]) -> rustix::io::Result<Vec<u8>> {
        let get = |buffer: &mut [u8]| match self {
            Self::Path(path) => rustix::fs::lgetxattr(path, name, buffer),
            Self::Handle(handle) => rustix::fs::fgetxattr(handle, name, buffer),
        };
        let mut small = [0u8; 512];
        match get(&mut small) {
            Ok(length) => Ok(small[..length].to_vec()),
            Err(Errno::RANGE) => {
                let mut large = vec![0; MAX];
                let length = get(&mut large)?;
                large.truncate(length);
                large.shrink_to_fit();
                Ok(large)
            }
            Err(error) => Err(error),
        }
    }
}

fn has_proc() -> bool {
    static PROC: OnceLock<bool> = OnceLock::new();
    *PROC.get_or_init(|| rustix::fs::stat("/proc/self/fd").is_ok())
}

fn proc_path(directory: BorrowedFd<'_>, name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(name.len() + 32);
    path.extend_from_slice(format!("/proc/self/fd/{}/", directory.as_raw_fd()).as_bytes());
    path.extend_from_slice(name);
    path
}
