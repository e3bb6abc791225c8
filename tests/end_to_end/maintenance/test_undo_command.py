"""`undo` as a user meets it: what comes back is whole, or it is said; and a full disk is made emptier by it."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from tests.crash.test_failing_places import small_disk
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import make

NOTHING = ("--keep-removed", "0d")
WEEK = ("--keep-removed", "7d")


def test_what_was_forgotten_and_pruned_comes_back(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """With --keep-removed both steps are undone, one by one, and restic finds nothing wrong at any moment."""
    place, source = tmp_path / "repository", tmp_path / "source"
    source.mkdir()
    make(place)
    for _ in range(3):
        (source / "file").write_bytes(os.urandom(100_000))
        strongroom.backup(place, source)
    before = {one["id"] for one in strongroom.snapshots(place)}
    strongroom.on(place, "forget", "--keep-last", "1", "--prune", "--max-unused", "0", *WEEK).expect(0)
    restic.check(place)
    assert len(strongroom.snapshots(place)) == 1
    listed = strongroom.on(place, "undo", "--list", "--json").expect(0).json()["runs"]
    assert [(one["verb"], one["snapshots"]) for one in listed] == [("forget", 2)]
    strongroom.on(place, "undo").expect(0)
    assert {one["id"] for one in strongroom.snapshots(place)} == before
    restic.check(place)
    strongroom.on(place, "undo").expect(1)


@pytest.mark.parametrize("packed", [("--max-unused", "0"), ("--max-repack-size", "0")], ids=["anew", "as they were"])
def test_a_snapshot_whose_data_was_pruned_meanwhile_is_named(
    strongroom: Strongroom, tmp_path: Path, packed: tuple[str, str]
) -> None:
    """After a prune that kept nothing a snapshot comes back hollow, also where its trees are there still; whole ones
    beside it are not named."""
    place, source, chance = tmp_path / "repository", tmp_path / "source", random.Random(7)
    source.mkdir()
    make(place)
    (source / "stays").write_bytes(b"small")
    for number in range(2):
        (source / "large").write_bytes(chance.randbytes(5_000_000))
        (source / f"file{number}").write_bytes(b"%d" % number)
        strongroom.backup(place, source, "--pack-size", "4")
        strongroom.backup(place, "stays", cwd=source)
    large, whole = strongroom.snapshots(place)[:2]
    strongroom.on(place, "forget", large["id"], whole["id"], *WEEK).expect(0)
    strongroom.on(place, "prune", *NOTHING, *packed).expect(0)
    ended = strongroom.on(place, "undo").expect(1)
    assert f"snapshot {large['short_id']} came back, but data of it is gone or damaged" in ended.err
    assert whole["short_id"] not in ended.err


def test_an_index_does_not_come_back_with_packs_that_are_gone(
    strongroom: Strongroom, restic: Restic, tmp_path: Path
) -> None:
    """A prune that kept nothing removed a pack that the kept index names: the next backup stores what was in it."""
    place, source, chance = tmp_path / "repository", tmp_path / "source", random.Random(7)
    source.mkdir()
    make(place)
    contents = [chance.randbytes(300_000) for _ in range(2)]
    for host, content in zip("ab", contents, strict=True):
        (source / "file").write_bytes(content)
        strongroom.backup(place, source, "--host", host)
    everything = ("--unsafe-allow-remove-all", "--prune", "--max-unused", "0")
    strongroom.backup(place, Path(__file__), "--host", "c")
    strongroom.on(place, "forget", "--host", "a", *everything, *WEEK).expect(0)
    strongroom.on(place, "forget", "--host", "b", *everything, *NOTHING).expect(0)
    strongroom.on(place, "undo").expect(0)
    restic.check(place)
    for program, host in ((restic, "d"), (strongroom, "e")):
        program.backup(place, source, "--host", host)
        restic.check(place)
    restic.restore(
        place, tmp_path / "back", next(one["id"] for one in restic.snapshots(place) if one["hostname"] == "a")
    )
    (back,) = (tmp_path / "back").rglob("file")
    assert back.read_bytes() == contents[0]


def test_a_pipe_among_what_is_kept_holds_nothing_up(strongroom: Strongroom, tmp_path: Path) -> None:
    """Where a pipe stands in an index file's place it is named; without it all comes back."""
    place, source = tmp_path / "repository", tmp_path / "source"
    make(place)
    for number in range(2):
        source.write_bytes(b"%d" % number)
        strongroom.backup(place, source)
    strongroom.on(place, "forget", "--keep-last", "1", "--prune", "--max-unused", "0", *WEEK).expect(0)
    kept = next((place / ".strongroom" / "trash").glob("*/index/*"))
    pipe = kept.with_name("f" * 64)
    os.mkfifo(pipe)
    assert str(pipe) in strongroom.on(place, "undo", seconds=60).expect(1).err
    pipe.unlink()
    strongroom.on(place, "undo").expect(0)
    assert len(strongroom.snapshots(place)) == 2
    strongroom.check(place)


@pytest.mark.root
def test_a_full_disk_is_made_emptier(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """What finds no room says how much `undo --empty` frees, and that one needs none, not even for a lock."""
    source, chance = tmp_path / "source", random.Random(7)
    source.mkdir()
    with small_disk(tmp_path / "small", 5) as disk:
        place = disk / "repository"
        make(place)
        for _ in range(2):
            (source / "file").write_bytes(chance.randbytes(1_000_000))
            strongroom.backup(place, source)
        words = ("forget", "--keep-last", "1", "--prune", "--max-unused", "0", *WEEK)
        strongroom.on(place, *words).expect(0)
        with pytest.raises(OSError, match="No space"):
            (disk / "filler").write_bytes(bytes(6 << 20))
        (run,) = strongroom.on(place, "undo", "--list", "--json").expect(0).json()["runs"]
        assert run["bytes"] > 1_000_000
        for full in (words, ("prune",), ("undo",)):
            assert "`strongroom undo --empty` frees " in strongroom.on(place, *full).expect(1).err
        ended = strongroom.on(place, "undo", "--empty").expect(0)
        assert "no room for a lock" in ended.err and "are free" in ended.out
        strongroom.on(place, *words).expect(0)
        restic.check(place)
