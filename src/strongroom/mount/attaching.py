"""A new FUSE file system at a place: by ``mount(2)`` as root, by ``fusermount3`` as anybody else."""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
from typing import TYPE_CHECKING

from strongroom.mount.mountpoint import helper

if TYPE_CHECKING:
    from collections.abc import Sequence

_FLAGS = 1 | 2 | 4
"""``MS_RDONLY``, ``MS_NOSUID``, ``MS_NODEV``."""
SUBTYPE = "strongroom"


def attach(place: str, name: str, options: Sequence[str]) -> int:
    """Mount, and return the descriptor through which the kernel asks. Raises ``OSError``.

    ``name`` stands in the list of mounts as what is mounted; ``options`` are ``allow_other`` and
    ``default_permissions``.
    """
    return by_root(place, name, options) if os.geteuid() == 0 else by_helper(place, name, options)


def by_root(place: str, name: str, options: Sequence[str]) -> int:
    """By the system call."""
    descriptor = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
    owner = f"user_id={os.getuid()},group_id={os.getgid()}"
    data = ",".join((f"fd={descriptor},rootmode=40000,{owner}", *options))
    libc = ctypes.CDLL(None, use_errno=True)
    words = (os.fsencode(name), os.fsencode(place), f"fuse.{SUBTYPE}".encode())
    if libc.mount(*words, ctypes.c_ulong(_FLAGS), data.encode()) != 0:
        os.close(descriptor)
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return descriptor


def by_helper(place: str, name: str, options: Sequence[str]) -> int:
    """``fusermount3`` mounts, says on stderr what is wrong, and hands the descriptor over through a socket."""
    program = helper()
    if program is None:
        raise FileNotFoundError("fusermount3")
    given = ",".join(("ro", "nosuid", "nodev", f"fsname={name}", f"subtype={SUBTYPE}", *options))
    ours, theirs = socket.socketpair()
    with ours, theirs:
        environment = os.environ | {"_FUSE_COMMFD": str(theirs.fileno())}
        words = [program, "-o", given, "--", place]
        ended = subprocess.run(
            words, env=environment, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, check=False
        )
        theirs.close()
        if ended.returncode != 0:
            raise OSError(f"fusermount3 ended with {ended.returncode}")
        _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
    if not descriptors:
        raise OSError("fusermount3 handed nothing over")
    os.set_inheritable(descriptors[0], False)
    return descriptors[0]
