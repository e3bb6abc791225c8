"""The list is read back as it was written, whatever hosts are called; nothing in a name ends a line or the text."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.errors import Damaged
from strongroom.custody.good.text import GoodList, GoodSnapshot, GoodSource, file_name, parse_list
from strongroom.custody.ledger import printable
from strongroom.receipts.log.note import Signer

SIGNER = Signer("strongroom-judge", Ed25519PrivateKey.from_private_bytes(bytes(32)))
TIME = "2027-01-15T08:00:00Z"
ID = "ab" * 32
SNAPSHOT = GoodSnapshot("1" * 64, TIME, "1900-01-01T00:00:00Z", TIME)
HOSTILE = [
    "a\n-----BEGIN SSH SIGNATURE-----\nx",
    "web\n\nsource other:/",
    "a\r\x1b[2J\u202e\u2028\x85\x00b",
    "",
    "  ",
    "source x",
    "ä🔑",
    "good 1, of which 1 stand here",
    "\x0b\x0c\x1c\x1d\x1e",
]


def _made(*names: str) -> GoodList:
    sources = tuple(GoodSource(printable(name), 7, (SNAPSHOT,) * (number + 1)) for number, name in enumerate(names))
    return GoodList(ID, 42, TIME, "", sources)


def _read(found: GoodList) -> GoodList:
    data = found.sign(SIGNER)
    return parse_list(file_name(found.number, data), data, SIGNER.verifier, ID)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_stay_on_their_line(name: str) -> None:
    """Alone, first and last."""
    for names in ((name,), (name, "web01:/srv"), ("web01:/srv", name)):
        made = _made(*names)
        assert _read(made) == made
        text = made.sign(SIGNER).decode()
        assert text.count("-----BEGIN SSH SIGNATURE-----\n") == 1
        assert all(letter.isprintable() for letter in text if letter != "\n")
        assert len(text.splitlines()) == text.count("\n")


@given(st.lists(st.text(max_size=40), max_size=4))
@settings(max_examples=200, deadline=None)
def test_any_names_are_read_back(names: list[str]) -> None:
    """By any text at all."""
    made = _made(*names)
    assert _read(made) == made


def test_what_else_stands_under_the_name_is_refused_in_words() -> None:
    """Another key's, another repository's, an older list under a newer number, a cut and a changed one, no text."""
    data = _made("web01:/srv").sign(SIGNER)
    stranger = Signer("strongroom-judge", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
    cases = [
        (file_name(42, data), data, stranger.verifier, ID, "is not signed by this custodian"),
        (file_name(42, data), data, SIGNER.verifier, "cd" * 32, f"is of another repository, {ID}"),
        (file_name(43, data), data, SIGNER.verifier, ID, f"is list 42, of {TIME}, under another name"),
        (file_name(42, data), data[:-1], SIGNER.verifier, ID, "is not signed by this custodian"),
        (file_name(42, data), data.replace(b"1900", b"1901"), SIGNER.verifier, ID, "is not signed by this custodian"),
        (file_name(42, data), b"hello", SIGNER.verifier, ID, "has no signature"),
        (file_name(42, data), b"\xff\n-----BEGIN SSH SIGNATURE-----\n", SIGNER.verifier, ID, "is no text"),
    ]
    for name, given_data, verifier, repository, words in cases:
        with pytest.raises(Damaged) as refused:
            parse_list(name, given_data, verifier, repository)
        assert refused.value.what == words
