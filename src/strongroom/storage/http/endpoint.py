"""Which server is meant."""

from __future__ import annotations

from strongroom.base.record import record


@record
class Endpoint:
    """A server: ``shown`` is how errors name it, ``socket`` a path where it listens in the file system."""

    tls: bool
    host: str
    port: int
    socket: str | None
    shown: str
