"""The tree codec as Python sees it."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from strongroom import _kernel
from strongroom._kernel import Node, Timestamp
from strongroom.base.errors import Damaged, LimitExceeded

HOSTILE = Path(__file__).parents[3] / "crates/kernel/tests/data/hostile-tree.json"


def test_restic_tree_comes_back() -> None:
    """A tree that restic wrote is read strictly and written again byte for byte."""
    data = HOSTILE.read_bytes()
    tree = _kernel.decode_tree(data, strict=True)
    assert _kernel.encode_tree(tree.nodes) == data
    assert (tree.skipped, tree.reordered) == ([], False)
    assert (len(tree.nodes), tree.nodes[-1], tree.nodes[1:5:2]) == (
        len(list(tree.nodes)),
        list(tree.nodes)[-1],
        list(tree.nodes)[1:5:2],
    )
    assert [tree.find(node.name) for node in tree.nodes] == list(tree.nodes)
    assert tree.find(b"no such name") is None
    target = next(node for node in tree.nodes if node.type == "symlink")
    assert isinstance(target.linktarget, bytes) and target.content is None


def test_every_field_can_be_set() -> None:
    """A node made in Python holds what it was given, and the same after writing and reading."""
    fields = {
        "mode": 0o644 | 1 << 23,
        "mtime": Timestamp(1, 3600),
        "atime": Timestamp(-5),
        "ctime": Timestamp(10**18 + 1, -12600),
        "uid": 1,
        "gid": 2,
        "user": "ü",
        "group": "g",
        "inode": 2**64 - 1,
        "device_id": 3,
        "size": 4,
        "links": 5,
        "linktarget": b"\xff/x",
        "extended_attributes": [(b"user.b", b""), (b"user.a", b"\0\xff")],
        "device": 6,
        "content": ["0" * 64, "f" * 64],
        "subtree": "a" * 64,
        "error": "e",
    }
    node = Node(b"\xff\n", "irregular", **fields)
    (again,) = _kernel.decode_tree(_kernel.encode_tree([node]), strict=True).nodes
    assert again == node
    assert {name: getattr(again, name) for name in fields} == fields
    assert again.permissions == 0o4644
    copy = again.copy()
    copy.uid = 9
    assert again.uid == 1 and copy != again


def test_bad_nodes_are_named() -> None:
    """Lenient reading names what it leaves out; strict reading refuses."""
    data = b'{"nodes":[{"name":"..","type":"dir"},{"name":"a","type":"file","size":3}]}'
    tree = _kernel.decode_tree(data)
    assert [node.name for node in tree.nodes] == [b"a"]
    assert tree.skipped == [(b"..", "its name leads to another directory")]
    with pytest.raises(Damaged):
        _kernel.decode_tree(data, strict=True)
    with pytest.raises(Damaged):
        _kernel.decode_tree(b'{"nodes":[')
    with pytest.raises(LimitExceeded):
        _kernel.decode_tree(b'{"nodes":[' + b"1," * 300_000 + b"1]}")


def test_order_is_kept() -> None:
    """A tree that no reader would take is not written."""
    with pytest.raises(RuntimeError):
        _kernel.encode_tree([Node(b"b", "file"), Node(b"a", "file")])


def test_timestamps() -> None:
    """Times compare, print and pickle; what is none is refused."""
    time = Timestamp.parse("2026-01-02T03:04:05.530+02:00")
    assert str(time) == "2026-01-02T03:04:05.53+02:00"
    assert pickle.loads(pickle.dumps(time)) == time
    assert {time, Timestamp(time.ns, 7200)} == {time}
    assert Timestamp(time.ns) != time
    with pytest.raises(Damaged):
        Timestamp.parse("now")
    with pytest.raises(ValueError, match="out of range"):
        Timestamp(0, 100_000)
    with pytest.raises(ValueError, match="out of range"):
        Timestamp(10**30)
