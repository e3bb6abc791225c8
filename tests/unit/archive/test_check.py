"""Checking finds what is wrong, names it, and goes on; subsets of packs are what restic means by them."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.archive.check.data import Amount, Share, Slice, parse_subset
from strongroom.archive.check.run import TOLD, CheckOptions, CheckResult, check
from strongroom.base.errors import UsageError
from strongroom.base.progress import Reporter
from strongroom.repository.opening import open_repository
from strongroom.storage.local.store import LocalStore
from tests.support.command import PASSWORD
from tests.support.forge import Forge, dumps, node, ordinary, sha
from tests.support.repositories import Machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Listener(Reporter):
    """Hears what a check finds."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[str] = []

    def error(self, item: bytes | str, message: str, during: str) -> None:
        assert during == "check"
        self.errors.append(f"{item!s} {message}")


def checked(place: Path, options: CheckOptions | None = None) -> tuple[CheckResult, str]:
    """The result of a check, and all errors in one text."""
    repository = open_repository(LocalStore(str(place)), PASSWORD.encode(), surroundings=Machine().surroundings)
    listener = Listener()
    result = check(repository, options or CheckOptions(read_data=True), listener)
    assert result.num_errors == len(listener.errors)
    return result, "\n".join(listener.errors)


@pytest.mark.parametrize("version", [1, 2])
def test_a_sound_repository(tmp_path: Path, version: int) -> None:
    """Nothing is found wrong, and everything is counted."""
    forge = ordinary(tmp_path, version=version)
    result, errors = checked(tmp_path, CheckOptions(read_data=True, check_unused=True))
    assert errors == ""
    assert (result.snapshots, result.trees, result.packs, result.packs_read) == (1, 3, 4, 4)
    assert not (result.suggest_prune or result.suggest_repair_index or result.broken_packs)
    assert result.bytes_read == sum(path.stat().st_size for path in (forge.place / "data").rglob("*") if path.is_file())


def _pack(forge: Forge, number: int) -> Path:
    name: str = forge.entries[number]["id"]
    return forge.place / "data" / name[:2] / name


def _flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def _lose_blob(forge: Forge) -> None:
    (forge.place / "index").joinpath(next((forge.place / "index").iterdir()).name).unlink()
    del forge.entries[0]["blobs"][1]
    forge.index()


def _lose_tree(forge: Forge) -> None:
    next((forge.place / "index").iterdir()).unlink()
    forge.index(forge.entries[:1] + forge.entries[2:])


FAULTS: dict[str, tuple[Callable[[Forge], object], str, bool]] = {
    "a flipped data blob": (lambda forge: _flip(_pack(forge, 0), 20), "data blob", True),
    "a flipped header": (lambda forge: _flip(_pack(forge, 0), -10), "pack", True),
    "a flipped tree": (lambda forge: _flip(_pack(forge, 1), 20), "tree", False),
    "a pack cut short": (
        lambda forge: _pack(forge, 0).write_bytes(_pack(forge, 0).read_bytes()[:-1]),
        "bytes long",
        False,
    ),
    "a pack that is gone": (lambda forge: _pack(forge, 0).unlink(), "not in the store", False),
    "a blob in no index": (_lose_blob, "which no index names", False),
    "a tree in no index": (_lose_tree, "is in no index", False),
    "a snapshot of nothing": (lambda forge: forge.snapshot("a" * 64), "is in no index", False),
    "a junk snapshot": (lambda forge: forge.write("snapshots", b"junk"), "snapshots/", False),
    "a junk index": (lambda forge: forge.write("index", b"junk"), "index/", False),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_found(tmp_path: Path, name: str) -> None:
    """Each kind of damage is found and named; that which only reading all data shows is not found without."""
    spoil, says, needs_data = FAULTS[name]
    spoil(ordinary(tmp_path))
    _, errors = checked(tmp_path)
    assert says in errors
    result, _ = checked(tmp_path, CheckOptions())
    assert (result.num_errors > 0) != needs_data


def test_bad_nodes_are_named_with_their_tree(tmp_path: Path) -> None:
    """One bad node is one error that names it without control characters; what is below its siblings is checked."""
    forge = Forge(tmp_path)
    inner = forge.tree(node("hole", "file", content=["b" * 64]))
    root = forge.tree(node("\\x1b[2J", "file", content=None), node("dir", "dir"), node("inner", "dir", subtree=inner))
    forge.index()
    forge.snapshot(root)
    result, errors = checked(tmp_path, CheckOptions())
    assert result.num_errors >= 3
    assert "\x1b" not in errors
    assert f"tree {inner}" in errors and '"hole" needs the blob bbbb' in errors


def test_a_chain_that_is_too_deep_is_one_error(tmp_path: Path) -> None:
    """Folders nested beyond the budget end the walk with one error."""
    forge = Forge(tmp_path)
    blobs = [dumps({"nodes": [node("leaf", "file")]})]
    for _ in range(2100):
        blobs.append(dumps({"nodes": [node("d", "dir", subtree=sha(blobs[-1]))]}))
    forge.pack(*(("tree", blob) for blob in blobs))
    forge.index()
    forge.snapshot(sha(blobs[-1]))
    result, errors = checked(tmp_path)
    assert result.num_errors == 1 and "nested more than 2048" in errors


def test_another_copy_serves_and_the_bad_one_is_named(tmp_path: Path) -> None:
    """A tree that is damaged in one pack and sound in another is one error, and what is below it is checked."""
    forge = Forge(tmp_path)
    leaf = dumps({"nodes": [node("x", "file", content=["c" * 64])]})
    forge.pack(("tree", leaf), ("tree", b"other"))
    forge.pack(("tree", leaf))
    forge.index()
    forge.snapshot(sha(leaf))
    _flip(_pack(forge, 0), 20)
    _, errors = checked(tmp_path, CheckOptions())
    assert "another copy is good" in errors and "needs the blob cccc" in errors


def test_what_is_superfluous(tmp_path: Path) -> None:
    """Packs in no index are a hint to prune; unused blobs are errors for those who ask."""
    forge = ordinary(tmp_path)
    forge.pack(("data", b"unused"))
    result, _ = checked(tmp_path)
    assert (result.num_errors, result.suggest_prune) == (0, True)
    forge.index()
    result, errors = checked(tmp_path, CheckOptions(check_unused=True))
    assert errors == f"data blob {sha(b'unused')} is used by no snapshot"
    assert result.suggest_repair_index  # the other packs stand in two index files now


PACKS = st.dictionaries(st.binary(min_size=32, max_size=32).map(bytes.hex), st.integers(1, 1000), max_size=40)


@given(PACKS, st.integers(1, 256), st.data())
def test_buckets_share_out_all_packs(packs: dict[str, int], total: int, data: st.DataObject) -> None:
    """The t buckets of n/t hold each pack once, by its first byte."""
    chosen = [pack for number in range(1, total + 1) for pack in Slice(number, total).choose(packs, b"")]
    assert sorted(chosen) == sorted(packs)
    number = data.draw(st.integers(1, total))
    assert all(bytes.fromhex(pack)[0] % total == number - 1 for pack in Slice(number, total).choose(packs, b""))


@given(PACKS, st.floats(0.1, 100), st.binary(min_size=16, max_size=16))
def test_shares_are_shares(packs: dict[str, int], percent: float, seed: bytes) -> None:
    """A share has as many packs as it says, at least one, each once; an amount is the share that it is of the whole."""
    chosen = Share(percent).choose(packs, seed)
    assert len(chosen) == len(set(chosen)) == (max(1, int(len(packs) * percent / 100)) if packs else 0)
    assert set(chosen) <= packs.keys()
    assert Amount(sum(packs.values())).choose(packs, seed) == sorted(packs)


def test_other_seeds_choose_other_packs() -> None:
    """A share is another one each time."""
    packs = {random.Random(number).randbytes(32).hex(): 1 for number in range(200)}
    assert Share(10).choose(packs, b"one") != Share(10).choose(packs, b"two")


@pytest.mark.parametrize(
    ("text", "subset"),
    [("1/5", Slice(1, 5)), ("256/256", Slice(256, 256)), ("2.5%", Share(2.5)), ("100%", Share(100.0)),
     ("500", Amount(500)), ("50K", Amount(50 << 10)), ("3g", Amount(3 << 30))],
)  # fmt: skip
def test_subsets_as_restic_writes_them(text: str, subset: object) -> None:
    """n/t, percentages and sizes are understood."""
    assert parse_subset(text) == subset


@pytest.mark.parametrize("text", ["", "0/5", "6/5", "1/257", "0%", "101%", "-1%", "x", "5X", "1/2/3", "0", "9" * 5000])
def test_what_is_no_subset(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(UsageError):
        parse_subset(text)


def test_a_crowd_of_planted_claims_is_a_number(tmp_path: Path) -> None:
    """Of packs that an index claims and that are not there the first are told one by one, the others as a number."""
    forge = ordinary(tmp_path)
    ((blob, *_), name) = forge.entries[0]["blobs"], forge.entries[0]["id"]
    claimed = [sha(b"%d" % number) for number in range(TOLD + 5)]
    forge.index([{"id": pack, "blobs": [blob]} for pack in claimed])
    repository = open_repository(LocalStore(str(tmp_path)), PASSWORD.encode(), surroundings=Machine().surroundings)
    listener = Listener()
    result = check(repository, CheckOptions(), listener)
    assert result.num_errors == len(claimed) and result.broken_packs == sorted(claimed) and name not in claimed
    assert len(listener.errors) == TOLD + 1
    assert listener.errors[-1].strip() == "and 5 more packs are in the index, but not in the store"
