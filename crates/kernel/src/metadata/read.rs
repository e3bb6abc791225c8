//! A node from an entry of a directory, filled as restic fills it.

use super::{Names, list_directory, xattr};
use crate::tree::{Node, NodeType, mode};
use crate::{Error, Result, time::Zone};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, Mode, OFlags, Stat};
use std::io::ErrorKind;
use std::path::Path;

/// What is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Record the time of the last access; otherwise `atime` is a copy of `mtime`, so that reading changes no tree.
    pub with_atime: bool,
}

/// Reads nodes; knows the zone of the times and remembers the names of users and groups. Share it between threads.
#[derive(Debug)]
pub struct MetadataReader {
    options: Options,
    zone: Zone,
    names: Names,
}

/// The status of an entry itself, of the link if it is one.
///
/// # Errors
/// [`Error::Io`] of `fstatat`.
pub fn stat_at(directory: BorrowedFd<'_>, name: &[u8]) -> Result<Stat> {
    rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|error| Error::io("lstat", error))
}

impl MetadataReader {
    /// A reader that writes times with the offsets of this zone, usually [`Zone::local`].
    pub fn new(options: Options, zone: Zone) -> Self {
        Self { options, zone, names: Names::default() }
    }

    /// The node of an entry whose status is `stat`: all but content, subtree and error.
    ///
    /// Attributes of symbolic links are read, too, as later releases of restic do: 0.14 left out their security labels.
    /// A regular file's `content` is an empty list, that of everything else `None`. Attributes that could not be
    /// read are warnings, the node is good without them.
    ///
    /// # Errors
    /// [`Error::Io`] when the target of a symbolic link cannot be read.
    pub fn node_from(&self, directory: BorrowedFd<'_>, name: &[u8], stat: &Stat) -> Result<(Node, Vec<Error>)> {
        self.node_since(directory, name, stat, None, None)
    }

    /// As [`Self::node_from`], taking attributes and link target from `parent`, a node recorded earlier, if the inode has
    /// not been touched since: same type, number, device and ctime, which changes with every attribute and access list
    /// and which nobody can set. That leaves one system call where there were two.
    ///
    /// With `handle`, an open file of just this entry, its attributes are read by that and no path is walked.
    ///
    /// Pass no parent where inode numbers or ctimes do not mean that (`--ignore-inode`, `--ignore-ctime`), when the
    /// attributes are to be read again like content now and then, and when the earlier run may have had fewer rights.
    ///
    /// # Errors
    /// As [`Self::node_from`].
    pub fn node_since(
        &self,
        directory: BorrowedFd<'_>,
        name: &[u8],
        stat: &Stat,
        parent: Option<&Node>,
        handle: Option<BorrowedFd<'_>>,
    ) -> Result<(Node, Vec<Error>)> {
        let mut node = self.node_of_stat(name, stat);
        let untouched = |parent: &&Node| {
            parent.kind == node.kind
                && parent.inode == node.inode
                && parent.device_id == node.device_id
                && parent.ctime.same_instant(&node.ctime)
                && (node.kind == NodeType::Symlink) != parent.linktarget.is_empty()
        };
        let mut warnings = Vec::new();
        if let Some(parent) = parent.filter(untouched) {
            node.linktarget.clone_from(&parent.linktarget);
            node.extended_attributes.clone_from(&parent.extended_attributes);
            return Ok((node, warnings));
        }
        if node.kind == NodeType::Symlink {
            let target = rustix::fs::readlinkat(directory, name, Vec::new());
            node.linktarget = target.map_err(|error| Error::io("readlink", error))?.into_bytes();
        }
        let openable = matches!(node.kind, NodeType::File | NodeType::Dir);
        let attributes = match handle {
            Some(handle) => xattr::read_open(handle, &mut warnings),
            None => xattr::read(directory, name, openable, &mut warnings),
        };
        match attributes {
            Ok(attributes) => node.extended_attributes = attributes,
            Err(error) => warnings.push(error),
        }
        Ok((node, warnings))
    }

    /// The nodes of all entries of a directory in order, and what could not be read of them. Entries that vanish
    /// meanwhile are left out.
    ///
    /// # Errors
    /// [`Error::Io`] when the directory cannot be opened or listed.
    pub fn nodes_of(&self, directory: &Path) -> Result<(Vec<Node>, Vec<Error>)> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::open(directory, flags, Mode::empty())
            .map_err(|error| Error::io(format!("opening {}", directory.display()), error))?;
        let (mut nodes, mut warnings) = (Vec::new(), Vec::new());
        for entry in list_directory(handle.as_fd())?.iter() {
            let node =
                stat_at(handle.as_fd(), entry.name).and_then(|stat| self.node_from(handle.as_fd(), entry.name, &stat));
            match node {
                Ok((node, mut some)) => {
                    nodes.push(node);
                    warnings.append(&mut some);
                }
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                Err(error) => warnings.push(error),
            }
        }
        Ok((nodes, warnings))
    }

    /// What the status alone says; no system call but for names not yet known.
    #[allow(clippy::unnecessary_cast, reason = "the widths of these fields differ between architectures")]
    pub fn node_of_stat(&self, name: &[u8], stat: &Stat) -> Node {
        let kind = NodeType::from_unix(stat.st_mode as u32);
        let mtime = self.zone.timestamp(stat.st_mtime as i64, stat.st_mtime_nsec as u32);
        let atime = if self.options.with_atime {
            self.zone.timestamp(stat.st_atime as i64, stat.st_atime_nsec as u32)
        } else {
            mtime
        };
        let linked = matches!(kind, NodeType::File | NodeType::Symlink | NodeType::Dev | NodeType::CharDev);
        let device = matches!(kind, NodeType::Dev | NodeType::CharDev);
        let file = kind == NodeType::File;
        Node {
            name: name.to_vec(),
            mode: mode::from_unix(stat.st_mode as u32),
            mtime,
            atime,
            ctime: self.zone.timestamp(stat.st_ctime as i64, stat.st_ctime_nsec as u32),
            uid: stat.st_uid,
            gid: stat.st_gid,
            user: self.names.user(stat.st_uid).as_ref().into(),
            group: self.names.group(stat.st_gid).as_ref().into(),
            inode: stat.st_ino as u64,
            device_id: stat.st_dev as u64,
            size: if file { stat.st_size as u64 } else { 0 },
            links: if linked { stat.st_nlink as u64 } else { 0 },
            device: if device { stat.st_rdev as u64 } else { 0 },
            content: file.then(Vec::new),
            kind,
            ..Node::default()
        }
    }
}
