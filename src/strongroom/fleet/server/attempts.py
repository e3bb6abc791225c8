"""Wrong proofs, counted by where they come from: ten in ten minutes, and an address waits."""

from __future__ import annotations

import functools
import ipaddress
import threading
from collections import deque

MOST, WINDOW = 10, 600
_REMEMBERED = 10_000


@functools.lru_cache(4096)
def network_of(address: str) -> str:
    """What counts as one address: an IPv4 address, the first 64 bits of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        found = found.ipv4_mapped or found
    return str(ipaddress.ip_network(f"{found}/64", strict=False)) if found.version == 6 else str(found)


class WrongProofs:
    """Failed attempts of the last minutes. Safe to use from many threads."""

    def __init__(self) -> None:
        self._failed: dict[str, deque[int]] = {}
        self._guard = threading.Lock()

    def must_wait(self, address: str, now: int) -> bool:
        """Whether this address has failed too often."""
        with self._guard:
            times = self._failed.get(network_of(address))
            return times is not None and len(times) >= MOST and now - WINDOW < times[0] <= now

    def failed(self, address: str, now: int) -> None:
        """Count one more."""
        with self._guard:
            if len(self._failed) >= _REMEMBERED:  # those whose last attempt is longest ago go first
                for old in sorted(self._failed, key=lambda one: self._failed[one][-1])[: _REMEMBERED // 2]:
                    del self._failed[old]
            self._failed.setdefault(network_of(address), deque(maxlen=MOST)).append(now)
