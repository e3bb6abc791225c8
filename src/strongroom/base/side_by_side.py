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


def side_by_side(items: Iterable[Item], work: Callable[[Item], None]) -> None:
    """Do the work on each item in a thread of its own, in their order; at the end all are done.

    The next one begins when the one before it is over, or is under way for ``HEAD_START``. What the work raises is
    raised here at once, when the others have ended or for ``_ENDING`` were told to: whoever raises tells them.
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

    def may_begin() -> bool:
        now = monotonic()
        ages = [now - one.began for one in running]
        return all(age >= HEAD_START for age in ages) and sum(age < LONG for age in ages) < MOST

    try:
        for item in items:
            settle(may_begin)
            thread = threading.Thread(target=run, args=(item,), name="strongroom-beside", daemon=True)
            thread.start()
            running.append(_Running(monotonic(), thread))
            settle(lambda: not running or may_begin())
        settle(lambda: not running)
    except BaseException:
        end = monotonic() + _ENDING
        for one in running:
            one.thread.join(max(0.0, end - monotonic()))
        raise
