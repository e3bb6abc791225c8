"""Telling the operator something on standard error, which may be a full disk or a pipe that nobody reads any more."""

from __future__ import annotations

import contextlib
import sys


def tell(words: str) -> None:
    """One line on standard error. What cannot be told is dropped: whoever tells has something else to do."""
    with contextlib.suppress(OSError, ValueError):
        print(words, file=sys.stderr, flush=True)
