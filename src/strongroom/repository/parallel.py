"""Do the same to many small objects, several at once, in order and in bounded memory."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_LOOK = 0.5
"""Seconds of a wait at once: a signal that comes just before a wait begins is heeded when that ends, not before."""

Item = TypeVar("Item")
Result = TypeVar("Result")


def wait_for(event: threading.Event) -> None:
    """Wait until something has happened, and let signals in meanwhile."""
    while not event.wait(_LOOK):
        pass


def outcomes(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Callable[[], Result]]]:
    """Each item with a function that returns its result or raises its error, in the items' order.

    At most twice ``workers`` results wait in memory. Closing the iterator early drops what has not begun.
    """
    workers = max(1, workers)
    window: deque[_Task[Item, Result]] = deque()
    pool = _Pool(work, workers)
    try:
        for item in items:
            window.append(pool.submit(item))
            if len(window) >= 2 * workers:
                first = window.popleft()
                yield first.item, first.result
        while window:
            first = window.popleft()
            yield first.item, first.result
    finally:
        pool.close()


def begun(work: Callable[[], Result]) -> Callable[[], Result]:
    """Begin one thing in a thread of its own; what is returned waits for it, and returns or raises what it did."""
    task: _Task[None, Result] = _Task(None)
    threading.Thread(target=task.run, args=(lambda _: work(),), name="strongroom-begun", daemon=True).start()
    return task.result


class _Task(Generic[Item, Result]):
    """One item under way."""

    def __init__(self, item: Item) -> None:
        self.item = item
        self._ended = threading.Event()
        self._value: list[Result] = []
        self._error: BaseException | None = None

    def run(self, work: Callable[[Item], Result]) -> None:
        """Do it, in a thread of the pool."""
        try:
            self._value.append(work(self.item))
        except BaseException as error:
            self._error = error
        finally:
            self._ended.set()

    def result(self) -> Result:
        """Wait for it, then return what the work returned or raise what it raised."""
        wait_for(self._ended)
        if self._error is not None:
            raise self._error
        return self._value[0]


class _Pool(Generic[Item, Result]):
    """A few threads for one call of ``outcomes``.

    Not ``concurrent.futures``: that loads logging and more, 10 ms which every small command would pay.
    """

    def __init__(self, work: Callable[[Item], Result], workers: int) -> None:
        self._work = work
        self._workers = workers
        self._threads: list[threading.Thread] = []
        self._waiting: deque[_Task[Item, Result]] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def submit(self, item: Item) -> _Task[Item, Result]:
        """Queue an item; starts a thread while there are fewer than allowed."""
        task: _Task[Item, Result] = _Task(item)
        with self._changed:
            self._waiting.append(task)
            self._changed.notify()
        if len(self._threads) < self._workers:
            thread = threading.Thread(target=self._run, name="strongroom-fetch", daemon=True)
            thread.start()
            self._threads.append(thread)
        return task

    def close(self) -> None:
        """Drop what has not begun and wait for what has."""
        with self._changed:
            self._closed = True
            self._waiting.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting and not self._closed:
                    self._changed.wait()
                if not self._waiting:
                    return
                task = self._waiting.popleft()
            task.run(self._work)
