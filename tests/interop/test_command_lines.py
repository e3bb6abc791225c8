"""The same command line, the same exit code, the same JSON keys, the same text: for every verb, right and wrong uses.

What 0.14 does differently is left to it: no exit codes 10 to 12, no ``exit_error``, no JSON of ``check``, ``snapshots``
without its line on local time, ``find`` in another order and without ``inode``, short IDs in ``key list --json``, no
fractions of seconds in headings, and many flags unknown. So this file runs beside the newest restic alone.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.interop import command_lines
from tests.interop.test_json import _missing as missing
from tests.interop.test_json import _shape as shape
from tests.support import peers
from tests.support.command import Result
from tests.support.programs import Program, Restic, Strongroom
from tests.support.repositories import make

pytestmark = pytest.mark.peer("restic")

_ASSIGNMENT = re.compile(r"[A-Z_]+=")
"""A variable before a command line, as in a shell."""


@dataclass(frozen=True)
class Place:
    """A repository that opens cheaply, with what its IDs are."""

    folder: Path
    words: dict[str, str]

    @property
    def repository(self) -> Path:
        return self.folder / "repository"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Two snapshots of restic's, of two hosts, the second with another file."""
    folder = tmp_path_factory.mktemp("place")
    make(folder / "repository")
    source = folder / "src"
    (source / "sub").mkdir(parents=True)
    (source / "file1").write_text("one" * 100)
    (source / "sub" / "b.txt").write_text("two" * 500)
    (source / "link").symlink_to("file1")
    restic = Restic(folder / "home")
    restic.backup(folder / "repository", source, "--tag", "a", "--host", "one")
    (source / "new").write_text("added")
    restic.backup(folder / "repository", source, "--host", "two")

    def said(*words: str) -> str:
        return restic.on(folder / "repository", *words).expect(0).out

    ids = [snapshot["id"] for snapshot in restic.snapshots(folder / "repository")]
    blob = next(line.split()[1] for line in said("list", "blobs").splitlines() if line.startswith("data"))
    tree = restic.on(folder / "repository", "cat", "snapshot", ids[1]).expect(0).json()["tree"]
    (folder / "new password").write_text("another\n")
    words = {"ID1": ids[0], "ID2": ids[1], "BLOB8": blob[:8], "TREE8": tree[:8], "FILE": str(source / "file1")}
    words |= {"PACK8": said("list", "packs")[:8], "KEY": said("list", "keys").split()[0], "SRC": str(source)}
    return Place(folder, words | {"NEW": shlex.quote(str(folder / "new password"))})


def _run(place: Place, line: str, kind: type[Program], *, copied: bool, given: bool) -> Result:
    """One program on one line, with a home of its own."""
    own = place.folder / f"{kind.name}-{abs(hash(line))}"
    repository = place.repository
    if copied:
        repository = Path(shutil.copytree(repository, own / "repository"))
    for word, value in (place.words | {"OUT": str(own / "out")}).items():
        line = line.replace(f"@{word}@", value)
    arguments = shlex.split(line)
    program = kind(own / "home")  # type: ignore[call-arg]
    while _ASSIGNMENT.match(arguments[0]):
        name, _, value = arguments.pop(0).partition("=")
        program.env = {**program.env, name: value}
    ended = program.run(*(["-r", str(repository)] if given else []), *arguments, stdin=b"hello", cwd=place.folder)
    shutil.rmtree(own)
    return ended


def _differences(line: str, theirs: Result, ours: Result) -> list[str]:
    found = [] if theirs.code == ours.code else [f"exit code {theirs.code}, ours {ours.code}"]
    if "--json" in line.split() and (theirs.stdout or b"{")[:1] in b"[{":
        found += missing(_keys(theirs.stdout), _keys(ours.stdout))
        found += missing(_keys(theirs.stderr), _keys(ours.stderr))
        return found
    words = [word for word in shlex.split(line) if not _ASSIGNMENT.match(word)]
    verb = next((word for word in words if not word.startswith("-")), "")
    their_lines, our_lines = sorted(theirs.out.splitlines()), sorted(ours.out.splitlines())
    same = bool(theirs.out) == bool(ours.out) if verb in command_lines.OUR_OWN_WORDS else their_lines == our_lines
    if theirs.code == 0 and not same:
        found.append(f"standard output:\n{theirs.out[:500]}\nours:\n{ours.out[:500]}")
    return found


def _keys(output: bytes) -> dict[str, Any]:
    """The keys of the values of each kind of message. Lines that are no JSON do not count."""
    found: dict[str, Any] = {}
    for line in output.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        kind = str(value.get("message_type")) if isinstance(value, dict) else type(value).__name__
        if kind != "status" and value != []:  # how often a status comes, and what it knows by then, is chance
            merged = shape(value)
            found[kind] = found[kind] | merged if isinstance(merged, dict) and kind in found else merged
    return found


@pytest.mark.parametrize("name", ["READING", "WRITING", "ELSEWHERE", "BAD_VALUES"])
def test_command_lines_mean_the_same(place: Place, name: str) -> None:
    """Exit code, JSON keys on both streams, and the text where that is data, as the newest restic has them."""
    if Restic(place.folder / "home").old:
        pytest.skip(f"{peers.MISSING}restic of 0.19, which needs Go")
    lines = getattr(command_lines, name).strip().splitlines()
    assert lines
    options = {"copied": name == "WRITING", "given": name != "ELSEWHERE"}
    wrong = []
    for line in lines:
        theirs, ours = (_run(place, line, kind, **options) for kind in (Restic, Strongroom))
        wrong += [f"{line}: {difference}" for difference in _differences(line, theirs, ours)]
    assert not wrong, "\n".join(wrong)


def test_there_are_many() -> None:
    """The lists are not empty by a slip."""
    assert sum(len(text.strip().splitlines()) for text in (command_lines.READING, command_lines.WRITING)) >= 120
