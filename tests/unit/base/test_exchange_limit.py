"""Exchanges end, whatever the peer does."""

from __future__ import annotations

import pytest
import urllib3

from strongroom.base.clock import SYSTEM
from strongroom.base.exchange_limit import ExchangeLimit
from strongroom.custody.evidence import web_clocks
from tests.support.servers.drips import endless

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"


@pytest.mark.parametrize(
    ("first", "piece", "scheme"),
    [
        (b"HTTP/1.1 200 OK\r\nX: ", b"y", "http"),
        (HEAD, b"y", "http"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"y", "http"),  # ends with the connection: cut, it would look whole
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n", "http"),
        (b"\x16\x03\x03\x40\x00", b"\x02", "https"),  # a TLS record whose bytes come one by one
    ],
)
def test_a_peer_that_drips_is_cut(first: bytes, piece: bytes, scheme: str) -> None:
    """Whatever it is that does not end, a head, a body, the handshake or "continue", the exchange does."""
    limit = ExchangeLimit(0.5)
    with (
        endless(first, piece) as port,
        limit.pool(retries=False, timeout=60.0) as pool,
        pytest.raises((OSError, urllib3.exceptions.HTTPError)),
        limit.exchange(),
    ):
        answer = pool.request("GET", f"{scheme}://127.0.0.1:{port}/", preload_content=False)
        answer.read(1 << 20)


def test_a_web_server_that_drips_is_no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """A custodian's round waits for the clocks that an operator named: it would wait for days."""
    monkeypatch.setattr(web_clocks, "_SECONDS", 0.5)
    with endless(b"HTTP/1.1 200 OK\r\nX: ", b"y") as port:
        assert web_clocks.WebClocks([f"http://127.0.0.1:{port}/"]).sources(SYSTEM) == []
