"""What a bucket keeps of what the gateway relies on: found out at the start and once a day, never taken on trust (G-7).

Many providers say that they refuse to replace (``If-None-Match``) and some do not, or not between racing creators. The
question costs one small object a day, ``.strongroom/probe/<UTC date>``; nothing is deleted, since the gateway's key
for the bucket should not be able to. That an object is kept at all (S-9) costs another, of each minute at most in which
a gateway starts; between the looks ``retained`` asks for what was uploaded.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import secrets
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.clock import Clock, monotonic
from strongroom.base.errors import Missing, Refused, StrongroomError, Unavailable
from strongroom.gateway import schema

if TYPE_CHECKING:
    from strongroom.database.engine import Database
    from strongroom.storage.own.keyed import Keyed

PLACE = ".strongroom/probe"
RACERS = 4
KEPT, NOT_KEPT = "kept", "not kept"
CREATE, CHECKED, SUM = "create only if absent", "sum checked on arrival", "sum kept"
KEEPS = "what it takes"
KEEPS_NOTHING = "the store answers that it takes objects, and has them not"
APPEARS = (0.0, 0.2, 0.6, 1.2)
"""Seconds before each look for an object that was just stored: a store may be a little late to show it."""


@dataclass(frozen=True, slots=True)
class Guarantees:
    """What was found, by the words that /health shows; empty before the first look."""

    found: dict[str, str]

    @property
    def keeps(self) -> bool:
        """Whether what it takes is there afterwards; believed until it was asked."""
        return self.found.get(KEEPS, KEPT) == KEPT

    @property
    def conditional(self) -> bool:
        """Whether the store refuses to replace; believed until it was asked, but of a store that keeps nothing."""
        return self.keeps and self.found.get(CREATE, KEPT) == KEPT


def find_out(keyed: Keyed, clock: Clock) -> Guarantees:
    """Ask the store. Raises ``Refused``, ``Full`` or ``Unavailable`` when it cannot be asked."""
    if not keeps(keyed, clock):
        return Guarantees({KEEPS: NOT_KEPT})
    found = {CREATE: KEPT if keyed.conditional and _refuses(keyed, _today(clock)) else NOT_KEPT}
    if keyed.sums == "SHA-256":
        found[CHECKED] = f"SHA-256, {KEPT if _checks(keyed) else NOT_KEPT}"
        held = keyed.head(f"{PLACE}/{_today(clock)}")
        found[SUM] = f"SHA-256, {KEPT if held.sha256 else NOT_KEPT}"
    else:
        found[CHECKED] = keyed.sums
    return Guarantees(found)


def keeps(keyed: Keyed, clock: Clock) -> bool:
    """Whether a small object is there after the store has taken it. Raises as ``find_out``."""
    key = f"{PLACE}/kept-{clock.now_ns() // (60 * 10**9)}"
    try:
        keyed.head(key)
    except Missing:
        _put(keyed, key)
        return appears(keyed, key, clock)
    return True


def appears(keyed: Keyed, key: str, clock: Clock) -> bool:
    """Whether an object is there that was just stored. Raises what the store raises but ``Missing``."""
    for pause in APPEARS:
        if pause:
            clock.sleep(pause)
        with contextlib.suppress(Missing):
            keyed.head(key)
            return True
    return False


def save(database: Database, guarantees: Guarantees) -> None:
    """Tell the other workers."""
    table = schema.guarantee
    with database.write() as connection:
        connection.execute(table.delete())
        rows = [
            {"name": name, "value": value, "at_ns": database.clock.now_ns()} for name, value in guarantees.found.items()
        ]
        connection.execute(table.insert(), rows)


def load(database: Database) -> Guarantees:
    """What was found the last time."""
    with database.read() as connection:
        rows = connection.execute(sa.select(schema.guarantee).order_by(schema.guarantee.c.name)).all()
    return Guarantees({row.name: row.value for row in rows})


def _refuses(keyed: Keyed, today: str) -> bool:
    """Whether of several creators at most one wins, and a later one never."""
    key = f"{PLACE}/{today}"
    barrier = threading.Barrier(RACERS)
    won: list[bool] = []
    faults: list[StrongroomError] = []

    def run() -> None:
        barrier.wait()
        try:
            won.append(_put(keyed, key))
        except Unavailable:
            pass  # a conflict (409): refused, too
        except StrongroomError as error:
            faults.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(RACERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise faults[0]
    if won.count(True) > 1:
        return False
    try:
        return not any((_put(keyed, key), _put(keyed, key)))
    except Unavailable:
        if not won:
            raise
        return False


def _checks(keyed: Keyed) -> bool:
    """Whether bytes with another sum than the one that comes with them are refused."""
    data = secrets.token_bytes(32)
    wrong = hashlib.sha256(data + b"other").hexdigest()
    with contextlib.suppress(Unavailable, Refused):
        keyed.put(f"{PLACE}/wrong-sum", io.BytesIO(data), len(data), wrong, until=monotonic() + 30)
    try:
        keyed.head(f"{PLACE}/wrong-sum")
    except Missing:
        return True
    return False


def _put(keyed: Keyed, key: str) -> bool:
    data = secrets.token_bytes(32)
    digest = hashlib.sha256(data).hexdigest()
    return keyed.put(key, io.BytesIO(data), len(data), digest, until=monotonic() + 30)


def _today(clock: Clock) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(clock.now_ns() // 10**9))
