"""Who is working, when, and with which randomness: everything a repository needs from the machine, passed in."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from strongroom.base.clock import Clock, SystemClock
from strongroom.base.record import field, record
from strongroom.repository.held_locks import HeldLocks

if TYPE_CHECKING:
    from collections.abc import Callable


def _log(text: str) -> None:
    """A warning for programs that use us as a library; the command passes its own way of warning."""
    import logging

    logging.getLogger("strongroom.repository").warning("%s", text)


def _hostname() -> str:
    """What ``gethostname`` says, without loading sockets for it."""
    return os.uname().nodename


def _username() -> str:
    """As ``getpass.getuser``, which would load the terminal's settings, too."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        if os.environ.get(name):
            return os.environ[name]
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
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


@record
class Surroundings:
    """The machine as a repository sees it. Tests pass their own; users get the system's.

    ``warn`` takes one line for a person; it is called from several threads.
    """

    clock: Clock = field(default_factory=SystemClock)
    random_bytes: Callable[[int], bytes] = os.urandom
    warn: Callable[[str], None] = _log
    hostname: str = field(default_factory=_hostname)
    username: str = field(default_factory=_username)
    uid: int = field(default_factory=os.getuid)
    gid: int = field(default_factory=os.getgid)
    pid: int = field(default_factory=os.getpid)
    process_alive: Callable[[int], bool] = _alive
    told: set[str] = field(default_factory=set)
    """Warnings that are said once only."""
    locks: HeldLocks = field(default_factory=HeldLocks)
    """Those of this process, for whoever ends it."""
