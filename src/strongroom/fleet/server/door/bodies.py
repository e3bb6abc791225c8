"""Reading the body of a request within budgets, and refusing it by its first line where that is enough.

A signed message begins with its signer. Whoever is unknown is refused before the rest is read, so that strangers cannot
fill the memory; of one signer at one address only a few are read at once, and of all together so many bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections import Counter
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from strongroom.base.errors import Damaged, LimitExceeded, StrongroomError, Unavailable
from strongroom.fleet.protocol.signed import MOST_BODY, SignedMessage, parse_signed
from strongroom.fleet.server.attempts import network_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator

    from starlette.requests import Request

BODY_SECONDS = 30.0
MOST_WAITING = 48 << 20
"""Bytes of bodies that are on their way, of all requests together."""
MOST_AT_ONCE = 4
"""Requests of one signer at one address that are read at the same time."""
MOST_BEGIN = 16 * 1024
"""Bytes of a message from somebody who has not joined."""
_FIRST_LINE = 200
_LEAVE_SECONDS, _LEFT_UNREAD = 3.0, 128 * 1024
_SIGNER = re.compile(rb"strongroom-fleet-1 [a-z-]{1,32} ([0-9a-f]{32}) [A-Za-z0-9_-]{86}\n")


def address_of(request: Request) -> str:
    """Whom a request comes from."""
    return request.client.host if request.client else ""


async def _leave(pieces: AsyncGenerator[bytes, None]) -> None:
    """Read on for a moment without keeping it: a connection that is closed before would take the answer with it."""
    left = _LEFT_UNREAD
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(_LEAVE_SECONDS):
            async for piece in pieces:
                left -= len(piece)
                if left < 0:
                    return


class Bodies:
    """What is being read now. Used from one event loop."""

    def __init__(self) -> None:
        self._bytes = 0
        self._reading: Counter[tuple[str, str]] = Counter()

    async def signed(
        self, request: Request, admit: Callable[[str], Awaitable[None]], most: int = MOST_BODY
    ) -> SignedMessage:
        """The signed message that a request carries; ``admit`` raises for a signer of whom no more is read.

        Raises ``Damaged``, ``LimitExceeded``, ``Unavailable``, or what ``admit`` raises.
        """
        data = bytearray()
        pieces = request.stream()
        with contextlib.ExitStack() as held:
            try:
                async with asyncio.timeout(BODY_SECONDS):
                    signer = ""
                    async for piece in pieces:
                        held.enter_context(self._counted(len(piece)))
                        data += piece
                        if len(data) > most + _FIRST_LINE:
                            raise LimitExceeded(f"more than {most} bytes")
                        if not signer and (b"\n" in data or len(data) > _FIRST_LINE):
                            signer = _signer_of(data)
                            held.enter_context(self._one_more(signer, request))
                            try:
                                await admit(signer)
                            except StrongroomError:
                                await _leave(pieces)
                                raise
            except ClientDisconnect:
                raise Unavailable("the request broke off") from None
            except TimeoutError:
                raise Unavailable(f"the request did not arrive within {BODY_SECONDS:.0f} seconds") from None
            return parse_signed(bytes(data), most)

    @contextlib.contextmanager
    def _counted(self, size: int) -> Iterator[None]:
        if self._bytes + size > MOST_WAITING:
            raise Unavailable("too much is on its way at once")
        self._bytes += size
        try:
            yield
        finally:
            self._bytes -= size

    @contextlib.contextmanager
    def _one_more(self, signer: str, request: Request) -> Iterator[None]:
        key = signer, network_of(address_of(request))
        if self._reading[key] >= MOST_AT_ONCE:
            raise Unavailable("this host sends too many messages at once")
        self._reading[key] += 1
        try:
            yield
        finally:
            self._reading[key] -= 1
            if not self._reading[key]:
                del self._reading[key]


def _signer_of(data: bytearray) -> str:
    found = _SIGNER.match(data)
    if found is None:
        raise Damaged("not a signed message of the fleet")
    return found[1].decode()
