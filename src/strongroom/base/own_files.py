"""A program's own folders and files, which it reads and writes: whether this user may, and in words why not."""

from __future__ import annotations

import errno
import os
import pwd
import stat
from typing import TYPE_CHECKING, BinaryIO

from strongroom.base.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

_FOLDER = os.R_OK | os.W_OK | os.X_OK
_FILE = os.R_OK | os.W_OK


def make_own_folder(folder: str) -> None:
    """Make a folder for this user alone where it is not there. Raises ``ConfigurationError``, also for a file."""
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
    except OSError as error:
        raise _refusal(folder, f"the folder cannot be made: {error.strerror}") from None


def check_own_files(folder: str, files: Sequence[str] = ()) -> None:
    """Raise ``ConfigurationError`` where a folder that is there, or one of the files that are, may not be read and
    written. Nothing is opened, and nothing changes."""
    for path, needed in ((folder, _FOLDER), *((file, _FILE) for file in files)):
        try:
            kind = os.stat(path).st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise _refusal(path, f"cannot be reached: {error.strerror}") from None
        if path == folder and not stat.S_ISDIR(kind):
            raise _refusal(path, "is no folder")
        if not os.access(path, needed, effective_ids=True):
            raise _refusal(path, f"user {_name(os.geteuid())} may not read and write this")


def open_own_file(path: str) -> BinaryIO:
    """A regular file for reading. Raises OSError, also for a pipe, whose opening would wait for who writes to it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind):
        return open(descriptor, "rb")
    os.close(descriptor)
    number = errno.EISDIR if stat.S_ISDIR(kind) else errno.EINVAL
    raise OSError(number, os.strerror(number) if stat.S_ISDIR(kind) else "it is no regular file", path)


def _refusal(path: str, what: str) -> ConfigurationError:
    return ConfigurationError(what, subject=path, hint=advice(path, what))


def advice(path: str, what: str = "") -> str:
    """What to do about a path that this user may not use, by the nearest thing on the way there that shows whose it
    is; ``what`` says whether a folder was wanted."""
    near = os.path.abspath(path)
    while True:
        try:
            status = os.stat(near)
            break
        except OSError:
            near = os.path.dirname(near)
    if os.statvfs(near).f_flag & os.ST_RDONLY:
        return "The file system is read-only: mount it for writing, or name another folder."
    if not stat.S_ISDIR(status.st_mode) and ("folder" in what or near != os.path.abspath(path)):
        return "A file lies there: move it away, or name another folder."
    return (
        f"{near} belongs to {_name(status.st_uid)}, with mode {stat.S_IMODE(status.st_mode):04o}, and this is user"
        f" {_name(os.geteuid())}: start this as the user who keeps these files, or change the owner (chown -R) or the"
        " mode."
    )


def _name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
