"""The threat catalogue: row A-10, junk that somebody who may store objects, without the password, puts among ours."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from tests.support.programs import Strongroom

PASSWORD = {"RESTIC_PASSWORD": "secret"}


@pytest.fixture
def planted(tmp_path: Path) -> tuple[Strongroom, Path, Path, dict[str, str]]:
    """A repository of one snapshot, with junk of a right name in each folder whose files are opened."""
    ours = Strongroom(tmp_path / "home")
    source, place = tmp_path / "source", tmp_path / "repository"
    source.mkdir()
    (source / "file").write_bytes(b"content" * 1000)
    ours.init(place)
    ours.backup(place, source)
    dice = random.Random(29)
    names = {}
    for folder in ("index", "snapshots", "locks"):
        junk = dice.randbytes(100)
        names[folder] = hashlib.sha256(junk).hexdigest()
        (place / folder / names[folder]).write_bytes(junk)
    return ours, source, place, names


def test_a_10_junk_in_index_snapshots_and_locks_stops_no_verb(
    planted: tuple[Strongroom, Path, Path, dict[str, str]], tmp_path: Path
) -> None:
    """A-10: verbs skip what does not open, with a warning that names it, and do what the rest suffices for."""
    ours, source, place, names = planted
    for words in (
        ("ls", "latest"),
        ("find", "file"),
        ("stats",),
        ("dump", "latest", f"{source}/file"),
        ("restore", "latest", "--target", tmp_path / "target"),
        ("backup", source),
        ("list", "blobs"),
    ):
        done = ours.on(place, *words).expect(0)
        assert names["index"][:8] in done.err, (words, done.err)
    listed = ours.on(place, "snapshots").expect(0)
    assert names["snapshots"][:8] in listed.err
    assert len(ours.snapshots(place)) == 2
    assert (tmp_path / "target" / str(source).lstrip("/") / "file").read_bytes() == b"content" * 1000
    unlocked = ours.on(place, "unlock").expect(0)
    assert names["locks"][:8] in unlocked.err + unlocked.out
    again = ours.on(place, "backup", source, "--json").expect(0)
    assert '"data_blobs":0' in again.out.replace(" ", "")


def test_a_10_check_reports_junk_and_damage_stops_as_before(
    planted: tuple[Strongroom, Path, Path, dict[str, str]],
) -> None:
    """A-10: check names each junk file and fails; an index file that lost bytes is no junk: it is never passed over."""
    ours, _, place, names = planted
    checked = ours.on(place, "check").expect(1)
    assert names["index"] in checked.err
    assert names["snapshots"] in checked.err
    (whole,) = (path for path in (place / "index").iterdir() if path.name != names["index"])
    whole.chmod(0o600)
    whole.write_bytes(whole.read_bytes()[:-1])
    assert ours.on(place, "ls", "latest").code != 0
