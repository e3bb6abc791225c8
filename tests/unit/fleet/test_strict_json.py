"""Does the fleet's JSON have one spelling when written, and refuse what is odd or too much when read?"""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.errors import Damaged, LimitExceeded
from strongroom.fleet.protocol.fields import Fields, visible
from strongroom.fleet.protocol.strict_json import DEPTH, MOST, decode, encode

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers(-MOST, MOST) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, VALUE, max_size=5))
def test_what_is_written_is_read_and_has_one_spelling(document: dict[str, Any]) -> None:
    """Whatever order the keys came in, the bytes are the same, and mean the document."""
    data = encode(document)
    assert decode(data, 1 << 20, "it") == document
    assert encode(dict(reversed(document.items()))) == data


@given(st.binary(max_size=200))
def test_any_bytes_are_a_document_or_an_error_of_ours(data: bytes) -> None:
    """No input makes the reader raise anything else."""
    with contextlib.suppress(Damaged, LimitExceeded):
        assert isinstance(decode(data, 100, "it"), dict)


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":%d}' % (MOST + 1),
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":"\\ud800"}',
        b'{"\\udfff":1}',
        b'{"a":"\xff"}',
        b"[]",
        b"1",
        b"",
        b'{"a":1} {}',
    ],
)
def test_odd_documents_are_refused(data: bytes) -> None:
    """What two readers could read differently is not read at all."""
    with pytest.raises(Damaged):
        decode(data, 1 << 20, "it")


def test_deep_and_long_documents_are_refused() -> None:
    """Neither nesting nor length costs more than its budget; the deepest that is allowed is read."""
    fitting = b'{"a":' + b"[" * (DEPTH - 1) + b"]" * (DEPTH - 1) + b"}"
    assert decode(fitting, 1000, "it")
    for depth in (DEPTH, 500, 100_000):
        with pytest.raises(LimitExceeded):
            decode(b'{"a":' + b"[" * depth + b"]" * depth + b"}", 1 << 20, "it")
    with pytest.raises(LimitExceeded):
        decode(fitting, len(fitting) - 1, "it")


def test_a_writer_that_is_wrong_is_told_so() -> None:
    """Nothing is signed that no reader would take."""
    for document in ({"a": 1.5}, {"a": "\ud800"}, {"a": MOST + 1}, {"a": b"bytes"}, {1: "a"}):
        with pytest.raises(ValueError, match=r"a |text"):
            encode(document)  # type: ignore[arg-type]


def test_fields_say_what_is_wrong_with_them() -> None:
    """A truth value is no number, a name has no slash, a list no more entries than it may."""
    fields = Fields({"n": True, "name": "../x", "list": [1, 2, 3], "pairs": [[2, 1]], "big": 11}, "the report")
    for read in (
        lambda: fields.number("n"),
        lambda: fields.name("name"),
        lambda: fields.ranges("pairs", 5),
        lambda: fields.number("big", 0, 10),
        lambda: fields.text("missing"),
        lambda: fields.texts("list", 5),
        lambda: fields.each("list", 5),
        lambda: fields.inner("list"),
    ):
        with pytest.raises(Damaged, match="the report"):
            read()
    with pytest.raises(LimitExceeded, match="3 entries"):
        fields.texts("list", 2)


@given(st.text(max_size=30))
def test_what_is_shown_moves_no_cursor(text: str) -> None:
    """Names and paths of hosts reach terminals and pages without control or direction characters."""
    shown = visible(text)
    assert not any(ord(one) < 32 or 0x7F <= ord(one) < 0xA0 or 0x202A <= ord(one) <= 0x202E for one in shown)
    assert visible("a\x1b[2J\u202eb") == "a\\x1b[2J\\u202eb"
