"""``check`` of some snapshots looks at what restic looks at, and what is not there was not checked."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from tests.support import peers
from tests.support.programs import Restic, Strongroom

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.peer("restic")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Path], dict[str, str]]:
    """A repository of two hosts that share no data; the one pack of ``bad``'s data is damaged. Programs under restic's
    name; IDs by host."""
    top = tmp_path_factory.mktemp("two")
    home, repository = top / "home", top / "repository"
    restic = Restic(home)
    restic.init(repository)
    before: set[Path] = set()
    for host in ("good", "bad"):
        before = {path for path in (repository / "data").rglob("*") if path.is_file()}
        (top / "file").write_bytes(os.urandom(100_000))
        restic.backup(repository, top / "file", "--host", host)
    packs = [path for path in (repository / "data").rglob("*") if path.is_file() and path not in before]
    pack = max(packs, key=lambda path: path.stat().st_size)
    content = bytearray(pack.read_bytes())
    content[1000] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)
    (top / "bin").mkdir()
    ours = top / "bin" / "restic"
    ours.symlink_to(Strongroom(home).executable)
    ids = {one["hostname"]: one["id"] for one in restic.snapshots(repository)}
    return repository, [peers.require("restic"), ours], ids


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--read-data", 1),
        ("--read-data GOOD", 0),
        ("--read-data BAD", 1),
        ("--read-data --host good", 0),
        ("--read-data --host bad", 1),
        ("--read-data-subset 100% GOOD", 0),
        ("--read-data-subset 100% BAD", 1),
        ("--read-data --host nobody", 0),
        ("abcdef", 1),
        ("GOOD abcdef", 1),
        ("latest --host nobody", 1),
        ("--host nobody", 0),
    ],
)
def test_some_snapshots(two: tuple[Path, list[Path], dict[str, str]], words: str, code: int) -> None:
    """Data that the named snapshots do not need is not read, and a name that finds none fails the check."""
    repository, programs, ids = two
    given = [ids[word.lower()] if word.isupper() else word for word in words.split()]
    summaries = []
    for executable in programs:
        program = Restic(repository.parent / "home")
        program.executable = executable
        ended = program.on(repository, "check", "--json", *given).expect(code)
        summaries.append(ended.lines()[-1])
    theirs, ours = summaries
    assert bool(theirs["num_errors"]) == bool(ours["num_errors"]) == bool(code)
    assert theirs["broken_packs"] == ours["broken_packs"]
