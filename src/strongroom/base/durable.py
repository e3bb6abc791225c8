"""Making files and names survive a power cut, and publishing a name without replacing another."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NO_SYNC = {errno.EINVAL, errno.EOPNOTSUPP, errno.ENOTTY, errno.ENOSYS}
NO_LINKS = {
    errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EINVAL, errno.EXDEV, errno.EIO
}  # fmt: skip
"""How file systems say that they have no hard links, or no rename that does not replace: FUSE says EIO for both. A disk
that fails says so again, to what is tried instead."""
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_OWN_PERMISSIONS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EIO}


def sync_file(descriptor: int) -> None:
    """fsync a file; a file system that knows no fsync (some FUSE ones) is taken as it is, as restic does."""
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise


def set_mode(descriptor: int, mode: int) -> None:
    """chmod a file; a mounted share (SMB, FAT, FUSE) that has permissions of its own is taken as it is."""
    try:
        os.fchmod(descriptor, mode)
    except OSError as error:
        if error.errno not in _OWN_PERMISSIONS:
            raise


def give(descriptor: int, owner: tuple[int, int]) -> None:
    """chown to user and group, where the file system knows owners and lets us."""
    with contextlib.suppress(OSError):
        os.fchown(descriptor, *owner)


def give_folder(path: str, owner: tuple[int, int]) -> None:
    """``give`` a folder that was just made: an empty one, lest who owns its parent puts another in its place."""
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if not os.listdir(descriptor):
                give(descriptor, owner)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def open_folder(path: str) -> Iterator[int]:
    """A descriptor of a folder. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def sync_folder(path: str) -> None:
    """fsync a folder, so that the names in it are durable."""
    with open_folder(path) as descriptor:
        sync_file(descriptor)


def make_folder(path: str, mode: int) -> bool:
    """Make one folder and its name durable; its parent must be there. Returns whether it was made."""
    try:
        os.mkdir(path, mode)
    except FileExistsError:
        return False
    sync_folder(os.path.dirname(path) or ".")
    return True


def replace_file(path: str, data: bytes, *, mode: int = 0o600) -> None:
    """Replace a small file as a whole, or make it: durable on return, the old one or the new one at any moment.

    Who may write the same file at once holds a lock around this; what a killed process left of a replacement is
    replaced by the next one of its number. Raises OSError; then the old file stands, and nothing is left behind.
    """
    temporary = f"{path}.{os.getpid()}.new"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            sync_file(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
    sync_folder(os.path.dirname(path) or ".")


def write_new(path: str, data: bytes, temporary: str) -> bool:
    """Make a small file (mode 0600) appear whole under a name that nothing has: durable on return, never replacing.

    ``temporary`` is a name of nobody else in the same folder. Returns whether the file was made; when another was
    faster, its name is durable on return. Raises OSError.
    """
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    made = True
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            sync_file(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            made = False
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
            try:
                rename_new(temporary, path)
            except FileExistsError:
                made = False
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
    sync_folder(os.path.dirname(path) or ".")
    return made


@functools.cache
def _renameat2() -> Callable[[bytes, bytes], None] | None:
    """The C library's renameat2 as a function of two paths that never replaces, where there is one."""
    import ctypes  # noqa: PLC0415 -- 10 ms, and only for file systems without O_TMPFILE

    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except AttributeError:
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)

    def rename(source: bytes, target: bytes) -> None:
        if function(_AT_FDCWD, source, _AT_FDCWD, target, _RENAME_NOREPLACE) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), os.fsdecode(target))

    return rename


def rename_new(source: str, target: str) -> None:
    """Give a file its final name; never replaces. Raises FileExistsError, OSError.

    renameat2 first; a hard link where that is not known; where neither is (FAT on old kernels, much of FUSE), a look
    and a rename.
    """
    rename = _renameat2()
    if rename is not None:
        try:
            rename(os.fsencode(source), os.fsencode(target))
        except OSError as error:
            if error.errno not in NO_LINKS:
                raise
        else:
            return
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        os.rename(source, target)
    else:
        os.unlink(source)
