"""Begin the same for several at once, and go on with each when it is ready: none waits for one that hangs."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from strongroom.base.clock import monotonic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

IN_ORDER = 2.0
"""Seconds that one which is ready waits for those before it, so that the order is usually the one given."""
_LOOK = 0.2
"""Seconds of a wait at once, so that signals are heard."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def as_they_open(
    items: Sequence[Item], open_one: Callable[[Item], Result], discard: Callable[[Result], None]
) -> Iterator[tuple[Item, Result]]:
    """Each item with what ``open_one`` returned, all begun now in threads of their own.

    In the order given, but one that is ready waits for those before it two seconds at most. What is raised is raised
    here. When the iterator is closed early, ``discard`` is called with each result that nobody got, also when it comes
    later; nothing is waited for then.
    """
    return _Opening(items, open_one, discard).go()


class _Opening(Generic[Item, Result]):
    def __init__(
        self, items: Sequence[Item], open_one: Callable[[Item], Result], discard: Callable[[Result], None]
    ) -> None:
        self._items = items
        self._open_one = open_one
        self._discard = discard
        self._ready: dict[int, tuple[Result | None, BaseException | None, float]] = {}
        self._over = False
        self._changed = threading.Condition()

    def go(self) -> Iterator[tuple[Item, Result]]:
        for number in range(len(self._items)):
            threading.Thread(target=self._run, args=(number,), name=f"strongroom-open-{number}", daemon=True).start()
        try:
            waiting = list(range(len(self._items)))
            while waiting:
                number = self._next(waiting)
                waiting.remove(number)
                with self._changed:
                    result, error, _ = self._ready.pop(number)
                if error is not None:
                    raise error
                yield self._items[number], result  # type: ignore[misc]
        finally:
            with self._changed:
                self._over = True
                left, self._ready = list(self._ready.values()), {}
            for result, _, _ in left:
                if result is not None:
                    self._discard(result)

    def _run(self, number: int) -> None:
        result, error = None, None
        try:
            result = self._open_one(self._items[number])
        except BaseException as problem:
            error = problem
        with self._changed:
            over = self._over
            if not over:
                self._ready[number] = result, error, monotonic()
                self._changed.notify_all()
        if over and result is not None:
            self._discard(result)

    def _next(self, waiting: list[int]) -> int:
        while True:
            with self._changed:
                for number in waiting:
                    if number not in self._ready:
                        continue
                    if number == waiting[0] or monotonic() - self._ready[number][2] >= IN_ORDER:
                        return number
                self._changed.wait(_LOOK)
