"""The kernel's tree codec against its twin, and against bytes that are no tree."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from strongroom import _kernel
from strongroom._kernel import Node, Timestamp
from strongroom.base.errors import Damaged, LimitExceeded
from tests.twins import tree as twin

HOSTILE = (Path(__file__).parents[3] / "crates/kernel/tests/data/hostile-tree.json").read_bytes()

SIGNS = st.sampled_from([*'abc"\\<>&\n\t\b\x01\x7f', *"éß中\u00a0\u00ad\u200d\u2028\ufffd\ue000😀\U000f0000"])
BYTES = st.lists(st.one_of(SIGNS.map(str.encode), st.sampled_from([b"\xff", b"\xc3", b"\xed\xa0\x80"]))).map(b"".join)
NAMES = BYTES.map(lambda name: name + b"x")
IDS = st.sampled_from(["0" * 64, "0123456789abcdef" * 4, "f" * 64])
TIMES = st.tuples(st.integers(-62 * 10**18, 250 * 10**18), st.sampled_from([0, 3600, -12600, 20700, 50400, 2670, -60]))
WORDS = st.integers(0, 2**64 - 1)
HALVES = st.integers(0, 2**32 - 1)
NODE = st.fixed_dictionaries(
    {
        "name": NAMES,
        "type": st.sampled_from(["file", "dir", "symlink", "dev", "fifo", "socket", "irregular", "other<"]),
    },
    optional={
        **dict.fromkeys(("mode", "uid", "gid"), HALVES),
        **dict.fromkeys(("inode", "device_id", "size", "links", "device"), WORDS),
        **dict.fromkeys(("mtime", "atime", "ctime"), TIMES),
        **{key: st.text(SIGNS, max_size=8) for key in ("user", "group", "error")},
        "linktarget": BYTES,
        "extended_attributes": st.lists(st.tuples(NAMES, BYTES), max_size=3),
        "content": st.none() | st.lists(IDS, max_size=3),
        "subtree": IDS,
    },
)


@settings(max_examples=300, deadline=None)
@given(st.lists(NODE, max_size=4, unique_by=lambda node: node["name"]))
def test_encoding(nodes: list[dict[str, Any]]) -> None:
    """Every node is written as the twin writes it, and read back as it was where nothing was lost on the way."""
    nodes.sort(key=lambda node: bytes(node["name"]))
    ours, theirs = [], []
    for fields in nodes:
        times = {key: value for key, value in fields.items() if isinstance(value, tuple)}
        ours.append(Node(**{**fields, **{key: Timestamp(*value) for key, value in times.items()}}))
        theirs.append({**fields, **{key: twin.format_time(*value) for key, value in times.items()}})
    data = _kernel.encode_tree(ours)
    assert data == twin.encode(theirs)
    again = _kernel.decode_tree(data, strict=True).nodes
    assert [node.name for node in again] == [node.name for node in ours]
    assert [node.linktarget for node in again] == [node.linktarget for node in ours]


TEXTS = ["", "a", "a\\n", "\\x2f", "\\q", "..", "é", "\\u00e9\\101", "2026-01-02T03:04:05Z", "AA==", "0" * 64]
PAIR = st.fixed_dictionaries({}, optional={"name": st.sampled_from(["a", "", "ü"]), "value": st.just("AA==")})
JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 2**64),
    st.sampled_from(
        [1.5, "", "a", "a\\n", "\\x2f", "\\q", "..", "é", "\\u00e9\\101", "2026-01-02T03:04:05Z", "AA==", "0" * 64]
    ),
    st.just([]),
    st.lists(st.sampled_from(["0" * 64, "A" * 64, None, 1]), max_size=2),
    st.lists(
        st.fixed_dictionaries({}, optional={"name": st.sampled_from(["a", "", "ü"]), "value": st.just("AA==")}),
        max_size=2,
    ),
    st.just({}),
)
KEYS = st.sampled_from([key for key in twin.FIELDS if key not in ("generic_attributes", "mtime", "atime", "ctime")])
RAW_NODE = st.dictionaries(st.one_of(KEYS, KEYS.map(str.upper)), JSON, max_size=5) | JSON
NAMED = st.tuples(RAW_NODE, st.sampled_from(["a", "b", "c\\xff"])).map(
    lambda pair: {"name": pair[1], **pair[0]} if isinstance(pair[0], dict) else pair[0]
)


@settings(max_examples=500, deadline=None)
@given(st.lists(NAMED | RAW_NODE, max_size=4), st.sampled_from([None, 1]), st.booleans())
def test_lenient_decoding(nodes: list[Any], indent: int | None, plain: bool) -> None:
    """Of nodes with fields of any type, in any case and spelling, the same ones are taken, with the same values."""
    data = json.dumps({"x": [1, {}], "nodes": nodes}, indent=indent, ensure_ascii=plain).encode()
    expected, skipped = twin.decode(data)
    tree = _kernel.decode_tree(data)
    assert [node.json.decode() for node in tree.nodes] == [twin.encode_node(node) for node in expected]
    assert sorted(name for name, _ in tree.skipped) == sorted(skipped)


SPLINTERS = st.sampled_from([b'"', b"\\", b"},{", b"[[", b"\xff"])


@settings(max_examples=500, deadline=None)
@given(st.data())
def test_damage(data: st.DataObject) -> None:
    """Whatever is done to a real tree's bytes, it is read or refused with an error of ours, and what is read can be
    written and read again."""
    broken = bytearray(HOSTILE)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(broken) - 1))
        length = data.draw(st.integers(0, 30))
        broken[at : at + length] = data.draw(
            st.binary(max_size=4) | st.sampled_from([b'"', b"\\", b"},{", b"[[", b"\xff"])
        )
    _read(bytes(broken))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40))
@example(b'{"nodes":[{"name":"\\ud800"}]}')
def test_noise(noise: bytes) -> None:
    """Noise where nodes should be is read or refused."""
    _read(noise)
    _read(b'{"nodes":[{"name":"' + noise + b'"}]}')
    _read(b'{"nodes":[{"name":"a","mode":' + noise + b"}]}")


def _read(data: bytes) -> None:
    try:
        tree = _kernel.decode_tree(data)
    except (Damaged, LimitExceeded):
        return
    written = _kernel.encode_tree(tree.nodes)
    assert _kernel.encode_tree(_kernel.decode_tree(written, strict=True).nodes) == _kernel.encode_tree(
        _kernel.decode_tree(written).nodes
    )
