"""How the C library keeps memory for many threads: told once before the workers are started, and trimmed now and then.

By itself glibc gives each of a worker's threads an arena of its own, and once a block of some size was freed it takes
all of that size from there: with forty clients what was freed stays in sixteen places. Blocks of bodies are mapped
alone instead, and go back to the system when they are freed.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

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


def trim() -> None:
    """Give the system the pages that lie free between blocks in use, a few megabytes after many uploads at once.

    It takes a millisecond; without it they stay, and every burst leaves some more of them behind.
    """
    function = _malloc_trim()
    if function is not None:
        function(0)


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    try:
        function = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    function.argtypes, function.restype = [ctypes.c_size_t], ctypes.c_int
    return function
