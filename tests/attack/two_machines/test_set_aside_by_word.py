"""M-3: what an operator sets aside where the executor stands elsewhere: what each machine says, and what goes when."""

from __future__ import annotations

import hashlib

from strongroom.custody.executor.contract import Went
from strongroom.custody.handover.by_word import set_aside
from strongroom.custody.planned.plans import plan_row
from tests.support.custody.in_process import Custody
from tests.support.custody.two_machines import TwoMachines


def _planted(custody: Custody, kind: str, data: bytes) -> str:
    name = hashlib.sha256(data).hexdigest()
    (custody.place / kind / name).write_bytes(data)
    return f"{kind}/{name}"


def _by_word(custody: Custody, machines: TwoMachines, name: str) -> Went:
    """As ``custody set-aside`` does it."""
    remote, signer = machines.remote(), custody.signer
    return set_aside(custody.state, custody.adopted, custody.handover(), remote, signer, [name], "ann", "")


def _state(custody: Custody, number: int) -> str:
    row = plan_row(custody.state, custody.adopted.id, number)
    assert row is not None
    return str(row.state)


def test_m_3_words_of_one_evening_go_together(custody: Custody, machines: TwoMachines) -> None:
    """M-3: an executor that looks by a timer hears two words at once; the second makes it forget nothing of the first,
    and at the judge what went is done, as far as a round saw that it went."""
    machines.answers = False
    machines.begin()
    names = [_planted(custody, "index", data) for data in (b"junk", b"more junk")]
    custody.round()
    numbers = [_by_word(custody, machines, name).number for name in names]
    served = machines.serve()
    assert served.refused == []
    assert sorted({name for _, name in served.removed}) == sorted(names)
    custody.round()
    machines.hand_over()
    assert [_state(custody, number) for number in numbers] == ["done", "done"]
    assert custody.open_incidents() == []


def test_m_3_what_is_true_to_its_name_waits_for_a_word_there(custody: Custody, machines: TwoMachines) -> None:
    """M-3: the executor cannot tell a junk snapshot from a good one, so it asks for a word at its own machine, by name;
    the plan stays until that is said, also where it answers at once, and holds up no index that lies."""
    name = _planted(custody, "snapshots", b"junk")
    custody.round()
    went = _by_word(custody, machines, name)
    ((number, words),) = machines.served[-1].refused
    assert number == went.number and words.startswith(name) and f"executor approve web {number}" in words
    assert words in went.waits and not went.removed
    assert (custody.place / name).exists()
    lying = _planted(custody, "index", b"no index")
    custody.clock.advance(86_400)
    custody.round()
    machines.hand_over()
    machines.serve()  # it has seen the round's plan
    assert [one.removed for one in machines.hand_over().plans if one.removed] == [[lying]]
    machines.executor().approve(number, "ann")
    machines.hand_over()
    assert not (custody.place / name).exists()
    assert _state(custody, number) == "done"
    assert custody.open_incidents() == []


def test_m_3_what_it_said_last_is_told_while_it_is_silent(custody: Custody, machines: TwoMachines) -> None:
    """M-3: an executor that looks by a timer answers after the judge has gone; the next round says what it answered."""
    machines.answers = False
    machines.begin()
    name = _planted(custody, "snapshots", b"junk")
    custody.round()
    number = _by_word(custody, machines, name).number
    machines.serve()
    (went,) = machines.hand_over().plans
    assert went.number == number and f"the last time it said: {name}: has the bytes" in went.waits[0]
