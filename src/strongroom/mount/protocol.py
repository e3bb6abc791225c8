"""The messages of FUSE as bytes: what the kernel asks through /dev/fuse, and what it is answered.

Linux's ``include/uapi/linux/fuse.h``, version 7.31; all numbers in the machine's own order.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from strongroom.mount.tree_view import Attributes

LOOKUP: Final = 1
FORGET: Final = 2
GETATTR: Final = 3
READLINK: Final = 5
OPEN: Final = 14
READ: Final = 15
STATFS: Final = 17
RELEASE: Final = 18
GETXATTR: Final = 22
LISTXATTR: Final = 23
INIT: Final = 26
OPENDIR: Final = 27
READDIR: Final = 28
RELEASEDIR: Final = 29
INTERRUPT: Final = 36
DESTROY: Final = 38
BATCH_FORGET: Final = 42
READDIRPLUS: Final = 44

ROOT: Final = 1
"""The node of the mount itself."""
REQUEST_SIZE: Final = 64 << 10
"""Room for one request of the kernel, in bytes: it asks for 8 KiB at least, and puts more nodes to forget into more."""
MAX_PAGES: Final = 256
"""How many pages one read may ask for, at most: 1 MiB."""
OLDEST_MINOR: Final = 23
"""Linux 4.2; before it, the answer to INIT was shorter."""
OUR_MAJOR: Final = 7
OUR_MINOR: Final = 31

ASYNC_READ: Final = 1 << 0
DO_READDIRPLUS: Final = 1 << 13
READDIRPLUS_AUTO: Final = 1 << 14
NO_OPEN_SUPPORT: Final = 1 << 17
PARALLEL_DIROPS: Final = 1 << 18
MAX_PAGES_FLAG: Final = 1 << 22
CACHE_SYMLINKS: Final = 1 << 23
WANTED: Final = (
    ASYNC_READ | DO_READDIRPLUS | READDIRPLUS_AUTO | NO_OPEN_SUPPORT | PARALLEL_DIROPS | MAX_PAGES_FLAG | CACHE_SYMLINKS
)

REQUEST = Struct("=IIQQIIIHH")
"""Length, opcode, number of the request, node; user, group and process are not looked at."""
ANSWER = Struct("=IiQ")
"""Length, the negative error or 0, number of the request."""
INIT_IN = Struct("=IIII")
INIT_OUT = Struct("=IIIIHHIIHHI28x")
READ_IN = Struct("=QQI")
RELEASE_IN = Struct("=Q")
FORGET_IN = Struct("=Q")
BATCH_FORGET_IN = Struct("=II")
FORGET_ONE = Struct("=QQ")
GETXATTR_IN = Struct("=II")
GETXATTR_OUT = Struct("=II")
OPEN_OUT = Struct("=QII")
STATFS_OUT = Struct("=5Q4I24x")

_ATTRIBUTES = "3Q3q10I"
_ENTRY = Struct("=QQQQII" + _ATTRIBUTES)
_GETATTR_OUT = Struct("=QII" + _ATTRIBUTES)
_NAME = Struct("=QQII")
NO_ENTRY: Final = bytes(_ENTRY.size)
"""What stands before the names ``.`` and ``..`` in a listing with attributes: the kernel knows them."""
_SECOND = 10**9
_WORD = (1 << 32) - 1


def init_answer(major: int, minor: int, readahead: int, flags: int) -> bytes:
    """The answer to INIT: as much of what we want as this kernel offers."""
    flags &= WANTED
    return INIT_OUT.pack(major, min(minor, OUR_MINOR), readahead, flags, 0, 0, 4096, 1, MAX_PAGES, 0, 0)


def attributes_answer(attributes: Attributes, seconds: int) -> bytes:
    """The answer to GETATTR, to be believed for so many seconds."""
    return _GETATTR_OUT.pack(seconds, 0, 0, *_numbers(attributes))


def entry(node: int, attributes: Attributes, seconds: int, attribute_seconds: int) -> bytes:
    """The answer to LOOKUP: a node with its attributes, and for how long its name and they may be believed."""
    return _ENTRY.pack(node, 0, seconds, attribute_seconds, 0, 0, *_numbers(attributes))


def name_length(name: bytes, *, plus: bool) -> int:
    """How many bytes a name takes in a listing."""
    return (_ENTRY.size if plus else 0) + (_NAME.size + len(name) + 7) // 8 * 8


def listed_name(name: bytes, inode: int, kind: int, following: int) -> bytes:
    """A name in a listing: its inode number, its type as in a mode, and the number of the entry that follows it."""
    head = _NAME.pack(inode, following, len(name), kind >> 12)
    return (head + name).ljust(name_length(name, plus=False), b"\0")


def _numbers(attributes: Attributes) -> tuple[int, ...]:
    """``struct fuse_attr``; what is larger than its field loses its upper bits, as in libfuse."""
    find = attributes.get
    accessed, changed, created = attributes["st_atime"], attributes["st_mtime"], attributes["st_ctime"]
    return (
        attributes["st_ino"],
        find("st_size", 0),
        find("st_blocks", 0),
        accessed // _SECOND,
        changed // _SECOND,
        created // _SECOND,
        accessed % _SECOND,
        changed % _SECOND,
        created % _SECOND,
        attributes["st_mode"],
        attributes["st_nlink"] & _WORD,
        find("st_uid", 0) & _WORD,
        find("st_gid", 0) & _WORD,
        find("st_rdev", 0) & _WORD,
        find("st_blksize", 0),
        0,
    )
