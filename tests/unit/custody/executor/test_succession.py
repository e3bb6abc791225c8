"""M-3: new operators where all keys are lost: by the recovery identity, slowly, in sight, and never by one machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.base.errors import ConfigurationError, Refused
from strongroom.custody.executor.operators import Operators
from strongroom.custody.executor.records import Records
from strongroom.custody.executor.succession import WAIT_DAYS, Succession
from strongroom.custody.executor.words import ADD, KEEP, PIN_RECOVERY, RECOVER, OperatorWord, recover_thing
from strongroom.custody.identity import generate
from strongroom.custody.planned.orders import SignedBytes
from strongroom.custody.recovery.signing import recovery_signer, recovery_signer_of
from strongroom.receipts.log.note import ED25519, Signer
from tests.support.clock import ManualClock

ALICE, BOB, CAROL, EVE = (
    Signer(name, Ed25519PrivateKey.generate(), ED25519) for name in ("alice", "bob", "carol", "eve")
)
DAY = 86_400
LINE = generate()[1]
SHEET = recovery_signer(LINE)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[Records]:
    """An executor's record that knows the recovery identity, Alice and Bob."""
    found = Records(f"sqlite:///{tmp_path}/executor.db", ManualClock(1_800_000_000 * 10**9))
    operators = Operators(found)
    assert operators.add(ALICE.verifier, ()) == 0
    assert operators.add(BOB.verifier, [_word(found, ALICE, ADD, str(BOB.verifier))]) == 0
    assert operators.pin_recovery(SHEET.verifier, ()) == 1
    assert operators.pin_recovery(SHEET.verifier, [_word(found, BOB, PIN_RECOVERY, str(SHEET.verifier))]) == 0
    yield found
    found.close()


def _word(records: Records, signer: Signer, verb: str, thing: str) -> SignedBytes:
    return OperatorWord("", "", verb, thing, records.clock.now_ns(), os.urandom(8).hex()).sign(signer)


def _asked(records: Records, signer: Signer = SHEET, *keys: Signer) -> SignedBytes:
    new = [one.verifier for one in keys or (CAROL,)]
    word = _word(records, signer, RECOVER, recover_thing(new))
    Succession(records).ask(new, word)
    return word


def _names(records: Records) -> list[str]:
    return [one.name for one in Operators(records).roster()]


def _days(records: Records, count: int) -> None:
    assert isinstance(records.clock, ManualClock)
    for _ in range(count):
        records.clock.advance(DAY)
        Succession(records).look()


def test_m_3_those_who_were_named_are_the_roster_after_the_wait(records: Records) -> None:
    """M-3: not a day before; then they alone, and what they sign counts, and the old keys sign nothing."""
    _asked(records)
    _days(records, WAIT_DAYS - 1)
    assert _names(records) == ["alice", "bob"]
    _days(records, 1)
    assert _names(records) == ["carol"]
    with pytest.raises(Refused, match="no operator"):
        Operators(records).hear("", "", _word(records, ALICE, ADD, str(EVE.verifier)))
    assert Operators(records).add(EVE.verifier, [_word(records, CAROL, ADD, str(EVE.verifier))]) == 0


def test_m_3_a_clock_that_jumps_ends_no_wait(records: Records) -> None:
    """M-3, T-1: though the clock says that a year is over, the executor must have looked on three days."""
    assert isinstance(records.clock, ManualClock)
    _asked(records)
    records.clock.advance(400 * DAY)
    for _ in range(5):
        Succession(records).look()
    assert _names(records) == ["alice", "bob"]
    _days(records, 1)
    assert _names(records) == ["carol"]


def test_m_3_any_operator_who_is_left_ends_it(records: Records) -> None:
    """M-3: one of two is enough, once; the same signed request is not heard again."""
    word = _asked(records)
    waits = Succession(records).waiting()
    assert waits is not None
    with pytest.raises(Refused):
        Succession(records).keep(Operators(records).roster(), _word(records, EVE, KEEP, waits.digest))
    with pytest.raises(Refused, match="something else"):
        Succession(records).keep(Operators(records).roster(), _word(records, BOB, KEEP, "0" * 64))
    assert Succession(records).keep(Operators(records).roster(), _word(records, BOB, KEEP, waits.digest)) == "bob"
    with pytest.raises(Refused, match="heard before"):
        Succession(records).ask([CAROL.verifier], word)
    _days(records, 40)
    assert _names(records) == ["alice", "bob"]


def test_m_3_nobody_else_names_operators(records: Records) -> None:
    """M-3: no stranger, no operator, no other recovery identity; not other keys than were signed for, and none that
    was taken off the roster; a second request waits for the first."""
    for signer in (EVE, ALICE, recovery_signer(generate()[1])):
        with pytest.raises(Refused, match="no operator"):
            _asked(records, signer)
    word = _word(records, SHEET, RECOVER, recover_thing([CAROL.verifier]))
    with pytest.raises(Refused, match="something else"):
        Succession(records).ask([EVE.verifier], word)
    with pytest.raises(Refused, match="on the roster"):
        _asked(records, SHEET, ALICE)
    _asked(records)
    with pytest.raises(Refused, match="others wait"):
        _asked(records, SHEET, EVE)


def test_m_3_the_recovery_key_that_is_known_stays(records: Records, tmp_path: Path) -> None:
    """M-3: whoever has the machine puts no key of his own in its place, and without one nobody is named."""
    Succession(records).pin(SHEET.verifier)
    with pytest.raises(Refused, match="that was pinned"):
        Succession(records).pin(EVE.verifier)
    fresh = Records(f"sqlite:///{tmp_path}/fresh.db", records.clock)
    with pytest.raises(Refused, match="no recovery identity"):
        _asked(fresh)
    fresh.close()


def test_the_key_is_the_lines_own(tmp_path: Path) -> None:
    """The same line gives the same key, with or without comments around it; another state's sheet is refused."""
    file = tmp_path / "recovery.txt"
    file.write_text(f"# printed in spring\n\n  {LINE}\n")
    with pytest.raises(ConfigurationError, match="others can read"):
        recovery_signer_of(str(file), None)
    file.chmod(0o600)
    assert str(recovery_signer_of(str(file), None).verifier) == str(SHEET.verifier)
    with pytest.raises(ConfigurationError, match="printed here"):
        recovery_signer_of(str(file), (generate()[0].recipient,))
