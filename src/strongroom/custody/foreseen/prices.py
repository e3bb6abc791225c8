"""What requests and bytes cost, by a table that the operator wrote down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Mapping

    from strongroom.custody.spending.counted import Requests

THOUSAND, GIB = 1000, 1 << 30
TABLE = "default"
"""The table of a repository that names no other."""


@record
class Prices:
    """In ``currency``: for a thousand requests of each class, and for a GiB that is read."""

    currency: str
    lists: float
    heads: float
    reads: float
    writes: float
    gib: float

    def of(self, requests: Requests, count: int) -> float:
        """What these requests cost, with ``count`` bytes that are read."""
        asked = (
            requests.lists * self.lists
            + requests.heads * self.heads
            + requests.reads * self.reads
            + requests.writes * self.writes
        )
        return asked / THOUSAND + count * self.gib / GIB


def prices_of(tables: Mapping[str, Mapping[str, Any]], name: str | None) -> Prices | None:
    """The table of this name, or the one called "default"; None where there is none.

    What it leaves out costs nothing.
    """
    found = tables.get(name or TABLE)
    if found is None:
        return None
    numbers = (float(found.get(key, 0)) for key in ("lists", "heads", "reads", "writes", "gib"))
    return Prices(found.get("currency", "USD"), *numbers)
