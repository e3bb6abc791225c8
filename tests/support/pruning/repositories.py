"""Repositories with something to prune, and what can be restored from one."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from strongroom.repository.opening import open_repository
from strongroom.storage.local.store import LocalStore
from tests.support.command import PASSWORD
from tests.support.repositories import Machine

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from strongroom.repository.opened import Repository
    from tests.support.programs import Program

SMALL_PACKS = ("--pack-size", "4")


def copy_of(repository: Path, place: Path) -> Path:
    """A copy whose files are links to the same: what is removed or added in one is none of the other's business."""
    shutil.copytree(repository, place, copy_function=os.link)
    return place


def packs(repository: Path) -> set[str]:
    """The names of the packs."""
    return {path.name for path in (repository / "data").glob("*/*")}


def contents(repository: Path) -> dict[str, dict[str, str]]:
    """Of each snapshot by its ID the SHA-256 of each file by its path: what a restore would bring back."""
    surroundings = Machine().surroundings
    with open_repository(LocalStore(str(repository)), PASSWORD.encode(), surroundings=surroundings) as opened:
        opened.load_index()
        return {name: dict(_files(opened, snapshot.tree, "")) for name, snapshot in opened.snapshots()}


def _files(repository: Repository, tree: str, path: str) -> list[tuple[str, str]]:
    found = []
    for node in repository.load_tree(tree).nodes:
        below = f"{path}/{os.fsdecode(node.name)}"
        if node.subtree is not None:
            found += _files(repository, node.subtree, below)
        if node.content is not None:
            sha = hashlib.sha256()
            for blob in node.content:
                sha.update(repository.load_blob("data", blob))
            found.append((below, sha.hexdigest()))
    return found


def change(folder: Path, chance: random.Random, files: int) -> None:
    """Some files more, some fewer, some others: of all sizes, and some that compress."""
    folder.mkdir(exist_ok=True)
    there = sorted(path for path in folder.rglob("*") if path.is_file())
    for path in chance.sample(there, min(len(there), chance.randrange(files))):
        path.unlink()
    for _ in range(files):
        place = folder / f"folder{chance.randrange(8)}"
        place.mkdir(exist_ok=True)
        size = chance.choice([10, 3_000, 100_000, 700_000, 3_000_000])
        data = chance.randbytes(size) if chance.random() < 0.7 else chance.randbytes(16) * (size // 16)
        (place / f"file{chance.randrange(1000)}").write_bytes(data)


def grown(
    repository: Path, source: Path, writers: Sequence[Program], chance: random.Random, *, snapshots: int, files: int
) -> None:
    """A repository with snapshots of a tree that changes, by several programs, of which some are forgotten again."""
    for number in range(snapshots):
        change(source, chance, files)
        writer = chance.choice(writers)
        compression = ("--compression", "off") if chance.random() < 0.3 else ()
        writer.on(repository, "backup", *SMALL_PACKS, *compression, "--tag", str(number), source).expect(0)
    names = sorted(path.name for path in (repository / "snapshots").iterdir())
    for name in chance.sample(names, chance.randrange(1, len(names))):
        (repository / "snapshots" / name).unlink()
