"""The folder that a repository is mounted on: whether it may be, and how it is given back."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from typing import TYPE_CHECKING

from strongroom.base.errors import Unsupported, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAZILY = 2
"""``MNT_DETACH``: the place is free at once, and what is still open there ends when it is closed."""


def check(mountpoint: str, repository_folders: Sequence[str] = ()) -> str:
    """The mountpoint as an absolute path without links. Raises ``UsageError`` for one that cannot be used.

    ``repository_folders``: repositories on this machine; one that overlaps would wait for itself for ever.
    """
    shown = f"mountpoint {mountpoint}"
    try:
        names = os.listdir(mountpoint)
    except FileNotFoundError:
        raise UsageError(f"{shown} does not exist", hint=f"Make it: mkdir -p {mountpoint}") from None
    except NotADirectoryError:
        raise UsageError(f"{shown} is not a directory", hint="Name an empty folder.") from None
    except OSError as error:
        raise UsageError(f"{shown} is inaccessible: {error.strerror}", hint=_stale(error, mountpoint)) from None
    if names:
        hint = "What is in it would be hidden meanwhile: name an empty folder."
        raise UsageError(f"{shown} is not empty", hint=hint)
    if not os.access(mountpoint, os.W_OK | os.X_OK):
        raise UsageError(f"{shown} is not writeable or not executable", hint="FUSE wants a folder of your own.")
    place = os.path.realpath(mountpoint)
    for folder in repository_folders:
        other = os.path.realpath(folder)
        if os.path.commonpath([place, other]) in (place, other):
            hint = "Mount it elsewhere: it would wait for itself for ever."
            raise UsageError(f"{shown} and the repository at {other} lie in one another", hint=hint)
    return place


def _stale(error: OSError, mountpoint: str) -> str:
    if error.errno == 107:  # ENOTCONN: whoever served it has died
        return f"An earlier mount there has died: fusermount3 -u {mountpoint}"
    return "Look at who may enter it and the folders above."


def check_fuse() -> None:
    """Raise ``Unsupported`` where this machine has no FUSE, or keeps it from us."""
    if not os.path.exists("/dev/fuse"):
        hint = "Load it with `modprobe fuse`; a container needs --device /dev/fuse --cap-add SYS_ADMIN."
        raise Unsupported("there is no FUSE on this machine (/dev/fuse is missing)", hint=hint)
    if not os.access("/dev/fuse", os.R_OK | os.W_OK):
        hint = "It is 0666 on most systems: `chmod 666 /dev/fuse` as root, or add this user to its group."
        raise Unsupported("this user may not open /dev/fuse", hint=hint)
    if os.geteuid() != 0 and helper() is None:
        raise Unsupported("fusermount3 is missing, by which users mount", hint="Debian: apt-get install fuse3")


def unmount(place: str) -> bool:
    """Take the mount away, lazily where somebody still looks at it. Whether nobody did."""
    if _unmounted(place, lazily=False):
        return True
    _unmounted(place, lazily=True)
    return False


def _unmounted(place: str, *, lazily: bool) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() == 0:
        return int(libc.umount2(os.fsencode(place), _LAZILY if lazily else 0)) == 0
    program = helper()
    if program is None:
        return False
    words = [program, "-u", *(["-z"] if lazily else []), "--", place]
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def helper() -> str | None:
    """The program by which users mount and unmount, where it is there."""
    return shutil.which("fusermount3")
