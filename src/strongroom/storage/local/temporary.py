"""Files that are being written and have no name yet, or a temporary one.

Where the file system has O_TMPFILE, an unfinished file has no name at all and vanishes with its writer. Elsewhere it
stands in ``.strongroom/tmp`` of the repository, under an flock for as long as its writer lives; whoever comes next
removes those whose flock is free, and those alone, since a neighbour may be uploading. On a file system without flock
nothing is removed. One folder, rather than the object's own, so that looking for leftovers is one listing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os

from strongroom.base.durable import NO_LINKS, rename_new, set_mode, sync_file
from strongroom.base.record import mutable

FOLDER = os.path.join(".strongroom", "tmp")
_PREFIX = "upload-"
_NO_TMPFILE = {errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL, errno.ENOSYS, errno.EIO}
_NO_LINK = NO_LINKS | {errno.ENOENT}
_BLOCK = 1 << 20


@mutable
class TemporaryFile:
    """An open unfinished file. ``path`` is None where it has no name."""

    descriptor: int
    path: str | None

    def discard(self) -> None:
        """Close it and remove its temporary name. Idempotent."""
        path, self.path = self.path, None
        if path is not None:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


def open_anonymous(folder: str) -> TemporaryFile | None:
    """A file without a name in this folder; None where the file system or a missing /proc does not allow it."""
    try:
        descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno in _NO_TMPFILE:
            return None
        raise
    if not os.path.exists(f"/proc/self/fd/{descriptor}"):
        os.close(descriptor)
        return None
    return TemporaryFile(descriptor, None)


def open_named(root: str, folder_mode: int) -> TemporaryFile:
    """A file with a temporary name in the repository at ``root``, under our flock. Raises OSError."""
    folder = os.path.join(root, FOLDER)
    while True:
        path = os.path.join(folder, _PREFIX + os.urandom(16).hex())
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            os.stat(root)  # never makes the repository itself anew: its disk may be unmounted
            os.makedirs(folder, folder_mode, exist_ok=True)
            continue
        if _locked(descriptor) and os.path.lexists(path):
            return TemporaryFile(descriptor, path)
        os.close(descriptor)  # a sweeper was faster than our flock, and has removed it or will


def _locked(descriptor: int) -> bool:
    """Take the flock without waiting; true also where the file system has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in {errno.EWOULDBLOCK, errno.EACCES}
    return True


def publish(temporary: TemporaryFile, root: str, folder_mode: int, target: str) -> None:
    """Give the finished and synced file its final name, never replacing. Raises FileExistsError, OSError.

    Where a file without a name cannot be linked after all, it is copied into one that has a name.
    """
    if temporary.path is None:
        try:
            _link(temporary.descriptor, target)
        except OSError as error:
            if error.errno not in _NO_LINK or not os.path.isdir(os.path.dirname(target)):
                raise
            _give_name(temporary, open_named(root, folder_mode))
        else:
            return
    assert temporary.path is not None
    rename_new(temporary.path, target)
    temporary.path = None


def _link(descriptor: int, target: str) -> None:
    """linkat with AT_SYMLINK_FOLLOW, which Python does only when a folder's descriptor is given."""
    folder = os.open(os.path.dirname(target), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.link(f"/proc/self/fd/{descriptor}", os.path.basename(target), dst_dir_fd=folder, follow_symlinks=True)
    finally:
        os.close(folder)


def _give_name(temporary: TemporaryFile, named: TemporaryFile) -> None:
    """Copy bytes and mode of ``temporary`` into ``named``, sync, and let it take its place."""
    try:
        status = os.fstat(temporary.descriptor)
        position = 0
        while block := os.pread(temporary.descriptor, _BLOCK, position):
            write_all(named.descriptor, block)
            position += len(block)
        set_mode(named.descriptor, status.st_mode & 0o7777)
        sync_file(named.descriptor)
    except BaseException:
        named.discard()
        raise
    os.close(temporary.descriptor)
    temporary.descriptor, temporary.path = named.descriptor, named.path


def write_all(descriptor: int, data: bytes | bytearray | memoryview) -> None:
    """Write every byte: the system may take fewer at once. Raises OSError."""
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(descriptor, view) :]


def sweep(root: str) -> int:
    """Remove the unfinished files whose writers are gone; returns how many. What cannot be removed stays."""
    removed = 0
    folder = os.path.join(root, FOLDER)
    try:
        names = os.listdir(folder)
    except OSError:
        return 0
    for name in names:
        if not name.startswith(_PREFIX):
            continue
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(path)
                removed += 1
            finally:
                os.close(descriptor)
    return removed
