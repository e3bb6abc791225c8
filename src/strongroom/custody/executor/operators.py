"""The executor's roster of operators, and what they said: a plan's approval, a snapshot's condemnation, signed.

Where a repository's policy asks for signatures, the executor takes no person's word without them, whatever state and
judge say: the roster is its own, and grows and shrinks by the word of those who are on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from strongroom.base.errors import Refused
from strongroom.base.record import replace
from strongroom.base.redact import without_login
from strongroom.custody.executor.succession import Succession
from strongroom.custody.executor.words import (
    ACCEPT,
    ADD,
    CONDEMN,
    PIN_RECOVERY,
    REMOVE,
    REQUIRE,
    read_word,
    require_thing,
)
from strongroom.custody.schemas import executor as schema
from strongroom.receipts.log.note import Verifier

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.custody.executor.known import Known
    from strongroom.custody.executor.records import Records
    from strongroom.custody.planned.orders import SignedBytes


class Operators:
    """Those whose signature counts at one executor."""

    def __init__(self, records: Records) -> None:
        self._records = records

    def roster(self) -> list[Verifier]:
        """Whom it knows now, by name."""
        table = schema.operator
        with self._records.database.read() as connection:
            rows = connection.execute(sa.select(table.c.key).where(table.c.gone_ns.is_(None))).scalars()
            return sorted(map(Verifier.parse, rows), key=str)

    def needed(self, repository: str, told: int) -> int:
        """How many signatures a decision takes: the most that the executor was ever told."""
        known = self._records.known(repository)
        return max(told, known.operators if known is not None else 0)

    def to_change_roster(self) -> int:
        """How many of them must say so before the roster changes; 0 while nobody is on it."""
        return min(len(self.roster()), max(1, self._most()))

    def _most(self) -> int:
        """The most signatures that any repository asks for."""
        with self._records.database.read() as connection:
            found: int = connection.execute(
                sa.select(sa.func.coalesce(sa.func.max(schema.repository.c.operators), 0))
            ).scalar_one()
        return found

    def add(self, key: Verifier, words: Iterable[SignedBytes]) -> int:
        """Put a key on the roster, by the word of those who are on it; how many words are wanting still.

        Raises ``Refused`` for a key that is there or was taken off, and as ``hear``.
        """
        with self._records.database.read() as connection:
            table = schema.operator
            if connection.execute(sa.select(table).where(table.c.public == key.public.hex())).one_or_none():
                raise Refused("is on the roster, or was taken off it", subject=key.name, hint="Make another key.")
        wanting = self._wanting(ADD, str(key), words)
        if not wanting:
            with self._records.database.write() as connection:
                now_ns = self._records.clock.now_ns()
                connection.execute(table.insert().values(public=key.public.hex(), key=str(key), added_ns=now_ns))
        return wanting

    def remove(self, key: Verifier, words: Iterable[SignedBytes]) -> int:
        """Take a key off the roster; what it said before still counts. Raises ``Refused`` where too few would be left
        to sign what some repository asks for. Otherwise as ``add``."""
        left = sum(one.public != key.public for one in self.roster())
        if left < self._most():
            raise Refused(
                f"{left} keys would be left, and {self._most()} operators must sign",
                subject=key.name,
                hint="Add another key first, or `custody operator require NAME N`.",
            )
        wanting = self._wanting(REMOVE, str(key), words)
        if not wanting:
            with self._records.database.write() as connection:
                table = schema.operator
                connection.execute(
                    table.update()
                    .where(table.c.public == key.public.hex())
                    .values(gone_ns=self._records.clock.now_ns())
                )
        return wanting

    def pin_recovery(self, key: Verifier, words: Iterable[SignedBytes]) -> int:
        """Believe the recovery identity's key, by the word of those who are on the roster; how many words are wanting.

        Raises ``Refused`` where another one is pinned, and as ``hear``.
        """
        wanting = self._wanting(PIN_RECOVERY, str(key), words)
        if not wanting:
            Succession(self._records).pin(key)
        return wanting

    def require_thing(self, repository: str, count: int) -> str:
        """What operators sign so that ``count`` of them must sign from then on."""
        known = self._records.known(repository)
        return require_thing(count, 1 if known is None else known.changes + 1)

    def require(self, repository: str, store: str, told: int, count: int, words: Iterable[SignedBytes]) -> int:
        """Let ``count`` operators sign each decision, by the word of as many as must now; how many are wanting still.

        ``told``: how many the policy asks for now. Raises ``Refused`` where the roster is shorter, and as ``hear``.
        """
        roster = len(self.roster())
        if count > roster:
            raise Refused(
                f"the roster has {roster} keys, and {count} operators could not sign",
                subject="operators",
                hint="`custody operator add` first.",
            )
        needed, thing = self.needed(repository, told), self.require_thing(repository, count)
        for signed in words:
            self.hear(repository, store, signed)
        wanting = max(0, needed - self.said(repository, REQUIRE, thing, present=True))
        known = self._records.known(repository)
        if not wanting and known is not None:
            self._records.pin(replace(known, operators=count, changes=known.changes + 1))
        return wanting

    def hear(self, repository: str, store: str, signed: SignedBytes) -> tuple[int, str]:
        """Write down what an operator says; how many have said it by now, and whose key this was.

        What was condemned and is accepted after is not condemned any more. Raises ``Refused`` for a stranger's word,
        for one about another repository or place, and for one that was heard before; ``Damaged``.
        """
        word, whose = read_word(signed, self.roster())
        if (word.repository, without_login(word.store)) != (repository, without_login(store)):
            raise Refused("is about another repository or place", subject="the signature")
        table = schema.word
        with self._records.database.write() as connection:
            if connection.execute(sa.select(table).where(table.c.digest == signed.digest)).one_or_none():
                raise Refused("was heard before", subject="the signature", hint="Say it again: each is signed anew.")
            connection.execute(
                table.insert().values(
                    digest=signed.digest,
                    repository=repository,
                    verb=word.verb,
                    thing=word.thing,
                    public=whose.public.hex(),
                    body=signed.body,
                    signature=signed.signature,
                    heard_ns=self._records.clock.now_ns(),
                )
            )
        heard = self.said(repository, word.verb, word.thing)
        return heard, whose.name

    def said(self, repository: str, verb: str, thing: str, *, present: bool = False) -> int:
        """How many operators said so, since the opposite was said last; ``present``: of those on the roster now."""
        table, roster = schema.word, schema.operator
        about = sa.and_(table.c.repository == repository, table.c.thing == thing)
        here = sa.select(roster.c.public).where(roster.c.gone_ns.is_(None))
        with self._records.database.read() as connection:
            since = connection.execute(
                sa.select(sa.func.max(table.c.heard_ns)).where(about, table.c.verb == _OPPOSITE.get(verb, ""))
            ).scalar_one()
            found: int = connection.execute(
                sa.select(sa.func.count(sa.distinct(table.c.public))).where(
                    about,
                    table.c.verb == verb,
                    table.c.heard_ns > (-1 if since is None else since),
                    table.c.public.in_(here) if present else sa.true(),
                )
            ).scalar_one()
        return found

    def without_word(self, known: Known, names: Iterable[str], now_ns: int) -> list[tuple[str, str]]:
        """Snapshots that are younger than the detection window and that no operator condemned, each with the reason.

        By the executor's own first sight: of what is so young, nothing goes by any policy.
        """
        found = []
        for name in names if known.operators else ():
            there = self._records.first_seen(known.id, name)
            if there is not None and now_ns - there[0] >= known.detection_ns:
                continue
            if self.said(known.id, CONDEMN, name) < known.operators:
                days = known.detection_ns // (24 * 3600 * 10**9)
                found.append((name, f"is younger than {days} days, and {known.operators} operators' word is wanting"))
        return found

    def check_approval(self, known: Known, thing: str) -> None:
        """Raise ``Refused`` unless as many operators as it takes said so of a plan."""
        said = self.said(known.id, "approve", thing)
        if said < known.operators:
            raise Refused(
                f"asks for the signatures of {known.operators} operators, and has {said}",
                subject=" ".join(thing.split()[:2]),
                hint="`custody plan approve … --sign-with FILE`, each operator with a key of theirs.",
            )

    def _wanting(self, verb: str, thing: str, words: Iterable[SignedBytes]) -> int:
        needed = self.to_change_roster()
        for signed in words:
            self.hear("", "", signed)
        return max(0, needed - self.said("", verb, thing))


_OPPOSITE = {CONDEMN: ACCEPT, ACCEPT: CONDEMN}
