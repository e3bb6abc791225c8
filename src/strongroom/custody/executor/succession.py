"""New operators where the keys of all old ones are lost: named by the recovery identity, after a wait that all see.

Whoever has one machine has no recovery identity, and whoever finds the recovery sheet has two weeks against him, in
which any operator who is left ends it with one signature. Counted by the executor's own clock and looks.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Refused
from strongroom.base.record import record
from strongroom.custody.executor.known import DAY
from strongroom.custody.executor.words import KEEP, RECOVER, read_word, recover_thing
from strongroom.custody.schemas import executor as schema
from strongroom.receipts.log.note import Verifier

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.custody.executor.records import Records
    from strongroom.custody.planned.orders import SignedBytes

WAIT_DAYS = 14
LOOKS = 3
"""On so many different days the executor must have looked while it waited: a clock that jumps ends no wait."""


@record
class Naming:
    """New operators that wait to be. Times in nanoseconds since 1970 UTC by the executor's clock."""

    digest: str
    keys: tuple[Verifier, ...]
    asked_ns: int
    due_ns: int
    days: tuple[int, ...]


class Succession:
    """What the recovery identity may do at one executor."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def key(self) -> Verifier | None:
        """The recovery identity's signing key, as it was pinned."""
        with self._records.database.read() as connection:
            found = connection.execute(sa.select(schema.recovery.c.key)).scalar_one_or_none()
        return None if found is None else Verifier.parse(found)

    def pin(self, key: Verifier) -> None:
        """Believe this key from now on. Raises ``Refused`` where another one is pinned."""
        known = self.key()
        if str(known) == str(key):
            return
        if known is not None:
            raise Refused("is not the recovery identity that was pinned", subject="the recovery identity")
        with self._records.database.write() as connection:
            now_ns = self._records.clock.now_ns()
            connection.execute(schema.recovery.insert().values(key=str(key), pinned_ns=now_ns))

    def ask(self, keys: Sequence[Verifier], signed: SignedBytes) -> Naming:
        """Let these be the operators, and nobody else, once the wait is over.

        Raises ``Refused`` where no recovery identity is pinned or another one signed, where it was heard before or is
        about other keys, where one of them was ever on the roster, and while others wait to be named.
        """
        pinned = self.key()
        if pinned is None:
            raise Refused(
                "no recovery identity is known here",
                subject="operators",
                hint="`custody operator recovery` makes one known, by the word of operators who are there.",
            )
        word, _ = read_word(signed, [pinned])
        if (word.verb, word.thing) != (RECOVER, recover_thing(keys)) or not keys:
            raise Refused("is about something else", subject="the signature")
        waits = self.waiting()
        if waits is not None:
            raise Refused("others wait to be named already", subject=", ".join(one.name for one in waits.keys))
        table, now_ns = schema.naming, self._records.clock.now_ns()
        found = Naming(signed.digest, tuple(keys), now_ns, now_ns + WAIT_DAYS * DAY, (now_ns // DAY,))
        with self._records.database.write() as connection:
            if connection.execute(sa.select(table).where(table.c.digest == signed.digest)).one_or_none():
                raise Refused("was heard before", subject="the signature")
            old = schema.operator
            for key in keys:
                if connection.execute(sa.select(old).where(old.c.public == key.public.hex())).one_or_none():
                    raise Refused("is on the roster, or was taken off it", subject=key.name, hint="Make another key.")
            connection.execute(
                table.insert().values(
                    digest=found.digest,
                    keys=json.dumps(list(map(str, keys))),
                    asked_ns=now_ns,
                    due_ns=found.due_ns,
                    days=json.dumps(found.days),
                    outcome="",
                )
            )
        return found

    def keep(self, roster: Sequence[Verifier], signed: SignedBytes) -> str:
        """End what waits, by the word of one operator, whose name this returns. Raises ``Refused``."""
        word, whose = read_word(signed, roster)
        waits = self.waiting()
        if waits is None:
            raise Refused("nobody waits to be named", subject="operators")
        if (word.verb, word.thing) != (KEEP, waits.digest):
            raise Refused("is about something else", subject="the signature")
        with self._records.database.write() as connection:
            _note(connection, waits, outcome="kept")
        return whose.name

    def waiting(self) -> Naming | None:
        """Who waits to be named."""
        table = schema.naming
        with self._records.database.read() as connection:
            row = connection.execute(sa.select(table).where(table.c.outcome == "")).one_or_none()
        if row is None:
            return None
        keys = tuple(map(Verifier.parse, json.loads(row.keys)))
        return Naming(row.digest, keys, row.asked_ns, row.due_ns, tuple(json.loads(row.days)))

    def look(self) -> Naming | None:
        """Note that the executor looked today, and let them be operators whose wait is over. Who still waits."""
        waits = self.waiting()
        if waits is None:
            return None
        now_ns = self._records.clock.now_ns()
        days = tuple(sorted({*waits.days, now_ns // DAY}))
        if now_ns < waits.due_ns or len(days) < LOOKS:
            if days != waits.days:
                with self._records.database.write() as connection:
                    _note(connection, waits, days=json.dumps(days))
            return waits
        table = schema.operator
        with self._records.database.write() as connection:
            connection.execute(table.update().where(table.c.gone_ns.is_(None)).values(gone_ns=now_ns))
            for key in waits.keys:
                connection.execute(table.insert().values(public=key.public.hex(), key=str(key), added_ns=now_ns))
            _note(connection, waits, outcome="named")  # with the roster, or a kill between them would name them twice
        return None


def _note(connection: sa.Connection, waits: Naming, **values: object) -> None:
    table = schema.naming
    connection.execute(table.update().where(table.c.digest == waits.digest).values(values))
