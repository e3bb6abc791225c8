"""Receipts as data: one spelling, a strict parser, promises."""

from __future__ import annotations

import contextlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.errors import Damaged, LimitExceeded, StrongroomError
from strongroom.receipts.log import promise
from strongroom.receipts.log.leaf import MAX_LEAF, LeafType, Receipt, parse
from tests.support.logs import draft, new_signer

hexes = st.binary(min_size=32, max_size=32).map(bytes.hex)
numbers = st.integers(0, 2**63 - 1)
receipts = st.builds(
    Receipt,
    type=st.sampled_from(LeafType),
    repository=hexes.map(lambda text: text[:32]),
    sequence=numbers,
    previous=hexes,
    kind=st.sampled_from(["", "data", "config", "keys"]),
    name=hexes,
    sha256=hexes,
    size=numbers,
    principal=st.sampled_from(["", "web01", "a.b@c:d"]),
    time_ns=numbers,
    boot=st.just("bfbcbd72-cacc-4246-a91a-136eb90dd9c9"),
    suspect=st.booleans(),
    first=st.none() | numbers,
    detail=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40),
    salt=hexes.map(lambda text: text[:32]),
)


def one() -> bytes:
    """An encoded receipt."""
    return draft(1).leaf(3, "1" * 64, now_ns=5, boot="", first=None, salt="2" * 32)


@settings(max_examples=100)
@given(receipts)
def test_a_receipt_comes_back_from_its_bytes(receipt: Receipt) -> None:
    """What is encoded is plain JSON without white space, parses to the same receipt, and is within the budget."""
    data = receipt.encode()
    assert data == json.dumps(receipt.row(), separators=(",", ":")).encode()
    assert len(data) <= MAX_LEAF
    assert parse(data) == receipt


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("principal", "a\x1fb"),
        ("principal", "a\x1f\x1f"),
        ("boot", 'x"'),
        ("kind", "data\x1f"),
        ("salt", ""),
        ("name", 5),
    ],
)
def test_a_text_of_another_form_is_refused(field: str, text: object) -> None:
    """What no text may hold is refused wherever it stands, with the field's name."""
    fields = {**parse(one()).row(), "time_ns": 1, "version": 1, "type": LeafType.CREATE, field: text}
    fields = {key: value for key, value in fields.items() if key not in ("time", "v")}
    with pytest.raises(ValueError, match=f"{field} is not of its form"):
        Receipt(**fields)  # type: ignore[arg-type]


@settings(max_examples=200)
@given(st.binary(max_size=200) | st.tuples(st.integers(0, 400), st.integers(0, 255)))
def test_other_bytes_are_refused_with_our_errors(change: bytes | tuple[int, int]) -> None:
    """Random bytes, and a leaf with one byte changed, never parse to a leaf with other bytes and never crash."""
    data = one()
    if isinstance(change, bytes):
        data = change
    else:
        at, value = change
        data = data[:at] + bytes([value]) + data[at + 1 :]
    with contextlib.suppress(StrongroomError):
        assert parse(data).encode() == data


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": True},
        {"type": "delete"},
        {"repository": "A" * 32},
        {"sequence": -1},
        {"sequence": 1.0},
        {"sequence": 2**63},
        {"suspect": 0},
        {"name": "short"},
        {"detail": "\u202e"},
        {"principal": "a b"},
        {"extra": 1},
    ],
)
def test_a_field_out_of_its_form_is_refused(change: dict[str, object]) -> None:
    """Each field has a form, and another key, type or range is refused."""
    row = json.loads(one()) | change
    with pytest.raises(Damaged):
        parse(json.dumps(row, separators=(",", ":")).encode())


def test_another_spelling_and_a_bomb_are_refused() -> None:
    """White space, another order of keys, too many bytes and deep nesting are refused."""
    row = json.loads(one())
    with pytest.raises(Damaged):
        parse(json.dumps(row).encode())
    with pytest.raises(Damaged):
        parse(json.dumps(dict(reversed(row.items())), separators=(",", ":")).encode())
    with pytest.raises(LimitExceeded):
        parse(b"[" * (MAX_LEAF + 1))
    with pytest.raises(Damaged):
        parse(b"[" * MAX_LEAF)


def test_a_promise_binds_the_leaf_to_the_log() -> None:
    """A promise verifies with the log's key alone, and not for another leaf, log or signature."""
    signer, other = new_signer(), new_signer()
    value = promise.make(signer, one())
    assert promise.check(signer.verifier, value) == parse(one())
    changed = draft(2).leaf(3, "1" * 64, now_ns=5, boot="", first=None, salt="2" * 32)
    forged = f"v1 {promise.make(other, changed).split()[1]} {value.split()[2]}"
    for verifier, text in (
        (other.verifier, value),
        (signer.verifier, forged),
        (signer.verifier, value[:-8]),
        (signer.verifier, "v1 x y"),
        (signer.verifier, ""),
    ):
        with pytest.raises(Damaged):
            promise.check(verifier, text)
