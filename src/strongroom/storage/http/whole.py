"""The whole body of an answer that is small."""

from __future__ import annotations

import contextlib
import http.client
from typing import TYPE_CHECKING

from strongroom.base.errors import LimitExceeded, Unavailable

if TYPE_CHECKING:
    from strongroom.storage.http.client import ClientAnswer


def read_answer(answer: ClientAnswer, limit: int, subject: str) -> bytes:
    """All of it, and the answer is closed. Raises ``LimitExceeded`` beyond ``limit`` bytes, and ``Unavailable`` where
    the connection breaks off, or ends before as many bytes as were announced."""
    found = bytearray()
    with contextlib.closing(answer):
        try:
            while part := answer.read(min(1 << 20, limit + 1 - len(found))):  # no more: it may be endless
                found += part
                if len(found) > limit:
                    raise LimitExceeded("the gateway's answer is too long", subject=subject)
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable("the connection ended within an answer", subject=subject) from error
    if answer.length is not None and len(found) < answer.length:
        raise Unavailable("the connection ended within an answer", subject=subject)
    return bytes(found)
