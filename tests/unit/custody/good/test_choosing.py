"""What stands in the list: bounded, whatever comes, and no flood pushes out what came on earlier days."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import pytest

from strongroom.custody.good import choosing
from strongroom.custody.good.choosing import DAYS, MONTHS, MOST_LINES, NEWEST, chosen
from strongroom.custody.good.text import GoodList, GoodSource
from strongroom.custody.schemas import main as schema
from strongroom.custody.state import State
from strongroom.format import rfc3339
from strongroom.retention.guarded import DAY, HOUR
from tests.support.repositories import START_NS, ManualClock

ID = "ab" * 32
NOW_NS = START_NS // DAY * DAY + 20 * HOUR
"""In the evening: what came in the last hours came on one day."""


class _Shelf:
    def __init__(self, place: Path) -> None:
        self.state = State(str(place), ManualClock(), create=True)
        self.count = 0

    def put(self, *arrivals_ns: int, source: str = "web01:/", **values: Any) -> list[str]:
        """Snapshots that came at these moments; their IDs."""
        names = [f"{self.count + number:064x}" for number in range(len(arrivals_ns))]
        self.count += len(names)
        of_object = {
            "repository": ID, "kind": "snapshots", "size": 1, "stamp_ns": None, "earliest_ns": 0, "evidence": "stamp",
            "gone_ns": values.pop("gone_ns", None), "verified_ns": 1, "sound_ns": 1, "fault": values.pop("fault", None),
            "proven": 0,
        }  # fmt: skip
        of_snapshot = {
            "repository": ID, "source": source, "claimed_ns": 0, "document": "{}", "verdict": "good", "judged_ns": 0,
            "reasons": "[]", "measures": "{}", "operator": "", "pinned": 0, "generation": 0, "whole": 0,
        } | values  # fmt: skip
        if names:
            rows = list(zip(names, arrivals_ns, strict=True))
            with self.state.database.write() as connection:
                connection.execute(
                    schema.stored.insert(), [{**of_object, "name": one, "arrival_ns": at} for one, at in rows]
                )
                connection.execute(
                    schema.snapshot.insert(), [{**of_snapshot, "id": one, "arrival_ns": at} for one, at in rows]
                )
        return names

    def chosen(self) -> tuple[GoodSource, ...]:
        """What stands in the list."""
        with self.state.database.read() as connection:
            return chosen(connection, ID)


@pytest.fixture
def shelf(tmp_path: Path) -> _Shelf:
    """A state with snapshots that need no store."""
    return _Shelf(tmp_path / "state")


def test_only_what_is_good_and_there_stands_in_it(shelf: _Shelf) -> None:
    """Neither suspicious, nor condemned, nor gone, nor damaged ones; the newest first, with all its times."""
    good = shelf.put(NOW_NS - DAY, NOW_NS)
    shelf.put(NOW_NS, verdict="suspicious")
    shelf.put(NOW_NS, operator="condemned")
    shelf.put(NOW_NS, gone_ns=NOW_NS)
    shelf.put(NOW_NS, fault="rotten")
    (source,) = shelf.chosen()
    assert (source.name, source.good) == ("web01:/", 2)
    assert [one.id for one in source.snapshots] == good[::-1]
    assert source.snapshots[0].arrival == rfc3339.format_utc(NOW_NS)
    assert source.snapshots[0].claimed == "1970-01-01T00:00:00Z"


def test_a_flood_of_a_day_leaves_the_days_and_months_before(shelf: _Shelf) -> None:
    """A year of hourly backups, then 48 forged ones within an evening: each of the days before has its last one."""
    hourly = shelf.put(*(NOW_NS - number * HOUR for number in range(10, 10 + 365 * 24)))
    forged = shelf.put(*(NOW_NS - number * 60 * 10**9 for number in range(48)))
    (source,) = shelf.chosen()
    ids = [one.id for one in source.snapshots]
    assert source.good == len(hourly) + 48
    assert len(ids) <= NEWEST + DAYS + MONTHS
    assert len(set(ids) & set(forged)) == NEWEST
    days = [one.arrival[:10] for one in source.snapshots if one.id in hourly]
    assert len(days) >= DAYS - 1 + 10 and len(set(days)) == len(days)
    assert min(days) < rfc3339.format_utc(NOW_NS - 330 * DAY)[:10]
    assert ids == sorted(ids, key=lambda one: next(s.arrival for s in source.snapshots if s.id == one), reverse=True)


def test_sources_share_the_lines_and_take_none_of_each_other(shelf: _Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quiet source keeps its lines beside one that sends without end; of too many the newest stand there."""
    shelf.put(NOW_NS - 40 * DAY, source="quiet:/")
    shelf.put(*(NOW_NS - number * HOUR for number in range(2000)), source="loud:/")
    assert [(one.name, len(one.snapshots)) for one in shelf.chosen()][1] == ("quiet:/", 1)
    for number in range(60):
        shelf.put(*(NOW_NS - day * DAY for day in range(40)), source=f"host{number}:/")
    found = shelf.chosen()
    assert len(found) == 62
    assert sum(len(one.snapshots) for one in found) <= MOST_LINES
    assert {len(one.snapshots) for one in found if one.name == "loud:/"} == {MOST_LINES // 62}
    assert min(len(one.snapshots) for one in found if one.name != "quiet:/") >= DAYS
    monkeypatch.setattr(choosing, "MOST_SOURCES", 5)
    assert len(shelf.chosen()) == 5
    assert "quiet:/" not in [one.name for one in shelf.chosen()]


def test_ten_thousand_snapshots_make_a_small_list_soon(shelf: _Shelf) -> None:
    """A few KiB, in less than the half second that ten thousand rows may cost on a slow machine."""
    shelf.put(*(NOW_NS - number * HOUR for number in range(10_000)))
    shelf.chosen()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    found = shelf.chosen()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_utime - before < 0.5
    assert len(GoodList(ID, 1, "", "", found).text()) < 16_000
