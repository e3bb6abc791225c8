"""Restores that must not reach beyond their target: what the snapshot holds (E-1 to E-3) and what waits on disk."""

from __future__ import annotations

import hashlib
import os
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.forge import Forge, Json, node
from tests.support.restoring import Files, bring_back

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def forge(tmp_path: Path) -> Forge:
    """A repository without anything in it."""
    return Forge(tmp_path / "repository")


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A folder that no restore may change; that it has not is checked at the end."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "victim").write_bytes(b"precious")
    os.setxattr(place / "victim", "user.mark", b"1")
    os.utime(place / "victim", ns=(1, 1))
    before = _state(place)
    yield place
    assert _state(place) == before


def _state(place: Path) -> dict[str, object]:
    found: dict[str, object] = {"": os.lstat(place).st_mtime_ns}
    for path in sorted(place.rglob("*")):
        status = os.lstat(path)
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        attributes = {name: os.getxattr(path, name) for name in os.listxattr(path)}
        found[str(path)] = (status.st_mode, status.st_uid, status.st_mtime_ns, content, attributes)
    return found


def _planted(forge: Forge, **fields: object) -> tuple[Json, str]:
    files = Files(forge)
    planted = files.node("victim", b"planted", mode=0o777, **fields)
    files.pack()
    return planted, forge.tree(planted, node("further", "dir", subtree=forge.tree(planted)))


def test_links_that_wait_on_disk(forge: Forge, outside: Path, tmp_path: Path) -> None:
    """E-2: links out of the target, where folders and files of the snapshot go, are replaced and never followed."""
    planted, folder = _planted(forge)
    root = forge.tree(node("door", "dir", subtree=folder), planted)
    out = tmp_path / "out"
    out.mkdir()
    (out / "door").symlink_to(outside)
    (out / "victim").symlink_to(outside / "victim")
    result = bring_back(forge, root, out, overwrite="if-changed", delete=True)
    assert result.errors == {}
    assert (out / "door").is_dir() and not (out / "door").is_symlink()
    assert (out / "victim").read_bytes() == (out / "door" / "further" / "victim").read_bytes() == b"planted"


def test_a_snapshot_that_changes_its_mind(forge: Forge, outside: Path, tmp_path: Path) -> None:
    """A first restore leaves a link out of the target, a second one a folder of its name with files: and back."""
    planted, folder = _planted(forge)
    link = forge.tree(node("door", "symlink", linktarget=str(outside)))
    files = forge.tree(node("door", "dir", subtree=folder))
    through = forge.tree(node("door", "symlink", linktarget=str(outside / "victim")))
    onto = forge.tree(dict(planted, name="door"))
    for root in (link, files, link, onto, through, onto):
        result = bring_back(forge, root, tmp_path / "out", delete=True)
        assert result.errors == {}
    assert (tmp_path / "out" / "door").read_bytes() == b"planted"


def test_deleting_does_not_follow_links(forge: Forge, outside: Path, tmp_path: Path) -> None:
    """With ``delete`` a link out of the target goes, and what it leads to stays."""
    out = tmp_path / "out"
    (out / "stranger").mkdir(parents=True)
    (out / "stranger" / "deep").symlink_to(outside)
    (out / "link").symlink_to(outside)
    result = bring_back(forge, forge.tree(node("file", "file")), out, delete=True)
    assert result.errors == {}
    assert os.listdir(out) == ["file"]


@pytest.mark.parametrize("links", [1, 2])
@pytest.mark.parametrize("content", [b"planted", b"precious"])
def test_a_name_that_is_shared_with_the_outside(
    forge: Forge, outside: Path, tmp_path: Path, content: bytes, links: int
) -> None:
    """A file in the target that is a hard link to one outside is replaced, neither written through nor re-dated."""
    files = Files(forge)
    root = forge.tree(files.node("victim", content, mode=0o777, links=links, inode=5))
    files.pack()
    out = tmp_path / "out"
    out.mkdir()
    os.link(outside / "victim", out / "victim")
    result = bring_back(forge, root, out)
    assert result.errors == {}
    assert (out / "victim").read_bytes() == content
    assert os.stat(outside / "victim").st_nlink == 1


def test_hard_links_to_what_was_not_restored(forge: Forge, outside: Path, tmp_path: Path) -> None:
    """A hard link is made to a file of this restore only: with the first name lost, the second is named."""
    lost = {"links": 2, "inode": os.stat(outside / "victim").st_ino, "device_id": os.stat(outside).st_dev}
    files = Files(forge)
    second = files.node("second", b"never stored", **lost)
    first = files.node("first", b"never stored", **lost)
    result = bring_back(forge, forge.tree(first, second), tmp_path / "out")
    assert result.errors.keys() == {b"/first", b"/second"}
    assert os.listdir(tmp_path / "out") == []


def test_pipes_and_devices_in_the_way(forge: Forge, outside: Path, tmp_path: Path) -> None:
    """A pipe where a file goes is replaced without waiting for somebody at its other end."""
    files = Files(forge)
    root = forge.tree(files.node("pipe", b"content"))
    files.pack()
    out = tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / "pipe")
    assert bring_back(forge, root, out).errors == {}
    assert (out / "pipe").read_bytes() == b"content"
    assert outside.is_dir()


def test_folders_exchanged_for_links_meanwhile(forge: Forge, outside: Path, tmp_path: Path) -> None:
    """Somebody who keeps exchanging folders of the target for links out of it gains nothing."""
    files = Files(forge)
    inner = forge.tree(*(files.node(f"victim{number:03}", os.urandom(50) * 200) for number in range(150)))
    files.pack()
    folder = forge.tree(*(node(f"in{number}", "dir", subtree=inner) for number in range(5)), node("victim", "file"))
    root = forge.tree(*(node(f"door{number}", "dir", subtree=folder) for number in range(5)))
    out = tmp_path / "out"
    out.mkdir()
    ended = threading.Event()

    def exchange() -> None:
        turn = 0
        while not ended.is_set():
            door = out / f"door{turn % 5}"
            away = out / f"away{turn}"
            turn += 1
            try:
                door.rename(away)
                door.symlink_to(outside)
            except OSError:
                pass

    attacker = threading.Thread(target=exchange)
    attacker.start()
    try:
        for _ in range(3):
            bring_back(forge, root, out)
    finally:
        ended.set()
        attacker.join()
    assert [path.name for path in outside.iterdir()] == ["victim"]


_NAMES = st.sampled_from(["a", "b", "..", ".", "", "/", "../outside", "a/b", "nul\0", "victim", "c" * 255, "c" * 256])
_TARGETS = st.sampled_from(["a", ".", "..", "/", "OUTSIDE", "OUTSIDE/victim", "b/../..", ""])


@st.composite
def _nodes(draw: st.DrawFn, depth: int = 0) -> list[Json]:
    nodes: list[Json] = []
    for name in draw(st.lists(_NAMES, max_size=5)):
        kind = draw(st.sampled_from(["file", "dir", "symlink", "fifo", "socket", "link"]))
        if kind == "dir":
            below = draw(_nodes(depth=depth + 1)) if depth < 3 else []
            nodes.append({"name": name, "type": "dir", "below": below})
        elif kind == "symlink":
            nodes.append({"name": name, "type": "symlink", "linktarget": draw(_TARGETS)})
        elif kind == "link":
            nodes.append({"name": name, "type": "file", "links": 2, "inode": draw(st.integers(1, 2)), "device_id": 1})
        else:
            nodes.append({"name": name, "type": kind})
    return nodes


def _written(forge: Forge, nodes: list[Json], outside: str, blob: str) -> str:
    written = []
    for plain in nodes:
        fields = {key: value for key, value in plain.items() if key not in ("name", "type", "below")}
        if plain["type"] == "dir":
            fields["subtree"] = _written(forge, plain["below"], outside, blob)
        elif plain["type"] == "file":
            fields |= {"content": [blob], "size": 7}
        if "linktarget" in fields:
            fields["linktarget"] = fields["linktarget"].replace("OUTSIDE", outside)
        written.append(node(plain["name"], plain["type"], **fields))
    return forge.tree(*written)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(trees=st.lists(_nodes(), min_size=1, max_size=3), delete=st.booleans())
def test_any_trees_one_after_the_other(
    tmp_path_factory: pytest.TempPathFactory, trees: list[list[Json]], delete: bool
) -> None:
    """E-1, E-2, E-3: whatever trees are restored one after the other into one target, nothing beside it changes."""
    place = tmp_path_factory.mktemp("any")
    outside = place / "outside"
    outside.mkdir()
    (outside / "victim").write_bytes(b"precious")
    before = _state(outside)
    forge = Forge(place / "repository")
    (blob,) = forge.pack(("data", b"planted"))
    for nodes in trees:
        bring_back(forge, _written(forge, nodes, str(outside), blob), place / "out", delete=delete)
    assert _state(outside) == before
    assert sorted(os.listdir(place)) == ["out", "outside", "repository"]
