"""One buffer for each thread, for bodies in either direction: a thread serves one connection, one thing at a time."""

from __future__ import annotations

import threading

BLOCK = 256 * 1024
_buffers = threading.local()


def buffer() -> memoryview:
    """This thread's buffer of ``BLOCK`` bytes."""
    found: memoryview | None = getattr(_buffers, "view", None)
    if found is None:
        found = _buffers.view = memoryview(bytearray(BLOCK))
    return found
