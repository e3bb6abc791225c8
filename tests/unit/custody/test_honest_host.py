"""Noise is a defect: an honest host is suspected at most once a month, and one that is encrypted is, however slowly.

A seeded model of a host, a day at a time: edits by weekday, growth, a weekly rotation and dump, a monthly upgrade,
holidays, a laptop that sleeps for ten days. It measures what ``judging/measures.py`` measures.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

import pytest

from strongroom.custody.judging.rules import suspicions
from strongroom.custody.judging.settings import SourceSettings
from strongroom.custody.judging.terms import Before, History, Reason, Subject
from strongroom.retention.guarded import DAY, HOUR

KNOWN = {"": 500, "txt": 3000, "docx": 4000, "jpg": 6000, "log": 400, "py": 3000, "dat": 100, "0": 100}
SETTLED_AFTER, DAYS = 34, 60
"""Days until 20 snapshots are older than the detection window, and days that are counted."""


@dataclass
class Host:
    """An honest host; ``measures`` of a day are kept when its snapshot was good."""

    seed: int
    good: list[Before] = field(default_factory=list)
    files: float = 17_000
    size: float = 40e9

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.busy = self.random.uniform(0.3, 3)
        self.rest = self.random.randrange(40, 80)

    def day(self, number: int) -> dict[str, float] | None:
        """What a snapshot of this day measures; None when the host is away."""
        if self.rest <= number < self.rest + 10:
            return None
        draw = self.random
        pace = self.busy * (0.1 if number % 7 in (5, 6) else 1) * math.exp(draw.gauss(0, 0.6))
        changed, new, removed = 80 * pace, 40 * pace, 15 * pace
        grown = sum(draw.lognormvariate(11, 1.5) for _ in range(int(changed + new)))
        measures = {"old_mtime_changed": float(draw.randrange(6)), "renamed": 0.0, "new_extensions": draw.randrange(5)}
        if number % 7 == 6:
            grown += draw.uniform(3e8, 6e8)
            measures["renamed"] = draw.randrange(20, 60)
        if number % 30 == 17:
            changed, new, removed = changed + draw.uniform(2000, 3000), new + 600, removed + 400
            grown += draw.uniform(2e8, 5e8)
            measures["new_extensions"] += draw.randrange(10)
        self.files += new - removed
        self.size += grown / 2
        ratio = draw.gauss(0.35, 0.04)
        return measures | {
            "files": self.files,
            "bytes": self.size,
            "files_new": round(new),
            "files_changed": round(changed),
            "files_removed": round(removed),
            "bytes_new": round(grown),
            "fresh:docx": grown / 2,
            "compress:docx": min(1.0, max(0.1, ratio)),
        }

    def judged(self, number: int, measures: dict[str, float], **changes: dict[str, int]) -> list[Reason]:
        """The reasons against a snapshot of this day."""
        now_ns = number * DAY
        history = History(
            SourceSettings(),
            self.good,
            [one for one in self.good if one.arrival_ns <= now_ns - 14 * DAY],
            1,
            lambda _: True,
            KNOWN,
        )
        subject = Subject(
            now_ns - HOUR,
            now_ns,
            now_ns,
            True,
            "",
            "restic 0.19.1",
            measures,
            changes.get("removed", {"docx": 20}),
            changes.get("new", {"docx": 30}),
            complete=True,
            source_accepted=True,
        )
        return suspicions(subject, history)

    def live(self, first: int, days: int) -> list[tuple[int, list[Reason]]]:
        """Days of honest work; what was suspected, which nobody accepts and which therefore teaches nothing."""
        suspected = []
        for number in range(first, first + days):
            measures = self.day(number)
            if measures is None:
                continue
            reasons = self.judged(number, measures)
            if reasons:
                suspected.append((number, reasons))
            else:
                self.good.append(Before(number * DAY, "restic 0.19.1", measures))
        return suspected


def test_an_honest_host_is_suspected_at_most_once_a_month() -> None:
    """Over forty hosts and sixty days each: never more than three, and once a month on average at most."""
    counts = []
    for seed in range(40):
        host = Host(seed)
        assert host.live(0, SETTLED_AFTER) == []
        suspected = host.live(SETTLED_AFTER, DAYS)
        assert len(suspected) <= 3, (seed, suspected)
        counts.append(len(suspected))
    assert sum(counts) / len(counts) <= DAYS / 30


ATTACKS: dict[str, tuple[dict[str, float], dict[str, dict[str, int]]]] = {
    "all files in place": ({"files_changed": 15_000, "bytes_new": 35e9, "fresh:docx": 9e9, "compress:docx": 1.0}, {}),
    "a tenth in place": ({"files_changed": 1700, "bytes_new": 4e9, "fresh:docx": 1e9, "compress:docx": 1.0}, {}),
    "few large ones in place": ({"files_changed": 60, "bytes_new": 4e8, "fresh:docx": 2e8, "compress:docx": 1.0}, {}),
    "under their old mtime": ({"files_changed": 120, "old_mtime_changed": 110}, {}),
    "a suffix more": (
        {"files_new": 3000, "files_removed": 3000, "renamed": 900, "new_extensions": 3000, "bytes_new": 8e9},
        {"removed": {"docx": 3000}, "new": {"locked": 3000}},
    ),
    "a suffix more, slowly": ({"files_new": 30, "files_removed": 30, "new_extensions": 30}, {"new": {"locked": 30}}),
    "all of one kind deleted": ({"files_removed": 4000}, {"removed": {"docx": 4000}}),
}


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("seed", range(3))
def test_what_an_intruder_does_is_suspected_on_the_day(attack: str, seed: int) -> None:
    """After the same honest past, a day that encrypts or deletes is suspicious."""
    host = Host(seed)
    host.live(0, 39)
    usual = next(one.measures for one in reversed(host.good))
    measures, changes = ATTACKS[attack]
    assert host.judged(39, dict(usual) | measures, **changes)
