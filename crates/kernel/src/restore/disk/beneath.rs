//! Calls on one entry of one open directory: the only way in which a restore touches the file system.
//!
//! A name is one component that was checked ([`is_name`]), the directory is an open handle, and no call follows a
//! symbolic link. So whatever names, links or duplicates a tree holds, and whoever exchanges directories for links
//! meanwhile, nothing outside the target is reached (threats E-1, E-2). With single components this is what
//! `openat2` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS` would promise, on every kernel.

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, Stat};
use rustix::io::{Errno, Result};

/// The extended attribute that gives new entries of a directory an access list.
const DEFAULT_ACL: &str = "system.posix_acl_default";

/// Whether a name can only mean an entry of the directory that it is looked up in.
pub(in crate::restore) fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.contains(&b'/') && !name.contains(&0)
}

pub(in crate::restore) fn open_directory(directory: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
    rustix::fs::openat(
        directory,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

/// Opens a directory; one of our own whose mode keeps us out is opened to its owner for that. With the mode that it had
/// then, to be given back.
pub(in crate::restore) fn open_own_directory(directory: BorrowedFd<'_>, name: &[u8]) -> Result<(OwnedFd, Option<u32>)> {
    match open_directory(directory, name) {
        Err(Errno::ACCESS) => {}
        other => return other.map(|handle| (handle, None)),
    }
    let entry = open_path(directory, name)?;
    let stat = rustix::fs::fstat(&entry)?;
    let mode = stat.st_mode & 0o7777;
    if !kind(&stat).is_dir() || !is_ours(&stat) || mode & 0o500 == 0o500 {
        return Err(Errno::ACCESS);
    }
    rustix::fs::chmod(proc_path(&entry), Mode::from_raw_mode(mode | 0o700))?;
    Ok((open_directory(directory, name)?, Some(mode)))
}

/// Whether an entry belongs to this process's user.
pub(in crate::restore) fn is_ours(stat: &Stat) -> bool {
    stat.st_uid == rustix::process::geteuid().as_raw()
}

/// Makes a file that must not exist. The process's umask applies to `mode`.
pub(in crate::restore) fn create(directory: BorrowedFd<'_>, name: &[u8], mode: u32) -> Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::from_raw_mode(mode & 0o777))
}

/// Opens a file that exists. Never blocks on a pipe that took its place; who calls this looks at what it got.
pub(in crate::restore) fn open_file(directory: BorrowedFd<'_>, name: &[u8], access: OFlags) -> Result<OwnedFd> {
    let flags = access | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

/// Opens a file for reading, if it may be so without a trace: its time of access stays.
pub(in crate::restore) fn open_to_read(directory: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
    match open_file(directory, name, OFlags::RDONLY | OFlags::NOATIME) {
        Err(Errno::PERM) => open_file(directory, name, OFlags::RDONLY),
        other => other,
    }
}

/// A handle that is good for nothing but naming the entry itself, whatever it is.
pub(in crate::restore) fn open_path(directory: BorrowedFd<'_>, name: &[u8]) -> Result<OwnedFd> {
    rustix::fs::openat(directory, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())
}

/// The path that stands for an open handle in calls that have no variant for handles.
pub(in crate::restore) fn proc_path(handle: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", handle.as_raw_fd())
}

/// What an entry is; `None` if there is none.
pub(in crate::restore) fn look(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Option<Stat>> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

pub(in crate::restore) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

pub(in crate::restore) fn unlink(directory: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    rustix::fs::unlinkat(directory, name, AtFlags::empty())
}

pub(in crate::restore) fn remove_directory(directory: BorrowedFd<'_>, name: &[u8]) -> Result<()> {
    rustix::fs::unlinkat(directory, name, AtFlags::REMOVEDIR)
}

/// Moves an entry within its directory, over a file that may stand there.
pub(in crate::restore) fn rename(directory: BorrowedFd<'_>, from: &[u8], to: &[u8]) -> Result<()> {
    rustix::fs::renameat(directory, from, directory, to)
}

/// Two entries of a directory change places at once.
pub(in crate::restore) fn exchange(directory: BorrowedFd<'_>, one: &[u8], other: &[u8]) -> Result<()> {
    rustix::fs::renameat_with(directory, one, directory, other, RenameFlags::EXCHANGE)
}

/// Marks an open file or directory as in use; false if another process did. Where that cannot be done nobody can tell.
pub(in crate::restore) fn claim(handle: impl AsFd) -> bool {
    rustix::fs::flock(handle, FlockOperation::NonBlockingLockExclusive) != Err(Errno::WOULDBLOCK)
}

/// Whether new entries of a directory come with an access list that nobody gave them.
pub(in crate::restore) fn has_default_acl(directory: BorrowedFd<'_>) -> bool {
    rustix::fs::fgetxattr_query(directory, DEFAULT_ACL).is_ok_and(|length| length > 0)
}

/// The names in a directory, without `.` and `..`.
pub(in crate::restore) fn names(directory: BorrowedFd<'_>) -> Result<Vec<Vec<u8>>> {
    let own = open_again(directory)?;
    let mut names = Vec::new();
    for entry in rustix::fs::Dir::new(own)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if is_name(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether a directory has no entries.
pub(in crate::restore) fn is_empty(directory: BorrowedFd<'_>, name: &[u8]) -> Result<bool> {
    for entry in rustix::fs::Dir::new(open_directory(directory, name)?)? {
        if is_name(entry?.file_name().to_bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A handle with a reading position of its own.
fn open_again(directory: BorrowedFd<'_>) -> Result<OwnedFd> {
    rustix::fs::openat(directory, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
}

/// Whether this error will meet every other item as well: there is no use in going on.
pub(in crate::restore) fn is_fatal(error: Errno) -> bool {
    matches!(error, Errno::NOSPC | Errno::DQUOT | Errno::ROFS)
}
