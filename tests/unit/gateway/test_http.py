"""What the gateway's server remembers from one request to the next, and how workers share connections."""

from __future__ import annotations

import socket
import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from strongroom.base.objects import Kind
from strongroom.gateway.http.access_log import _quoted
from strongroom.gateway.http.answer import Answer
from strongroom.gateway.http.body import Body
from strongroom.gateway.http.listeners import open_listeners
from strongroom.gateway.http.request import BadRequest, Heads, Request
from strongroom.gateway.http.server import Server
from strongroom.gateway.http.shares import Shares
from strongroom.gateway.paths import _parse, parse_path
from tests.support.waiting import PATIENCE, until

LINES = st.sampled_from(
    ["Host: a", "Host: b", "Connection: close", "Connection: keep-alive", "Content-Length: 3", "Content-Length: 03",
     "Transfer-Encoding: chunked", "X: 1", "x: 2", "Range: bytes=1-2", "no header", ""]
)  # fmt: skip
HEADS = st.builds(
    lambda first, lines: "\r\n".join([first, *lines]).encode(),
    st.sampled_from(["GET /a HTTP/1.1", "GET /a HTTP/1.0", "POST /b?c HTTP/1.1", "GET /a HTTP/2", "GET  /a HTTP/1.1"]),
    st.lists(LINES, max_size=3),
)


def _outcome(heads: Heads, head: bytes) -> Request | tuple[int, str]:
    try:
        return heads.parse(head)
    except BadRequest as error:
        return error.status, error.reason


@settings(max_examples=200, deadline=None)
@given(st.lists(HEADS, min_size=1, max_size=6))
def test_a_head_means_the_same_whatever_came_before_it(wanted: list[bytes]) -> None:
    """On a connection each head is read as if it were the first, although equal headers are not parsed again."""
    heads = Heads()
    for head in wanted:
        assert _outcome(heads, head) == _outcome(Heads(), head)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["", "a", "b%40c", "%2F", ".x", *(kind.value for kind in Kind)]), max_size=4),
    st.sampled_from(["", "0" * 64, "ab" * 32, "AB" * 32, "a" * 63, "a" * 65, "%61" * 21 + "a", "config"]),
)
def test_a_path_means_the_same_by_the_short_way(folders: list[str], name: str) -> None:
    """Paths of objects, whose folders are remembered, mean what they mean when they are taken apart as a whole."""
    path = "/".join(["", *folders, name])
    assert parse_path(path) == parse_path(path) == _parse(path)


def test_plain_words_of_the_access_log_are_as_they_were() -> None:
    """What needs no escape is written as it came, and everything else is escaped."""
    assert _quoted("GET /a?b HTTP/1.1 (x)") == "GET /a?b HTTP/1.1 (x)"
    assert _quoted('a"b\\c\nd\x7fe\u00e4') == 'a\\"b\\\\c\\nd\\x7fe\\xe4'


def test_who_has_the_fewest_connections_is_due() -> None:
    """The worker with the fewest connections is due, equals are, and one that has left keeps nobody waiting."""
    shares = Shares(2)
    one, other = shares.of(0), shares.of(1)
    assert one.is_due
    assert other.is_due
    one.note(2)
    other.note(1)
    assert not one.is_due
    assert other.is_due
    other.leave()
    assert one.is_due
    assert shares.of(1).is_due  # a worker that was started anew has none


class _Answering:
    def handle(self, request: Request, body: Body) -> Answer:
        assert body.ended
        return Answer(200, request.target.encode())

    def done(self, request: Request | None, answer: Answer, seconds: float, peer: str) -> None:
        pass


def test_a_connection_that_nobody_takes_is_taken() -> None:
    """A worker that is not due takes what the others, who may hang, leave; and says how many connections it has."""
    listeners = open_listeners(["127.0.0.1:0"])
    shares = Shares(2)
    share = shares.of(1)
    share.note(7)
    server = Server(listeners, _Answering(), share=share)
    running = threading.Thread(target=server.accept)
    running.start()
    try:
        with socket.create_connection(listeners[0].getsockname()) as connection:
            connection.settimeout(PATIENCE)
            connection.sendall(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(1000).endswith(b"/x")
            assert not share.is_due
        until(lambda: share.is_due)
    finally:
        server.stop()
        running.join()
        listeners[0].close()
