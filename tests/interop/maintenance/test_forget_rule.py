"""restic's rule for `forget`: generated histories and policies, decided by restic and by us."""

from __future__ import annotations

import datetime
import random
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp
from strongroom.retention.calendar import Span
from strongroom.retention.faithful import UNLIMITED, Candidate, Policy, decide
from tests.support import repositories
from tests.support.programs import Restic

HISTORIES = 200
POLICIES = 20
SEED = 20_261_130
TREE = "ac08ce34ba4f8123618661bef2425f7028ffb9ac740578a3ee88684d2523fee8"
NS = 1_000_000_000
DAY = 86_400
TAGS = ("", "a", "b", "a,b")


def history(dice: random.Random, now: int) -> list[Candidate]:
    """Snapshots of one host at different instants: some regular, some in bursts, some in the future or long ago."""
    found: dict[int, Candidate] = {}
    rhythm = dice.choice([3600, 6 * 3600, DAY, 3 * DAY, 40 * DAY])
    at = now + dice.choice([-1, -1, -1, 400]) * DAY
    for _ in range(dice.randint(1, 40)):
        at -= dice.choice([rhythm, rhythm, rhythm // 7 + 1, 1, 30 * DAY])
        if dice.random() < 0.02:
            at += dice.randint(0, 2 * 365) * DAY
        offset = dice.choice([0, 0, 3600, 7200, -5 * 3600, 19800, 14 * 3600, -12 * 3600])
        ns = at * NS + dice.choice([0, 0, 1, 999_999_999])
        tags = tuple(tag for tag in dice.choice(TAGS).split(",") if tag)
        found[ns] = Candidate("", ns, offset, tags)
    return list(found.values())


def policy(dice: random.Random) -> tuple[Policy, list[str]]:
    """A policy, and the options with which restic is told of it."""
    values: dict[str, object] = {}
    options: list[str] = []
    for name in ("last", "hourly", "daily", "weekly", "monthly", "yearly"):
        if dice.random() < 0.4:
            count = dice.choice([1, 2, 3, 7, 30, UNLIMITED])
            values[name] = count
            options += [f"--keep-{name}", "unlimited" if count == UNLIMITED else str(count)]
    for name in ("", "-hourly", "-daily", "-weekly", "-monthly", "-yearly"):
        if dice.random() < 0.25:
            text = dice.choice(["1h", "25h", "1d", "7d", "1m", "1m1d", "11m", "1y", "1y5m7d2h", "9999y", "2h30d"])
            values["within" + name.replace("-", "_")] = Span.parse(text)
            options += [f"--keep-within{name}", text]
    if dice.random() < 0.3 or not options:
        lists = dice.sample([("a",), ("b",), ("a", "b"), ()], dice.randint(1, 2))
        values["tags"] = tuple(lists)
        for tags in lists:
            options += ["--keep-tag", ",".join(tags)]
    return Policy(**values), options  # type: ignore[arg-type]


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.peer("restic")
def test_the_same_snapshots_are_kept_for_the_same_reasons(tmp_path: Path, home: Path, zone: str) -> None:
    """Two hundred histories by twenty policies, in a zone with summer time and one without: restic decides as we do."""
    dice, restic = random.Random(SEED), Restic(home)  # the newest: Debian's knows not all of the options
    place = tmp_path / "repository"
    repositories.make(place)
    now = int(datetime.datetime.now(datetime.UTC).timestamp())
    histories: dict[str, list[Candidate]] = {}
    with repositories.opened(place) as repository:
        for number in range(HISTORIES):
            host = f"host{number:03}"
            histories[host] = []
            for one in history(dice, now):
                time = Timestamp(one.ns, one.offset)
                name = repository.save_snapshot(
                    Snapshot(time=time, tree=TREE, paths=("/x",), hostname=host, tags=one.tags)
                )
                histories[host].append(Candidate(name, one.ns, one.offset, one.tags))
    seconds_east = _zone(zone)
    env = {"RESTIC_PASSWORD": repositories.PASSWORD.decode(), "TZ": zone}
    compared = 0
    for _ in range(POLICIES):
        rule, options = policy(dice)
        told = restic.on(
            place, "forget", "--dry-run", "--json", "--no-lock", "--group-by", "host", "--unsafe-allow-remove-all",
            *options, env=env,
        )  # fmt: skip
        for group in told.expect(0).json():
            ours = decide(histories[group["host"]], rule, now * NS, seconds_east)
            theirs = {one["snapshot"]["id"]: tuple(one["matches"]) for one in group["reasons"]}
            assert {one.id: one.reasons for one in ours if one.keep} == theirs, (options, group["host"])
            assert {one.id for one in ours if not one.keep} == {one["id"] for one in group["remove"] or ()}
            compared += 1
    assert compared == HISTORIES * POLICIES


def _zone(name: str):  # type: ignore[no-untyped-def]
    zone = ZoneInfo(name)

    def offset(seconds: int) -> int:
        bounded = min(max(seconds, -62_135_510_400), 253_402_214_400)
        found = datetime.datetime.fromtimestamp(bounded, zone).utcoffset()
        assert found is not None
        return int(found.total_seconds())

    return offset
