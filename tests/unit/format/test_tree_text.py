"""A tree's text is taken apart without a byte of its nodes being spelt anew."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.errors import Damaged
from strongroom.format.tree_text import take_apart

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
nodes = st.lists(st.dictionaries(st.text(max_size=9), values, max_size=4), max_size=4)


@settings(max_examples=40)
@given(nodes, st.booleans(), st.dictionaries(st.text().filter(lambda key: key.lower() != "nodes"), values, max_size=2))
def test_the_parts_are_the_text(found: list[dict[str, object]], spaced: bool, others: dict[str, object]) -> None:
    """Put together again they are the same bytes, and each part is its node's JSON, whatever stands beside the list."""
    separators = (", ", ": ") if spaced else (",", ":")
    text = json.dumps(others | {"nodes": found}, separators=separators, ensure_ascii=spaced).encode() + b"\n"
    parts = take_apart(text)
    assert [json.loads(node) for node in parts.nodes] == found
    if not spaced:
        assert parts.with_nodes(parts.nodes) == text
    assert json.loads(parts.with_nodes(parts.nodes[1:]))["nodes"] == found[1:]


def test_bytes_that_are_no_text_pass_as_they_are() -> None:
    """Another writer's bytes in a link's target, its spelling of a time and its further fields stay."""
    node = b'{"name":"a","linktarget":"\xff\xfe","mtime":"2024-01-01T00:00:00.510+02:00","new":[1.50,{"x":1e2}]}'
    assert take_apart(b'{"nodes":[' + node + b"," + node + b"]}\n").nodes == (node, node)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b'{"nodes":{}}', b'{"nodes":[{"a":1}', b"[]", b'{"nodes":[' + b"[" * 100_000]
)
def test_what_is_no_tree_is_damaged(text: bytes) -> None:
    """An error, never a crash."""
    with pytest.raises(Damaged):
        take_apart(text)
