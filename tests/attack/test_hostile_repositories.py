"""Whole repositories made by an attacker, opened by the installed command: clear errors, bounded memory and time."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.attack.cases import CASES
from tests.support import trees
from tests.support.command import Result
from tests.support.programs import Strongroom

SECONDS = 30
DOCUMENTED = {0, 1, 3, 10, 11, 12, 71}

NEWEST = "<the newest snapshot>"
VERBS: dict[str, tuple[str, ...]] = {
    "snapshots": ("snapshots",),
    "ls": ("ls", "latest"),
    "find": ("find", "planted"),
    "diff": ("diff", NEWEST, NEWEST),
    "stats": ("stats", "latest"),
    "check": ("check", "--read-data"),
}

STILL_WORKS = {
    "scrypt_bombs_beside_a_key": set(VERBS),
    "junk_in_keys": set(VERBS),
    "flipped_data_pack": {"snapshots", "ls", "find", "diff", "stats"},
    "bomb_in_a_file": {"snapshots", "ls", "find", "diff", "stats"},
    "swapped_blobs": {"snapshots", "ls", "find", "diff", "stats"},
    "huge_promises": {"snapshots", "ls", "find", "diff", "stats", "check"},
    "deep_tree": {"snapshots"},
    "shared_trees": {"snapshots", "check"},
    "wide_shared_trees": {"snapshots", "check"},
}
"""Verbs that must do their work in spite of the attack, by case."""

CHECK_PASSES = {
    "scrypt_bombs_beside_a_key",
    "junk_in_keys",
    "huge_promises",
    "shared_trees",
    "wide_shared_trees",
    "snapshot_of_many_paths",
}
"""Cases in which nothing is damaged, or nothing that check looks at; in all others it must find fault."""


def _sane(ended: Result) -> None:
    """No traceback, a documented exit code, and words to go with a failure."""
    said = ended.out + ended.err
    assert ended.code in DOCUMENTED, ended.describe()
    assert "Traceback" not in said, ended.describe()
    assert "a fault in this program" not in said, ended.describe()
    assert "panicked" not in said, ended.describe()
    if ended.code != 0:
        assert ended.err.strip(), f"a failure without a word: {ended.describe()}"
    assert "\x1b[2J" not in said, "an escape sequence of the attacker's reached the terminal"


def _newest(strongroom: Strongroom, repository: Path) -> str:
    """The ID of the newest snapshot; `diff` takes no other name for it."""
    listed = strongroom.on(repository, "--no-cache", "snapshots", "--json", seconds=SECONDS).out
    return str(json.loads(listed)[-1]["id"]) if listed.startswith("[{") else "0" * 64


@pytest.mark.parametrize("name", CASES)
def test_reading_verbs(name: str, strongroom: Strongroom, repository: Path) -> None:
    """B-1, B-2, B-3, B-5: every reading verb ends within its limits with a documented code, and works where it can."""
    CASES[name](repository)
    newest = _newest(strongroom, repository)
    for verb, words in VERBS.items():
        arguments = [newest if word is NEWEST else word for word in words]
        ended = strongroom.on(repository, "--no-cache", *arguments, seconds=SECONDS)
        _sane(ended)
        if verb in STILL_WORKS.get(name, ()):
            assert ended.code == 0, ended.describe()
        if verb == "check" and name not in CHECK_PASSES:
            assert ended.code != 0, f"check found no fault: {ended.describe()}"


@pytest.mark.parametrize("name", CASES)
def test_restore(name: str, strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """E-1, B-1, B-3: a restore writes nothing outside its target and ends within its limits."""
    CASES[name](repository)
    outside = tmp_path / "outside"
    outside.mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    target = tmp_path / "target"
    ended = strongroom.on(repository, "restore", "latest", "--target", target, seconds=SECONDS)
    _sane(ended)
    assert not list(outside.iterdir())
    assert not Path("/tmp/strongroom-planted").exists()
    after = sorted(path.name for path in tmp_path.iterdir())
    assert set(after) <= {*before, "target"}
    if name == "names_that_lead_out":
        assert (target / "sound").read_bytes() == b"planted"
        assert ended.code == 1


@pytest.mark.parametrize("name", CASES)
def test_as_the_parent_of_a_backup(name: str, strongroom: Strongroom, repository: Path, tmp_path: Path) -> None:
    """A backup on top, with the attacker's snapshot as its parent, saves the real content or says why not."""
    CASES[name](repository)
    source = trees.ordinary(tmp_path / "docs", files=6, largest=2000)
    arguments = ("backup", "--parent", "latest", source.name)
    ended = strongroom.on(repository, *arguments, cwd=tmp_path, seconds=SECONDS)
    _sane(ended)
    if ended.code == 0:
        out = tmp_path / "out"
        saved = re.search(r"snapshot (\w{8}) saved", ended.out)  # `latest` beside a damaged snapshot may be that one
        assert saved is not None, ended.describe()
        strongroom.on(repository, "restore", saved[1], "--target", out, seconds=SECONDS).expect(0)
        for path in source.rglob("*"):
            if path.is_file():
                assert (out / path.relative_to(tmp_path)).read_bytes() == path.read_bytes()
