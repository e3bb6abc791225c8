"""Long work on several things, one after the other; but none waits for long for one that does not come to an end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, TypeVar

from strongroom.base.clock import monotonic
from strongroom.base.record import mutable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

HEAD_START = 10.0
"""Seconds that each has before the next begins beside it: nearly always it is done by then."""
MOST = 4
"""So many at once, since each takes memory."""
LONG = 3600.0
"""Seconds after which one no longer counts among those: it may never end."""
_LOOK = 0.1
"""Seconds of a wait at once, so that signals are heard."""
_ENDING = 30.0
"""Seconds that those under way have to end, once the caller wants no more."""

Item = TypeVar("Item")


@mutable
class _Running:
    began: float
    thread: threading.Thread
    cost: int


def side_by_side(
    items: Iterable[Item], work: Callable[[Item], None], cost: Callable[[Item], int] = lambda _item: 0, *, most: int = 0
) -> None:
    """Do the work on each item in a thread of its own, in their order; at the end all are done.

    The next one begins when the one before it is over, or is under way for ``HEAD_START``; and beside others only if
    what all of them cost, such as bytes of memory, is no more than ``most``: one that costs more has its turn alone.

    What the work raises is raised here at once, when the others have ended or for ``_ENDING`` were told to: whoever
    raises tells them.
    """
    running: list[_Running] = []
    errors: list[BaseException] = []

    def run(item: Item) -> None:
        try:
            work(item)
        except BaseException as error:
            errors.append(error)

    def settle(until: Callable[[], bool]) -> None:
        while True:
            running[:] = [one for one in running if one.thread.is_alive()]
            if errors:
                raise errors[0]
            if until():
                return
            running[0].thread.join(_LOOK)

    def may_begin(next_cost: int = 0) -> bool:
        now = monotonic()
        counted = [one for one in running if now - one.began < LONG]
        has_room = not counted or sum(one.cost for one in counted) + next_cost <= most
        return all(now - one.began >= HEAD_START for one in running) and len(counted) < MOST and has_room

    try:
        for item in items:
            next_cost = cost(item)
            settle(lambda own=next_cost: may_begin(own))  # type: ignore[misc]
            thread = threading.Thread(target=run, args=(item,), name="strongroom-beside", daemon=True)
            thread.start()
            running.append(_Running(monotonic(), thread, next_cost))
            settle(lambda: not running or may_begin())
        settle(lambda: not running)
    except BaseException:
        end = monotonic() + _ENDING
        for one in running:
            one.thread.join(max(0.0, end - monotonic()))
        raise
