"""M-3: whoever has the custodian's machine for an hour shortens no wait before the old waits are over."""

from __future__ import annotations

import pytest

from strongroom.base.record import replace
from strongroom.custody.changes.waiting import at_once, change_policy, is_looser, waiting, withdraw
from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.policy import NAMES, CustodyPolicy
from strongroom.custody.standing import standings
from tests.support.custody.in_process import DAY, POLICY, Custody, Host

LOOSER = replace(POLICY, hold=1, detection=2, daily=1, expiry=79, rpo_hours=47, verify=61)
STRICTER = replace(LOOSER, hold=2, detection=3, daily=2, expiry=80, verify=60)
"""What of it keeps more, and counts at once."""
WAIT = max(POLICY.hold, POLICY.detection)


def _change(custody: Custody, policy: CustodyPolicy) -> None:
    change_policy(custody.state, custody.adopted, policy, "somebody", "changed", "")


def test_m_3_what_lets_more_go_waits_for_the_old_times(custody: Custody, host: Host) -> None:
    """M-3: the stricter part counts at once, the rest after the longer of the old hold and detection window, by a
    round; until then every status names it, and plans are made by the old policy."""
    _change(custody, LOOSER)
    assert custody.adopted.policy == STRICTER
    for _ in range(WAIT - 1):
        custody.clock.advance(DAY)
        host.backup()
        custody.round()
        assert custody.adopted.policy == STRICTER
        (line,) = standings(custody.state, custody.clock.now_ns())
        assert "hold=1 (now 2)" in line.policy and "detection=2 (now 3)" in line.policy
        assert f"`custody change {custody.adopted.name} --withdraw`" in line.policy
    custody.clock.advance(DAY)
    host.backup()
    custody.round()
    assert custody.adopted.policy == LOOSER
    assert waiting(custody.state, custody.adopted.id) is None
    assert standings(custody.state, custody.clock.now_ns())[0].policy == ""
    said = [row.what for row in custody.state.audit_trail()]
    assert "changed; what is looser waits" in said and "the change of the policy counts now" in said


def test_m_3_a_change_that_waits_is_withdrawn_or_begins_anew(custody: Custody, host: Host) -> None:
    """M-3: anybody takes it back at any time; another change begins its wait anew, and what is stricter ends it."""
    _change(custody, LOOSER)
    custody.clock.advance(DAY)
    first = waiting(custody.state, custody.adopted.id)
    _change(custody, LOOSER)
    second = waiting(custody.state, custody.adopted.id)
    assert first is not None and second is not None and second.due_ns == first.due_ns + DAY * 10**9
    assert withdraw(custody.state, custody.adopted, "operator", "it was not us")
    assert not withdraw(custody.state, custody.adopted, "operator", "")
    _change(custody, LOOSER)
    stricter = replace(custody.adopted.policy, hold=9)
    _change(custody, stricter)
    assert waiting(custody.state, custody.adopted.id) is None
    custody.clock.advance(9 * DAY)
    host.backup()
    custody.round()
    assert custody.adopted.policy == stricter


def test_m_3_it_does_not_count_while_deleting_is_frozen(custody: Custody, host: Host) -> None:
    """M-3, T-1: as long as an incident freezes deleting, such as a clock in doubt, the old policy counts."""
    _change(custody, LOOSER)
    state, repository = custody.state, custody.adopted.id
    with state.database.write() as connection:
        open_incident(connection, repository, Code.REISSUED, "web", "a test", custody.clock.now_ns())
    custody.clock.advance(30 * DAY)
    host.backup()
    custody.round()
    assert custody.adopted.policy == STRICTER
    with state.database.write() as connection:
        close_incident(connection, repository, Code.REISSUED, "web", custody.clock.now_ns())
    custody.round()
    assert custody.adopted.policy == LOOSER


@pytest.mark.parametrize("name", NAMES)
def test_m_3_of_each_setting_one_direction_is_looser(name: str) -> None:
    """M-3: of every setting there is, one direction alone waits, and it is the one that promises less."""
    assert is_looser(name, 5, 4) is not is_looser(name, 4, 5)
    assert is_looser(name, 4, 5) is (name in ("verify", "rpo_hours"))
    assert not is_looser(name, 5, 5)


def test_what_is_stricter_but_makes_no_sense_alone_waits_with_the_rest() -> None:
    """A detection window that is shorter than the hours of the RPO fits only with both."""
    old = CustodyPolicy(detection=14, rpo_hours=48)
    new = replace(old, detection=1, rpo_hours=20)
    assert at_once(old, new) == replace(old, rpo_hours=20)
    assert at_once(replace(old, expiry=44, verify=30), replace(old, expiry=40, verify=26)).verify == 26
