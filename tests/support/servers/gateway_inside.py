"""What one sees on a gateway's own machine: its receipts, its open descriptors, an operator's commands."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

from strongroom.receipts.audit.entries import entries
from strongroom.receipts.log.leaf import Receipt
from tests.support.command import STRONGROOM, environment, run
from tests.support.servers.gateways import Gateway
from tests.support.waiting import PATIENCE


def leaves(gateway: Gateway) -> list[Receipt]:
    """All receipts, after a graceful stop."""
    gateway.stop()
    return [receipt for _, receipt in entries(gateway.source, 0, 10_000)]


def operate(gateway: Gateway, *words: str) -> tuple[int, str]:
    """An operator's command on the gateway's machine."""
    env = environment(gateway.folder, gateway.variables)
    done = run([STRONGROOM, "gateway", *words, *gateway.where], env=env)
    return done.code, done.out + done.err


def put_in_place(path: Path, data: bytes) -> None:
    """Write a file that a gateway looks at each second: at once, so that it never sees an empty or a half one."""
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_bytes(data)
    fresh.replace(path)


def descriptors(gateway: Gateway) -> int:
    """How many files and connections the gateway's processes have open.

    Without the database's files and the sockets between its processes: these are kept for later, bounded, and how many
    there are hangs on how many threads happened to need one at once.
    """
    between = {line.split()[6] for line in Path("/proc/net/unix").read_text().splitlines()[1:]}
    count = 0
    for child in gateway.children():
        for number in os.listdir(f"/proc/{child}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed since
                what = os.readlink(f"/proc/{child}/fd/{number}")
                count += "gateway.db" not in what and what.removeprefix("socket:[").removesuffix("]") not in between
    return count


@contextlib.contextmanager
def one_at_each_worker(gateway: Gateway, request: bytes) -> Iterator[list[socket.socket]]:
    """Connections that live on, one to each worker, on which this request was answered with 200.

    Whoever connects anew is taken in by the worker with the fewest: beside a connection that lives on, that is never
    the worker which has it.
    """
    with contextlib.ExitStack() as crowd:
        held: dict[int, socket.socket] = {}
        for _ in range(100 * gateway.workers):
            connection = crowd.enter_context(gateway.connect())
            connection.settimeout(PATIENCE)
            assert status_on(connection, request) == 200
            held.setdefault(_worker_of(gateway, connection), connection)
            if len(held) == gateway.workers:
                break
        assert len(held) == gateway.workers, held
        yield list(held.values())


def status_on(connection: socket.socket, request: bytes) -> int:
    """Send a request, whose answer is small, on a connection that lives on; the status."""
    connection.sendall(request)
    answer = bytearray()
    while b"\r\n\r\n" not in answer:
        more = connection.recv(4096)
        assert more, bytes(answer)
        answer += more
    head, _, body = bytes(answer).partition(b"\r\n\r\n")
    (length,) = [int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    while len(body) < length:
        more = connection.recv(4096)
        assert more, bytes(answer)
        body += more
    return int(head[9:12])


def _worker_of(gateway: Gateway, connection: socket.socket) -> int:
    """The process that has the other end of a TCP connection."""
    ours = f":{connection.getsockname()[1]:04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    theirs = f":{connection.getpeername()[1]:04X}"
    (inode,) = [row[9] for row in rows if row[1].endswith(theirs) and row[2].endswith(ours)]
    for child in gateway.children():
        for number in os.listdir(f"/proc/{child}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed since
                if os.readlink(f"/proc/{child}/fd/{number}") == f"socket:[{inode}]":
                    return child
    raise AssertionError("none of its processes has it")
