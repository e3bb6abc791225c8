"""Trees are rewritten only where something changes, and what stays in them keeps its bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from strongroom import _kernel
from strongroom.base.errors import Damaged, LimitExceeded, Unavailable
from strongroom.base.objects import Kind
from strongroom.base.progress import Reporter
from strongroom.maintenance.repair_snapshots import RepairRule, repaired_snapshot
from strongroom.maintenance.rewrite import CountRule, FilterRule, NewMetadata, counted, rewritten_snapshot
from strongroom.maintenance.tree_rewriter import EMPTY_TREE, Rewritten, TreeRewriter
from strongroom.maintenance.tree_writer import TreeWriter
from strongroom.repository.opened import Repository
from tests.support.forge import Forge, dumps, node, sha
from tests.support.snapshots import add, opened

STRANGE = (
    b'{"name":"keep","type":"file","mode":420,"mtime":"2024-01-01T00:00:00.510+02:00","atime":"2024-01-01T00:00:00Z",'
)
STRANGE += b'"ctime":"2024-01-01T00:00:00Z","uid":0,"gid":0,"content":[],"later":{"b":1.50,"a":[]}}'


def rewriter(repository: Repository, rule: Any, *, dry_run: bool = False) -> tuple[TreeRewriter, TreeWriter]:
    writer = TreeWriter(repository, dry_run=dry_run)
    return TreeRewriter(repository, writer, rule, Reporter()), writer


def excluding(*patterns: str) -> FilterRule:
    return FilterRule(_kernel.Filter(excludes=patterns), including=False, told=lambda *_: None)


def including(*patterns: str) -> FilterRule:
    return FilterRule(_kernel.Filter(includes=patterns), including=True, told=lambda *_: None)


def listing(repository: Repository, tree: str, at: str = "") -> list[str]:
    """All paths of a tree, as the repository has it now."""
    found = []
    for one in repository.load_tree(tree).nodes:
        path = f"{at}/{one.name.decode()}"
        found += [path, *(listing(repository, one.subtree, path) if one.subtree else [])]
    return found


FOLDER = {"a": b"1", "docs": {"b": b"22", "c": {"d": b"333"}}, "empty": {}, "same": {"d": b"333"}}


@pytest.mark.parametrize(
    ("rule", "left", "files", "size"),
    [
        (excluding("d"), ["/a", "/docs", "/docs/b", "/docs/c", "/empty", "/same"], 2, 3),
        (excluding("/docs"), ["/a", "/empty", "/same", "/same/d"], 2, 4),
        (excluding("*"), [], 0, 0),
        (including("/docs/c"), ["/docs", "/docs/c", "/docs/c/d"], 1, 3),
        (including("d"), ["/docs", "/docs/c", "/docs/c/d", "/same", "/same/d"], 2, 6),
        (including("empty"), ["/empty"], 0, 0),
        (CountRule(), None, 4, 9),
        (excluding("nothing"), None, 4, 9),
    ],
)
def test_what_is_left_is_counted(tmp_path: Path, rule: Any, left: list[str] | None, files: int, size: int) -> None:
    """Each rule leaves what it should, with its files and bytes; None: the tree's ID is the same."""
    forge = Forge(tmp_path)
    root = add(forge, FOLDER)
    forge.index()
    repository = opened(tmp_path)
    rewriting, writer = rewriter(repository, rule)
    found = rewriting.rewrite(root)
    writer.finish()
    assert (found.files, found.bytes) == (files, size)
    assert found.tree is not None
    assert (found.tree == root) is (left is None)
    if left is not None:
        again = opened(tmp_path)  # all is stored and indexed
        assert listing(again, found.tree) == left


def test_nothing_is_left_of_what_includes_nothing(tmp_path: Path) -> None:
    """A pattern that matches nothing leaves no tree at all, not an empty one; a dry run stores nothing."""
    forge = Forge(tmp_path)
    root = add(forge, FOLDER)
    forge.index()
    repository = opened(tmp_path)
    before = len(list(repository.store.list(Kind.DATA)))
    rewriting, writer = rewriter(repository, excluding("a"), dry_run=True)
    assert rewriting.rewrite(root).tree not in (None, root)
    writer.finish()
    assert len(list(repository.store.list(Kind.DATA))) == before
    assert rewriter(repository, including("zzz"))[0].rewrite(root) == Rewritten(None)


def test_after_a_pack_that_was_not_stored_nothing_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that failed once took trees with it: no index and no snapshot may follow, even if it is back."""
    forge = Forge(tmp_path)
    root = add(forge, FOLDER)
    forge.index()
    repository = opened(tmp_path)
    rewriting, writer = rewriter(repository, excluding("d"))
    rewriting.rewrite(root)

    def away(*_: object) -> None:
        raise Unavailable("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(repository.store, "create", away)
        with pytest.raises(Unavailable):
            writer.finish()
    with pytest.raises(Damaged, match="not all stored"):
        writer.finish()


def test_nodes_that_stay_keep_every_byte(tmp_path: Path) -> None:
    """A node spelt as another program does, with fields that we do not know, is the same where its neighbour goes."""
    forge = Forge(tmp_path)
    root = forge.raw_tree(b'{"nodes":[' + dumps(node("gone", "file")) + b"," + STRANGE + b'],"more":1}\n')
    forge.index()
    repository = opened(tmp_path)
    rewriting, writer = rewriter(repository, excluding("gone"))
    found = rewriting.rewrite(root).tree
    writer.finish()
    assert found is not None
    assert opened(tmp_path).load_blob("tree", found) == b'{"nodes":[' + STRANGE + b'],"more":1}\n'


def test_a_tree_that_cannot_be_read_stops_a_rewrite(tmp_path: Path) -> None:
    """What is not known is not left out by guessing: the folder is named, with the command that helps."""
    forge = Forge(tmp_path)
    root = forge.tree(node("sub", "dir", subtree=sha(b"gone")))
    other = forge.tree(node("b", "file"), node("a", "file"))
    forge.index()
    repository = opened(tmp_path)
    for tree, path in ((root, "/sub"), (other, "/")):
        with pytest.raises(Damaged, match="cannot be rewritten") as raised:
            rewriter(repository, excluding("x"))[0].rewrite(tree)
        assert raised.value.subject == path
        assert "repair snapshots" in raised.value.hint


def test_a_snapshot_that_repeats_itself_without_end_is_refused(tmp_path: Path) -> None:
    """B-2: two folders that are the same one, twenty-five deep, spell more paths than are looked at."""
    forge = Forge(tmp_path)
    tree = forge.tree(node("f", "file"))
    files = [node(f"c{number}", "file") for number in range(100, 400)]
    for _ in range(25):
        tree = forge.tree(node("a", "dir", subtree=tree), node("b", "dir", subtree=tree), *files)
    forge.index()
    repository = opened(tmp_path)
    with pytest.raises(LimitExceeded):
        rewriter(repository, excluding("x"))[0].rewrite(tree)
    assert rewriter(repository, CountRule())[0].rewrite(tree).files == (1 << 25) + 300 * ((1 << 25) - 1)


def test_a_folder_that_is_deep_is_rewritten(tmp_path: Path) -> None:
    """B-3: as deep as can be saved, and one error beyond that, never the interpreter's own limit."""
    forge = Forge(tmp_path)
    tree = forge.tree(node("f", "file"), node("g", "file"))
    chain = []
    for _ in range(_kernel.MAX_DEPTH + 1):
        text = dumps({"nodes": [node("d", "dir", subtree=tree)]}) + b"\n"
        chain.append(text)
        tree = sha(text)
    forge.pack(*(("tree", text) for text in chain))
    forge.index()
    repository = opened(tmp_path)
    assert rewriter(repository, excluding("f"))[0].rewrite(sha(chain[-2])).files == 1
    with pytest.raises(LimitExceeded, match="nest too deep"):
        rewriter(repository, excluding("f"))[0].rewrite(tree)


def test_a_repair_cuts_what_is_gone_and_tells_it(tmp_path: Path) -> None:
    """Lost parts of a file, wrong sizes, folders that cannot be read go, each by name; whole neighbours stay."""
    forge = Forge(tmp_path)
    (kept,) = forge.pack(("data", b"kept"))
    whole = node("whole", "file", content=[kept], size=4)
    root = forge.tree(
        node("half", "file", content=[kept, sha(b"lost")], size=8),
        node("long", "file", content=[kept], size=9),
        node("lost", "dir", subtree=sha(b"no tree")),
        node("null", "file", content=None),
        node("odd", "irregular"),
        node("treeless", "dir"),
        whole,
    )
    forge.index()
    repository = opened(tmp_path)
    told: list[tuple[bytes, bool, str]] = []
    rewriting, writer = rewriter(repository, RepairRule(repository, lambda *what: told.append(what)))
    found = rewriting.rewrite(root)
    writer.finish()
    assert told == [
        (b"/half", False, "removed missing content"),
        (b"/long", False, "fixed incorrect size"),
        (b"/lost", True, "replaced with empty directory"),
        (b"/odd", False, 'removed node with invalid type "irregular"'),
        (b"/treeless", True, "replaced with empty directory"),
    ]
    again = opened(tmp_path)
    assert found.tree is not None
    nodes = {one.name.decode(): one for one in again.load_tree(found.tree, strict=True).nodes}
    assert {name: (one.content, one.size) for name, one in nodes.items() if one.type == "file"} == {
        "half": ([kept], 4), "long": ([kept], 4), "null": ([], 0), "whole": ([kept], 4),
    }  # fmt: skip
    assert nodes["lost"].subtree == nodes["treeless"].subtree == sha(EMPTY_TREE)
    assert dumps(whole) in again.load_blob("tree", found.tree)
    rewriting, _ = rewriter(again, RepairRule(again, lambda *what: told.append(what)))
    assert rewriting.rewrite(found.tree).tree == found.tree, "nothing is left to repair"


def test_a_repair_sorts_and_drops_entries(tmp_path: Path) -> None:
    """Entries in the wrong order are sorted, one that cannot be read goes; without a root nothing is left."""
    forge = Forge(tmp_path)
    root = forge.raw_tree(dumps({"nodes": [node("b", "file"), node("a", "file"), node("../x", "file")]}) + b"\n")
    forge.index()
    repository = opened(tmp_path)
    told: list[tuple[bytes, bool, str]] = []
    rewriting, writer = rewriter(repository, RepairRule(repository, lambda *what: told.append(what)))
    found = rewriting.rewrite(root)
    writer.finish()
    assert found.tree is not None
    assert [one.name for one in repository.load_tree(found.tree, strict=True).nodes] == [b"a", b"b"]
    assert len(told) == 1 and told[0][0].startswith(b"/")
    assert rewriting.rewrite(sha(b"nowhere")).tree is None


def test_snapshots_say_what_they_stand_for(tmp_path: Path) -> None:
    """A new snapshot names the old one and has a tag unless that goes; an equal one is none."""
    forge = Forge(tmp_path)
    path = forge.snapshot(add(forge, {"a": b"1"}), tags=["t"], delete="Never")
    forge.index()
    repository = opened(tmp_path)
    old = repository.load_snapshot(path.name)
    same, other = Rewritten(old.tree, 1, 1), Rewritten("f" * 64, 2, 3)
    new = rewritten_snapshot(path.name, old, other, NewMetadata(), "rewrite")
    assert new is not None and (new.tags, new.original, new.tree) == (("t", "rewrite"), path.name, "f" * 64)
    assert new.members()["delete"] == "Never" and new.summary == counted(None, other)
    assert rewritten_snapshot(path.name, old, None, NewMetadata(), "") is None
    with_summary = rewritten_snapshot(path.name, old, same, NewMetadata(), "")
    assert with_summary is not None and with_summary.tags == ("t",)
    assert rewritten_snapshot(path.name, with_summary, same, NewMetadata(), "") is None
    named = rewritten_snapshot(path.name, old, None, NewMetadata(hostname="beta"), "")
    assert named is not None and (named.hostname, named.tree, named.summary) == ("beta", old.tree, None)
    assert repaired_snapshot(path.name, old, same, "repaired") is None
    repaired = repaired_snapshot(path.name, old, other, "repaired")
    assert repaired is not None and (repaired.tags, repaired.summary) == (("t", "repaired"), None)
