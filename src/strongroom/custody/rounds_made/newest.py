"""What became of the newest round, and when one went through last: a failure is remembered until a round is whole."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.errors import Locked
from strongroom.base.record import record
from strongroom.custody.ledger import printable
from strongroom.custody.schemas.main import lease, round_
from strongroom.custody.unfinished import NOT_ENDED
from strongroom.database.prepared import prepared

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from strongroom.custody.state import Adopted, State

_MOST_WORDS = 1000
_SOME = 5
"""So many rounds are read at once."""


@record
class RoundsMade:
    """``whole_ns``: when a round last went through, in nanoseconds since 1970 UTC, None before the first.

    ``failure``: why the newest one did not, in words; empty where it did. ``running_ns``: since when one is under way.
    ``left``: what that one which went through left to the next, in words; empty where it left nothing.
    """

    whole_ns: int | None
    failure: str
    running_ns: int | None
    left: str = ""


def rounds_made(state: State, adopted: Adopted) -> RoundsMade:
    """How the rounds of a repository went. One that has not ended is under way as long as its lease is held."""
    with state.database.read() as connection:
        running_ns, failure, whole_ns, newest, left = None, "", None, True, ""
        for row in _newest_first(connection, adopted.id):
            document = json.loads(row.outcome)
            words = str(document.get("failure") or "")
            if row.ended_ns is None and not words:
                if newest and _is_held(state, connection, adopted.id):
                    running_ns = int(row.began_ns)
                    continue
                words = NOT_ENDED
            failure, newest = (words if newest else failure), False
            if not words:
                whole_ns, left = int(row.ended_ns), left_of(document)
                break
    return RoundsMade(whole_ns, failure, running_ns, left)


def left_of(outcome: Mapping[str, Any]) -> str:
    """What a round left to the next, in words, by what was written down of it; earlier releases wrote nothing."""
    return str(outcome.get("left") or "")


def _newest_first(connection: sa.Connection, repository: str) -> Iterator[sa.Row[Any]]:
    """Rounds, some at a time: nearly always the newest one says it all, and there may be years of them."""
    before = 1 << 62
    while rows := connection.execute(*_rounds_query(repository, before)).all():
        yield from rows
        before = rows[-1].number


@prepared
def _rounds_query(repository: str, before: int) -> Any:
    found: Any = sa.select(round_.c.number, round_.c.began_ns, round_.c.ended_ns, round_.c.outcome)
    found = found.where(round_.c.repository == repository, round_.c.number < before)
    return found.order_by(round_.c.number.desc()).limit(_SOME)


def note_failure(state: State, adopted: Adopted, words: str, holder: str) -> None:
    """Remember that a round could not be made, or not to its end: until one goes through, nothing is said to be well.

    Nothing is noted while another custodian works there, whose round will say more.
    """
    try:
        held = state.claim(adopted.id, holder)
    except Locked:
        return
    try:
        now_ns = state.clock.now_ns()
        with state.writing(held) as connection:
            newest = connection.execute(
                sa.select(sa.func.coalesce(sa.func.max(round_.c.number), 0)).where(round_.c.repository == adopted.id)
            ).scalar_one()
            said = printable(words.replace("\n", " "), _MOST_WORDS)
            connection.execute(
                round_.insert().values(
                    repository=adopted.id,
                    number=newest + 1,
                    began_ns=now_ns,
                    ended_ns=now_ns,
                    outcome=json.dumps({"failure": said}),
                )
            )
    finally:
        state.release(held)


def _is_held(state: State, connection: sa.Connection, repository: str) -> bool:
    row = connection.execute(sa.select(lease).where(lease.c.repository == repository)).one_or_none()
    return row is not None and row.until_ns > state.database.now_ns(connection) and not state.is_gone(row.holder)
