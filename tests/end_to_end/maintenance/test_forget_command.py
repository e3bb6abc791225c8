"""`forget`, `tag` and `rewrite` as a user meets them: append-only servers, what cannot be removed, policies at work."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom.format.snapshot import Snapshot
from strongroom.format.timestamp import Timestamp
from strongroom.maintenance.tree_rewriter import EMPTY_TREE
from strongroom.maintenance.tree_writer import TreeWriter
from tests.support.forge import Forge, node, sha
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import make, opened
from tests.support.servers.rest_server import RestServer
from tests.support.snapshots import add

NS, DAY = 1_000_000_000, 86_400
NOW = 1_780_000_000


def history(place: Path, *days: float, host: str = "alpha", arrived: bool = True) -> list[str]:
    """Snapshots of so many days ago, in a repository that is made if need be; their stamps are their times."""
    if not (place / "config").exists():
        make(place)
    names = []
    with opened(place) as repository:
        repository.load_index()
        writer = TreeWriter(repository)
        tree = writer.save(EMPTY_TREE)
        writer.finish()
        for ago in days:
            at = int(NOW - ago * DAY)
            name = repository.save_snapshot(Snapshot(time=Timestamp(at * NS), tree=tree, paths=("/x",), hostname=host))
            if arrived:
                os.utime(place / "snapshots" / name, (at + 60, at + 60))
            names.append(name)
    return names


@pytest.fixture
def append_only(tmp_path: Path) -> Iterator[tuple[str, RestServer]]:
    """A server that lets nobody delete but locks, with three snapshots; its URL."""
    history(tmp_path / "made", 1, 2, 3)
    with RestServer(append_only=True) as server:
        for path in (tmp_path / "made").rglob("*"):
            if path.is_file():
                server.objects[f"repo/{path.relative_to(tmp_path / 'made')}"] = path.read_bytes()
        yield f"rest:{server.url}", server


@pytest.mark.parametrize(
    "words",
    [
        ("forget", "--keep-last", "1"),
        ("forget", "latest"),
        ("tag", "--add", "x"),
        ("rewrite", "--new-host", "beta", "--forget"),
        ("repair", "snapshots", "--forget"),
    ],
    ids=lambda words: words[0],
)
def test_an_append_only_server_is_named_before_any_work(
    strongroom: Strongroom, append_only: tuple[str, RestServer], words: tuple[str, ...]
) -> None:
    """What would be refused at the end is refused at once: no snapshot is read, no lock is written, nothing is left."""
    url, server = append_only
    before = dict(server.objects)
    failed = strongroom.on(url, *words).expect(1)
    assert "append-only: nothing is removed here" in failed.err and "custodian" in failed.err
    assert server.objects == before
    assert not any(method == "GET" and "/snapshots/" in path for method, path in server.requests)


def test_a_dry_run_behind_an_append_only_server_shows_what_would_go(
    strongroom: Strongroom, append_only: tuple[str, RestServer]
) -> None:
    """Looking is allowed: the table is shown, with the warning."""
    url, _ = append_only
    shown = strongroom.on(url, "forget", "--keep-last", "1", "--dry-run").expect(0)
    assert "remove 2 snapshots:" in shown.out and "append-only" in shown.err


@pytest.mark.parametrize(
    ("version", "words", "said"),
    [
        (2, ("--repack-smaller-than", "1G"), "exceeds repository packsize"),
        (2, ("--repack-uncompressed", "--compression", "off"), "mutually exclusive"),
        (1, ("--repack-uncompressed",), "format version 2"),
    ],
)
def test_what_prune_refuses_is_refused_before_a_snapshot_goes(
    strongroom: Strongroom, tmp_path: Path, version: int, words: tuple[str, ...], said: str
) -> None:
    """An option of `--prune` that makes no sense is no reason to remove snapshots and stop in the middle."""
    place = tmp_path / "repository"
    make(place, version=version)
    names = history(place, 1, 2, 3)
    assert said in strongroom.on(place, "forget", "--keep-last", "1", "--prune", *words).expect(1).err
    assert {one["id"] for one in strongroom.snapshots(place)} == set(names)


def test_a_table_prunes_though_another_one_removed_first(strongroom: Strongroom, tmp_path: Path) -> None:
    """Of two tables by which snapshots go the second says `prune`: that is done, with its options."""
    place = tmp_path / "repository"
    history(place, 1, 2, 3, host="alpha")
    history(place, 1, 2, 3, host="beta")
    (tmp_path / "config.toml").write_text(
        f'version = 1\n[repository.a]\nurl = "{place}"\n'
        '[retention.one]\nhosts = ["alpha"]\nkeep_last = 1\n'
        '[retention.two]\nhosts = ["beta"]\nkeep_last = 2\nprune = true\n'
    )
    assert (
        "3 snapshots have been removed, running prune"
        in strongroom.run("--config", tmp_path / "config.toml", "forget").expect(0).out
    )


def test_snapshots_that_stay_are_named_and_the_code_is_3(strongroom: Strongroom, tmp_path: Path) -> None:
    """One that cannot be removed keeps no other from going; no pruning follows."""
    place = tmp_path / "repository"
    newest, stuck, gone = history(place, 1, 2, 3)
    path = place / "snapshots" / stuck
    subprocess.run(["chattr", "+i", path], check=False, capture_output=True)
    if os.access(path, os.W_OK) and not _immutable(path):
        pytest.skip("this file system has no immutable files")
    try:
        ended = strongroom.on(place, "forget", "--keep-last", "1", "--prune").expect(3)
    finally:
        subprocess.run(["chattr", "-i", path], check=True)
    assert f"unable to remove snapshot/{stuck} from the repository" in ended.err
    assert "running prune" not in ended.out
    assert {one["id"] for one in strongroom.snapshots(place)} == {newest, stuck}
    assert gone not in {one["id"] for one in strongroom.snapshots(place)}


def _immutable(path: Path) -> bool:
    found = subprocess.run(["lsattr", path], check=False, capture_output=True, text=True)
    return "i" in found.stdout.split(" ")[0]


def test_forged_times_are_said_and_guarded_against(strongroom: Strongroom, tmp_path: Path) -> None:
    """R-1: twenty snapshots that claim the last days push the good ones out of a policy; --guarded lets none go."""
    place = tmp_path / "repository"
    honest = history(place, *range(1, 31))
    forged = history(place, *(day - 0.1 for day in range(1, 21)), arrived=False)
    policy = ("--keep-daily", "10", "--json", "--dry-run")
    faithful = strongroom.on(place, "forget", *policy).expect(0)
    (group,) = faithful.json()
    assert len({one["id"] for one in group["keep"]} & set(honest)) < 3
    warned = [json.loads(line)["message"] for line in faithful.err.splitlines()]
    assert any("19 reached the store after others that claim to be newer" in text for text in warned), warned
    (group,) = strongroom.on(place, "forget", "--guarded", "--detection-window", "1d", *policy).expect(0).json()
    kept = {one["id"] for one in group["keep"]}
    assert set(honest[:10]) <= kept and set(forged) <= kept
    reasons = {one["snapshot"]["id"]: one["matches"] for one in group["reasons"]}
    assert reasons[forged[5]] == ["forged time: an operator must look"]


def test_a_detection_window_of_no_time_is_none(strongroom: Strongroom, tmp_path: Path) -> None:
    """With `--detection-window 0d` what arrived an hour ago counts; that is not the default of 14 days."""
    place, since = tmp_path / "repository", (NOW - time.time()) / DAY
    history(place, *(since + hours / 24 for hours in range(1, 9)))
    policy = ("forget", "--guarded", "--json", "--dry-run", "--keep-last", "3", "--detection-window")
    for window, kept in (("14d", 8), ("0d", 3)):
        (group,) = strongroom.on(place, *policy, window).expect(0).json()
        assert len(group["keep"]) == kept, group["reasons"]


def test_several_repositories_are_each_decided_and_labelled(strongroom: Strongroom, tmp_path: Path) -> None:
    """Two folders: a policy of the file for each, one line of JSON for each, warnings that say of which they are, and
    one that fails stops no other."""
    first, second = tmp_path / "first", tmp_path / "second"
    history(first, 1, 2, 3)
    history(second, 1, 2, 3)
    for path in (*first.glob("snapshots/*"), *second.glob("snapshots/*")):
        os.utime(path, (NOW - 10 * DAY,) * 2)  # so that they claim times that had not come
    (tmp_path / "config.toml").write_text(
        f'version = 1\n[repository.a]\nurl = "{first}"\n[repository.b]\nurl = "{second}"\n'
        '[repository.c]\nurl = "/nowhere"\n'
        '[retention.one]\nrepositories = ["a"]\nkeep_last = 1\n'
        '[retention.two]\nrepositories = ["b", "c"]\nkeep_last = 2\n'
    )
    ended = strongroom.run("--config", tmp_path / "config.toml", "forget", "--json")
    assert ended.code == 10 and "/nowhere" in ended.err
    said = {line["repository"]: len(line["groups"][0]["keep"]) for line in ended.lines()}
    assert said == {"a": 1, "b": 2}
    for label in said:
        assert f'"{label}: host alpha, path [/x]: of 3 snapshots, 3 claim times after the store got them"' in ended.err
    assert (len(strongroom.snapshots(first)), len(strongroom.snapshots(second))) == (1, 2)


@pytest.mark.parametrize("damage", ["shorter", "empty", "foreign"])
def test_a_damaged_snapshot_goes_by_its_id(strongroom: Strongroom, restic: Restic, tmp_path: Path, damage: str) -> None:
    """Beside a good one, as the hint of `prune` says; a dry run leaves it; then `prune` has its way."""
    place = tmp_path / "repository"
    stays, goes, broken = history(place, 1, 2, 3)
    path = place / "snapshots" / broken
    path.chmod(0o600)
    if damage == "foreign":  # whole, but of another key
        history(tmp_path / "other", 4)
        path.unlink()
        path = Path(shutil.copy(next((tmp_path / "other" / "snapshots").iterdir()), place / "snapshots"))
    else:
        path.write_bytes(path.read_bytes()[:-10] if damage == "shorter" else b"")
        assert f"strongroom forget {broken[:8]}" in strongroom.on(place, "prune").expect(1).err
    names = ("forget", path.name[:8], goes, "--prune", "--no-cache")
    strongroom.on(place, *names, "--dry-run").expect(0)
    assert path.exists()
    ended = strongroom.on(place, *names).expect(0)
    assert f"snapshots/{path.name}" in ended.err and "goes all the same" in ended.err
    assert {one["id"] for one in strongroom.snapshots(place)} == {stays}
    strongroom.on(place, "prune").expect(0)
    restic.check(place)


def test_snapshots_that_are_rewritten_share_their_packs(strongroom: Strongroom, restic: Restic, tmp_path: Path) -> None:
    """One pack of trees and one index file for all, and each is said as restic says it; a damaged one in the middle
    ends the run, and those before it are done."""
    place = tmp_path / "repository"
    forge = Forge(place)
    roots = [add(forge, {"sub": {"out": b"0", "own": b"%d" % number}}) for number in range(5)]
    roots[3] = forge.tree(node("sub", "dir", subtree=sha(b"gone")))
    for number, root in enumerate(roots):
        forge.snapshot(root, hostname=f"host{number}", time=f"2026-01-0{number + 1}T00:00:00Z")
    forge.index()
    before = {kind: set(os.listdir(place / kind)) for kind in ("snapshots", "index")}
    packs = sum(1 for path in (place / "data").rglob("*") if path.is_file())
    said = strongroom.on(place, "rewrite", "--exclude", "out").expect(1)
    assert b"unable to rewrite" in said.stderr
    words = [line.split()[0].decode() for line in said.stdout.splitlines() if line]
    assert words == ["snapshot", "saved"] * 3 + ["snapshot"]
    assert len(set(os.listdir(place / "snapshots")) - before["snapshots"]) == 3
    assert len(set(os.listdir(place / "index")) - before["index"]) == 1
    assert sum(1 for path in (place / "data").rglob("*") if path.is_file()) == packs + 1
    listed = json.loads(restic.on(place, "snapshots", "--json", "--tag", "rewrite").expect(0).stdout)
    for one in listed:
        assert b"/sub/own" in restic.on(place, "ls", one["id"]).expect(0).stdout
        assert b"/sub/out" not in restic.on(place, "ls", one["id"]).expect(0).stdout
