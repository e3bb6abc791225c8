"""What this host does of what its server asks: what its own file allows, by name, one an hour; nothing else.

A server hands out no path, argument or command. A wish that is not allowed is refused, and the next report says why.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from strongroom.base.durable import replace_file
from strongroom.base.record import as_dict, field, mutable
from strongroom.fleet.protocol.report import RUN, RequestOutcome

if TYPE_CHECKING:
    from collections.abc import Collection

    from strongroom.fleet.protocol.report import JobRequest

APART = 3600
"""Seconds between two requests that this host heeds."""
TAKEN, DONE, REFUSED = "taken", "done", "refused"
_LARGEST = 1 << 20
_MOST = 8


@mutable
class RequestMemory:
    """``id``: of the last request that was seen; ``at``: when the last one was taken; ``outcomes``: not yet told."""

    id: str = ""
    at: int = 0
    outcomes: list[dict[str, str]] = field(default_factory=list)


class RequestBook:
    """The file ``requests.json`` below the state of the fleet. One process at a time: the outbox's lock is held."""

    def __init__(self, folder: str) -> None:
        self._path = os.path.join(folder, "requests.json")

    def _read(self) -> RequestMemory:
        try:
            with open(self._path, "rb") as file:
                return RequestMemory(**json.loads(file.read(_LARGEST)))
        except (OSError, ValueError, TypeError):
            return RequestMemory()  # whoever loses it heeds one request too many, which its file allows

    def _write(self, memory: RequestMemory) -> None:
        replace_file(self._path, json.dumps(as_dict(memory)).encode())

    def decide(self, request: JobRequest, allowed: Collection[str], sources: Collection[str], now: int) -> str | None:
        """Why the request is refused; empty where it is heeded; None for one that was seen before. Raises OSError."""
        memory = self._read()
        if memory.id == request.id:
            return None
        memory.id = request.id
        words = ""
        if request.wish not in allowed:
            words = f"this host's fleet.toml allows no request to {request.wish}"
        elif request.wish == RUN and request.source not in sources:
            words = "no source of this name has a schedule here"
        elif now - APART < memory.at <= now:
            words = "one request an hour"
        if not words:
            memory.at = now
        _note(memory, request.id, REFUSED if words else TAKEN, words)
        self._write(memory)
        return words

    def done(self, request: str, words: str) -> None:
        """It was done. Raises OSError."""
        memory = self._read()
        _note(memory, request, DONE, words)
        self._write(memory)

    def outcomes(self) -> tuple[RequestOutcome, ...]:
        """What the next report shall say."""
        return tuple(RequestOutcome(**one) for one in self._read().outcomes)

    def told(self) -> None:
        """A report says it. Raises OSError."""
        memory = self._read()
        if memory.outcomes:
            memory.outcomes = []
            self._write(memory)


def _note(memory: RequestMemory, request: str, outcome: str, words: str) -> None:
    memory.outcomes = [*memory.outcomes, {"id": request, "outcome": outcome, "words": words}][-_MOST:]
