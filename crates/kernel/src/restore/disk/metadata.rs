//! Owner, mode, times and extended attributes of a restored entry.
//!
//! The order is that in which nothing undoes what came before: the owner (which clears set-user-ID bits and
//! capabilities), extended attributes and access lists (which change the mode), the mode, the times.

use super::attributes;
use super::beneath;
use super::choice::Choice;
use crate::Error;
use crate::tree::{Node, mode};
use rustix::fd::{BorrowedFd, OwnedFd};
use rustix::fs::{AtFlags, Gid, Mode, Stat, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;
use std::sync::Arc;

const SETID: u32 = 0o6000;
/// No mode: whatever it is now, it is set.
const UNKNOWN: u32 = 0o10_000;

/// A point in time, in seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::restore) struct Time {
    pub(in crate::restore) seconds: i64,
    pub(in crate::restore) nanos: u32,
}

/// A name and a value.
pub(in crate::restore) type Attribute = (Vec<u8>, Vec<u8>);

/// What an entry is to have besides its content.
#[derive(Clone, Debug)]
pub(in crate::restore) struct Metadata {
    /// Permission bits with set-user-ID, set-group-ID and sticky.
    pub(in crate::restore) mode: u32,
    uid: u32,
    gid: u32,
    pub(in crate::restore) mtime: Time,
    atime: Time,
    attributes: Box<[Attribute]>,
    choice: Option<Arc<Choice>>,
}

/// What is left out, with the words for it.
pub(in crate::restore) type LeftOut = Vec<&'static str>;

impl Metadata {
    /// Takes what a node says; in `safe` mode without what could harm this machine.
    pub(in crate::restore) fn take(
        node: &mut Node,
        safe: bool,
        choice: Option<&Arc<Choice>>,
        left_out: &mut LeftOut,
    ) -> Self {
        let mut mode = mode::to_permissions(node.mode);
        let mut attributes = std::mem::take(&mut node.extended_attributes);
        if safe {
            if mode & SETID != 0 {
                mode &= !SETID;
                left_out.push("set-user-ID and set-group-ID bits");
            }
            let before = attributes.len();
            attributes.retain(|(name, _)| !name.starts_with(b"security.") && !name.starts_with(b"trusted."));
            if attributes.len() != before {
                left_out.push("security attributes");
            }
        }
        if let Some(choice) = choice {
            attributes.retain(|(name, _)| choice.takes(name));
            (node.uid, node.gid) = choice.owner(node);
        }
        if node.generic_attributes.is_some() {
            left_out.push("attributes of another operating system");
        }
        let time = |time: crate::time::Timestamp| Time { seconds: time.seconds, nanos: time.nanos };
        Self {
            mode,
            uid: node.uid,
            gid: node.gid,
            mtime: time(node.mtime),
            atime: time(node.atime),
            attributes: attributes.into(),
            choice: choice.cloned(),
        }
    }

    /// The mode to create a regular file with: final if nothing is to change afterwards, else for the owner alone.
    pub(in crate::restore) fn creation_mode(&self, whole: bool) -> u32 {
        let ours = self.uid == rustix::process::geteuid().as_raw() && self.gid == rustix::process::getegid().as_raw();
        if whole && ours { self.mode & 0o777 } else { 0o600 }
    }

    /// Whether an attribute that is there and not in the snapshot is removed.
    fn may_remove(&self, name: &[u8]) -> bool {
        attributes::is_ours_to_remove(name) && self.choice.as_ref().is_none_or(|choice| choice.takes(name))
    }

    /// Whether some attributes are left as they are.
    pub(in crate::restore) fn chooses(&self) -> bool {
        self.choice.is_some()
    }

    /// Bytes of memory beside the structure itself.
    pub(in crate::restore) fn memory(&self) -> usize {
        self.attributes.iter().map(|(name, value)| 48 + name.len() + value.len()).sum()
    }

    fn times(&self) -> Timestamps {
        let spec = |time: Time| Timespec { tv_sec: time.seconds, tv_nsec: i64::from(time.nanos.min(999_999_999)) };
        Timestamps { last_access: spec(self.atime), last_modification: spec(self.mtime) }
    }
}

/// Collects what could not be applied to one entry.
#[derive(Default)]
pub(in crate::restore) struct Outcome {
    pub(in crate::restore) problems: Vec<String>,
    pub(in crate::restore) left_out: LeftOut,
}

impl Outcome {
    fn note(&mut self, what: &str, error: Errno) {
        self.problems.push(Error::io(what, error).to_string());
    }

    fn owner(&mut self, result: rustix::io::Result<()>) {
        match result {
            // Only root gives files away; restic keeps silent about it as well.
            Err(Errno::PERM) if !is_root() => {}
            Err(error) => self.note("cannot set the owner", error),
            Ok(()) => {}
        }
    }

    fn attribute(&mut self, name: &[u8], result: rustix::io::Result<()>) {
        match result {
            Ok(()) => {}
            Err(Errno::NOTSUP) => self.left_out.push("extended attributes that this file system does not take"),
            Err(Errno::PERM) if !is_root() && (name.starts_with(b"security.") || name.starts_with(b"trusted.")) => {
                self.left_out.push("attributes that only root may set");
            }
            Err(error) => {
                self.note(&format!("cannot set the extended attribute \"{}\"", name.escape_ascii()), error);
            }
        }
    }
}

pub(in crate::restore) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Applies to an open file or directory, which is `stat` now, what it does not have yet. `clean` says that it was made by
/// this run and has no attributes, so that none need be looked for.
pub(in crate::restore) fn apply_to_handle(handle: &OwnedFd, stat: &Stat, wanted: &Metadata, clean: bool) -> Outcome {
    let mut outcome = Outcome::default();
    let mut now = stat.st_mode & 0o7777;
    if (stat.st_uid, stat.st_gid) != (wanted.uid, wanted.gid) {
        let result = rustix::fs::fchown(handle, Some(Uid::from_raw(wanted.uid)), Some(Gid::from_raw(wanted.gid)));
        outcome.owner(result);
        now = UNKNOWN; // the system may have taken bits away
    }
    let names = if clean { Vec::new() } else { attributes::names(|buffer| rustix::fs::flistxattr(handle, buffer)) };
    let stale =
        |name: &[u8]| wanted.may_remove(name) && !wanted.attributes.iter().any(|(wanted, _)| wanted.as_slice() == name);
    let stale: Vec<_> = names.iter().filter(|name| stale(name)).collect();
    let missing =
        |(name, value): &&Attribute| !names.contains(name) || attributes::value(handle, name).as_ref() != Some(value);
    let missing: Vec<_> = wanted.attributes.iter().filter(missing).collect();
    if (!stale.is_empty() || !missing.is_empty()) && stat.st_mode & 0o200 == 0 {
        // Attributes of users are for those who may write the file, whatever its handle is open for.
        let _ = rustix::fs::fchmod(handle, Mode::from_raw_mode((stat.st_mode & 0o777) | 0o200));
        now = UNKNOWN;
    }
    for name in stale {
        outcome.attribute(name, rustix::fs::fremovexattr(handle, name.as_slice()));
        now = UNKNOWN;
    }
    for (name, value) in missing {
        let result =
            attributes::checked(name).and_then(|name| rustix::fs::fsetxattr(handle, name, value, XattrFlags::empty()));
        outcome.attribute(name, result);
        now = UNKNOWN;
    }
    if now != wanted.mode
        && let Err(error) = rustix::fs::fchmod(handle, Mode::from_raw_mode(wanted.mode))
    {
        outcome.note("cannot set the mode", error);
    }
    let modified = (stat.st_mtime, stat.st_mtime_nsec as u32) == (wanted.mtime.seconds, wanted.mtime.nanos);
    let accessed = (stat.st_atime, stat.st_atime_nsec as u32) == (wanted.atime.seconds, wanted.atime.nanos);
    if (clean || !modified || !accessed)
        && let Err(error) = rustix::fs::futimens(handle, &wanted.times())
        && (clean || !modified)
    {
        outcome.note("cannot set the times", error);
    }
    outcome
}

/// Says of a file that it was modified just now.
pub(in crate::restore) fn touch(handle: &OwnedFd) -> rustix::io::Result<()> {
    let now = Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
    rustix::fs::futimens(handle, &Timestamps { last_access: now, last_modification: now })
}

/// Takes over to a new file what its older one has and a restore would leave alone on that: attributes that were not
/// asked for, labels of the system. What cannot be taken over is what new files do not have.
pub(in crate::restore) fn take_over(old: &OwnedFd, new: &OwnedFd, wanted: &Metadata) {
    for name in attributes::names(|buffer| rustix::fs::flistxattr(old, buffer)) {
        let ours = wanted.may_remove(&name) || wanted.attributes.iter().any(|(wanted, _)| *wanted == name);
        // The last two are about the content, which is another one.
        if !ours
            && !name.starts_with(b"security.ima")
            && !name.starts_with(b"security.evm")
            && let Some(value) = attributes::value(old, &name)
        {
            let _ = rustix::fs::fsetxattr(new, name.as_slice(), &value, XattrFlags::empty());
        }
    }
}

/// Whether an open file has all that [`apply_to_handle`] would give it.
pub(in crate::restore) fn has(handle: &OwnedFd, stat: &Stat, wanted: &Metadata) -> bool {
    let times = (stat.st_mtime, stat.st_mtime_nsec as u32) == (wanted.mtime.seconds, wanted.mtime.nanos);
    let owner = !is_root() || (stat.st_uid, stat.st_gid) == (wanted.uid, wanted.gid);
    let names = attributes::names(|buffer| rustix::fs::flistxattr(handle, buffer));
    times
        && owner
        && stat.st_mode & 0o7777 == wanted.mode
        && names
            .iter()
            .filter(|name| wanted.may_remove(name))
            .all(|name| wanted.attributes.iter().any(|(n, _)| n == name))
        && wanted.attributes.iter().all(|(name, wanted)| attributes::value(handle, name).as_ref() == Some(wanted))
}

/// Applies to an entry that is not opened: a symbolic link, a device, a pipe. It was made by this run.
pub(in crate::restore) fn apply_to_entry(
    directory: BorrowedFd<'_>,
    name: &[u8],
    link: bool,
    wanted: &Metadata,
) -> Outcome {
    let mut outcome = Outcome::default();
    if is_root() || (wanted.uid, wanted.gid) != ours() {
        let (uid, gid) = (Some(Uid::from_raw(wanted.uid)), Some(Gid::from_raw(wanted.gid)));
        outcome.owner(rustix::fs::chownat(directory, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW));
    }
    if !link || !wanted.attributes.is_empty() {
        match beneath::open_path(directory, name) {
            Ok(handle) => apply_through_proc(&handle, link, wanted, &mut outcome),
            Err(error) => outcome.note("cannot open it for its metadata", error),
        }
    }
    if let Err(error) = rustix::fs::utimensat(directory, name, &wanted.times(), AtFlags::SYMLINK_NOFOLLOW) {
        outcome.note("cannot set the times", error);
    }
    outcome
}

/// Whether an entry that is not opened, and is `stat`, has what [`apply_to_entry`] would give it. Attributes are not
/// looked at: with some the answer is no.
pub(in crate::restore) fn entry_has(stat: &Stat, link: bool, wanted: &Metadata) -> bool {
    wanted.attributes.is_empty()
        && (stat.st_mtime, stat.st_mtime_nsec as u32) == (wanted.mtime.seconds, wanted.mtime.nanos)
        && (!is_root() || (stat.st_uid, stat.st_gid) == (wanted.uid, wanted.gid))
        && (link || stat.st_mode & 0o7777 == wanted.mode)
}

/// The handle names the entry itself, so following this one link of `/proc` cannot lead elsewhere.
fn apply_through_proc(handle: &OwnedFd, link: bool, wanted: &Metadata, outcome: &mut Outcome) {
    let path = beneath::proc_path(handle);
    for (name, value) in &wanted.attributes {
        let result =
            attributes::checked(name).and_then(|name| rustix::fs::setxattr(&path, name, value, XattrFlags::empty()));
        outcome.attribute(name, result);
    }
    if !link && let Err(error) = rustix::fs::chmod(&path, Mode::from_raw_mode(wanted.mode)) {
        outcome.note("cannot set the mode", error);
    }
}

fn ours() -> (u32, u32) {
    (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw())
}
