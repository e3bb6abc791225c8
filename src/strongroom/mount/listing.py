"""A folder's entries by their number: the kernel takes as many as it has room for, and asks for the others later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Entry = TypeVar("Entry")


class Listing(Generic[Entry]):
    """Entries of one open folder. Whoever goes on where they stopped pays nothing for what came before."""

    def __init__(self, begin: Callable[[], Iterator[Entry]]) -> None:
        """``begin()`` returns the entries from the first on, and raises whatever can be wrong with the folder."""
        self._begin = begin
        self._rest: Iterator[Entry] = iter(())
        self._number = -1
        self._entry: Entry | None = None

    def at(self, number: int) -> Entry | None:
        """The entry of that number, from 0 on; None behind the last. Asking for 0 reads the folder anew."""
        if number == 0 or number < self._number:
            self._rest, self._number = self._begin(), -1
        while self._number < number:
            self._number += 1
            self._entry = next(self._rest, None)
        return self._entry
