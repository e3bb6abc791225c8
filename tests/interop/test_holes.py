"""Zeros and holes: what is not read is cut and saved as if it had been."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.support import peers
from tests.support.programs import Restic, Strongroom


@pytest.fixture
def restic(home: Path) -> Restic:
    """The newest alone: it decides, and older ones had other rules."""
    made = Restic(home)
    if made.old:
        pytest.skip(f"{peers.MISSING}restic of 0.19, which needs Go")
    return made


@pytest.mark.peer("restic")
def test_holes_are_cut_as_restic_cuts_them(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """Behind restic we add no blob to either of two repositories, whatever lies beside holes; a restore is the same."""
    source, chance = tmp_path / "source", random.Random(21)
    source.mkdir()
    for number in range(12):
        with open(source / f"{number}", "wb") as file:
            for _ in range(chance.randrange(5)):
                file.seek(chance.choice([1, 4096, 524_288, 3_000_001, 9 << 20]) * chance.randrange(3), os.SEEK_CUR)
                file.write(chance.choice([b"x", chance.randbytes(700_000), bytes(600_000), bytes(2_000_000) + b"y"]))
            file.truncate(file.tell() + chance.choice([0, 1, 524_288, 4_000_000]))
    with open(source / "only a hole", "wb") as file:
        file.truncate(40 << 20)
    repositories = [tmp_path / "one", tmp_path / "other"]
    for repository in repositories:  # polynomials of their own
        restic.init(repository)
        restic.backup(repository, source)
    both = [argument for repository in repositories for argument in ("-r", str(repository))]
    lines = strongroom.run(*both, "backup", "--force", "--json", source).expect(0).lines()
    summaries = [line for line in lines if line["message_type"] == "summary"]
    assert [summary["data_blobs"] for summary in summaries] == [0, 0]
    size = sum(path.stat().st_size for path in source.iterdir())
    assert [summary["total_bytes_processed"] for summary in summaries] == [size, size]
    for repository in repositories:
        target = tmp_path / f"out of {repository.name}"
        strongroom.restore(repository, target)
        for path in source.iterdir():
            assert (target / path.relative_to("/")).read_bytes() == path.read_bytes(), path
