"""A list without snapshots is no proof that there are none: nothing goes on the word of who does not show them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.programs import Restic, Strongroom
from tests.support.repositories import make
from tests.support.servers.rest_server import RestServer


def _packs(repository: Path) -> set[str]:
    return {path.name for path in (repository / "data").glob("*/*")}


@pytest.fixture
def saved(strongroom: Strongroom, repository: Path, source: Path) -> Path:
    """A repository with two snapshots."""
    make(repository)
    strongroom.backup(repository, source)
    (source / "more").write_bytes(os.urandom(5000))
    strongroom.backup(repository, source)
    return repository


@pytest.mark.parametrize("options", [(), ("--trust-index",), ("--dry-run",), ("--keep-removed", "1d")])
def test_a_prune_stops_where_the_folder_of_snapshots_is_gone(
    strongroom: Strongroom, saved: Path, options: tuple[str, ...]
) -> None:
    """S-1: it is named with what to do, each pack stays, and all is as it was once the folder is back."""
    before = _packs(saved)
    (saved / "snapshots").rename(saved / "away")
    refused = strongroom.on(saved, "prune", *options).expect(1)
    assert "the folder `snapshots` is not there" in refused.err and "--unsafe-allow-remove-all" in refused.err
    assert _packs(saved) == before
    assert "snapshots: the folder is not there" in strongroom.on(saved, "check").expect(1).err
    assert "the folder `snapshots` is not there" in strongroom.on(saved, "snapshots").expect(0).err
    (saved / "away").rename(saved / "snapshots")
    strongroom.on(saved, "prune", *options).expect(0)
    strongroom.on(saved, "check", "--read-data").expect(0)


def test_a_prune_stops_where_no_snapshot_is_listed(strongroom: Strongroom, saved: Path) -> None:
    """Somebody removed their files: `recover` still finds all, and who knows better says so."""
    before = _packs(saved)
    for path in (saved / "snapshots").iterdir():
        path.unlink()
    refused = strongroom.on(saved, "prune").expect(1)
    assert "no snapshot is listed" in refused.err and "recover" in refused.err and _packs(saved) == before
    strongroom.on(saved, "check").expect(0)
    strongroom.on(saved, "prune", "--unsafe-allow-remove-all").expect(0)
    assert not _packs(saved)


def test_who_forgets_everything_may_prune_as_before(strongroom: Strongroom, restic: Restic, saved: Path) -> None:
    """At once, in a command of its own, and again after that; restic finds nothing wrong."""
    copy = saved.parent / "copy"
    shutil.copytree(saved, copy, symlinks=True)
    names = [path.name for path in (saved / "snapshots").iterdir()]
    strongroom.on(saved, "forget", *names, "--prune").expect(0)
    assert not _packs(saved)
    for name in names:
        strongroom.on(copy, "forget", name).expect(0)
    strongroom.on(copy, "prune", "--dry-run").expect(0)
    strongroom.on(copy, "prune").expect(0)
    assert not _packs(copy)
    strongroom.on(copy, "prune").expect(0)
    restic.check(copy)


def test_who_prunes_what_others_write_and_forget_may(
    strongroom: Strongroom, restic: Restic, saved: Path, tmp_path: Path
) -> None:
    """A machine that never wrote there, nor pruned, believes an empty list as restic does; no folder is a fault."""
    names = [path.name for path in (saved / "snapshots").iterdir()]
    restic.on(saved, "forget", *names).expect(0)
    other = {"STRONGROOM_STATE_DIR": str(tmp_path / "other")}
    (saved / "snapshots").rename(saved / "away")
    assert "is not there" in strongroom.on(saved, "prune", env=other).expect(1).err and _packs(saved)
    (saved / "away").rename(saved / "snapshots")
    assert "no snapshot is listed" in strongroom.on(saved, "prune").expect(1).err and _packs(saved)
    strongroom.on(saved, "prune", env=other).expect(0)
    assert not _packs(saved)
    restic.check(saved)


def test_a_prune_of_all_needs_no_file_of_state(strongroom: Strongroom, saved: Path, tmp_path: Path) -> None:
    """Where nothing can be remembered, `forget --prune` knows by itself what it removed."""
    (tmp_path / "file").write_bytes(b"")
    state = {"STRONGROOM_STATE_DIR": str(tmp_path / "file" / "state")}
    names = [path.name for path in (saved / "snapshots").iterdir()]
    strongroom.on(saved, "forget", *names, "--prune", env=state).expect(0)
    assert not _packs(saved)


def test_what_was_added_since_is_not_removed_with_it(strongroom: Strongroom, saved: Path, source: Path) -> None:
    """The last snapshots were forgotten here; another host saved since, and its snapshot is not shown."""
    strongroom.on(saved, "forget", *[path.name for path in (saved / "snapshots").iterdir()]).expect(0)
    (source / "others").write_bytes(os.urandom(5000))
    strongroom.backup(saved, source, env={"STRONGROOM_STATE_DIR": str(saved.parent / "another")})
    before = _packs(saved)
    (saved / "snapshots").rename(saved / "away")
    strongroom.on(saved, "prune").expect(1)
    assert _packs(saved) == before


def test_a_server_that_answers_404_for_snapshots_alone(strongroom: Strongroom, source: Path) -> None:
    """S-1: as with a folder; and a list that is empty is no proof either."""
    with RestServer() as server:
        place = f"rest:{server.url}"
        strongroom.init(place)
        strongroom.backup(place, source)
        before = dict(server.objects)
        server.fail("GET", "status", status=404, times=20, matching="/snapshots/")
        refused = strongroom.on(place, "prune").expect(1)
        assert "the folder `snapshots` is not there" in refused.err
        server.faults.clear()
        hidden = [name for name in before if "/snapshots/" in name]
        for name in hidden:
            server.objects.pop(name)
        assert "no snapshot is listed" in strongroom.on(place, "prune").expect(1).err
        server.objects.update({name: before[name] for name in hidden})
        assert server.objects == before
        strongroom.on(place, "prune").expect(0)
        strongroom.on(place, "forget", hidden[0].split("/")[-1], "--prune").expect(0)
        assert not [name for name in server.objects if "/data/" in name]
