"""How the C library keeps memory for many threads, told once before the workers are started.

By itself glibc gives each of a worker's threads an arena of its own, and once a block of some size was freed it takes
all of that size from there: with forty clients what was freed stays in sixteen places. Blocks of bodies are mapped
alone instead, and go back to the system when they are freed.
"""

from __future__ import annotations

import contextlib
import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
MAPPED = 96 * 1024
"""Bytes from which on a block is mapped alone: less than a block of a body, more than one read of a head."""
ARENAS = 2


def give_memory_back() -> None:
    """Set it. Other C libraries than glibc know nothing of this and are left alone."""
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_ARENA_MAX, ARENAS)
        mallopt(_MMAP_THRESHOLD, MAPPED)
        mallopt(_TRIM_THRESHOLD, MAPPED)
