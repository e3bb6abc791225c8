"""The threat catalogue: row B-4. What is remembered of trees that lack something hides nothing that comes after all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from strongroom import _kernel
from strongroom.base.objects import Kind
from strongroom.custody.judging import lacking, places
from strongroom.custody.spending.budget import Limits, Spending
from strongroom.repository.opening import open_repository
from strongroom.storage.local.store import LocalStore
from tests.support.custody.watched import Watched
from tests.support.forge import node, sha
from tests.support.repositories import PASSWORD

FILES = {"below/deep/a": b"first " * 100, "below/deep/b": b"second " * 100, "c": b"third " * 100}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A repository in care with a good snapshot."""
    found = Watched(tmp_path)
    found.backup({"c": FILES["c"]})
    found.adopt()
    found.round()
    return found


def named(watched: Watched) -> set[str]:
    """The packs that the indexes name which are there."""
    said = set()
    with open_repository(LocalStore(str(watched.forge.place)), PASSWORD) as repository:
        for path in (watched.forge.place / "index").iterdir():
            said |= {pack for pack, _ in _kernel.parse_index(repository.files.load(Kind.INDEX, path.name))}
    return said


def rounds(watched: Watched, count: int = 2) -> None:
    """Rounds an hour apart, in each of which a pack came that nothing needs and no index names."""
    for _ in range(count):
        watched.forge.pack(("data", b"junk %d" % len(watched.forge.entries)))
        watched.later(hours=1)
        assert watched.round().failure == ""


def healed(watched: Watched, content: bytes, _path: Path, stored: bytes) -> None:
    """The pack is back, as a version or a replica gives it; indexes name it still."""
    del content
    watched.forge.write("data", stored)


def under_another_pack(watched: Watched, content: bytes, _path: Path, _stored: bytes) -> None:
    """The blob comes in another pack, with an index."""
    watched.forge.pack(("data", content), ("data", b"beside it %d" % len(watched.forge.entries)))
    watched.forge.index(watched.forge.entries[-1:])


def in_no_index(watched: Watched, content: bytes, _path: Path, _stored: bytes) -> None:
    """The blob comes in another pack, and no index ever names it: the custodian writes one."""
    watched.forge.pack(("data", content), ("data", b"beside it %d" % len(watched.forge.entries)))


@pytest.mark.parametrize("small", [1_000_000, 0])
@pytest.mark.parametrize("held", [100_000, 0])
@pytest.mark.parametrize("come", [healed, under_another_pack, in_no_index])
def test_b_4_what_lacked_blobs_is_good_once_they_came(
    watched: Watched,
    monkeypatch: pytest.MonkeyPatch,
    come: Callable[[Watched, bytes, Path, bytes], None],
    held: int,
    small: int,
) -> None:
    """B-4: of a snapshot that lacks two blobs deep in its folders one comes, and then the other, however they come:
    it is incomplete until the last one is there, and good in that round, with all that it needs in an index."""
    monkeypatch.setattr(lacking, "_LOADED", held)
    monkeypatch.setattr(places, "SMALL", small)
    packs = {}
    for path, content in list(FILES.items())[:2]:
        (watched.stored[content],) = watched.forge.pack(("data", content))
        packs[path] = watched.pack(-1)
    late = watched.backup(FILES)
    kept = {path: pack.read_bytes() for path, pack in packs.items()}
    for pack in packs.values():
        pack.unlink()
    rounds(watched)
    assert watched.reasons(late) == {"incomplete"}
    for number, (path, pack) in enumerate(packs.items()):
        assert "incomplete" in watched.reasons(late)
        come(watched, FILES[path], pack, kept[path])
        rounds(watched, 2 - number)
    assert (watched.verdict(late), watched.reasons(late)) == ("good", set())
    there = {
        entry["id"] for entry in watched.forge.entries if watched.pack(watched.forge.entries.index(entry)).exists()
    }
    need = {sha(content) for content in FILES.values()}
    holding = [one for one in watched.forge.entries if one["id"] in there & named(watched)]
    assert need <= {blob["id"] for one in holding for blob in one["blobs"]}


def test_b_4_a_tree_that_comes_late_brings_what_is_below_it(watched: Watched) -> None:
    """B-4: what is remembered may be a tree that is missing, and what that one needs is missing too."""
    inner = watched.forge.tree(node("x", "file", content=[sha(b"late " * 50)], size=250))
    inner_pack = watched.pack(-1)
    kept = inner_pack.read_bytes()
    late = watched.snapshot(watched.forge.tree(node("d", "dir", subtree=inner)))
    inner_pack.unlink()
    rounds(watched)
    inner_pack.write_bytes(kept)
    rounds(watched)
    assert watched.reasons(late) >= {"incomplete"}
    watched.forge.pack(("data", b"late " * 50))
    rounds(watched, 1)
    assert "incomplete" not in watched.reasons(late)


def test_b_4_packs_that_are_read_later_count_when_they_are_read(watched: Watched) -> None:
    """B-4: a snapshot whose packs were left for the next round by the budget waits, and is good once they were read."""
    late = watched.backup({name: content * 300 for name, content in FILES.items()})
    seen = set()
    for _ in range(40):
        watched.later(hours=1)
        spending = Spending(Limits(bytes=1000), watched.machine.clock)
        assert watched.round(spending=spending).failure == ""
        seen.add(watched.verdict(late))
        assert watched.verdict(late) == "good" or not watched.reasons(late)
    assert seen == {"pending", "good"}
    assert watched.verdict(late) == "good"


def test_b_4_a_pack_that_comes_back_is_named_for_what_lacks_more(watched: Watched) -> None:
    """B-4: an intruder took an index and two packs. Of the snapshot that needs both one comes back: what no index names
    of it is written to a new one, so that stock restic restores all files but those of the other."""
    (there,) = watched.forge.pack(("data", b"there " * 50))
    back = watched.pack(-1)
    gone = watched.forge.pack(*(("data", b"gone %d " % number * 50) for number in range(20)))
    lost = watched.pack(-1)
    before = set((watched.forge.place / "index").iterdir())
    nodes = [node("gone", "file", content=gone, size=7000), node("there", "file", content=[there], size=300)]
    hurt = watched.snapshot(watched.forge.tree(*nodes))
    (index,) = set((watched.forge.place / "index").iterdir()) - before
    rounds(watched)
    kept = back.read_bytes()
    for path in (back, lost, index):
        path.unlink()
    rounds(watched, 4)
    assert watched.verdict(hurt) == "bad"
    assert back.name not in named(watched)
    back.write_bytes(kept)
    rounds(watched, 1)
    assert back.name in named(watched)
    assert watched.verdict(hurt) == "bad"
