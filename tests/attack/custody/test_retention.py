"""The threat catalogue: rows R and X-2, snapshots that an intruder forges so that honest ones go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strongroom.custody.deciding import condemn_snapshot, snapshots_of
from strongroom.custody.ledger import incidents
from strongroom.custody.planning import decisions
from strongroom.custody.policy import CustodyPolicy
from tests.support.custody.watched import DAY, Watched
from tests.support.forge import node

FILES = {f"file {number}": f"content {number} ".encode() * 20 for number in range(20)}
POLICY = CustodyPolicy(daily=2, weekly=0, monthly=0, yearly=0, detection=3, floor=1, expiry=44)


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A repository in care with a good snapshot a day for six days, some of them old enough to count."""
    found = Watched(tmp_path, POLICY)
    found.backup(FILES)
    found.adopt()
    found.round()
    for _ in range(5):
        found.later(days=1)
        found.backup(FILES)
        found.round()
    assert set(_verdicts(found)) == {"good"}
    return found


def _verdicts(watched: Watched) -> list[str]:
    ids = [path.name for path in (watched.forge.place / "snapshots").iterdir()]
    return [watched.verdict(one) for one in ids]


def _stay(watched: Watched) -> set[str]:
    return {one.id for one in decisions(watched.state, watched.adopted, watched.now_ns) if one.keep}


@pytest.mark.parametrize(
    ("claims", "reason"),
    [(-3 * DAY, "claims-past"), (-60 * DAY, "claims-past"), (3600.0, "claims-future"), (8000 * 365.0, "claims-future")],
)
def test_r_1_r_2_claims_that_cannot_be_true_push_nothing_out(watched: Watched, claims: float, reason: str) -> None:
    """R-1, R-2: snapshots that claim days around their arrival are suspicious, and every honest one stays that did."""
    stayed = _stay(watched)
    forged = [watched.backup(FILES, ahead=claims - number) for number in range(8)]
    watched.round()
    assert all(reason in watched.reasons(one) for one in forged)
    assert stayed <= _stay(watched)
    assert not {path for path in stayed if watched.verdict(path) != "good"}


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "1969-12-31T23:59:59+14:00"])
def test_r_2_a_time_beyond_any_clock_is_a_reason_and_no_crash(watched: Watched, time: str) -> None:
    """R-2: a snapshot may claim any year; the round goes through."""
    forged = watched.backup(FILES, time=time)
    assert watched.round().failure == ""
    assert watched.reasons(forged) & {"claims-future", "claims-past"}


def test_r_1_a_stamp_that_a_host_sets_makes_nothing_older_than_the_last_look(watched: Watched) -> None:
    """R-1: files with a stamp of last year came after the last round all the same, which is an incident."""
    forged = watched.backup(FILES, ahead=-300 * DAY)
    watched.stamp(watched.forge.place / "snapshots" / forged, -300 * DAY)
    before_ns = watched.now_ns
    watched.later(hours=20)
    watched.round()
    assert "clock" in watched.codes()
    assert "claims-past" in watched.reasons(forged)
    (arrival,) = (one.arrival_ns for one in _rows(watched) if one.id == forged)
    assert arrival >= before_ns


def test_r_1_an_odd_stamp_stops_deleting_for_its_time_and_not_for_ever(watched: Watched) -> None:
    """R-1: whoever sets stamps makes nothing older by it, and freezes deleting for no longer than a detection takes."""
    forged = watched.backup(FILES)
    watched.stamp(watched.forge.place / "snapshots" / forged, -300 * DAY)
    for days, there in ((1, True), (watched.adopted.policy.detection - 1, True), (2, False)):
        watched.later(days=days)
        watched.round()
        assert ("clock" in watched.codes()) is there


def test_r_3_the_same_instant_in_many_zones_is_one_window(watched: Watched) -> None:
    """R-3: fifty snapshots of one instant in alternating offsets are too many a day, and no honest one goes."""
    stayed = _stay(watched)
    for number in range(50):
        zone = f"{'+-'[number % 2]}{number % 14:02}:00"
        watched.backup(FILES | {f"{number}": b"x"}, time=f"2026-09-26T12:00:00{zone}")
    watched.round()
    assert stayed <= _stay(watched)
    assert any("too-many" in watched.reasons(one) for one in _forged(watched))


def test_r_4_later_snapshots_of_a_window_displace_no_earlier_one(watched: Watched) -> None:
    """R-4: what comes later on the day of a good snapshot, good itself, takes no slot from it, and goes first."""
    (honest,) = (row.id for row in _rows(watched)[-1:])
    watched.later(hours=1)
    junk = [watched.backup(FILES | {f"{number}": b"j"}) for number in range(5)]
    watched.round()
    assert {watched.verdict(one) for one in junk} == {"good"}
    for _ in range(4):
        watched.later(days=1)
        watched.backup(FILES)
        watched.round()
    found = {one.id: one for one in decisions(watched.state, watched.adopted, watched.now_ns)}
    assert found[honest].reasons == ("the first good one of its day",)
    assert not any(found[one].keep for one in junk)


def test_r_5_a_source_without_a_good_snapshot_loses_nothing_however_long(watched: Watched) -> None:
    """R-5: after a year without a good snapshot nothing of the source goes, whatever windows say."""
    there = {path.name for path in (watched.forge.place / "snapshots").iterdir()}
    watched.later(days=365)
    outcome = watched.round()
    assert there <= _stay(watched)
    assert outcome.plans == []


def test_r_7_another_host_or_path_is_a_new_source_that_waits(watched: Watched) -> None:
    """R-7: what claims another host or other paths is suspicious, in a group of its own, and takes no slot."""
    stayed = _stay(watched)
    hops = [watched.backup(FILES, hostname="db01"), watched.backup(FILES, paths=["/source", "/etc"])]
    hops.append(watched.backup(FILES, paths=["/source,/etc"]))
    watched.round()
    assert all("new-source" in watched.reasons(one) for one in hops)
    assert len({row.source for row in _rows(watched)}) == 4
    assert stayed <= _stay(watched)
    watched.accept_source("db01:/source")
    later = watched.backup(FILES | {"more": b"1"}, hostname="db01")
    watched.round()
    assert watched.verdict(later) == "good"


def test_r_7_what_a_source_sent_before_it_was_accepted_is_judged_again(watched: Watched) -> None:
    """R-7: its history is good from the next round on, of an age that begins then; what is suspicious for another
    reason stays so, and so does what an operator condemned, and what other new sources sent."""
    fine = watched.backup(FILES, hostname="db01")
    watched.round()
    watched.later(hours=1)
    shrunk = watched.backup(dict(list(FILES.items())[:3]), hostname="db01")
    condemned = watched.backup(FILES | {"junk": b"1"}, hostname="db01")
    stranger = watched.backup(FILES, hostname="db02")
    watched.round()
    condemn_snapshot(watched.state, watched.adopted, condemned, "a test", "")
    watched.later(days=3)
    watched.accept_source("db01:/source")
    watched.round()
    found = {row.id: row for row in _rows(watched)}
    assert (found[fine].verdict, found[fine].judged_ns) == ("good", watched.now_ns)
    assert found[fine].arrival_ns == watched.now_ns - int((3 * DAY + 3600) * 1e9)
    assert "shrunk-files" in watched.reasons(shrunk)
    assert "new-source" not in watched.reasons(shrunk)
    assert watched.verdict(condemned) == "condemned"
    assert "new-source" in watched.reasons(stranger)
    opened = {one.object for one in incidents(watched.state) if one.code.value == "suspicious"}
    assert opened == {f"snapshots/{shrunk}", f"snapshots/{stranger}"}


@pytest.mark.parametrize(
    "fields", [{"tags": ["keep"]}, {"delete": "never"}, {"delete": {"after": "2020-01-01T00:00:00Z"}}]
)
def test_r_8_r_9_nothing_that_a_snapshot_says_pins_it_or_ends_it(watched: Watched, fields: dict[str, object]) -> None:
    """R-8, R-9: tags and rustic's `delete` change no decision."""
    with_them = watched.backup(FILES | {"a": b"1"}, **fields)
    watched.later(hours=1)
    without = watched.backup(FILES | {"a": b"2"})
    watched.round()
    watched.later(days=1)
    found = {one.id: (one.keep, one.reasons) for one in decisions(watched.state, watched.adopted, watched.now_ns)}
    assert found[with_them] == found[without]


def test_r_10_an_empty_or_shrunken_snapshot_takes_no_slot(watched: Watched) -> None:
    """R-10: nothing, less than half of the files, or as many files with no content: suspicious; nodes that claim the
    old sizes over empty files help nobody, since bytes are the catalogue's."""
    stayed = _stay(watched)
    empty = watched.snapshot(watched.forge.tree())
    few = watched.backup(dict(list(FILES.items())[:8]))
    hollow = watched.forge.tree(*(_claiming(name, len(content)) for name, content in sorted(FILES.items())))
    claimed = watched.snapshot(hollow)
    watched.round()
    assert watched.reasons(empty) >= {"empty"}
    assert watched.reasons(few) >= {"shrunk-files", "shrunk-bytes"}
    assert watched.reasons(claimed) == {"shrunk-bytes"}
    assert stayed <= _stay(watched)


def test_r_10_shrinking_by_less_than_half_each_time_is_seen(watched: Watched) -> None:
    """R-10: 60 %, then 36 %: the second is held against the largest of 90 days."""
    first = watched.backup(dict(list(FILES.items())[:12]))
    watched.round()
    watched.later(days=1)
    second = watched.backup(dict(list(FILES.items())[:7]))
    watched.round()
    assert watched.verdict(first) == "good"
    assert "shrunk-files" in watched.reasons(second)
    watched.accept(second)
    third = watched.backup(dict(list(FILES.items())[:6]))
    watched.later(hours=1)
    watched.round()
    assert watched.verdict(third) == "good"


def test_x_2_what_was_taken_away_and_comes_back_is_read_and_no_younger(watched: Watched) -> None:
    """X-2: a snapshot that goes and returns keeps its arrival and what an operator said of it, and raises one incident
    for as long as it is away."""
    (old,) = sorted((row for row in _rows(watched)), key=lambda row: row.arrival_ns)[:1]
    condemn_snapshot(watched.state, watched.adopted, old.id, "a test", "")
    path = watched.forge.place / "snapshots" / old.id
    kept = path.read_bytes()
    path.unlink()
    watched.later(hours=1)
    watched.round()
    assert watched.codes() == {"missing"}
    path.write_bytes(kept)
    watched.stamp(path, watched.machine.clock.seconds)
    outcome = watched.round()
    assert (outcome.read.objects, watched.codes()) == (1, set())
    (again,) = (row for row in _rows(watched) if row.id == old.id)
    assert (again.arrival_ns, watched.verdict(old.id)) == (old.arrival_ns, "condemned")
    assert watched.round().seen.altered == []


def _claiming(name: str, size: int) -> dict[str, Any]:
    return node(name, "file", content=[], size=size)


def _rows(watched: Watched) -> list[Any]:
    return snapshots_of(watched.state, watched.adopted)


def _forged(watched: Watched) -> list[str]:
    return [row.id for row in _rows(watched) if "12:00:00" in row.document]


def test_r_10_one_forged_version_makes_no_honest_snapshot_suspicious(watched: Watched) -> None:
    """R-10: a whole snapshot that claims a program of the far future is one of the last five good ones; honest ones
    after it are good, and one that is older than all of those is not."""
    for number in range(4):
        watched.later(days=1)
        watched.backup(FILES | {f"new {number}": b"x" * 99}, program_version="restic 0.19.1")
        watched.round()
    watched.later(days=1)
    watched.backup(FILES, program_version="restic 999.0.0")
    watched.round()
    watched.later(days=1)
    honest = watched.backup(FILES | {"another": b"y" * 99}, program_version="restic 0.19.1")
    older = watched.backup(FILES, program_version="restic 0.18.0")
    watched.round()
    assert watched.verdict(honest) == "good"
    assert watched.reasons(older) == {"older-program"}
