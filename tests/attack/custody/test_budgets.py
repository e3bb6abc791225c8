"""The threat catalogue: rows B, bombs and floods for whoever reads all that arrives."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from strongroom import _kernel
from strongroom.base.objects import Kind
from strongroom.base.progress import Reporter
from strongroom.custody.aside import step
from strongroom.custody.deciding import snapshots_of
from strongroom.custody.judging.walking import MOST, Walker
from strongroom.custody.reading.children import ReadingChildren
from strongroom.custody.spending.budget import Limits, Spending
from strongroom.repository.opening import open_repository
from strongroom.storage.local.store import LocalStore
from tests.attack.cases import CASES
from tests.support.custody.in_process import Custody, Host
from tests.support.custody.watched import Watched
from tests.support.faults import WithholdingStore
from tests.support.forge import dumps, node, sha
from tests.support.repositories import PASSWORD

JUDGED = {
    "bomb_in_a_tree": ("suspicious", "damaged"),  # B-1
    "bomb_in_a_file": ("suspicious", "damaged"),
    "bomb_in_an_index": ("good", "damaged"),
    "bomb_in_a_snapshot": ("good", "damaged"),
    "wide_shared_trees": ("suspicious", "suspicious"),  # B-2
    "deep_tree": ("suspicious", "suspicious"),
    "tree_of_numbers": ("suspicious", "suspicious"),  # B-3
    "deep_json": ("suspicious", "suspicious"),  # B-5
    "index_entries_far_beyond": ("good", "damaged"),
    "index_entries_with_negative_numbers": ("good", "damaged"),
}


@pytest.mark.parametrize("case", JUDGED)
def test_b_1_b_2_b_3_b_5_bombs_are_incidents_and_rounds_go_on(tmp_path: Path, case: str) -> None:
    """B-1, B-2, B-3, B-5: what a parser has no budget for is a fault of that object; the round goes through."""
    watched = Watched(tmp_path)
    shutil.rmtree(watched.forge.place)
    watched.forge = CASES[case](watched.forge.place)
    watched.adopt()
    outcome = watched.round()
    verdict, code = JUDGED[case]
    assert outcome.failure == ""
    assert {one.verdict for one in outcome.judged} == {verdict}
    assert code in watched.codes()


def test_b_2_a_tree_that_names_one_a_million_times_is_remembered_by_one_name(tmp_path: Path) -> None:
    """B-2: what walking keeps of trees grows with what they name, not with how often: such trees are stored in next to
    nothing, and would fill the memory of the process that judges all. They count as often as they are named."""
    watched = Watched(tmp_path)
    (blob,) = watched.forge.pack(("data", b"small"))
    tree = watched.forge.tree(node("small", "file", content=[blob], size=5))
    for _ in range(6):
        tree = watched.forge.tree(*(node(f"{number:05}", "dir", subtree=tree) for number in range(8000)))
    watched.forge.index()
    with open_repository(LocalStore(str(watched.forge.place)), PASSWORD) as repository:
        repository.load_index()
        walker = Walker(repository, None, Reporter())
        tracemalloc.start()
        try:
            walker.walk([tree])
            kept, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert walker.totals(tree) == (min(8000**6, MOST), min(5 * 8000**6, MOST))
    assert kept < 1 << 20


def test_b_2_trees_that_spell_more_paths_than_any_number_holds(tmp_path: Path) -> None:
    """B-2: eighty trees, each twice in the next, hold 2^80 files; counts end at the largest number a database has."""
    watched = Watched(tmp_path)
    watched.backup({"a": b"honest " * 100})
    watched.adopt()
    watched.round()
    tree = watched.tree({"leaf": b"x" * 5000})
    for _ in range(80):
        tree = watched.forge.tree(node("a", "dir", subtree=tree), node("b", "dir", subtree=tree))
    bomb = watched.snapshot(tree)
    assert watched.round().failure == ""
    assert watched.reasons(bomb) >= {"too-large"}
    assert watched.measures(bomb)["files"] == (1 << 63) - 1


def test_b_3_names_that_no_terminal_or_database_takes(tmp_path: Path) -> None:
    """B-3: a host's name with zeros and control signs, endless paths, sizes of 2^64: words are bounded and clean."""
    watched = Watched(tmp_path)
    watched.backup({"a": b"honest " * 100})
    watched.adopt()
    watched.round()
    huge = watched.forge.tree(node("\u0000\u001b[2J" + "n" * 5000, "file", content=[], size=(1 << 64) - 1))
    watched.snapshot(huge, hostname="\u0000\u001b]0;x\u0007" + "h" * 100_000, paths=["/p" * 50_000] * 20)
    hole = watched.forge.tree(node("\u0000hole\u001b", "file", content=["ab" * 32], size=5))
    watched.snapshot(hole, hostname="other")
    assert watched.round().failure == ""
    words = [one.words + one.object for one in watched.incidents()]
    assert len(words) == 2
    assert all(text.isprintable() and len(text) < 5000 for text in words)


def test_b_4_a_flood_starves_neither_rereading_nor_what_came_first(tmp_path: Path) -> None:
    """B-4: within a budget, what came first is read first, and a quarter is for what waits to be read again."""
    watched = Watched(tmp_path)
    watched.backup({"a": bytes(range(256)) * 100})
    watched.adopt()
    watched.round()
    watched.later(days=29)
    honest = watched.backup({"a": bytes(range(256)) * 100, "b": b"new " * 5000})
    watched.later(hours=1)
    for number in range(60):
        watched.forge.pack(("data", f"junk {number}".encode() * 3000))
    outcome = watched.round(spending=Spending(Limits(bytes=400_000), watched.machine.clock))
    assert outcome.read.left > 0
    assert outcome.read_again.objects > 0
    assert watched.verdict(honest) == "good"


def test_b_4_one_object_that_cannot_be_read_stops_nothing_else(tmp_path: Path) -> None:
    """B-4: a pack that the store does not give is an incident of its own; the others are judged, and it is read when it
    can be."""
    watched = Watched(tmp_path)
    watched.backup({"a": b"honest " * 100})
    watched.adopt()
    watched.round()
    watched.forge.pack(("data", b"locked away" * 10))
    name = watched.pack(-1).name
    again = watched.backup({"a": b"honest " * 100})
    watched.wrap = lambda store: WithholdingStore(store, name)
    outcome = watched.round()
    assert (outcome.failure, watched.verdict(again)) == ("", "good")
    assert [(one.code.value, one.object) for one in watched.incidents()] == [("unreadable", f"data/{name}")]
    watched.wrap = lambda store: store
    watched.round()
    assert watched.codes() == set()


@pytest.mark.parametrize("kind", ["data", "index", "snapshots"])
def test_b_4_what_is_no_file_any_more_stops_no_round(tmp_path: Path, kind: str) -> None:
    """B-4: who can write in a folder puts a pipe in an object's place: that object is named, all else is judged and
    read; with the file back the incident ends."""
    watched = Watched(tmp_path)
    for content in (b"first", b"second"):
        watched.backup({"a": content * 100})
    watched.adopt()
    watched.round()
    path = min(path for path in (watched.forge.place / kind).rglob("*") if len(path.name) == 64)
    path.rename(tmp_path / "kept")
    os.mkfifo(path)
    again = watched.backup({"a": b"first" * 100})
    outcome = watched.round()
    assert outcome.failure == ""
    assert watched.verdict(again) in ("good", "pending", "suspicious")
    opened = {(one.code.value, one.object) for one in watched.incidents()}
    assert ("unreadable", f"{kind}/{path.name}") in opened
    path.unlink()
    (tmp_path / "kept").rename(path)
    watched.round()
    watched.round()
    assert ("unreadable", f"{kind}/{path.name}") not in {(one.code.value, one.object) for one in watched.incidents()}


DEADLY = """
import os
from strongroom.custody.reading import child
examine = child.examine
child.examine = lambda key, name, *rest: os.abort() if name.name == {!r} else examine(key, name, *rest)
child.main()
"""


def test_b_5_what_ends_whoever_parses_it_ends_a_child_and_no_round(tmp_path: Path) -> None:
    """B-1, B-5: a pack that no parser survives is an incident of its own; all else is read in another child, and the
    children end with the round."""
    watched = Watched(tmp_path)
    watched.backup({"a": b"honest " * 100})
    watched.adopt()
    watched.forge.pack(("data", b"deadly" * 10))
    name = watched.pack(-1).name
    children = ReadingChildren((sys.executable, "-I", "-c", DEADLY.format(name)))
    watched.state.examining = children
    outcome = watched.round()
    assert [one.verdict for one in outcome.judged] == ["good"]
    assert [(one.code.value, one.object) for one in watched.incidents()] == [("damaged", f"data/{name}")]
    assert outcome.read.objects >= 6 and not children._idle


def _plant(host: Host, *entries: Any) -> str:
    return host.forge.unpacked("index", dumps({"packs": list(entries)})).name


def test_a_2_a_lie_that_waits_for_its_turn_vouches_for_nothing(
    custody: Custody, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A-2: of more liars than a day takes, those that stay speak for no pack that the others alone named truly."""
    before = len(host.forge.entries)
    host.backup(index=False)
    honest = host.forge.entries[before:]
    custody.round()
    true = _plant(host, *honest, honest[0] | {"blobs": [honest[0]["blobs"][0] | {"id": sha(b"never stored")}]})
    custody.clock.advance(1)
    false = [
        entry | {"blobs": [blob | {"id": sha(blob["id"].encode())} for blob in entry["blobs"]]} for entry in honest
    ]
    waiting = _plant(host, *false)
    monkeypatch.setattr(step, "MOST", 1)
    known = custody.names("index")
    custody.round()
    custody.hand_over()
    assert known - custody.names("index") in ({true}, {waiting})
    wanted = {(entry["id"], blob["id"]) for entry in honest for blob in entry["blobs"]}
    said = set()
    with open_repository(custody.store(), PASSWORD) as repository:
        for name in custody.names("index") - {true, waiting}:
            for pack, blobs in _kernel.parse_index(repository.files.load(Kind.INDEX, name)):
                said |= {(pack, blob.id) for blob in blobs}
    assert wanted <= said


def test_b_1_a_snapshot_that_spells_a_million_paths_does_not_fill_the_state(tmp_path: Path) -> None:
    """B-1: its few bytes are kept as few; what is judged by stays, and the honest snapshot beside it is good."""
    watched = Watched(tmp_path)
    tree = watched.tree({"a": b"honest " * 100})
    honest = watched.snapshot(tree)
    watched.adopt()
    watched.round()
    bomb = watched.snapshot(tree, paths=["/" + "a" * 20] * 100_000, tags=["b" * 1000] * 500, hostname="h" * 100_000)
    watched.round()
    rows = {row.id: row for row in snapshots_of(watched.state, watched.adopted)}
    assert len(rows[bomb].document) < 16 << 10
    assert json.loads(rows[bomb].document)["tree"] == tree
    assert (watched.verdict(honest), watched.verdict(bomb)) == ("good", "suspicious")
    assert watched.reasons(bomb) >= {"new-source"}
