"""What each principal has stored: summed up from the log, whose every leaf is counted exactly once.

The sums and how far the log was counted are changed in one transaction, so that no crash, race or second delete can
count anything twice or leave it out. An object counts for who sent it while the log says that it is there: a delete
gives its room back, whether into the trash or for good, and what comes back from the trash counts again.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from strongroom.base.objects import Kind
from strongroom.gateway.access.own_names import CUSTODY, SEALED
from strongroom.gateway.comparison import KINDS
from strongroom.receipts.log.leaf import LeafType

if TYPE_CHECKING:
    from collections.abc import Callable

    from strongroom.database.engine import Database
    from strongroom.database.statements import Statements

ALL = "*"
"""All principals together."""
DAY_NS = 86_400 * 10**9
BATCH = 500
"""At most so many leaves in one transaction: receipts are not to wait for long."""
_COUNTED = {SEALED, CUSTODY, *(kind.value for kind in KINDS)}
_SENT = (LeafType.CREATE.value, LeafType.RECOVERED.value)
_BEHIND = (
    "SELECT chain.repository, coalesce(counted.next, 0), chain.next FROM chain"
    " LEFT JOIN counted ON counted.repository = chain.repository"
    " WHERE chain.next > coalesce(counted.next, 0) ORDER BY chain.repository LIMIT 100"
)
_LEAVES = (
    "SELECT sequence, kind, name, present, data FROM leaf WHERE repository = ? AND sequence >= ? AND sequence < ?"
    " ORDER BY sequence LIMIT ?"
)
_BEFORE = (
    "SELECT present, data FROM leaf WHERE repository = ? AND name = ? AND kind = ? AND sequence < ?"
    " ORDER BY sequence DESC"
)
_DROP = "DELETE FROM reservation WHERE repository = ? AND kind = ? AND name = ? AND (principal = ? OR principal = ?)"
_ADD = "UPDATE usage SET bytes = bytes + ?, objects = objects + ? WHERE principal = ?"
_ADD_SNAPSHOTS = (  # a day that is before the row's was written by a clock that was behind, one after it is newer
    "UPDATE usage SET snapshots = CASE WHEN day >= ? AND day <= ? THEN snapshots + ? ELSE ? END,"
    " day = CASE WHEN day >= ? AND day <= ? THEN day ELSE ? END WHERE principal = ?"
)


def is_behind(database: Database) -> bool:
    """Whether the log has leaves that are not counted yet. Raises ``Unavailable``."""
    return database.row(_BEHIND) is not None


def catch_up(database: Database, stopping: Callable[[], bool] = lambda: False) -> None:
    """Count all that the log says now. Raises ``Unavailable``."""
    while is_behind(database) and not stopping():
        with database.statements() as sql:
            count(database, sql)


def count(database: Database, sql: Statements) -> bool:
    """Count what the log says since the last time, ``BATCH`` leaves at most; whether nothing is left to be counted."""
    if not database.is_sqlite:  # one at a time; SQLite has one writer anyway
        sql.rows("SELECT pg_advisory_xact_lock(7239415)")
    sums = _Sums()
    left = BATCH
    behind = sql.rows(_BEHIND)
    for repository, start, end in behind:
        leaves = sql.rows(_LEAVES, repository, start, end, left)
        for sequence, kind, name, present, data in leaves:
            if kind in _COUNTED:
                before = sql.rows(_BEFORE, repository, name, kind, sequence)
                _count(sums, sql, (repository, kind, name), json.loads(bytes(data)), bool(present), before)
        reached = end if len(leaves) < left else leaves[-1][0] + 1
        text = "INSERT INTO counted (repository, next) VALUES (?, ?) ON CONFLICT (repository) DO UPDATE SET next = "
        sql.many(text + "excluded.next", [(repository, reached)])
        left -= len(leaves)
        if not left:
            break
    sums.write(sql, database.clock_ns() // DAY_NS)
    return left > 0 and len(behind) < 100


class _Sums:
    def __init__(self) -> None:
        self.bytes: Counter[str] = Counter()
        self.objects: Counter[str] = Counter()
        self.snapshots: Counter[tuple[str, int]] = Counter()

    def add(self, principal: str, size: int, objects: int) -> None:
        for one in (principal, ALL):
            self.bytes[one] += size
            self.objects[one] += objects

    def write(self, sql: Statements, today: int) -> None:
        """Add to the sums. No receipt is of a day that is still to come, whatever the clock was when it was made."""
        who = sorted({*self.objects, *(principal for principal, _ in self.snapshots)})
        if not who:
            return
        sql.many("INSERT INTO usage VALUES (?, 0, 0, 0, 0) ON CONFLICT DO NOTHING", [(one,) for one in who])
        sql.many(_ADD, [(self.bytes[one], self.objects[one], one) for one in who])
        rows = []
        for (principal, stamp), count in sorted(self.snapshots.items()):
            day = min(stamp, today)
            rows.append((day, today, count, count, day, today, day, principal))
        if rows:
            sql.many(_ADD_SNAPSHOTS, rows)


def _count(
    sums: _Sums, sql: Statements, key: tuple[str, str, str], leaf: dict[str, Any], present: bool, before: list[Any]
) -> None:
    """One leaf; ``before`` are those of the same name before it, the newest first, as presence and data."""
    was_present = bool(before and before[0][0])
    if present and not was_present:
        principal = _sender(leaf, before)
        sums.add(principal, leaf["size"], 1)
        sql.many(_DROP, [(*key, principal, ALL)])
        if key[1] == Kind.SNAPSHOT.value and leaf["type"] in _SENT:
            for one in (principal, ALL):
                sums.snapshots[one, leaf["time"] // DAY_NS] += 1
    elif was_present and not present:
        run = next((index for index, row in enumerate(before) if not row[0]), len(before))
        first = json.loads(bytes(before[run - 1][1]))  # with this it came, and was counted
        sums.add(_sender(first, before[run:]), -first["size"], -1)


def _sender(leaf: dict[str, Any], before: list[Any]) -> str:
    """Who sent what came with this leaf: for what came back from the trash, who had sent it then."""
    if leaf["type"] == LeafType.RESTORE.value:
        for present, data in before:
            old = json.loads(bytes(data))
            if present and old["type"] != LeafType.RESTORE.value:
                return str(old["principal"])
    return str(leaf["principal"])
