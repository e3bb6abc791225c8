"""What is started once for a session, and ended with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

_ENDING = contextlib.ExitStack()


def at_end(work: Callable[[], object]) -> None:
    """Do this when the session's last test is over, before what was asked for earlier."""
    _ENDING.callback(work)


def end() -> None:
    """Called by ``conftest.py``: Python's own end comes too late, since pytest-xdist waits ten seconds for it."""
    _ENDING.close()
