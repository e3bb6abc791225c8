"""M-5: a few sockets that say nothing, or never end, must not keep hosts from reporting."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from uvicorn.server import ServerState

from strongroom.fleet.server import connections
from strongroom.fleet.server.connections import BoundedConnection

HEAD = b"POST / HTTP/1.1\r\nHost: fleet\r\nContent-Length: 2\r\n"
Scenario = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[bytes]]


async def _answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse(await request.body())


async def _hasty(_request: Request) -> PlainTextResponse:
    return PlainTextResponse("ok")


def told(scenario: Scenario) -> bytes:
    """What a client hears before its connection ends, or the scenario does."""
    app = Starlette(routes=[Route("/", _answer, methods=["POST"]), Route("/hasty", _hasty, methods=["POST"])])
    config = uvicorn.Config(app, http=BoundedConnection, lifespan="off", log_config=None)

    async def run() -> bytes:
        config.load()
        state = ServerState()
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: BoundedConnection(config, state, {}), "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            try:
                async with asyncio.timeout(30):
                    return await scenario(reader, writer)
            except ConnectionError:
                return b"ended"
            finally:
                writer.close()

    return asyncio.run(run())


@pytest.mark.parametrize("begun", [b"", b"POST / HT", HEAD])
def test_a_head_that_does_not_come_is_not_waited_for(begun: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """M-5: neither a silent connection nor half a request holds a place for long."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.2)

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(begun)
        return await reader.read() or b"ended"

    assert told(scenario) == b"ended"


def test_headers_without_an_end_are_not_kept() -> None:
    """M-5: nobody who is unknown fills the server's memory."""

    async def scenario(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(HEAD)
        for _ in range(1000):
            writer.write(b"X-More: " + b"x" * 1000 + b"\r\n")
            await writer.drain()
            await asyncio.sleep(0)
        return b"all was taken"

    assert told(scenario) == b"ended"


def test_who_speaks_in_time_is_answered_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A whole request, in pieces and again on the same connection, is none of this; nor is a slow body."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 5.0)

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        for _ in range(2):
            for piece in (HEAD[:9], HEAD[9:] + b"\r\no", b"k"):
                writer.write(piece)
                await writer.drain()
            await reader.readuntil(b"\r\n\r\nok")
        return b"answered twice"

    assert told(scenario) == b"answered twice"


def test_what_follows_an_answer_is_not_read() -> None:
    """M-5: a body that drips on after its request was answered, or refused, keeps no connection."""

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(HEAD.replace(b"POST / ", b"POST /hasty ").replace(b"Length: 2", b"Length: 100000") + b"\r\nx")
        await reader.readuntil(b"\r\n\r\nok")
        return await reader.read() or b"ended"

    assert told(scenario) == b"ended"


def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """M-5: whatever the application does about it."""
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.2)

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(HEAD + b"\r\nx")
        return await reader.read() or b"ended"

    assert told(scenario) == b"ended"


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nok",
        b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\nok",
        b"POST / HTTP/1.0\r\nHost: a\r\nHost: b\r\nContent-Length: 2\r\n\r\nok",
        b"POST / HTTP/2.0\r\nHost: a\r\nContent-Length: 2\r\n\r\nok",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(head: bytes) -> None:
    """400, and the connection ends: no proxy on the way may have seen another request than the server."""

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(head)
        return await reader.read()

    assert told(scenario).startswith(b"HTTP/1.1 400")


def test_http_1_0_needs_no_host() -> None:
    """It knew none."""

    async def scenario(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        writer.write(b"POST / HTTP/1.0\r\nContent-Length: 2\r\n\r\nok")
        return await reader.read()

    assert told(scenario).endswith(b"\r\n\r\nok")
