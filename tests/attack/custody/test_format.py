"""The threat catalogue: rows A, what an intruder with the repository's key writes into packs and indexes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strongroom.base.errors import UsageError
from tests.support.custody.watched import Watched
from tests.support.forge import dumps, node, sha

FILES = {"a": b"first " * 100, "b": b"second " * 100, "docs/c": b"third " * 100}


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    """A repository with one good snapshot, in care."""
    found = Watched(tmp_path)
    found.backup(FILES)
    found.adopt()
    assert [one.verdict for one in found.round().judged] == ["good"]
    found.later(days=1)
    return found


def _planted(watched: Watched, entries: list[Any], **fields: Any) -> Path:
    return watched.forge.unpacked("index", dumps({"packs": entries} | fields))


@pytest.mark.parametrize("kind", ["data", "tree"])
def test_a_1_a_2_a_second_copy_of_a_blob_that_lies_counts_for_nothing(watched: Watched, kind: str) -> None:
    """A-1, A-2: an index names honest blobs in a pack that holds others; the lie is an incident, the honest copy is
    what is believed."""
    honest = next(one for one in watched.forge.entries if one["blobs"][0]["type"] == kind)
    small = watched.forge.pack(("data", b"tiny"))
    pack = watched.forge.entries.pop()
    assert small
    blob = honest["blobs"][0]
    index = _planted(watched, [{"id": pack["id"], "blobs": [blob | {"offset": 0, "length": 36}]}])
    outcome = watched.round()
    assert [name for name, _ in outcome.liars] == [index.name]
    assert watched.codes() == {"lying-index"}
    again = watched.backup(FILES)
    watched.round()
    assert watched.verdict(again) == "good"


def test_a_3_entries_of_a_pack_that_is_not_there_make_nothing_complete(watched: Watched) -> None:
    """A-3: an index says that a blob lies in a pack that nobody stored; a snapshot that needs it is not good, and
    after ten minutes of patience with a list that lags the index is a liar."""
    blob = sha(b"never stored")
    entry = {"id": blob, "type": "data", "offset": 0, "length": 44}
    index = _planted(watched, [{"id": sha(b"no pack"), "blobs": [entry]}])
    tree = watched.forge.tree(node("hole", "file", content=[blob], size=12))
    poisoned = watched.snapshot(tree)
    assert not watched.round().liars
    assert (watched.verdict(poisoned), watched.reasons(poisoned)) == ("suspicious", {"incomplete"})
    watched.later(hours=1)
    assert [name for name, _ in watched.round().liars] == [index.name]
    with pytest.raises(UsageError, match="not whole"):
        watched.accept(poisoned)


def test_a_3_a_hole_that_was_told_of_one_snapshot_is_told_of_the_next(watched: Watched) -> None:
    """A-3: two snapshots share a tree with a hole; neither is good, in one round or in two, whoever comes first."""
    hole = watched.forge.tree(node("hole", "file", content=[sha(b"never stored")], size=12))
    roots = [watched.forge.tree(node(name, "dir", subtree=hole)) for name in ("one", "two", "three")]
    found = [watched.snapshot(root) for root in roots[:2]]
    watched.round()
    watched.later(hours=2)
    found.append(watched.snapshot(roots[2]))
    watched.round()
    assert [watched.reasons(one) for one in found] == [{"incomplete"}] * 3


def test_a_3_what_was_missing_and_came_is_judged_anew(watched: Watched) -> None:
    """A-3: a snapshot that came before its data is good once the data is there."""
    content = b"late " * 50
    tree = watched.forge.tree(*(node(name, "file", content=[sha(content)], size=len(content)) for name in "abc"))
    early = watched.snapshot(tree)
    watched.round()
    assert watched.verdict(early) == "suspicious"
    watched.later(hours=1)
    watched.forge.pack(("data", content))
    watched.index()
    watched.round()
    assert watched.reasons(early) <= {"shrunk-bytes"}


def test_a_5_a_pack_whose_header_lies_is_damaged_and_believed_in_nothing(watched: Watched) -> None:
    """A-5: the header claims an ID over other bytes; the pack is damaged, and what needs that ID is not complete."""
    wanted = sha(b"what was promised")
    sealed = watched.forge.secret.seal(b"something else")
    header = watched.forge.secret.seal(b"\0" + len(sealed).to_bytes(4, "little") + bytes.fromhex(wanted))
    body = sealed + header + len(header).to_bytes(4, "little")
    pack = watched.forge.write("data", body)
    _planted(
        watched,
        [{"id": pack.name, "blobs": [{"id": wanted, "type": "data", "offset": 0, "length": len(sealed)}]}],
    )
    found = watched.snapshot(watched.forge.tree(node("lie", "file", content=[wanted], size=17)))
    watched.round()
    assert {"damaged", "lying-index"} <= watched.codes()
    assert watched.reasons(found) == {"incomplete"}


@pytest.mark.parametrize("field", ["supersedes", "packs_to_delete"])
def test_a_7_a_8_lists_of_what_is_said_to_be_gone_change_nothing(watched: Watched, field: str) -> None:
    """A-7, A-8: an index that supersedes honest ones, or lists honest packs for deletion, takes nothing away."""
    names = [path.name for path in (watched.forge.place / "index").iterdir()]
    value = names if field == "supersedes" else watched.forge.entries
    _planted(watched, [], **{field: value})
    again = watched.backup(FILES)
    outcome = watched.round()
    assert (watched.verdict(again), outcome.failure, outcome.plans) == ("good", "", [])


def test_e_1_what_is_said_of_a_snapshot_that_is_not_whole_steers_no_terminal(watched: Watched) -> None:
    """E-1: the name of a file whose content is nowhere has escape characters; the words that name it have none."""
    watched.snapshot(watched.forge.tree(node("x\x1b[31m", "file", content=["0" * 64], size=1)))
    (judged,) = watched.round().judged
    words = [why.words for why in judged.reasons if why.code == "incomplete"]
    assert len(words) == 1
    assert "/x\\x1b[31m" in words[0] and words[0].isprintable()
