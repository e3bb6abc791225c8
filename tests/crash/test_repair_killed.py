"""kill -9 at each change that repairs make: nothing more is lost than the damage cost, and the next run finishes."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from strongroom.base.errors import StrongroomError
from tests.support import command
from tests.support.command import Result
from tests.support.forge import Forge, node
from tests.support.programs import Restic, Strongroom
from tests.support.repositories import opened


class Damaged:
    """Three snapshots of six files and a folder; two of the files lie in a pack that a blob of was flipped in."""

    def __init__(self, place: Path) -> None:
        self.place = place
        forge = Forge(place)
        contents = [b"%d\n" % number * 2000 for number in range(6)]
        ids = [*forge.pack(*(("data", content) for content in contents[:3]))]
        self.pack = forge.entries[-1]["id"]
        ids += forge.pack(*(("data", content) for content in contents[3:]))
        files = [
            node(str(number), "file", content=[blob], size=len(content))
            for number, (blob, content) in enumerate(zip(ids, contents, strict=True))
        ]
        folder = forge.tree(*files)
        for number in range(3):
            own = node(f"own{number}", "file", content=[ids[5]], size=len(contents[5]))
            root = forge.tree(node("folder", "dir", subtree=folder), own)
            forge.snapshot(root, hostname=f"host{number}")
        forge.index()
        self.sound = {
            (f"host{host}", name, content)
            for host in range(3)
            for name, content in [
                *((str(number), contents[number]) for number in range(2, 6)),
                (f"own{host}", contents[5]),
            ]
        }
        path = place / "data" / self.pack[:2] / self.pack
        data = bytearray(path.read_bytes())
        data[50] ^= 1  # the first blob
        data[len(contents[0]) + 32 + 50] ^= 1  # the second
        path.write_bytes(data)


def dying(strongroom: Strongroom, change: int, *words: str | Path, made: bool = False, cwd: Path) -> Result:
    """Run a command until this change, which is made or not."""
    program = [sys.executable, "-m", "tests.support.pruning.dying_command", str(change), "made" if made else "not"]
    env = {**strongroom.env, "PYTHONPATH": str(Path(__file__).parents[2])}
    return command.run([*program, *map(str, words)], env=env, cwd=cwd)


@pytest.mark.peer("restic")
def test_each_change_may_be_the_last(strongroom: Strongroom, tmp_path: Path) -> None:
    """Of `repair packs` and then `repair snapshots --forget`: every sound file is in a snapshot of each host, and
    restic finds no fault at the end."""
    restic = Restic(tmp_path / "home")
    damaged = Damaged(tmp_path / "damaged")
    aside = tmp_path / "aside"
    aside.mkdir()
    for verb in (["repair", "packs", damaged.pack], ["repair", "snapshots", "--forget"]):
        whole = shutil.copytree(damaged.place, tmp_path / f"whole-{verb[1]}")
        undisturbed = dying(strongroom, 0, "-r", whole, *verb, cwd=aside).expect(0)
        changes = int(re.search(r"changes: (\d+)", undisturbed.err)[1])  # type: ignore[index]
        assert changes >= 4
        for change in range(1, changes + 1):
            place = shutil.copytree(damaged.place, tmp_path / f"{verb[1]}{change}")
            dying(strongroom, change, "-r", place, *verb, made=change % 2 == 0, cwd=aside).expect(9)
            assert sound(place) >= damaged.sound, change
            strongroom.on(place, "unlock", "--remove-all").expect(0)
            again = strongroom.on(place, *verb, cwd=aside)
            assert again.code == 0 or "no matching ID" in again.err, again.describe()
            assert sound(place) == sound(whole), change
        damaged.place = whole
    restic.check(whole)


def sound(place: Path) -> set[tuple[str, str, bytes]]:
    """Host, path and content of each file of each snapshot that can be read whole."""
    found = set()
    with opened(place) as repository:
        repository.load_index()
        for _, snapshot in repository.snapshots():
            for top in repository.load_tree(snapshot.tree).nodes:
                nodes = repository.load_tree(top.subtree).nodes if top.subtree else [top]
                for one in nodes:
                    with contextlib.suppress(StrongroomError):
                        content = b"".join(repository.load_blob("data", blob) for blob in one.content or ())
                        found.add((snapshot.hostname, os.fsdecode(one.name), content))
    return found
