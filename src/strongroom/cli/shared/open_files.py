"""How many files may be open at once."""

from __future__ import annotations

import contextlib
import resource


def allow_all() -> None:
    """Raise the soft limit on open files to the hard one, as Go's programs do when they start.

    The soft one stands low for programs that use ``select``, and none of ours does.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
