"""What a dump is: where it comes from, how its end is told from a cut, and the error when it is not whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from strongroom.base.errors import StrongroomError
from strongroom.base.record import field, record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TAIL = 4096
"""Bytes of a dump's end that are looked at."""


class DumpFailed(StrongroomError):
    """A database gave no whole dump, so there is no snapshot of it."""


class Producer(Protocol):
    """What makes a dump, in a thread of its own."""

    def produce(self, write: Callable[[bytes], None]) -> None:
        """Write all of it. Raises ``DumpFailed`` when it is not whole, and whatever ``write`` raises."""
        ...

    def abandon(self) -> None:
        """End at once, and wait for nobody; from any thread, at any time."""
        ...


@record
class ProgramOfDump:
    """A program that prints a dump. ``environment`` holds the password and stays out of ``repr``."""

    words: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    run_as: str | None = None
    seconds: float | None = None
    """How long it may take."""


@record
class DatabaseDump:
    """A database of the configuration file. ``label`` is what messages call it, ``path`` where its snapshot has it."""

    source: str
    name: str
    kind: str
    producer: Producer
    is_whole: Callable[[bytes], bool]
    """Whether a dump that ends with these bytes came to its end."""
    last_words: str
    """What it ought to end with, for people."""

    @property
    def label(self) -> str:
        """How messages call it."""
        return f"{self.source}.database.{self.name}"

    @property
    def path(self) -> str:
        """Its file in the snapshot."""
        return path_of(self.kind, self.name)


def path_of(kind: str, name: str) -> str:
    """Where a database's dump stands in its snapshot."""
    return f"/databases/{kind}/{name}"
