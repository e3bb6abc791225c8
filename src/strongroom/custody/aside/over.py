"""What was wrong with an object that was set aside is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident

if TYPE_CHECKING:
    from collections.abc import Iterable

    import sqlalchemy as sa

_OVER = (Code.LYING_INDEX, Code.PLANTED_KEY, Code.DAMAGED, Code.ALTERED, Code.UNREADABLE)


def close_for(connection: sa.Connection, repository: str, names: Iterable[str], now_ns: int) -> None:
    """Close what is open about objects, ``kind/name``, that went by our own hand."""
    for name in names:
        for code in _OVER:
            close_incident(connection, repository, code, name, now_ns)
