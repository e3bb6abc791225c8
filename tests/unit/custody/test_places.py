"""Judging by a part of the catalogue says what judging by all of it says, whatever is lost and comes back."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import sqlalchemy as sa

from strongroom import _kernel
from strongroom.custody.catalogue import load_catalogue
from strongroom.custody.judging import places, walking
from strongroom.custody.schemas.main import snapshot, tree_total
from tests.simulation.honest import SimulatedHost
from tests.support.clock import ManualClock
from tests.support.custody.in_process import DAY, Custody

DAYS = 7
Judgement = tuple[object, ...]


def history(folder: Path, seed: int) -> list[Judgement]:
    """Days of a host whose packs are lost and found, with a round each; all verdicts and trees after each."""
    folder.mkdir()
    dice, clock = random.Random(seed), ManualClock(1_800_000_000 * 10**9)
    host = SimulatedHost(folder / "r", clock, random.Random(seed + 1))
    host.save(host.files)
    custody = Custody(folder / "r", folder / "custodian", clock=clock)
    found: list[Judgement] = []
    lost: dict[Path, bytes] = {}
    try:
        for day in range(DAYS):
            clock.advance(DAY)
            for path, content in lost.items():
                path.write_bytes(content)
            lost.clear()
            if dice.random() < 0.5:
                name = str(dice.choice(host.forge.entries)["id"])
                path = host.forge.place / "data" / name[:2] / name
                lost[path] = path.read_bytes()
                path.unlink()
            host.day(day + 1)
            custody.round()
            found += judgements(custody)
    finally:
        custody.close()
    return found


def judgements(custody: Custody) -> list[Judgement]:
    """What the state says of each snapshot, in the order in which they came, and of each tree."""
    with custody.state.database.read() as connection:
        rows = connection.execute(sa.select(snapshot).order_by(snapshot.c.arrival_ns, snapshot.c.claimed_ns)).all()
        trees = connection.execute(sa.select(tree_total).order_by(tree_total.c.id)).all()
    told: list[Judgement] = [(row.verdict, row.reasons, row.measures, row.whole >= 0, row.source) for row in rows]
    return told + [(row.id, row.files, row.bytes) for row in trees]


@pytest.mark.parametrize(("seed", "held"), [(3, 1 << 20), (11, 0)])
def test_a_part_of_the_catalogue_judges_as_all_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, held: int
) -> None:
    """The same random history twice; with no room for trees that wait, too."""
    whole = history(tmp_path / "whole", seed)
    monkeypatch.setattr(places, "SMALL", 0)
    monkeypatch.setattr(walking, "MOST_HELD", held)
    assert history(tmp_path / "part", seed) == whole
    assert {row[0] for row in whole} >= {"good", "bad"}


def test_only_trees_and_what_was_wanted_are_loaded(custody: Custody, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large catalogue nothing else is in memory; asked for all of it, all is there, in the same order."""
    whole = load_catalogue(custody.state, custody.adopted.id)
    monkeypatch.setattr(places, "SMALL", 0)
    part = places.JudgingPlaces(custody.state, custody.adopted.id, snapshots=1)
    data, trees = whole.ids("data"), whole.ids("tree")
    assert (part.index.ids("data"), part.index.ids("tree")) == ([], trees)
    wanted = _kernel.BlobSet()
    wanted.add("data", data[0])
    part.want(wanted)
    assert part.index.ids("data") == data[:1]
    part.want_all()
    for kind, ids in (("data", data), ("tree", trees)):
        for one in ids:
            assert part.index.lookup(kind, one) == whole.lookup(kind, one)
    assert len(part.index) == len(whole)
