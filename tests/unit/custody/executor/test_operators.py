"""M-3: what a person decides counts at the executor by signatures of operators whom it knows itself."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from strongroom.base.errors import Damaged, Refused
from strongroom.base.record import replace
from strongroom.custody.care.requiring import set_operators
from strongroom.custody.executor.operators import Operators
from strongroom.custody.executor.words import ACCEPT, ADD, APPROVE, CONDEMN, REMOVE, REQUIRE, OperatorWord, plan_thing
from strongroom.custody.mark import make_mark
from strongroom.custody.planned.orders import SignedBytes
from strongroom.receipts.log.note import ED25519, Signer
from tests.attack.custody.test_stolen_judge import confirmation_for, held_for, order_for
from tests.support.custody.in_process import POLICY, Custody, Host

ALICE, BOB, EVE = (Signer(name, Ed25519PrivateKey.generate(), ED25519) for name in ("alice", "bob", "eve"))


@pytest.fixture
def asking(tmp_path: Path, host: Host) -> Custody:
    """A custodian whose policy asks for two operators' signatures, and who knows Alice and Bob."""
    host.backup()
    found = Custody(host.place, tmp_path / "asking", replace(POLICY, operators=2), host.clock)
    make_mark(found.store(), found.adopted.id, str(found.signer.verifier))
    operators = Operators(found.records)
    assert operators.add(ALICE.verifier, ()) == 0
    assert operators.add(BOB.verifier, [_word(found, ALICE, ADD, str(BOB.verifier), about_roster=True)]) == 0
    found.executor(operators=2, detection_days=3).look([])
    return found


def _word(custody: Custody, signer: Signer, verb: str, thing: str, *, about_roster: bool = False) -> SignedBytes:
    place = ("", "") if about_roster else (custody.adopted.id, custody.adopted.store)
    return OperatorWord(*place, verb, thing, custody.clock.now_ns(), os.urandom(8).hex()).sign(signer)


def _say(custody: Custody, signer: Signer, verb: str, thing: str) -> int:
    custody.clock.advance(1)
    word = _word(custody, signer, verb, thing)
    return Operators(custody.records).hear(custody.adopted.id, custody.adopted.store, word)[0]


def test_m3_a_plan_is_approved_by_two_and_by_no_stranger(asking: Custody, host: Host) -> None:
    """M-3: one operator twice is one; another plan of the same number is another one; the most ever told counts."""
    names = [f"snapshots/{host.backup()}"]
    order = order_for(asking, names)
    held_for(asking, order, 1)
    thing = plan_thing(900, order.digest)
    for wrong in (plan_thing(900, "0" * 64), plan_thing(901, order.digest)):
        assert [_say(asking, who, APPROVE, wrong) for who in (ALICE, BOB)] == [1, 2]
    assert [_say(asking, ALICE, APPROVE, thing) for _ in range(2)] == [1, 1]
    with pytest.raises(Refused, match="no operator"):
        _say(asking, EVE, APPROVE, thing)
    with pytest.raises(Refused, match="signatures of 2 operators, and has 1"):
        asking.executor(operators=0).approve(900, "somebody with the state")
    assert _say(asking, BOB, APPROVE, thing) == 2
    asking.executor().approve(900, "two of us")


def test_m3_what_is_young_goes_by_no_judge_alone(asking: Custody, host: Host) -> None:
    """M-3: a stolen judge plans what came yesterday; without two condemnations it stays."""
    name = f"snapshots/{host.backup()}"
    order = order_for(asking, [name])
    held_for(asking, order, 3)
    young = asking.executor(operators=2, detection_days=10)

    def went() -> list[str]:
        return young.execute(order, confirmation_for(asking, order, [name])).removed

    assert went() == []
    for who in (ALICE, BOB):
        assert went() == []
        _say(asking, who, CONDEMN, name)
    _say(asking, ALICE, ACCEPT, name)
    assert went() == []
    for who in (ALICE, BOB):
        _say(asking, who, CONDEMN, name)
    assert went() == [name]


def test_m3_a_word_is_heard_once_and_where_it_was_said(asking: Custody) -> None:
    """M-3: replayed, altered, for another repository or place, or no word at all, it counts for nothing."""
    operators = Operators(asking.records)
    here = (asking.adopted.id, asking.adopted.store)
    word = _word(asking, ALICE, CONDEMN, "snapshots/x")
    assert operators.hear(*here, word) == (1, "alice")
    with pytest.raises(Refused, match="heard before"):
        operators.hear(*here, word)
    for place in (("0" * 64, here[1]), (here[0], "elsewhere")):
        with pytest.raises(Refused, match="another repository or place"):
            operators.hear(*place, _word(asking, BOB, CONDEMN, "snapshots/x"))
    with pytest.raises(Refused, match="no operator"):
        operators.hear(*here, replace(word, body=word.body.replace(b"snapshots/x", b"snapshots/y")))
    for body in (b"[]", b'{"type":"strongroom custody word 1"}', b"[" * 100_000, b'{"type":"another"}'):
        with pytest.raises(Damaged):
            operators.hear(*here, SignedBytes(body, ALICE.sign_bytes(body)))
    assert operators.said(here[0], CONDEMN, "snapshots/x") == 1


def test_m3_the_roster_changes_by_the_word_of_those_on_it(asking: Custody) -> None:
    """M-3: as many as a decision takes; a key that was taken off comes back under no name, and its word counts no more
    for anything new."""
    operators = Operators(asking.records)
    for who, wanting in ((ALICE, 1), (BOB, 0)):
        word = _word(asking, who, ADD, str(EVE.verifier), about_roster=True)
        assert operators.add(EVE.verifier, [word]) == wanting
    for who, wanting in ((ALICE, 1), (BOB, 0)):
        word = _word(asking, who, REMOVE, str(EVE.verifier), about_roster=True)
        assert operators.remove(EVE.verifier, [word]) == wanting
    assert [one.name for one in operators.roster()] == ["alice", "bob"]
    with pytest.raises(Refused, match="taken off"):
        operators.add(EVE.verifier, ())
    with pytest.raises(Refused, match="no operator"):
        _say(asking, EVE, CONDEMN, "snapshots/x")


def test_m3_how_many_sign_is_changed_by_those_who_do(asking: Custody) -> None:
    """M-3: whoever has the state writes another policy, says nothing, or says again what was said before a change; an
    operator who left counts no more. Two say so, and it falls."""
    operators = Operators(asking.records)
    here = (asking.adopted.id, asking.adopted.store)

    def require(count: int, *who: Signer) -> int:
        words = [_word(asking, one, REQUIRE, operators.require_thing(here[0], count)) for one in who]
        return operators.require(*here, 0, count, words)

    assert require(0) == 2  # nobody signs
    assert require(0, ALICE) == 1
    with pytest.raises(Refused, match="no operator"):
        require(0, EVE)
    with pytest.raises(Refused, match="could not sign"):
        require(3, ALICE, BOB)
    set_operators(asking.state, asking.adopted, 0, "whoever has the state")
    asking.executor(operators=asking.adopted.policy.operators, detection_days=3)
    assert operators.needed(here[0], 0) == 2
    with pytest.raises(Refused, match="1 keys would be left"):
        operators.remove(BOB.verifier, ())
    assert require(1, BOB) == 1
    assert require(1, ALICE) == 0
    assert operators.needed(here[0], 0) == 1
    assert require(2, BOB) == 0
    assert require(1) == 2  # what both said of one, before it was two again, is over
    assert require(0) == 2
    assert operators.needed(here[0], 0) == 2


def test_m3_the_first_asks_nobody_and_needs_keys(custody: Custody) -> None:
    """M-3: after `adopt` without operators: first the keys, then how many; from then on they say so."""
    operators = Operators(custody.records)
    here = (custody.adopted.id, custody.adopted.store)
    with pytest.raises(Refused, match="0 keys"):
        operators.require(*here, 0, 1, ())
    operators.add(ALICE.verifier, ())
    assert operators.require(*here, 0, 1, ()) == 0
    set_operators(custody.state, custody.adopted, 1, "test")
    assert custody.adopted.policy.operators == 1
    custody.executor(operators=1)
    assert operators.require(*here, 1, 0, ()) == 1
