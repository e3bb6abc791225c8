"""R-13, M-2: a custodian speaks by ways of its own, which a server that was taken over cannot silence."""

from __future__ import annotations

from functools import partial

import pytest

from strongroom.custody.incidents import Code
from strongroom.custody.ledger import close_incident, open_incident
from strongroom.custody.standing import standings
from strongroom.custody.telling.all_is_well import say_all_is_well, say_what_is_wrong
from strongroom.fleet.custodian.telling import CustodianLink, tell_server, told_server
from strongroom.fleet.custodian.watching import OwnWatch, OwnWays
from strongroom.fleet.server.following.statements import take_statement, trust_custodian
from tests.support.custody.in_process import Custody
from tests.support.fleet.server import ServerInProcess
from tests.support.servers.sinks import WebSink, web_sink

HOUR = 3600


class Follower:
    """A custodian that follows, with both ways of its own in one sink."""

    def __init__(self, custody: Custody, server: ServerInProcess, sink: WebSink) -> None:
        self.custody, self.sink = custody, sink
        tell_server(custody.state, "https://fleet:8040", "", "test")
        trust_custodian(server.state, custody.signer.verifier.public, "card")
        post = lambda _path, message: take_statement(server.state, message).to_bytes()  # noqa: E731
        self.link = CustodianLink(custody.state, custody.signer, post)
        ways = OwnWays(partial(say_all_is_well, sink.url), partial(say_what_is_wrong, sink.url))
        self.watch = OwnWatch(ways, server.now)

    def turn(self, *, tells: bool = True) -> list[str]:
        """One turn; what could not be said."""
        if tells:
            self.link.tell(following=True)
        found = told_server(self.custody.state)
        assert found is not None
        now_ns = self.custody.clock.now_ns()
        return self.watch.turn(standings(self.custody.state, now_ns), found, now_ns // 10**9)

    def heard(self) -> list[str]:
        """The titles and words that came since the last time."""
        posted, self.sink.posted = self.sink.posted, []
        return [f"{headers['title']} | {body.decode()}" for headers, body in posted]


def test_the_sign_comes_hourly_and_words_once_and_when_it_is_over(custody: Custody, server: ServerInProcess) -> None:
    """An incident keeps the sign away and is said once, daily again; what is no more is said, too."""
    with web_sink() as sink:
        follower = Follower(custody, server, sink)
        for _ in range(13):
            assert follower.turn() == []
            custody.clock.advance(300)
        assert (len(sink.asked), follower.heard()) == (2, [])
        with custody.state.database.write() as connection:
            now_ns = custody.clock.now_ns()
            open_incident(connection, custody.adopted.id, Code.PLANTED_KEY, "keys/x", "a key was planted", now_ns)
        assert follower.turn() == [] and follower.turn() == []
        (said,) = follower.heard()
        assert "1 wrong | web/planted-key/" in said and "a key was planted" in said
        custody.clock.advance(20 * HOUR)
        follower.turn()
        assert follower.heard() == []
        custody.clock.advance(4 * HOUR)
        follower.turn()
        assert "1 wrong" in follower.heard()[0]
        with custody.state.database.write() as connection:
            close_incident(connection, custody.adopted.id, Code.PLANTED_KEY, "keys/x", custody.clock.now_ns())
        follower.turn()
        (said,) = follower.heard()
        assert "all is well again | no more: web/planted-key/" in said and len(sink.asked) == 3


def test_a_server_that_takes_nothing_for_two_hours_is_said(custody: Custody, server: ServerInProcess) -> None:
    """The sign stays away after a quarter of an hour; what could not be said is said by the next turn, once."""
    with web_sink() as sink:
        follower = Follower(custody, server, sink)
        follower.turn()
        assert len(sink.asked) == 1
        custody.clock.advance(2 * HOUR)
        assert follower.turn(tells=False) == [] and follower.heard() == []
        custody.clock.advance(60)
        sink.status = 500
        (trouble,) = follower.turn(tells=False)
        assert "what is wrong was not said" in trouble and "answered 500" in trouble and sink.url not in trouble
        follower.heard()
        sink.status = 200
        assert follower.turn(tells=False) == []
        (said,) = follower.heard()
        assert "the fleet's server https://fleet:8040: has taken no statement for 2 hours" in said
        assert follower.turn(tells=False) == [] and follower.heard() == [] and len(sink.asked) == 1
        follower.turn()
        assert "all is well again" in follower.heard()[0] and len(sink.asked) == 2


@pytest.mark.parametrize("words", ["\x1b]0;x\x07", "\u202egpj.exe", "a\nno more: all is well"])
def test_e_5_what_was_found_steers_nobody(custody: Custody, server: ServerInProcess, words: str) -> None:
    """E-5: Control and bidi marks are shown, and one thing is one line."""
    with web_sink() as sink:
        follower = Follower(custody, server, sink)
        with custody.state.database.write() as connection:
            open_incident(connection, custody.adopted.id, Code.ALTERED, "x", words, custody.clock.now_ns())
        follower.turn()
        body = sink.posted[-1][1].decode()
        assert words not in body and len(body.splitlines()) == 1
