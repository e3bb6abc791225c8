//! One entry of a directory that is looked at, and what it shares with the parent snapshot.

use super::base::{Base, Held};
use crate::archive::directory::Directory;
use crate::archive::events::Event;
use crate::archive::shared::Shared;
use crate::tree::Node;
use crate::{Error, Result};
use rustix::fs::{AtFlags, Stat, statat};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// One entry, wherever it comes from.
pub(in crate::archive) struct Entry<'a> {
    pub(in crate::archive) directory: &'a Arc<Directory>,
    pub(in crate::archive) slot: usize,
    pub(in crate::archive) base: &'a Base,
    /// The same, open.
    pub(in crate::archive) held: &'a Held,
    /// What to open below the base.
    pub(in crate::archive) target: &'a [u8],
    /// Its name in the snapshot.
    pub(in crate::archive) name: &'a [u8],
    /// Absolute path on the file system.
    pub(in crate::archive) path: Vec<u8>,
    /// Named by the user, hence not subject to patterns.
    pub(in crate::archive) is_explicit: bool,
    /// The file system that it must be on; `None` where any will do.
    pub(in crate::archive) device: Option<u64>,
    /// The folder that it is in is on another one.
    pub(in crate::archive) is_beyond: bool,
}

impl Entry<'_> {
    /// Report that it cannot be saved. What vanished after it was listed is as if it had never been listed; what the
    /// user named is missed.
    pub(in crate::archive) fn fail(&self, shared: &Shared, error: &Error) {
        if self.is_explicit || !error.is_missing() {
            shared.fail(&self.path, &error.to_string());
        }
    }

    /// The node of this entry with everything but its content.
    pub(in crate::archive) fn node(
        &self,
        shared: &Shared,
        stat: &Stat,
        handle: Option<BorrowedFd<'_>>,
    ) -> Result<Node> {
        let options = &shared.options;
        let is_due = || options.reread.as_ref().is_some_and(|share| share.is_due(&self.path));
        let may_take = options.parent_is_own && !options.ignore_inode && !options.ignore_ctime;
        let parent = self.old(0).filter(|_| may_take && !is_due());
        let (mut node, warnings) = shared.metadata.node_since(self.held.fd(), self.target, stat, parent, handle)?;
        // Attributes are read by name: when that has vanished meanwhile, the entry has.
        if warnings.iter().any(Error::is_missing)
            && let Err(error) = statat(self.held.fd(), self.target, AtFlags::SYMLINK_NOFOLLOW)
        {
            return Err(Error::io("lstat", error));
        }
        for warning in warnings {
            shared.events.push(Event::Warning { path: self.path.clone(), message: warning.to_string() });
        }
        if node.name != self.name {
            node.name = self.name.to_vec();
        }
        Ok(node)
    }

    /// What the parent snapshot has under this name, for a polynomial.
    pub(in crate::archive) fn old(&self, group: usize) -> Option<&Node> {
        self.directory.old.get(group)?.as_ref()?.find(self.name)
    }
}
