"""The head of an answer, read whole: the standard library takes one that breaks off for one that ends.

Without its headers a list is of another kind, a file has no length, and a gateway is a server that has no such pages.
"""

from __future__ import annotations

import http.client
from typing import Any


class WholeHead(http.client.HTTPResponse):
    """An answer whose head has an end. Else ``begin`` raises ``RemoteDisconnected``, as where there is no answer."""

    def begin(self) -> None:
        """As the base, which asks this for each line."""
        lines = _Lines(self.fp)
        self.fp: Any = lines
        super().begin()
        self.fp = lines.file
        if not lines.last.endswith(b"\n"):
            self.close()
            raise http.client.RemoteDisconnected("the connection ended within the head of an answer")


class _Lines:
    """A file of which only lines are asked, and which knows the last one."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.last = b""

    def readline(self, limit: int) -> bytes:
        self.last = self.file.readline(limit)
        return self.last

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)
