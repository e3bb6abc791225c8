"""Copies from a repository that an intruder wrote to: nothing false arrives, and what is honest does."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from strongroom.archive.check.run import CheckOptions, check
from tests.attack.cases import CASES
from tests.support.command import PASSWORD
from tests.support.forge import Forge, dumps, node, sha
from tests.support.programs import Strongroom
from tests.support.repositories import make, opened

FROM = {"RESTIC_FROM_PASSWORD": PASSWORD}
COPIED = {
    "scrypt_bombs_beside_a_key",
    "junk_in_keys",
    "huge_promises",
    "shared_trees",
    "index_with_lies_beside_the_truth",
}
"""Attacks in spite of which the snapshot is copied."""


def _is_sound(target: Path) -> bool:
    return check(opened(target), CheckOptions(read_data=True)).num_errors == 0


@pytest.mark.parametrize("name", CASES)
def test_nothing_false_arrives(name: str, strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """A-1, B-1, B-2, B-3: from each hostile repository a copy ends within its limits and leaves its target sound."""
    CASES[name](repository)
    target = tmp_path / "target"
    make(target)
    ended = strongroom.on(target, "--no-cache", "copy", "--from-repo", repository, env=FROM, seconds=30)
    said = ended.out + ended.err
    assert ended.code in (0, 1, 10, 12) and "Traceback" not in said and "a fault in this program" not in said, said
    assert "\x1b[2J" not in said
    assert _is_sound(target)
    if name in COPIED:
        assert ended.code == 0 and len(opened(target).snapshot_names()) == 1, ended.describe()


def test_a_planted_place_never_costs_the_honest_blob(strongroom: Strongroom, tmp_path: Path) -> None:
    """A-1, A-3: where an index says that a blob lies in a pack with another content, an honest copy is taken."""
    forge = Forge(tmp_path / "source")
    content = os.urandom(5000)
    forge.pack(("data", content))
    root = forge.tree(node("file", "file", content=[sha(content)], size=len(content)))
    honest = forge.index()
    forge.snapshot(root)
    forge.pack(("data", os.urandom(5000)))
    lie = forge.entries[-1]
    lie["blobs"][0]["id"] = sha(content)
    while forge.index([lie]).name > honest.name:  # the false place is read first
        pass
    make(tmp_path / "target")
    strongroom.on(tmp_path / "target", "copy", "--from-repo", tmp_path / "source", env=FROM).expect(0)
    target = opened(tmp_path / "target")
    target.load_index()
    assert target.load_blob("data", sha(content)) == content and _is_sound(tmp_path / "target")


def test_a_planted_tree_stops_its_snapshot_alone(strongroom: Strongroom, tmp_path: Path) -> None:
    """A-1: a tree with another content than its ID is named and its snapshot left out; one beside it is copied."""
    forge = Forge(tmp_path / "source")
    content = b"honest"
    forge.pack(("data", content))
    file = node("file", "file", content=[sha(content)], size=len(content))
    honest = forge.tree(file)
    forge.snapshot(honest, hostname="honest")
    wanted = sha(dumps({"nodes": [node("folder", "dir", subtree=honest)]}) + b"\n")
    forge.tree(file | {"name": "planted"})
    forge.entries[-1]["blobs"][0]["id"] = wanted
    forge.snapshot(wanted, hostname="false")
    forge.snapshot(forge.tree(node("sub", "dir", subtree=wanted)), hostname="below", time="2024-01-02T00:00:00Z")
    forge.index()
    make(tmp_path / "target")
    ended = strongroom.on(tmp_path / "target", "copy", "--json", "--from-repo", forge.place, env=FROM).expect(1)
    errors = [json.loads(line) for line in ended.err.splitlines()]
    assert sum(wanted in error["error"]["message"] for error in errors if error["message_type"] == "error") == 2
    target = opened(tmp_path / "target")
    assert [snapshot.hostname for _, snapshot in target.snapshots()] == ["honest"]
    assert _is_sound(tmp_path / "target")
    target.load_index()
    assert not target.index.contains("tree", wanted)


def test_a_copy_that_is_only_claimed(strongroom: Strongroom, tmp_path: Path) -> None:
    """A-2: a snapshot planted in the target over a tree that is not there does not pass for the copy."""
    forge = Forge(tmp_path / "source")
    root = forge.tree(node("empty", "file"))
    forge.index()
    name = forge.snapshot(root).name
    target = Forge(tmp_path / "target")
    target.snapshot(root, original=name)
    ended = strongroom.on(target.place, "copy", "--from-repo", forge.place, env=FROM).expect(0)
    assert f"copied from source snapshot {name[:8]}" in ended.out
    assert _is_sound(target.place)
