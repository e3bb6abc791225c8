"""Being stopped by permissions, also as root."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_VERSION_3 = 0x20080522
_OVERRIDE = 1 << 1 | 1 << 2
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""


@contextlib.contextmanager
def obeying_permissions() -> Iterator[None]:
    """While this lasts, this thread and those that it starts may open what the bits of the mode allow, nothing else.

    Root is root by capabilities: without the two that override permissions it is a user like any other.
    """
    if os.getuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable, each of the lower 32, then of the upper 32
    if libc.capget(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capget")
    before = sets[0]
    sets[0] = before & ~_OVERRIDE
    if libc.capset(header, sets) != 0:
        raise OSError(ctypes.get_errno(), "capset")
    try:
        yield
    finally:
        sets[0] = before
        libc.capset(header, sets)


def without_overriding(words: Sequence[str]) -> list[str]:
    """A command line that runs another one as somebody for whom modes count, who owns what root owns if we are root."""
    if os.getuid() != 0:
        return list(words)
    return ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner", *words]
