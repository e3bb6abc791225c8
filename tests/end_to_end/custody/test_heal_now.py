"""``custody heal``: what a round would bring back comes back at once, and nothing else is done."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.support.custody.custodian import Custodian
from tests.support.programs import Strongroom


@pytest.fixture
def cared_for(strongroom: Strongroom, tmp_path: Path) -> tuple[Custodian, Path]:
    """A repository of several packs in a folder, in care, with a replica in another."""
    source, place, replica = tmp_path / "src", tmp_path / "offsite", tmp_path / "replica"
    source.mkdir()
    dice = random.Random(5)
    for number in range(30):
        (source / f"{number}").write_bytes(dice.randbytes(200_000))
    strongroom.init(place)
    strongroom.run("-r", place, "--pack-size", "4", "backup", source).expect(0)
    custodian = Custodian(strongroom, tmp_path / "state")
    custodian.adopt("web01", place)
    custodian.round().expect(0)
    replica.mkdir()
    custodian.run("replicate", "web01", "--to", str(replica)).expect(0)
    return custodian, place


def _packs(place: Path) -> list[Path]:
    return sorted(path for path in (place / "data").rglob("*") if path.is_file())


def test_what_the_replica_has_comes_back_at_once(cared_for: tuple[Custodian, Path], strongroom: Strongroom) -> None:
    """A pack that went since the last round: seen, given back and read in one command, and all is well after it."""
    custodian, place = cared_for
    assert "web01: nothing is hurt" in custodian.run("heal", "web01").expect(0).out
    gone = _packs(place)[0]
    gone.unlink()
    done = custodian.run("heal", "web01", "--json").expect(0).json()
    assert (done["from_replica"], done["without"], done["faults"]) == ([f"data/{gone.name}"], [], [])
    assert gone.exists()
    assert custodian.incidents("web01") == []
    strongroom.check(place, read_data=True).expect(0)


def test_what_nobody_has_is_named(cared_for: tuple[Custodian, Path], tmp_path: Path) -> None:
    """Exit code 75, and what to do next."""
    custodian, place = cared_for
    gone = _packs(place)[0]
    gone.unlink()
    (tmp_path / "replica" / gone.relative_to(place)).unlink()
    said = custodian.run("heal", "web01")
    assert said.code == 75
    assert f"data/{gone.name}: neither a version nor the replica has it" in said.out
    assert "custody wanted web01" in said.out
