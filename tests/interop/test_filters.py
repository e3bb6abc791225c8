"""Generated trees and patterns: what we would back up is what restic backs up.

Many trees and their patterns go into one run of restic; tokens in names keep most patterns to their own tree, and a few
in each run concern all of them.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom._kernel import Filter
from tests.support.programs import Restic

RUNS = 12
TREES = 45
STEMS = ["a", "b", "ab", "A", "aB", "ä", "é x", "[x]", "a*", "!a", "b.o", "c.txt", "back\\slash", "#n", "..a", "$HOME"]


def _tree(chance: random.Random, base: Path, token: str) -> list[str]:
    """Make a tree of some ten entries; return the names in it."""
    names = []
    folders = [base / f"t{token}"]
    folders[0].mkdir()
    for _ in range(12):
        name = chance.choice(STEMS) + chance.choice(["", token, token])
        path = chance.choice(folders) / name
        if path.exists():
            continue
        names.append(name)
        if len(path.relative_to(base).parts) < 5 and chance.random() < 0.5:
            path.mkdir()
            folders.append(path)
        else:
            path.touch()
    return names


def _escape(name: str) -> str:
    return "".join("\\" + sign if sign in "\\*?[" else sign for sign in name)


def _part(chance: random.Random, names: list[str], token: str) -> str:
    """A pattern for one component, most often one that matches some name of the tree."""
    name = chance.choice(names)
    kind = chance.randrange(7)
    if kind == 0:
        return "*" + _escape(name[1:])
    if kind == 1:
        return "?" + _escape(name[1:])
    if kind == 2:
        return chance.choice(["[a-c]*", "[^a]*", "[A-Z]?*", "*[]x\\-]*".replace("[]", "[\\]"), "\\[x\\]*"]) + token
    if kind == 3:
        return "*" + token
    return _escape(name)


def _pattern(chance: random.Random, base: Path, names: list[str], token: str) -> str:
    """A pattern that concerns one tree: anchored, by its folder's name, or by a token in the last component."""
    middle = chance.choice(
        [[], ["**"], ["*"], ["**", "**"], [_part(chance, names, token)], [_part(chance, names, ""), "**"]]
    )
    last = [_part(chance, names, token)] if chance.random() < 0.9 else []
    if chance.random() < 0.1:
        last.append("**")
    kind = chance.randrange(3)
    if kind == 0:
        text = "/".join([str(base), f"t{token}", *middle, *last])
    elif kind == 1:
        text = "/".join([f"t{token}", *middle, *last])
    else:
        text = "/".join([*middle, *last[:-1], chance.choice(["*", "a*", "?*", "[ab]*", "*.o"]) + token])
        text = text if middle[:1] != ["**"] else "x/../" + text
    spelling = chance.randrange(12)
    text = {0: text + "/", 1: text.replace("/", "//", 1), 2: text.replace("/", "/./", 1)}.get(spelling, text)
    return ("!" if chance.random() < 0.2 else "") + text


def _ours(base: Path, excludes: list[str], folded: list[str]) -> set[str]:
    """Every path below the base that our filter leaves in."""
    filter = Filter(excludes, folded)
    kept: set[str] = set()
    waiting = [str(base)]
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if not filter.excludes(entry.path):
                    kept.add(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return kept


def _theirs(restic: Restic, repository: Path, base: Path, excludes: list[str], folded: list[str]) -> set[str]:
    """Every path below the base that restic takes."""
    options = [f"--exclude={pattern}" for pattern in excludes] + [f"--iexclude={pattern}" for pattern in folded]
    done = restic.on(repository, "--json", "backup", "--dry-run", "--verbose=2", *options, base).expect(0)
    items = [event["item"] for line in done.stdout.splitlines() if (event := json.loads(line)).get("action")]
    return {item.rstrip("/") for item in items if item.startswith(f"{base}/")} - {str(base)}


@pytest.fixture
def place() -> Iterator[Path]:
    """Where the trees are. pytest's own folders end with numbers, as the patterns here do, and would be left out."""
    with tempfile.TemporaryDirectory(prefix="filters-", suffix="-trees", dir="/tmp") as folder:
        yield Path(folder)


@pytest.mark.peer("restic")
def test_generated_trees_and_patterns(restic: Restic, repository: Path, place: Path) -> None:
    """More than 500 trees, each with patterns of its own, in twelve runs: the same entries are taken."""
    restic.init(repository)
    left_out = taken = pairs = 0
    for run in range(RUNS):
        chance = random.Random(run)
        base = place / f"run{run}x"
        base.mkdir()
        lists: tuple[list[str], list[str]] = ([], [])
        for number in range(TREES):
            token = f"{number:02d}"
            names = _tree(chance, base, token)
            for _ in range(chance.randrange(1, 4)):
                lists[chance.random() < 0.25].append(_pattern(chance, base, names, token))
            pairs += 1
        lists[0].append(chance.choice(["*.txt", "[!]*", "é*", "ab/b", "/**/a/b", "**/A/*", "a/**/b.o", "\\!a"]))
        ours = _ours(base, *lists)
        assert ours == _theirs(restic, repository, base, *lists), lists
        left_out += sum(1 for _ in base.rglob("*")) - len(ours)
        taken += len(ours)
    assert pairs >= 500 and left_out > 500 and taken > 500
