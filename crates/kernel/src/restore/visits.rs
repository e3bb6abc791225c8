//! What a walk that removes does with each entry: names it, keeps silent, or only looks.

use super::context::Context;
use super::disk::beneath;
use rustix::fd::BorrowedFd;
use rustix::fs::Stat;
use rustix::io::Errno;

/// Levels that are descended.
const DEEPEST: usize = 4096;

/// What is done with the entries of a tree, from the bottom up.
pub(super) trait Visit {
    fn stopped(&self) -> bool;
    /// Whether a directory is entered.
    fn enters(&mut self, stat: &Stat, path: &[u8], depth: usize) -> bool;
    /// Something that is no directory, or a directory of which everything was taken; whether it was taken.
    fn takes(&mut self, above: BorrowedFd<'_>, name: &[u8], directory: bool, path: &[u8]) -> bool;
    fn fails(&mut self, path: &[u8], what: &str, error: Errno);
    /// Directories of our own are opened to us.
    fn changes(&self) -> bool;
}

pub(super) struct Told<'a> {
    pub(super) context: &'a Context,
    pub(super) device: u64,
}

impl Visit for Told<'_> {
    fn stopped(&self) -> bool {
        self.context.report.stopped()
    }

    fn enters(&mut self, stat: &Stat, path: &[u8], depth: usize) -> bool {
        let why = match () {
            () if stat.st_dev != self.device => "another file system is mounted there",
            () if depth >= DEEPEST => "it lies too deep",
            () => return true,
        };
        self.context.report.failed(path.to_vec(), format!("not removed: {why}"));
        false
    }

    fn takes(&mut self, above: BorrowedFd<'_>, name: &[u8], directory: bool, path: &[u8]) -> bool {
        if !self.context.options.dry_run
            && let Err(error) = remove(above, name, directory)
        {
            self.context.fail(path.to_vec(), "cannot remove it", error);
            return false;
        }
        self.context.report.deleted(|| path.to_vec());
        true
    }

    fn fails(&mut self, path: &[u8], what: &str, error: Errno) {
        self.context.fail(path.to_vec(), what, error);
    }

    fn changes(&self) -> bool {
        !self.context.options.dry_run
    }
}

pub(super) struct Quiet {
    pub(super) device: u64,
}

impl Visit for Quiet {
    fn stopped(&self) -> bool {
        false
    }

    fn enters(&mut self, stat: &Stat, _: &[u8], depth: usize) -> bool {
        stat.st_dev == self.device && depth < DEEPEST
    }

    fn takes(&mut self, above: BorrowedFd<'_>, name: &[u8], directory: bool, _: &[u8]) -> bool {
        remove(above, name, directory).is_ok()
    }

    fn fails(&mut self, _: &[u8], _: &str, _: Errno) {}

    fn changes(&self) -> bool {
        true
    }
}

pub(super) struct Look<'a> {
    pub(super) context: &'a Context,
    pub(super) device: u64,
    pub(super) found: bool,
}

impl Visit for Look<'_> {
    fn stopped(&self) -> bool {
        self.found || self.context.report.stopped()
    }

    fn enters(&mut self, stat: &Stat, _: &[u8], depth: usize) -> bool {
        self.found |= stat.st_dev != self.device;
        !self.found && depth < DEEPEST
    }

    fn takes(&mut self, _: BorrowedFd<'_>, _: &[u8], _: bool, _: &[u8]) -> bool {
        true
    }

    fn fails(&mut self, _: &[u8], _: &str, _: Errno) {}

    fn changes(&self) -> bool {
        false
    }
}

fn remove(above: BorrowedFd<'_>, name: &[u8], directory: bool) -> rustix::io::Result<()> {
    let result = if directory { beneath::remove_directory(above, name) } else { beneath::unlink(above, name) };
    if result == Err(Errno::NOENT) { Ok(()) } else { result }
}
