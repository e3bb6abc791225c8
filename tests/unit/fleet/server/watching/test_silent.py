"""R-13: whoever would hear nothing is said: a channel that nobody proved; and whoever was shut out rings no more."""

from __future__ import annotations

import re

from strongroom.fleet.server.channels.delivering import add_channel, prove_channel, send_test
from strongroom.fleet.server.joining import CLONED, note_suspicion
from strongroom.fleet.server.judging.states import WatchState
from strongroom.fleet.server.operating import revoke
from tests.support.fleet.hosts import FleetHost
from tests.support.fleet.server import ServerInProcess
from tests.support.servers.sinks import web_sink

HOUR = 3600


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
