"""Answers of a server as they came over a raw connection, and bodies in chunks."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import Any


@dataclass
class Reply:
    """An answer: status, headers by lower-case name, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


def read_reply(connection: socket.socket, method: str = "GET") -> Reply:
    """The answer on a connection that closes after it."""
    data = bytearray()
    while more := connection.recv(65536):
        data += more
    head, found, body = bytes(data).partition(b"\r\n\r\n")
    assert found, bytes(data[:200])
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {key.lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding") == "chunked" and method != "HEAD":
        body = dechunk(body)
    elif method != "HEAD" and "content-length" in headers:
        assert len(body) == int(headers["content-length"]), "a short answer"
    return Reply(int(first.split(" ")[1]), headers, body)


def dechunk(data: bytes) -> bytes:
    """The content of a chunked body; fails when it does not end as it should."""
    content = bytearray()
    while True:
        size, _, data = data.partition(b"\r\n")
        count = int(size, 16)
        content += data[:count]
        assert data[count : count + 2] == b"\r\n"
        data = data[count + 2 :]
        if count == 0:
            assert not data
            return bytes(content)


def chunked(data: bytes, size: int = 1000) -> bytes:
    """A body in chunks."""
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
