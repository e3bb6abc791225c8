//! One entry of a directory, as a tree describes it.

use crate::{Id, time::Timestamp};

/// Go's `os.FileMode`, which is what a node's mode is written in, and how it relates to `st_mode`.
pub mod mode {
    /// A directory.
    pub const DIR: u32 = 1 << 31;
    /// A symbolic link.
    pub const SYMLINK: u32 = 1 << 27;
    /// A device; with [`CHAR_DEVICE`] if it is a character device.
    pub const DEVICE: u32 = 1 << 26;
    /// A named pipe.
    pub const FIFO: u32 = 1 << 25;
    /// A socket.
    pub const SOCKET: u32 = 1 << 24;
    /// Set user ID on execution.
    pub const SETUID: u32 = 1 << 23;
    /// Set group ID on execution.
    pub const SETGID: u32 = 1 << 22;
    /// A character device, together with [`DEVICE`].
    pub const CHAR_DEVICE: u32 = 1 << 21;
    /// Only owners may remove.
    pub const STICKY: u32 = 1 << 20;

    /// Go's mode of a Unix mode.
    pub fn from_unix(st_mode: u32) -> u32 {
        let kind = match st_mode & 0o170_000 {
            0o060_000 => DEVICE,
            0o020_000 => DEVICE | CHAR_DEVICE,
            0o040_000 => DIR,
            0o010_000 => FIFO,
            0o120_000 => SYMLINK,
            0o140_000 => SOCKET,
            _ => 0,
        };
        let flag = |unix: u32, go: u32| if st_mode & unix != 0 { go } else { 0 };
        st_mode & 0o777 | kind | flag(0o4000, SETUID) | flag(0o2000, SETGID) | flag(0o1000, STICKY)
    }

    /// The permission bits of a Unix mode, with set-user-ID, set-group-ID and sticky: what `chmod` takes.
    ///
    /// The file type is left out: `type` says it, and rustic loses those bits.
    pub fn to_permissions(mode: u32) -> u32 {
        let flag = |go: u32, unix: u32| if mode & go != 0 { unix } else { 0 };
        mode & 0o777 | flag(SETUID, 0o4000) | flag(SETGID, 0o2000) | flag(STICKY, 0o1000)
    }
}

/// What a node is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum NodeType {
    /// A regular file.
    #[default]
    File,
    /// A directory.
    Dir,
    /// A symbolic link.
    Symlink,
    /// A block device.
    Dev,
    /// A character device.
    CharDev,
    /// A named pipe.
    Fifo,
    /// A socket; restic reads such nodes and writes none.
    Socket,
    /// What the system could not classify.
    Irregular,
    /// Any other word, kept as it is.
    Unknown(Box<str>),
}

impl NodeType {
    /// The word in the tree.
    pub fn as_str(&self) -> &str {
        match self {
            Self::File => "file",
            Self::Dir => "dir",
            Self::Symlink => "symlink",
            Self::Dev => "dev",
            Self::CharDev => "chardev",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Irregular => "irregular",
            Self::Unknown(word) => word,
        }
    }

    /// The type that a word stands for.
    pub fn from_word(word: &str) -> Self {
        match word {
            "file" => Self::File,
            "dir" => Self::Dir,
            "symlink" => Self::Symlink,
            "dev" => Self::Dev,
            "chardev" => Self::CharDev,
            "fifo" => Self::Fifo,
            "socket" => Self::Socket,
            "irregular" => Self::Irregular,
            other => Self::Unknown(other.into()),
        }
    }

    /// The type that `st_mode` says.
    pub fn from_unix(st_mode: u32) -> Self {
        match st_mode & 0o170_000 {
            0o100_000 => Self::File,
            0o040_000 => Self::Dir,
            0o120_000 => Self::Symlink,
            0o060_000 => Self::Dev,
            0o020_000 => Self::CharDev,
            0o010_000 => Self::Fifo,
            0o140_000 => Self::Socket,
            _ => Self::Irregular,
        }
    }
}

/// One entry of a directory (`docs/reference/format.md` 1.10). The default is an empty file of Go's zero time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Node {
    /// The name's bytes; any but `/` and NUL.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: NodeType,
    /// Go's file mode, see [`mode`].
    pub mode: u32,
    /// Last change of the content.
    pub mtime: Timestamp,
    /// Last access; equal to `mtime` unless asked for.
    pub atime: Timestamp,
    /// Last change of the inode.
    pub ctime: Timestamp,
    /// Numeric owner.
    pub uid: u32,
    /// Numeric group.
    pub gid: u32,
    /// The owner's name, empty if unknown.
    pub user: String,
    /// The group's name, empty if unknown.
    pub group: String,
    /// The inode's number.
    pub inode: u64,
    /// The number of the device that holds the inode.
    pub device_id: u64,
    /// Bytes of content; files only.
    pub size: u64,
    /// Hard links; 0 for directories.
    pub links: u64,
    /// Where a symbolic link leads, any bytes.
    pub linktarget: Vec<u8>,
    /// Names and values in the order of `listxattr`.
    pub extended_attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Attributes of other systems: a JSON object as it was read.
    pub generic_attributes: Option<Box<[u8]>>,
    /// The device that a device node stands for (`st_rdev`).
    pub device: u64,
    /// Data blobs of a file in order; `None` for everything else.
    pub content: Option<Vec<Id>>,
    /// The tree of a directory.
    pub subtree: Option<Id>,
    /// What went wrong while it was backed up; empty if nothing.
    pub error: String,
    /// Fields that we do not know, as they were read: `,"key":value` one after the other.
    pub unknown: Vec<u8>,
}

impl Node {
    /// Whether this file, as just seen, is the one that `parent` recorded, so that its content need not be read:
    /// both are files, of equal size, mtime, ctime and inode (`docs/reference/format.md` 1.13).
    ///
    /// `ignore_ctime` leaves out the ctime, `ignore_inode` inode and ctime, as restic's options of these names do.
    /// That the parent's blobs still exist is for the caller to check.
    pub fn unchanged_since(&self, parent: &Self, ignore_inode: bool, ignore_ctime: bool) -> bool {
        self.kind == NodeType::File
            && parent.kind == NodeType::File
            && parent.content.is_some()
            && self.size == parent.size
            && self.mtime.same_instant(&parent.mtime)
            && (ignore_inode || ignore_ctime || self.ctime.same_instant(&parent.ctime))
            && (ignore_inode || self.inode == parent.inode)
    }
}
