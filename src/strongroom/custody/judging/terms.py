"""What the rules take and what they say: pure values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from strongroom.base.record import record

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from strongroom.custody.judging.settings import SourceSettings


@record
class Unproven:
    """Snapshots without a receipt where a log is believed: new ones ``waiting`` for theirs, and those ``without``."""

    waiting: frozenset[str] = frozenset()
    without: frozenset[str] = frozenset()


EVERY_ONE_PROVEN = Unproven()
"""Where no log is believed, none waits for it."""


@record
class Reason:
    """``value`` went beyond ``threshold``; ``words`` say it to a person."""

    code: str
    value: float
    threshold: float
    words: str


@record
class Subject:
    """A snapshot to be judged. Times in nanoseconds since 1970 UTC; ``measures`` by the names of ``FLOORS`` and files,
    bytes; extensions as counts. It came between ``earliest_ns`` and ``arrival_ns``; ``dated`` is false where that is a
    claim itself. ``canaries``: paths that an operator named and that changed. ``left_out``: it is too large to be
    compared."""

    claimed_ns: int
    arrival_ns: int
    earliest_ns: int
    dated: bool
    parent: str
    program: str
    measures: Mapping[str, float]
    removed_by_extension: Mapping[str, int]
    new_by_extension: Mapping[str, int]
    complete: bool
    source_accepted: bool
    canaries: Sequence[str] = ()
    left_out: bool = False


@record
class Before:
    """A good snapshot of the same source that came earlier; ``accepted`` by an operator."""

    arrival_ns: int
    program: str
    measures: Mapping[str, float]
    accepted: bool = False


@record
class History:
    """What is known of a source: its settings; its good snapshots, oldest first; those of them that came before the
    detection window, so that whoever is new here has taught them nothing; how many came in the last 24 hours; which
    names of snapshots were ever seen; files by extension in the last good one, 0 for what was there once."""

    settings: SourceSettings
    good: Sequence[Before]
    settled: Sequence[Before]
    lately: int
    seen: Callable[[str], bool]
    extensions: Mapping[str, int]
