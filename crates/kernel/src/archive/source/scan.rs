//! Counting what there is to save, beside the run, so that progress has a total.

use super::base::{join, list_names};
use super::folders::{Folder, Folders};
use super::listing::without_tagged;
use super::places::{Places, absolute};
use crate::archive::shared::Shared;
use crate::tree::MAX_DEPTH;
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, openat, statat};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A folder that is still to be counted: it is opened below its own folder, or at a path of the user.
struct Waiting {
    above: Option<Arc<Folder>>,
    name: Vec<u8>,
    path: Vec<u8>,
    depth: usize,
    device: Option<u64>,
    is_beyond: bool,
}

/// Count what is below the targets; what cannot be looked at is the run's to report.
pub(in crate::archive) fn scan(shared: &Shared, targets: &[Vec<u8>], working: &[u8]) {
    let Ok(places) = Places::of(targets, &shared.options.excludes) else { return };
    let folders = Folders::new(shared.limits.counted);
    for (target, is_explicit) in places.0.into_iter().filter_map(|place| place.target) {
        let path = absolute(working, &target);
        let device = shared.device_of(&path);
        if !is_explicit && shared.options.excludes.by_name(&path) {
            continue;
        }
        let leaf = Waiting { above: None, name: target, path, depth: 0, device, is_beyond: false };
        let mut waiting: Vec<Waiting> = look(shared, CWD, leaf, is_explicit).into_iter().collect();
        while let Some(next) = waiting.pop() {
            if shared.is_over() {
                return;
            }
            below(shared, &folders, &next, &mut waiting);
        }
    }
    shared.totals.is_complete.store(true, Relaxed);
}

/// Count an entry, or hand it back if it is a folder to be gone through.
fn look(shared: &Shared, base: BorrowedFd<'_>, mut entry: Waiting, is_explicit: bool) -> Option<Waiting> {
    let stat = statat(base, &entry.name, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    let kind = FileType::from_raw_mode(stat.st_mode);
    let is_foreign = !is_explicit && entry.device.is_some_and(|device| device != stat.st_dev);
    if is_foreign && (kind != FileType::Directory || entry.is_beyond) {
        return None;
    }
    let size = u64::try_from(stat.st_size).unwrap_or(0);
    match kind {
        FileType::Directory => {
            let is_own = shared.own_folders.contains(&(stat.st_dev, stat.st_ino));
            entry.is_beyond = is_foreign;
            return Some(entry).filter(|entry| !is_own && entry.depth < MAX_DEPTH);
        }
        FileType::RegularFile if is_explicit || !shared.options.excludes.by_size(size) => {
            shared.totals.files.fetch_add(1, Relaxed);
            shared.totals.bytes.fetch_add(size, Relaxed);
        }
        // As where they are saved, links and devices are no files.
        _ => {}
    }
    None
}

fn below(shared: &Shared, folders: &Arc<Folders>, folder: &Waiting, waiting: &mut Vec<Waiting>) {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let Ok(above) = folder.above.as_ref().map(Folder::open).transpose() else { return };
    let base = above.as_ref().map_or(CWD, |fd| fd.as_fd());
    let Ok(fd) = openat(base, &folder.name, flags, Mode::empty()) else { return };
    drop(above);
    let Ok(names) = list_names(&fd) else { return };
    let names = without_tagged(shared, &fd, names, None);
    let opened = match &folder.above {
        Some(above) => above.below(&folder.name, fd),
        None => folders.named(&folder.name, fd),
    };
    let Ok(fd) = opened.open() else { return };
    for name in names {
        let path = join(&folder.path, &name);
        if shared.is_over() || shared.options.excludes.by_name(&path) {
            continue;
        }
        let (device, is_beyond, depth) = (folder.device, folder.is_beyond, folder.depth + 1);
        let entry = Waiting { above: Some(Arc::clone(&opened)), name, path, depth, device, is_beyond };
        waiting.extend(look(shared, fd.as_fd(), entry, false));
    }
}
