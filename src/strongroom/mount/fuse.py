"""mfusepy with what it leaves out: whole attributes in listings (READDIRPLUS), so that the kernel asks once a folder.

mfusepy gives names and types only; ``find`` and ``ls -l`` then ask for each entry by itself, which took three times as
long. It also wants what is read in one piece of its own, which is one copy more. Imported where something is mounted,
since mfusepy looks for libfuse when it is loaded.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

import mfusepy

if TYPE_CHECKING:
    from strongroom.mount.tree_view import Attributes

TAKES_THREADS = (mfusepy.fuse_version_major, mfusepy.fuse_version_minor) >= (3, 12)
"""Whether this libfuse knows the option ``max_threads``."""
_PLUS = 1
"""``FUSE_READDIR_PLUS``: the kernel wants whole attributes."""
_FILL_PLUS = 1 << 1
"""``FUSE_FILL_DIR_PLUS``: these are."""
_TIMES = {"st_atime": "st_atimespec", "st_mtime": "st_mtimespec", "st_ctime": "st_ctimespec"}


class Fuse(mfusepy.FUSE):  # type: ignore[misc] # it has no types
    """``mfusepy.FUSE`` for operations whose ``readdir`` gives pairs of a name and all its attributes."""

    def readdir_fuse_3(self, path: bytes | None, buf: Any, filler: Any, offset: int, fip: Any, flags: int) -> int:  # noqa: ARG002
        """Fill the kernel's page from entry ``offset`` on.

        Each entry goes with the offset of the next one: where libfuse is handed a whole listing with none, it leaves
        out what makes the kernel know the entries, which then asks for each by its name.
        """
        listing = self.operations.listing(fip.contents.fh)
        plus = _FILL_PLUS if flags & _PLUS else 0
        status = mfusepy.c_stat()
        while (entry := listing.at(offset)) is not None:
            name, attributes = entry
            fill(status, attributes)
            offset += 1
            if filler(buf, name.encode("utf-8", "surrogateescape"), status, offset, plus) != 0:
                break
        return 0

    def read(self, path: bytes | None, buf: Any, size: int, offset: int, fip: Any) -> int:  # noqa: ARG002
        """Copy what was asked for from where it is kept to where libfuse wants it, and nowhere else."""
        pieces = self.operations.read(None, size, offset, fip.contents.fh)
        room = memoryview((ctypes.c_char * size).from_address(ctypes.addressof(buf.contents))).cast("B")
        end = 0
        for piece in pieces:
            room[end : end + len(piece)] = piece
            end += len(piece)
        return end

    def fgetattr(self, path: bytes | None, buf: Any, fip: Any) -> int:
        """What ``stat`` shows, without a detour."""
        decoded = None if path is None else path.decode("utf-8", "surrogateescape")
        fill(buf.contents, self.operations.getattr(decoded, fip.contents.fh if fip else None))
        return 0


def fill(status: Any, attributes: Attributes) -> None:
    """Write attributes into C's ``struct stat``; what they leave out is 0."""
    status.st_rdev = status.st_uid = status.st_gid = status.st_size = status.st_blocks = status.st_blksize = 0
    for name, value in attributes.items():
        if name in _TIMES:
            moment = getattr(status, _TIMES[name])
            moment.tv_sec, moment.tv_nsec = divmod(value, 10**9)
        else:
            setattr(status, name, value)
