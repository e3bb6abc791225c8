"""Do the same to many small objects, several at once, in order and in bounded memory."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Item = TypeVar("Item")
Result = TypeVar("Result")


def outcomes(
    work: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Iterator[tuple[Item, Callable[[], Result]]]:
    """Each item with a function that returns its result or raises its error, in the items' order.

    At most twice ``workers`` results wait in memory. Closing the iterator early drops what has not begun.
    """
    window: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(max_workers=max(1, workers), thread_name_prefix="strongroom-fetch") as pool:
        try:
            for item in items:
                window.append((item, pool.submit(work, item)))
                if len(window) >= 2 * workers:
                    first, future = window.popleft()
                    yield first, future.result
            while window:
                first, future = window.popleft()
                yield first, future.result
        finally:
            for _, future in window:
                future.cancel()
