"""Do signatures cover what they should, and do tokens and words say what was put into them?"""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from strongroom.base.errors import Damaged, LimitExceeded, UsageError
from strongroom.fleet.protocol.fingerprint_words import parse_words, words_of
from strongroom.fleet.protocol.signed import MOST_BODY, Forged, KeyPair, parse_signed, sign_with, signer_id
from strongroom.fleet.protocol.token import (
    CARD,
    Card,
    CardGateway,
    InvitationToken,
    Ticket,
    check_custodian,
    parse_card,
    parse_token,
)

HOST, OTHER = KeyPair(b"\1" * 32), KeyPair(b"\2" * 32)
TICKET = Ticket("https://fleet.example.org:8040", "ab" * 32, "00" * 8, "s" * 43, "web01", "server", 2000)


def test_a_message_survives_the_way_and_verifies() -> None:
    """The bytes are the message: parsed and written again they are the same."""
    message = HOST.sign("report", {"n": 1})
    assert message.to_bytes().startswith(b"strongroom-fleet-1 report " + HOST.id.encode() + b" ")
    again = parse_signed(message.to_bytes())
    assert again == message
    again.verify("report", HOST.public)
    assert again.document("it") == {"n": 1}


@given(st.integers(0, 1 << 30), st.integers(1, 255))
def test_no_changed_byte_verifies(position: int, change: int) -> None:
    """A flipped bit anywhere, the head included, is no message or is forged."""
    data = bytearray(HOST.sign("report", {"n": 1, "text": "ä"}).to_bytes())
    data[position % len(data)] ^= change
    with pytest.raises(Damaged):
        parse_signed(bytes(data)).verify("report", HOST.public)


def test_no_message_counts_for_another_kind_or_key() -> None:
    """What was signed as a report is no end of an enrolment, and another's is not the host's."""
    message = HOST.sign("report", {"n": 1})
    with pytest.raises(Forged, match="kind"):
        message.verify("enrol-done", HOST.public)
    with pytest.raises(Forged, match="another key"):
        message.verify("report", OTHER.public)
    renamed = parse_signed(message.to_bytes().replace(b" report ", b" enrol-done "))
    with pytest.raises(Forged, match="does not verify"):
        renamed.verify("enrol-done", HOST.public)
    claimed = parse_signed(message.to_bytes().replace(HOST.id.encode(), OTHER.id.encode()))
    with pytest.raises(Forged, match="does not verify"):
        claimed.verify("report", OTHER.public)


@given(st.binary(max_size=300))
def test_any_bytes_are_a_message_or_an_error_of_ours(data: bytes) -> None:
    """No input makes the reader raise anything else."""
    for one in (data, b"strongroom-fleet-1 report " + data):
        with pytest.raises((Damaged, LimitExceeded)):
            parse_signed(one).verify("report", HOST.public)


def test_a_body_has_its_budget() -> None:
    """Neither sender nor reader takes more."""
    with pytest.raises(LimitExceeded):
        HOST.sign("report", {"log": "x" * MOST_BODY})
    with pytest.raises(LimitExceeded):
        parse_signed(b"x" * (MOST_BODY + 1000))


@given(st.binary(min_size=16, max_size=16))
def test_eight_words_are_the_id(raw: bytes) -> None:
    """The words say all of the ID, in either spelling, and nothing else is taken for words."""
    words = words_of(raw.hex())
    assert len(words.split("-")) == 8
    assert parse_words(f" {words.upper()} ") == parse_words(words.replace("-", " ")) == raw.hex()
    with pytest.raises(UsageError):
        parse_words(words[:-1])
    with pytest.raises(UsageError):
        parse_words(words[:-1] + "e")


def _card(until: int = 1000) -> Card:
    gateway = CardGateway("https://backup.example.org/", "log+0123abcd+AAAA", "hosts", 5 << 30)
    return Card(OTHER.public, ("age1custodian", "age1kit"), (gateway,), 10, until)


def test_a_token_says_what_the_custodian_and_the_server_put_in() -> None:
    """It survives broken lines; the card verifies by its own key, which a fingerprint from elsewhere pins."""
    token = InvitationToken(OTHER.sign(CARD, _card().to_document()), TICKET)
    text = token.to_text()
    assert text.startswith("sre1_") and len(text) < 2000
    found = parse_token("\n".join(text[at : at + 70] for at in range(0, len(text), 70)))
    assert found == token and "ssss" not in repr(found)
    assert found.card is not None
    card = parse_card(found.card, now=999)
    assert card == _card()
    check_custodian(card, parse_words(words_of(signer_id(OTHER.public))))
    with pytest.raises(Forged, match="another custodian"):
        check_custodian(card, HOST.id)
    with pytest.raises(Damaged, match="ended"):
        parse_card(found.card, now=1000)


def test_a_card_that_names_another_key_than_its_signer_is_forged() -> None:
    """Whoever changes the recipients of a card cannot keep the custodian's name on it."""
    with pytest.raises(Forged):
        parse_card(HOST.sign(CARD, _card().to_document()))


def test_tokens_that_are_none_are_refused_without_being_quoted() -> None:
    """An error about a token never shows any of it: it may be a right one with a slip."""
    text = InvitationToken(None, TICKET).to_text()
    assert parse_token(text).card is None
    for wrong in ("", "srg1_x", text[:-5], text[:40], text + "AAAA", text.replace("_", "!", 2), "sre1_" + "A" * 90000):
        with pytest.raises((Damaged, LimitExceeded)) as raised:
            parse_token(wrong)
        assert text[10:30] not in str(raised.value)


def test_the_custodians_signer_makes_the_same_messages() -> None:
    """A signature made elsewhere over the same subject is the same signature."""
    private = Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
    body = OTHER.sign("statement", {"n": 1}).body
    assert sign_with(private.sign, OTHER.public, "statement", body) == OTHER.sign("statement", {"n": 1})
