"""What a round would list, read and ask for, by lists of the store and what the state has. Nothing is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from strongroom.base.objects import Kind, ObjectName
from strongroom.base.record import record
from strongroom.custody.arrival import CLAIMED
from strongroom.custody.planned.intents import intended
from strongroom.custody.rounds import turn_comes_ns
from strongroom.custody.rounds_made.outcome import LeftOver
from strongroom.custody.schemas.main import round_, stored
from strongroom.custody.spending.budget import Budget, RoundStep
from strongroom.custody.spending.counted import Requests, pages
from strongroom.custody.spending.waiting import due_objects, in_turns, requests_for, waiting_objects
from strongroom.custody.syncing import KINDS, differs, known_at_last_look
from strongroom.retention.guarded import DAY
from strongroom.storage.contract import Info

if TYPE_CHECKING:
    from collections.abc import Iterable

    from strongroom.custody.spending.budget import Spending
    from strongroom.custody.state import Adopted, State
    from strongroom.storage.contract import Store

MONTH = 30
"""Days."""
_WEEK = 7
_OPENING = 1
"""Each round reads the config, and asks for its key."""


@record
class ReadAmount:
    """So many objects, and their bytes."""

    objects: int
    bytes: int


@record
class Month:
    """Thirty days as the last ones: ``rounds`` a day, what is read, and the requests for it."""

    rounds: float
    read: ReadAmount
    requests: Requests


@record
class Forecast:
    """What the next round would do: ``there`` is in the lists, of which ``new`` and ``changed`` is news; ``unlisted``
    was there before.

    ``left``: what the budget would leave to the round after it. ``judges``: snapshots whose trees are read, too, as far
    as they are new; how many requests these take is known when they were read.
    """

    there: ReadAmount
    new: tuple[ObjectName, ...]
    changed: tuple[ObjectName, ...]
    unlisted: tuple[ObjectName, ...]
    read: ReadAmount
    read_again: ReadAmount
    left: LeftOver
    requests: Requests
    month: Month

    @property
    def judges(self) -> int:
        """New snapshots."""
        return sum(name.kind is Kind.SNAPSHOT for name in self.new)


def forecast(state: State, adopted: Adopted, store: Store, spending: Spending, *, looks: int = 2) -> Forecast:
    """Ask the store for four lists, and for nothing else; work out the rest.

    ``looks``: how often a round lists, which judge and executor do each for itself. Raises the store's errors.
    """
    listed: dict[ObjectName, int] = {}
    new: list[ObjectName] = []
    changed: list[ObjectName] = []
    unlisted: list[ObjectName] = []
    asked = spending.requests
    with state.database.read() as connection:
        ours = intended(connection, adopted.id)
    for kind in KINDS:
        known, away = known_at_last_look(state, adopted.id, kind)
        before = {row[0]: row for row in known}
        rows = [row for group in store.list_groups(kind) for row in group]
        asked.lists += pages(store.store_kind, len(rows))
        for name, size, stamp_ns in rows:
            one = ObjectName(kind, name)
            listed[one] = size
            if name not in before:
                if name not in away or str(one) not in ours:  # ours is on its way out, and listed until a rule ends it
                    new.append(one)
            elif differs(Info(one, size, stamp_ns), before[name]):
                changed.append(one)
        unlisted += [ObjectName(kind, name) for name in sorted(before.keys() - {row[0] for row in rows})]
    more_lists = (looks - 1) * asked.lists + 1  # the locks
    asked.heads += _OPENING + len(unlisted)
    asked.reads += _OPENING
    gone = set(unlisted)
    waiting = dict(waiting_objects(state, adopted.id)) | {name: listed[name] for name in (*changed, *new)}
    left = LeftOver()
    budget = spending.of(RoundStep.READ)
    read = _read([(name, size) for name, size in in_turns(waiting.items()) if name not in gone], budget, asked)
    left.note(budget, unread=len(waiting) - len(gone & waiting.keys()) - read.objects)
    budget = spending.of(RoundStep.READ_AGAIN)
    turned = due_objects(state, adopted.id, turn_comes_ns(adopted, state.clock.now_ns()))
    due = [one for one in turned if one[0] not in gone and one[0] not in waiting]
    again = _read(due, budget, asked)
    left.note(budget, unread_again=len(due) - again.objects)
    there = ReadAmount(len(listed), sum(listed.values()))
    asked.lists += more_lists
    month = _month(state, adopted, there, asked.lists)
    return Forecast(there, tuple(new), tuple(changed), tuple(unlisted), read, again, left, asked, month)


def _read(objects: Iterable[tuple[ObjectName, int]], budget: Budget, asked: Requests) -> ReadAmount:
    count = size = 0
    for name, one in objects:
        if not budget.begin(one, requests_for(name)):
            break
        count, size = count + 1, size + one
        asked.reads += 1
        asked.heads += requests_for(name) - 1
    return ReadAmount(count, size)


def _month(state: State, adopted: Adopted, there: ReadAmount, lists: int) -> Month:
    """As many rounds a day as in the last week, one where there was none; what arrives as in the last thirty days, and
    each byte once within `verify` days."""
    now_ns = state.clock.now_ns()
    with state.database.read() as connection:
        rounds = connection.execute(_rounds_query(adopted.id, now_ns - _WEEK * DAY)).scalar_one()
        objects, size = connection.execute(_arrived_query(adopted.id, now_ns - MONTH * DAY)).one()
    days = min(_WEEK, max(1, (now_ns - adopted.adopted_ns) // DAY))
    daily = rounds / days if rounds else 1.0
    turns = MONTH / adopted.policy.verify
    read = ReadAmount(objects + round(there.objects * turns), (size or 0) + round(there.bytes * turns))
    made = round(daily * MONTH)
    return Month(daily, read, Requests(lists * made, _OPENING * made, read.objects + _OPENING * made, made))


def _rounds_query(repository: str, since_ns: int) -> Any:
    return sa.select(sa.func.count()).where(round_.c.repository == repository, round_.c.began_ns > since_ns)


def _arrived_query(repository: str, since_ns: int) -> Any:
    here = (stored.c.repository == repository, stored.c.arrival_ns > since_ns, stored.c.evidence != CLAIMED)
    return sa.select(sa.func.count(), sa.func.sum(stored.c.size)).where(*here)
