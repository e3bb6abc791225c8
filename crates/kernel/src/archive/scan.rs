//! Counting what there is to save, beside the run, so that progress has a total.

use super::directory::{list_names, without_tagged};
use super::run::Shared;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

/// Files and bytes found so far.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) files: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) is_complete: AtomicBool,
}

/// Count what is below the targets; what cannot be looked at is the run's to report.
pub(super) fn scan(shared: &Shared, targets: &[(Vec<u8>, Vec<u8>)]) {
    for (target, path) in targets {
        count(shared, CWD, target, path, 0);
    }
    shared.totals.is_complete.store(true, Relaxed);
}

fn count(shared: &Shared, base: BorrowedFd<'_>, name: &[u8], path: &[u8], depth: u16) {
    if shared.is_over() || depth > super::directory::MAX_DEPTH {
        return;
    }
    let Ok(stat) = statat(base, name, AtFlags::SYMLINK_NOFOLLOW) else { return };
    let kind = FileType::from_raw_mode(stat.st_mode);
    match kind {
        FileType::Socket => {}
        FileType::Directory => {
            let is_own = shared.own_folders.contains(&(stat.st_dev, stat.st_ino));
            let is_foreign = depth > 0 && shared.options.one_file_system && !shared.devices.contains(&stat.st_dev);
            if is_own || is_foreign {
                return;
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
            let Ok(fd) = openat(base, name, flags, Mode::empty()) else { return };
            let Ok(names) = list_names(&fd) else { return };
            count_entries(shared, &fd, names, path, depth);
        }
        FileType::RegularFile => {
            let size = u64::try_from(stat.st_size).unwrap_or(0);
            if depth > 0 && shared.options.excludes.by_size(size) {
                return;
            }
            shared.totals.files.fetch_add(1, Relaxed);
            shared.totals.bytes.fetch_add(size, Relaxed);
        }
        _ => drop(shared.totals.files.fetch_add(1, Relaxed)),
    }
}

fn count_entries(shared: &Shared, fd: &OwnedFd, names: Vec<Vec<u8>>, path: &[u8], depth: u16) {
    for name in without_tagged(shared, fd, names, None) {
        let path = super::entries::join(path, &name);
        if !shared.options.excludes.by_name(&path) {
            count(shared, fd.as_fd(), &name, &path, depth + 1);
        }
    }
}
