"""How many cold files became what encryption makes of them, by the beginnings of some that are drawn at random.

Nobody can foresee which, and few are read: 100 pairs and 64 MiB for a snapshot, none where too few files changed to
matter. What is counted is what is certain of all by those that were drawn.
"""

from __future__ import annotations

import contextlib
from random import Random
from typing import TYPE_CHECKING

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Missing, StoreError
from strongroom.base.record import record
from strongroom.custody.judging.cold.bounds import REWRITTEN, TURNED, at_least, limit
from strongroom.custody.judging.cold.heads import OTHER, kind_of, left_of, turned
from strongroom.custody.judging.cold.rewritten import cold_files
from strongroom.retention.guarded import DAY, HOUR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from strongroom.custody.judging.cold.rewritten import ColdPair
    from strongroom.custody.judging.history import GoodOne
    from strongroom.custody.judging.places import JudgingPlaces
    from strongroom.repository.opened import Repository

WINDOW_NS = 28 * DAY
"""So much earlier is the snapshot that is compared with, and so much earlier still the one that says what was cold."""
EVERY_NS = 20 * HOUR
"""A source that sends more often than daily is compared so often; others have the number of their last."""
PAIRS, BYTES = 100, 64 << 20
"""The most that is read for one snapshot; bytes as they are stored."""
_COMPRESSES = 0.85
"""Of what is left when it is compressed: what was more than this may have looked random."""


@record
class Baselines:
    """``old`` is compared with. What was the same in ``oldest`` was cold; without it what is older than ``cold_ns``."""

    old: str
    oldest: str | None
    cold_ns: int


def baselines(past: Sequence[GoodOne], arrival_ns: int, detection_ns: int) -> Baselines | None:
    """The good snapshots to compare with: four weeks older, else the oldest that is older than the detection window.

    From the last on that an operator accepted: what was accepted is no wonder again. None where nothing is old enough.
    """
    there = [one for one in past if one.present]
    accepted = next((one for one in reversed(there) if one.before.accepted), None)
    settled = [one for one in there if one.before.arrival_ns <= arrival_ns - detection_ns]
    if not settled and accepted is None:
        return None
    old = _before(settled, arrival_ns - WINDOW_NS) or (settled[0] if settled else None)
    if accepted is not None and (old is None or accepted.before.arrival_ns > old.before.arrival_ns):
        old = accepted
    assert old is not None
    oldest = _before(there, old.before.arrival_ns - WINDOW_NS)
    return Baselines(old.tree, None if oldest is None else oldest.tree, old.before.arrival_ns - WINDOW_NS)


def _before(ones: Sequence[GoodOne], until_ns: int) -> GoodOne | None:
    return next((one for one in reversed(ones) if one.before.arrival_ns <= until_ns), None)


def was_compared(past: Sequence[GoodOne], arrival_ns: int) -> bool:
    """Whether one of the last hours was, and was good: hourly backups are not compared each hour."""
    return any(
        TURNED in one.before.measures and not one.before.accepted
        for one in past
        if one.before.arrival_ns > arrival_ns - EVERY_NS
    )


class ColdMeasure:
    """Measures of cold files, over one repository with the places that judging knows."""

    def __init__(self, trees: Repository, data: Repository, places: JudgingPlaces | None, detection_ns: int) -> None:
        """``trees`` gives trees, ``data`` gives blobs; both look them up in ``places``."""
        self._detection_ns = detection_ns
        self._trees = trees
        self._data = data
        self._places = places

    def measure(self, past: Sequence[GoodOne], arrival_ns: int, tree: str, files: float) -> dict[str, float]:
        """``cold_rewritten`` and ``cold_turned``, counts of files; nothing where there is nothing to compare with, as
        where an earlier snapshot cannot be read, which is an incident of its own."""
        base = baselines(past, arrival_ns, self._detection_ns)
        if base is None or was_compared(past, arrival_ns):
            return {}
        random = Random(self._trees.surroundings.random_bytes(8))
        try:
            found = cold_files(self._trees, base.oldest, base.old, tree, base.cold_ns, random)
        except (Damaged, LimitExceeded, Missing):
            return {}
        few = len(found) <= limit(files)
        return {REWRITTEN: len(found), TURNED: 0 if few else self._count(found, random)}

    def _count(self, found: Sequence[ColdPair], random: Random) -> float:
        drawn = random.sample(found, min(PAIRS, len(found)))
        self._want(drawn)
        looked, hits, left = 0, 0, BYTES
        for pair in drawn:
            places = self._place(pair.old), self._place(pair.new)
            left -= sum(place.length for place in places if place is not None)
            if left < 0:
                break
            said = self._turned(pair, places[0])
            looked += said is not None
            hits += said is True
        return at_least(hits, looked, len(found))

    def _turned(self, pair: ColdPair, place: _kernel.Location | None) -> bool | None:
        """None where nobody can say. Where the old one cannot be read, it is in a cold class, say, and compressed well,
        it was nothing that looks random."""
        new = self._content(pair.new)
        if new is None:
            return None
        old = self._content(pair.old)
        if old is not None:
            return turned(kind_of(old), kind_of(new), left_of(old), left_of(new), pair.how)
        if place is None or not place.uncompressed_length or place.length > _COMPRESSES * place.uncompressed_length:
            return None
        return turned(OTHER, kind_of(new), place.length / place.uncompressed_length, left_of(new), pair.how)

    def _content(self, blob: str) -> bytes | None:
        with contextlib.suppress(Missing, Damaged, LimitExceeded, StoreError):
            return self._data.load_blob("data", blob)
        return None

    def _want(self, pairs: Sequence[ColdPair]) -> None:
        if self._places is not None and not self._places.is_whole:
            wanted = _kernel.BlobSet()
            for pair in pairs:
                wanted.add("data", pair.old)
                wanted.add("data", pair.new)
            self._places.want(wanted)

    def _place(self, blob: str) -> _kernel.Location | None:
        return next(iter(self._data.index.lookup("data", blob)), None)
