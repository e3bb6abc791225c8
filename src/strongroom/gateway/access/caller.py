"""Who a request acts for, as its credentials showed it."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

from strongroom.gateway.access.policy import NO_QUOTA, Quota


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request acts for. Anonymous with ``--no-auth``: empty ID and name."""

    id: str
    name: str
    quota: Quota = NO_QUOTA
    managed: bool = False
    """Whether roles come from grants and rules, not from rest-server's flags."""
    looked: int = 0
    """What ``Access.changes`` was when this was found out."""
    expires_ns: int | None = None
    """When the token ends that was shown."""


ANYBODY = Caller("", "")


class Denied(Exception):
    """The credentials are wrong (401), or cannot be looked at now (503)."""

    def __init__(self, status: int, user: str) -> None:
        super().__init__(user)
        self.status = status
        self.user = user
        """The name that was given, for the log; escaped there."""


def basic_credentials(header: str) -> tuple[str, bytes]:
    """User and password of a header of HTTP's Basic scheme; empty ones where it is none."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", b""
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode("utf-8"), password) if colon else ("", b"")
    except (binascii.Error, ValueError):
        return "", b""
