"""The threat catalogue: row B-4, snapshots that are made to be walked again and again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strongroom import _kernel
from strongroom.base.objects import Kind, ObjectName
from strongroom.custody.judging import lacking, places
from strongroom.repository.opening import open_repository
from strongroom.storage.contract import Reader, Store
from strongroom.storage.local.store import LocalStore
from strongroom.storage.wrappers.wrapper import Wrapper
from tests.support.custody.watched import Watched
from tests.support.forge import dumps, node, sha
from tests.support.repositories import PASSWORD

HONEST = {"a": b"honest " * 100}


class _Counting(Wrapper):
    """A store that notes how often a pack is asked for."""

    def __init__(self, inner: Store, asked: list[str]) -> None:
        super().__init__(inner)
        self._asked = asked

    def read(self, name: ObjectName, offset: int = 0, length: int | None = None) -> Reader:
        self._asked.append(name.name)
        return super().read(name, offset, length)


class Flood:
    """Trees of many entries in one pack, which holds next to nothing; each but the honest ones lacks something."""

    def __init__(self, place: Path, *last: Any) -> None:
        self.watched = Watched(place)
        self.watched.backup(HONEST)
        self.watched.adopt()
        self.watched.round()
        self.asked: list[str] = []
        self.watched.wrap = lambda store: _Counting(store, self.asked)
        entry = dumps(node("%", "file"))
        many = [b",".join(entry.replace(b"%", b"%06d" % one) for one in range(2000)) for _ in last]
        trees = [b'{"nodes":[%b,%b]}\n' % (some, dumps(one)) for some, one in zip(many, last, strict=True)]
        frames = {number: (_kernel.compress(tree, 3), len(tree)) for number, tree in enumerate(trees)}
        self.trees = self.watched.forge.pack(*(("tree", tree) for tree in trees), frames=frames)
        self.pack = self.watched.pack(-1).name
        self.root = self.above(0)

    def above(self, number: int) -> str:
        """A new root over all these trees."""
        return self.watched.forge.tree(
            *(node(f"{number}-{one:04}", "dir", subtree=tree) for one, tree in enumerate(self.trees))
        )

    def round(self) -> int:
        """A round an hour later; how often it asked for the pack of the flood."""
        self.watched.later(hours=1)
        self.asked.clear()
        assert self.watched.round().failure == ""
        return self.asked.count(self.pack)


@pytest.mark.parametrize("held", [100_000, 0])
@pytest.mark.parametrize("small", [1_000_000, 0])
def test_b_4_what_lacks_something_is_walked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, held: int, small: int
) -> None:
    """B-4: a snapshot that lacks blobs is not walked again for whatever else arrives, nor are its trees for others that
    lead to them; one of an honest host that comes with it is good in the same round. Then it is whole."""
    monkeypatch.setattr(lacking, "_LOADED", held)
    monkeypatch.setattr(places, "SMALL", small)
    contents = [b"late %d" % number for number in range(6)]
    flood = Flood(tmp_path, *(node("z", "file", content=[sha(one)], size=6) for one in contents))
    watched = flood.watched
    bomb = watched.snapshot(flood.root)
    honest = watched.backup(HONEST | {"b": b"new " * 100})
    assert flood.round() > 0
    assert (watched.verdict(honest), watched.reasons(bomb)) == ("good", {"incomplete"})
    for number in range(1, 4):
        watched.forge.pack(("data", b"junk %d" % number))
        other = watched.snapshot(flood.above(number))
        honest = watched.backup(HONEST | {"c": b"new %d " % number * 100})
        assert flood.round() == 0
        assert (watched.verdict(honest), watched.reasons(bomb)) == ("good", {"incomplete"})
        assert watched.reasons(other) >= {"incomplete"}
    watched.forge.pack(*(("data", one) for one in contents))
    watched.index()
    assert flood.round() > 0
    assert "incomplete" not in watched.reasons(bomb) | watched.reasons(other)
    watched.pack(-1).unlink()
    flood.round()
    assert (watched.verdict(bomb), watched.reasons(bomb)) == ("bad", {"incomplete"})


def test_b_4_who_brings_what_lacks_bit_by_bit_has_little_walked(tmp_path: Path) -> None:
    """B-4: a tree lacks sixty blobs, and each round one of them arrives: nobody knows which one is waited for, so
    that it is read some ln 60 times, not sixty times. In the end it is whole."""
    contents = [b"late %d" % number for number in range(60)]
    flood = Flood(tmp_path, node("z", "file", content=[sha(one) for one in contents], size=420))
    watched = flood.watched
    bomb = watched.snapshot(flood.root)
    flood.round()
    read = 0
    for content in contents:
        assert "incomplete" in watched.reasons(bomb)
        watched.forge.pack(("data", content))
        watched.index()
        read += flood.round() > 0
    assert 0 < read <= 25
    assert "incomplete" not in watched.reasons(bomb)


@pytest.mark.parametrize("what", ["unknown", "no tree"])
def test_b_4_what_no_blob_would_make_whole_is_walked_once(tmp_path: Path, what: str) -> None:
    """B-4: a tree with an entry of a kind that nobody knows, or that is none in its last bytes, is not read again."""
    flood = Flood(tmp_path, node("z", "door") if what == "unknown" else "no entry")
    bomb = flood.watched.snapshot(flood.root)
    assert flood.round() > 0
    for number in range(1, 3):
        flood.watched.forge.pack(("data", b"junk %d" % number))
        flood.watched.snapshot(flood.above(number))
        assert flood.round() == 0
    assert flood.watched.reasons(bomb) == {"incomplete"}


def test_b_4_an_index_that_goes_is_written_anew_for_what_lacks_a_blob_too(tmp_path: Path) -> None:
    """B-4: of what was never whole stock restic restores the rest only where an index names it. One that an intruder
    takes away is written anew for it, too, and junk beside it has it walked once."""
    flood = Flood(tmp_path, node("z", "file", content=[sha(b"never")], size=5))
    watched, indexes = flood.watched, flood.watched.forge.place / "index"
    before = set(indexes.iterdir())
    watched.snapshot(flood.root)
    (index,) = set(indexes.iterdir()) - before
    flood.round()
    index.unlink()
    assert flood.round() > 0
    said = set()
    with open_repository(LocalStore(str(watched.forge.place)), PASSWORD) as repository:
        for path in indexes.iterdir():
            said |= {pack for pack, _ in _kernel.parse_index(repository.files.load(Kind.INDEX, path.name))}
    assert flood.pack in said
    watched.forge.pack(("data", b"junk"))
    assert flood.round() == 0


def test_b_4_packs_in_no_index_have_no_flood_walked_again(tmp_path: Path) -> None:
    """B-4: each round a new snapshot leads to the same trees, and a pack came that no index names: what indexes name
    already of a tree that lacks a blob is not looked for again."""
    flood = Flood(tmp_path, node("z", "file", content=[sha(b"never")], size=5))
    watched = flood.watched
    asked = []
    for number in range(4):
        watched.snapshot(flood.above(number))
        watched.forge.pack(("data", b"junk %d" % number))  # after the index
        watched._listed = len(watched.forge.entries)
        asked.append(flood.round())
    assert asked[0] > 0
    assert asked[2:] == [0, 0]


def test_b_4_a_chain_that_is_too_deep_is_walked_once(tmp_path: Path) -> None:
    """B-4, B-2: in a chain of folders that is too deep no blob is missing; it is not walked again for what comes."""
    flood = Flood(tmp_path, node("z", "file"))
    watched = flood.watched
    trees = [b'{"nodes":[]}\n']
    for _ in range(_kernel.MAX_DEPTH + 20):
        trees.append(dumps({"nodes": [node("d", "dir", subtree=sha(trees[-1]))]}) + b"\n")
    names = watched.forge.pack(*(("tree", tree) for tree in trees))
    flood.pack = watched.pack(-1).name
    deep = watched.snapshot(names[-1])
    asked = []
    for number in range(3):
        asked.append(flood.round())
        watched.forge.pack(("data", b"junk %d" % number))
        watched.index()
    assert asked[0] > 0
    assert asked[1:] == [0, 0]
    assert watched.reasons(deep) == {"incomplete"}
