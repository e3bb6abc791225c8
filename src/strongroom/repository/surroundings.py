"""Who is working, when, and with which randomness: everything a repository needs from the machine, passed in."""

from __future__ import annotations

import getpass
import logging
import os
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from strongroom.base.clock import Clock, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

_log = logging.getLogger("strongroom.repository")


def _username() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no passwd entry, as in many containers
        return ""


def _alive(pid: int) -> bool:
    """Whether a process of this number runs on this machine; one that we may not signal runs, too."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@dataclass(frozen=True)
class Surroundings:
    """The machine as a repository sees it. Tests pass their own; users get the system's.

    ``warn`` takes one line for a person; it is called from several threads.
    """

    clock: Clock = field(default_factory=SystemClock)
    random_bytes: Callable[[int], bytes] = os.urandom
    warn: Callable[[str], None] = _log.warning
    hostname: str = field(default_factory=socket.gethostname)
    username: str = field(default_factory=_username)
    uid: int = field(default_factory=os.getuid)
    gid: int = field(default_factory=os.getgid)
    pid: int = field(default_factory=os.getpid)
    process_alive: Callable[[int], bool] = _alive
