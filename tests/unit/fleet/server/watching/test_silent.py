"""R-13: whoever would hear nothing is said: a channel that nobody proved; and whoever was shut out rings no more."""

from __future__ import annotations

import re

from strongroom.base.record import replace
from strongroom.fleet.protocol.statement import RELEASED, STATEMENT, StatedRepository, Statement
from strongroom.fleet.server.channels.delivering import add_channel, prove_channel, send_test
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from strongroom.fleet.server.joining import CLONED, note_suspicion
from strongroom.fleet.server.judging.states import WatchState
from strongroom.fleet.server.operating import revoke
from tests.support.fleet.hosts import FleetHost, key_of
from tests.support.fleet.server import ServerInProcess
from tests.support.servers.sinks import web_sink

HOUR, DAY = 3600, 86400
CUSTODIAN = key_of("custodian")


def test_a_channel_that_nobody_proved_for_an_hour_is_a_warning(server: ServerInProcess) -> None:
    """Who made it believes that alerts reach him. The code ends it."""
    with web_sink() as web:
        add_channel(server.state, "phone", "ntfy", {"url": web.url})
        send_test(server.state, "phone")
        server.clock.advance(HOUR - 1)
        assert server.standing().wrong == ()
        server.clock.advance(1)
        (wrong,) = server.standing().wrong
        assert (wrong.subject, wrong.kind, wrong.critical) == ("channel phone", "channel", False)
        assert "nobody has typed the code" in wrong.words
        code = re.search(r"prove phone (\d{6})", web.posted[-1][1].decode())
        assert code is not None
        prove_channel(server.state, "phone", code[1])
        assert server.standing().wrong == ()


def test_a_host_that_was_shut_out_is_listed_as_retired(server: ServerInProcess) -> None:
    """What was suspicious of it is why it was revoked, and nothing to ring about any more."""
    host = server.join(FleetHost("web01"))
    note_suspicion(server.state, host.pair.id, CLONED, "two machines")
    assert [one.kind for one in server.standing().wrong] == [CLONED]
    revoke(server.state, "web01")
    assert server.watch("web01").judgement.state is WatchState.RETIRED
    assert server.standing().wrong == () and not server.standing().alarming
    server.join(FleetHost("web01", key="another machine"))
    assert server.watch("web01").judgement.state is WatchState.NEVER


def test_a_repository_that_came_into_care_and_is_never_looked_at_is_late(server: ServerInProcess) -> None:
    """The timer of the rounds was never begun, and nobody drills: both have deadlines from the first statement on."""
    trust_custodian(server.state, CUSTODIAN.public, "card")
    about = StatedRepository("ab" * 32, "web", "late", None, None, True, 0, (), ())

    def state(number: int) -> None:
        statement = Statement(number, server.now, (about,), server.now + 9 * DAY)
        take_statement(server.state, CUSTODIAN.sign(STATEMENT, statement.to_document()))

    def wrong() -> list[tuple[str, bool]]:
        return [(one.kind, one.critical) for one in server.standing().wrong if one.kind in ("round", "drill")]

    state(1)
    server.clock.advance(26 * HOUR)
    state(2)
    assert wrong() == []
    server.clock.advance(1)
    assert wrong() == [("round", False)]
    server.clock.advance(26 * HOUR)
    assert wrong() == [("round", True)]
    server.clock.advance(6 * DAY)
    assert sorted(wrong()) == [("drill", False), ("round", True)]
    assert "custody drill web" in next(one.words for one in server.standing().wrong if one.kind == "drill")
    about = replace(about, standing=RELEASED)
    state(3)
    assert wrong() == []
