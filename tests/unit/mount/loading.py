"""A source of blobs that a test makes of one function."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Loading:
    """Each blob by ``load``; several make a dictionary of those that it has."""

    def __init__(self, load: Callable[[str], bytes], size: int = 1) -> None:
        self.load = load
        self._size = size
        self.together: list[list[str]] = []

    def load_together(self, blobs: Sequence[str]) -> dict[str, bytes]:
        """Those that ``load`` raises nothing for."""
        self.together.append(list(blobs))
        found: dict[str, bytes] = {}
        for blob in blobs:
            try:
                found[blob] = self.load(blob)
            except ValueError:
                continue
        return found

    def size(self, blob: str) -> int:  # noqa: ARG002
        """The same for all."""
        return self._size
