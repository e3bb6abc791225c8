"""Files that the user named for results. What stands there already stays until the new content is whole."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextlib.contextmanager
def writing(path: str, whole: Callable[[], bool] = lambda: True) -> Iterator[BinaryIO]:
    """A file of the user's choice for results. Errors name it; those of Python name it only where it is opened.

    A file with content is replaced when the new one was written and ``whole`` says that nothing is missing; else it
    stays. Everything else, a device or a pipe for example, is written to directly.
    """
    try:
        place = os.path.realpath(path)
        before = _content(place)
        descriptor = None if before is None else _unnamed(place)
        if before is None or descriptor is None:
            with open(path, "wb") as file:
                yield file
            return
        with open(descriptor, "wb") as file:
            yield file
            file.flush()
            if whole():
                _put(file.fileno(), before, place)
    except OSError as error:
        if error.filename is None and error.errno is not None:
            raise OSError(error.errno, error.strerror, path) from None
        raise


def _content(place: str) -> os.stat_result | None:
    """A regular file that is not empty."""
    try:
        found = os.stat(place)
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) and found.st_size else None


def _unnamed(place: str) -> int | None:
    """A file without a name on that file system, so that a kill leaves nothing behind; None where there is none."""
    try:
        return os.open(os.path.dirname(place), os.O_WRONLY | os.O_TMPFILE | os.O_CLOEXEC, 0o600)
    except OSError:
        return None


def _put(descriptor: int, before: os.stat_result, place: str) -> None:
    """Give the new content the old one's owner, mode and place."""
    with contextlib.suppress(PermissionError):
        os.fchown(descriptor, before.st_uid, before.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
    folder, name = os.path.split(place)
    beside = f".strongroom-new-{secrets.token_hex(8)}"
    above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # With a handle on the folder it is linkat(2), which follows the link in /proc to the file without a name.
        os.link(f"/proc/self/fd/{descriptor}", beside, dst_dir_fd=above, follow_symlinks=True)
        try:
            os.rename(beside, name, src_dir_fd=above, dst_dir_fd=above)
        except OSError:
            os.unlink(beside, dir_fd=above)
            raise
    finally:
        os.close(above)
